//! `kind = "object-store"`: an archive of objects, in a bucket or a folder.

mod aws;
mod build;
mod config;
mod credentials;
mod locked_bucket;
mod meaning;
mod objects;
mod place;
mod profile;
mod reading;
mod sink;

pub use config::{CredentialSource, ObjectStoreConfig};
pub use credentials::{Credentials, METADATA, instance_url};
pub use locked_bucket::{LockedBucket, ObjectLockHeaders};
pub use place::{Bucket, UploadTarget};
pub use reading::{BucketReader, FoundObject, ObjectArchive};
pub use sink::{ObjectStoreOptions, ObjectStoreSink};
