//! The place of raw evidence, as `[evidence]` names it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::SetupError;
use crate::config::{Config, EvidenceSection};
use ::evidence::{EvidenceFolder, EvidenceReport, EvidenceStore, Expectation, verify_folder};

#[cfg(feature = "object-store")]
use crate::config::ObjectLockMode;
#[cfg(feature = "object-store")]
use crate::sinks::program::Program;
#[cfg(feature = "object-store")]
use ::evidence::{EvidenceBucket, verify_bucket};
#[cfg(feature = "object-store")]
use jiff::{SignedDuration, Timestamp};
#[cfg(feature = "object-store")]
use sink::{LockedBucket, ObjectLockHeaders};

/// A place of evidence, to be looked at.
#[derive(Debug)]
pub enum EvidencePlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket.
    #[cfg(feature = "object-store")]
    Bucket(Box<LockedBucket>),
}

impl fmt::Display for EvidencePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvidencePlace::Folder(folder) => write!(f, "{}", folder.display()),
            #[cfg(feature = "object-store")]
            EvidencePlace::Bucket(archive) => f.write_str(archive.shown()),
        }
    }
}

impl EvidencePlace {
    /// Computes all digests again, and walks the chain.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub async fn verify(self, expected: Expectation) -> Result<EvidenceReport, SetupError> {
        match self {
            EvidencePlace::Folder(folder) => {
                let checked = base::blocking(move || verify_folder(&folder, &expected)).await;
                let died = |died: base::WorkerDied| SetupError::told(base::ErrorKind::Internal, &died, None);
                Ok(checked.map_err(died)??)
            }
            #[cfg(feature = "object-store")]
            EvidencePlace::Bucket(archive) => Ok(verify_bucket(*archive, &expected).await?),
        }
    }
}

/// The place of evidence, if one is configured. Reads the secrets of a bucket. Blocks.
///
/// # Errors
///
/// Where it cannot be as it is configured.
pub fn place(config: &Config) -> Result<Option<EvidencePlace>, SetupError> {
    let Some(section) = &config.evidence else {
        return Ok(None);
    };
    Ok(Some(match &section.path {
        Some(path) => EvidencePlace::Folder(config.file.folder.join(path)),
        None => bucket(config, section)?,
    }))
}

/// The store of evidence for a connection, if its documents are kept. Makes the folder, and gives lines to documents that an earlier run
/// left without. Blocks.
///
/// # Errors
///
/// Where the place cannot be used.
pub fn open(config: &Config, connection: &str) -> Result<Option<Arc<dyn EvidenceStore>>, SetupError> {
    let Some(section) = &config.evidence else {
        return Ok(None);
    };
    let named = section.connections.as_ref();
    if named.is_some_and(|named| !named.iter().any(|name| name == connection)) {
        return Ok(None);
    }
    let keeper = |place| -> Result<Arc<dyn EvidenceStore>, SetupError> {
        let store: Arc<dyn EvidenceStore> = match place {
            EvidencePlace::Folder(folder) => Arc::new(EvidenceFolder::open(&folder, section.mask)?),
            #[cfg(feature = "object-store")]
            EvidencePlace::Bucket(archive) => Arc::new(EvidenceBucket::new(*archive, section.mask)),
        };
        Ok(store)
    };
    place(config)?.map(keeper).transpose()
}

#[cfg(feature = "object-store")]
fn bucket(config: &Config, section: &EvidenceSection) -> Result<EvidencePlace, SetupError> {
    let Some(set) = &section.object_store else {
        return Err(SetupError::usage("[evidence] has no place").hint("give `path` or `object-store`"));
    };
    let lock = section.object_lock.map(|lock| ObjectLockHeaders {
        mode: match lock.mode {
            ObjectLockMode::Governance => "GOVERNANCE",
            ObjectLockMode::Compliance => "COMPLIANCE",
        },
        retain_until: SignedDuration::try_from(lock.retain)
            .ok()
            .and_then(|retain| Timestamp::now().checked_add(retain).ok())
            .unwrap_or(Timestamp::MAX)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
    });
    let program = Program { config };
    let archive = set.locked_bucket(&program.sink("evidence"), lock);
    let archive = archive.map_err(|failure| failure.at("[evidence]").read_from(config.file.path.as_deref()))?;
    Ok(EvidencePlace::Bucket(Box::new(archive)))
}

#[cfg(not(feature = "object-store"))]
fn bucket(_: &Config, _: &EvidenceSection) -> Result<EvidencePlace, SetupError> {
    Err(SetupError::usage(
        "[evidence] names a bucket, which this build of host lacks: build it with the feature `object-store`",
    ))
}
