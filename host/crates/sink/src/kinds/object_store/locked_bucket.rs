//! A bucket for what is no event: objects that are put once, read and listed.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderValue, StatusCode};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

use super::config::ObjectStoreConfig;
use super::meaning::{self, UploadError};
use super::place::UploadTarget;
use crate::answer::in_one_line;
use crate::kinds::SinkContext;
use crate::receiver_error::presentable;
use base::SetupError;
use remote::Redactor;

/// The lock that each object is put with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectLockHeaders {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: &'static str,
    /// The instant up to which nobody may remove it, as RFC 3339 writes it.
    pub retain_until: String,
}

/// A bucket and what is before the names of the objects in it.
pub struct LockedBucket {
    /// Puts objects, with their lock.
    puts: Arc<dyn ObjectStore>,
    /// Reads and lists them.
    reads: Arc<dyn ObjectStore>,
    secrets: [Arc<Redactor>; 2],
    prefix: Path,
    shown: String,
}

impl std::fmt::Debug for LockedBucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockedBucket")
            .field("place", &self.shown)
            .finish_non_exhaustive()
    }
}

impl ObjectStoreConfig {
    /// The bucket, for what is no event. Reads secrets; asks for nothing yet. Blocks.
    ///
    /// # Errors
    ///
    /// Where it is a folder, or cannot be as it is configured.
    pub fn locked_bucket(
        &self,
        context: &SinkContext<'_>,
        lock: Option<ObjectLockHeaders>,
    ) -> Result<LockedBucket, SetupError> {
        let (place, prefix) = self.credentialed(context)?;
        let UploadTarget::Bucket(bucket) = place else {
            let problem = "this is a folder, not a bucket";
            return Err(SetupError::usage(format!("{}: {problem}", context.name)).hint("write s3://BUCKET/PREFIX"));
        };
        let prefix_path = Path::parse(&prefix)
            .map_err(|_| SetupError::usage(format!("{}: {prefix:?} is not a valid prefix", context.name)))?;
        let mut headers = HeaderMap::new();
        if let Some(lock) = lock {
            let until = HeaderValue::from_str(&lock.retain_until)
                .map_err(|_| SetupError::usage(format!("{}: the lock ends at no time", context.name)))?;
            headers.insert("x-amz-object-lock-mode", HeaderValue::from_static(lock.mode));
            headers.insert("x-amz-object-lock-retain-until-date", until);
            // An object with a lock is not taken without a checksum whose algorithm is named.
            headers.insert("x-amz-sdk-checksum-algorithm", HeaderValue::from_static("SHA256"));
        }
        let (puts, put_secrets) = bucket.open_with(context.name, headers)?;
        let (reads, read_secrets) = bucket.open_with(context.name, HeaderMap::new())?;
        Ok(LockedBucket {
            puts,
            reads,
            secrets: [put_secrets, read_secrets],
            shown: match prefix.is_empty() {
                true => format!("s3://{}", bucket.name),
                false => format!("s3://{}/{prefix}", bucket.name),
            },
            prefix: prefix_path,
        })
    }
}

impl LockedBucket {
    /// The bucket and what is before the names, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Puts an object where there is none of that name. Says whether there was none.
    ///
    /// # Errors
    ///
    /// The reason, without secrets.
    pub async fn put_new(&self, name: &str, bytes: Vec<u8>) -> Result<bool, String> {
        let key = self.key(name)?;
        let create = PutOptions::from(PutMode::Create);
        match self.puts.put_opts(&key, PutPayload::from(bytes), create).await {
            Ok(_) => Ok(true),
            Err(error) => match meaning::of(&error) {
                UploadError::There => Ok(false),
                UploadError::Unconditional => Err("it cannot put only what is not there yet".into()),
                UploadError::TooLarge(reason) => Err(self.clean(&reason)),
                UploadError::Trouble(_) => Err(self.clean(&in_one_line(&error))),
            },
        }
    }

    /// The bytes of an object; none where there is none.
    ///
    /// # Errors
    ///
    /// The reason, without secrets.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let key = self.key(name)?;
        let failed = |error: object_store::Error| {
            let missing = matches!(error, object_store::Error::NotFound { .. })
                || meaning::refusal(&error).is_some_and(|refusal| refusal.status == StatusCode::NOT_FOUND);
            match missing {
                true => Ok(None),
                false => Err(self.clean(&in_one_line(&error))),
            }
        };
        match self.reads.get(&key).await {
            Ok(found) => match found.bytes().await {
                Ok(bytes) => Ok(Some(bytes.to_vec())),
                Err(error) => failed(error),
            },
            Err(error) => failed(error),
        }
    }

    /// The names of all objects below a name, in their order.
    ///
    /// # Errors
    ///
    /// The reason, without secrets.
    pub async fn list(&self, below: &str) -> Result<Vec<String>, String> {
        let key = self.key(below)?;
        let metas: Vec<ObjectMeta> = (self.reads.list(Some(&key)).try_collect())
            .await
            .map_err(|error| self.clean(&in_one_line(&error)))?;
        let mut names: Vec<String> = metas.iter().filter_map(|meta| self.name(&meta.location)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The names of what is right below a name and has something below itself, in their order.
    ///
    /// # Errors
    ///
    /// The reason, without secrets.
    pub async fn folders(&self, below: &str) -> Result<Vec<String>, String> {
        let key = self.key(below)?;
        let listed = self.reads.list_with_delimiter(Some(&key)).await;
        let listed = listed.map_err(|error| self.clean(&in_one_line(&error)))?;
        let mut names: Vec<String> = listed
            .common_prefixes
            .iter()
            .filter_map(|path| self.name(path))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn key(&self, name: &str) -> Result<Path, String> {
        if name.is_empty() {
            return Ok(self.prefix.clone());
        }
        let key = match self.prefix.as_ref().is_empty() {
            true => Path::parse(name),
            false => Path::parse(format!("{}/{name}", self.prefix)),
        };
        key.map_err(|_| format!("{name:?} is no name of an object"))
    }

    /// The name of an object without what is before it.
    fn name(&self, key: &Path) -> Option<String> {
        let name = match self.prefix.as_ref().is_empty() {
            true => Some(key.as_ref()),
            false => key.as_ref().strip_prefix(self.prefix.as_ref())?.strip_prefix('/'),
        };
        name.map(str::to_owned)
    }

    fn clean(&self, text: &str) -> String {
        let [puts, reads] = &self.secrets;
        presentable(reads, &presentable(puts, text))
    }
}
