//! `kind = "object-store"`: an archive of objects, in a bucket or a folder.

mod archive;
mod aws;
mod build;
mod config;
mod credentials;
mod meaning;
mod objects;
mod place;
mod profile;
mod sink;

pub use archive::{ObjectArchive, ObjectLockHeaders};
pub use config::{CredentialSource, ObjectStoreConfig};
pub use credentials::{Credentials, METADATA, instance_url};
pub use place::{Bucket, UploadTarget};
pub use sink::{ObjectStoreOptions, ObjectStoreSink};
