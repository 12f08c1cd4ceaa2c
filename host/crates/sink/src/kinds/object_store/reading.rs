//! Reading objects back: those that a sink of this kind wrote, for a receiver that came later.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use super::config::ObjectStoreConfig;
use super::meaning;
use super::place::UploadTarget;
use crate::kinds::SinkContext;
use crate::receiver_error::{ReceiverError, presentable};
use base::{ErrorKind, SetupError};
use remote::Redactor;

/// The bytes of an object that are asked for at once: an answer is held in memory.
const RANGE: u64 = 1 << 19;

/// A place from which objects are read.
pub enum ObjectArchive {
    /// A folder, whose objects are files.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketReader),
}

/// A bucket that is read.
pub struct BucketReader {
    name: String,
    prefix: String,
    store: Arc<dyn ObjectStore>,
    secrets: Arc<Redactor>,
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundObject {
    /// The object's name below the sink's prefix.
    pub name: String,
    /// The object's size in bytes.
    pub size: u64,
    /// The store's name for this content of the object.
    pub tag: Option<String>,
}

impl ObjectStoreConfig {
    /// The place that the sink writes to, for reading. Blocks where a secret has to be read; asks nothing.
    ///
    /// # Errors
    ///
    /// Where the sink cannot be used as it is configured, or a secret cannot be had.
    pub fn archive(&self, context: &SinkContext<'_>) -> Result<ObjectArchive, SetupError> {
        let (place, prefix) = self.credentialed(context)?;
        let opened = place.bucket(context.name)?;
        match (place, opened) {
            (UploadTarget::Folder(folder, _), _) => Ok(ObjectArchive::Folder(folder)),
            (UploadTarget::Bucket(_), Some((store, secrets))) => Ok(ObjectArchive::Bucket(BucketReader {
                name: context.name.to_owned(),
                prefix,
                store,
                secrets,
            })),
            (UploadTarget::Bucket(_), None) => Err(context.usage("the bucket was not opened")),
        }
    }
}

impl BucketReader {
    /// The objects below a path that starts from the sink's prefix, by their names.
    ///
    /// # Errors
    ///
    /// Where the store cannot be reached, or refuses.
    pub async fn list(&self, below: &str) -> Result<Vec<FoundObject>, SetupError> {
        let path = [self.prefix.as_str(), below]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        let path = Path::parse(&path)
            .map_err(|_| SetupError::usage(format!("sink {}: {below:?} is no path below its prefix", self.name)))?;
        let prefix = (!path.as_ref().is_empty()).then_some(&path);
        let own = format!("{}/", self.prefix);
        let listed = self.store.list(prefix).map_ok(|object| FoundObject {
            name: match self.prefix.is_empty() {
                true => object.location.to_string(),
                false => (object.location.as_ref().strip_prefix(&own))
                    .unwrap_or(object.location.as_ref())
                    .to_owned(),
            },
            size: object.size,
            tag: object.e_tag,
        });
        let mut found: Vec<FoundObject> = listed
            .try_collect()
            .await
            .map_err(|error| self.failed("its objects cannot be listed", &error))?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The content of an object, in a file without a name. An object that changes meanwhile is an error.
    ///
    /// # Errors
    ///
    /// Where the store cannot be reached or refuses, or there is no room.
    pub async fn fetch(&self, object: &FoundObject) -> Result<File, SetupError> {
        let key = match self.prefix.is_empty() {
            true => object.name.clone(),
            false => format!("{}/{}", self.prefix, object.name),
        };
        let key = Path::parse(&key)
            .map_err(|_| SetupError::new(ErrorKind::Failed, format!("the object {key:?} has no valid name")))?;
        let no_room = |error: std::io::Error| {
            SetupError::new(ErrorKind::Internal, format!("cannot keep the object {key}: {error}"))
                .hint("free space in the folder for temporary files, or name another with TMPDIR")
        };
        let mut file = base::blocking(tempfile::tempfile)
            .await
            .map_err(|died| no_room(died.into()))?
            .map_err(no_room)?;
        let mut from = 0;
        while from < object.size {
            let to = object.size.min(from + RANGE);
            let options = GetOptions {
                if_match: object.tag.clone(),
                range: Some(GetRange::Bounded(from..to)),
                ..GetOptions::default()
            };
            let what = || format!("the object {key} cannot be read");
            let answer = self.store.get_opts(&key, options).await;
            let bytes = match answer {
                Ok(answer) => answer.bytes().await,
                Err(error) => Err(error),
            };
            let bytes = bytes.map_err(|error| self.failed(&what(), &error))?;
            if bytes.len() as u64 != to - from {
                return Err(SetupError::new(
                    ErrorKind::Failed,
                    format!("{}: the store answered with another part than was asked for", what()),
                ));
            }
            let written = base::blocking(move || file.write_all(&bytes).map(|()| file));
            file = written.await.map_err(|died| no_room(died.into()))?.map_err(no_room)?;
            from = to;
        }
        let rewound = base::blocking(move || file.rewind().map(|()| file));
        rewound.await.map_err(|died| no_room(died.into()))?.map_err(no_room)
    }

    /// An error of the store, without secrets.
    fn failed(&self, what: &str, error: &object_store::Error) -> SetupError {
        let (kind, reason) = match meaning::trouble(error) {
            ReceiverError::Transient(reason) => (ErrorKind::Unavailable, reason),
            ReceiverError::Permanent(reason) => (ErrorKind::Refused, reason),
        };
        let reason = presentable(&self.secrets, &reason);
        SetupError::new(kind, format!("sink {}: {what}: {reason}", self.name))
            .hint("its credential must be allowed to list the bucket and to get objects")
    }
}
