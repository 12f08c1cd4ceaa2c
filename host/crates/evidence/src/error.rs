//! The reasons why evidence cannot be kept or looked at.

use std::io;
use std::path::PathBuf;

use base::{ErrorKind, SetupError};

/// The reason why evidence cannot be kept or looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A document could not be written, or its line.
    #[error("cannot keep a document as evidence in {}", folder.display())]
    Write {
        /// The folder of evidence.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder cannot be made, reached or read.
    #[error("cannot use the folder of evidence {}", folder.display())]
    Folder {
        /// The folder of evidence.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others than the user who runs the program may change what lies in the folder.
    #[error("the folder of evidence {} {problem}", folder.display())]
    Open {
        /// The folder of evidence.
        folder: PathBuf,
        /// The fault of the folder's owner or mode.
        problem: &'static str,
    },
    /// Another process holds the lock all the while.
    #[error("another process held {} for {seconds} s", lock.display())]
    Locked {
        /// The lock.
        lock: PathBuf,
        /// The seconds that the lock was waited for.
        seconds: u64,
    },
    /// A bucket cannot be reached or does not take what it is given.
    #[error("cannot keep a document as evidence in {bucket}: {reason}")]
    Bucket {
        /// The bucket and what is before the names of its objects.
        bucket: String,
        /// The reason, without secrets.
        reason: String,
    },
    /// A bucket cannot be read.
    #[error("cannot read the evidence in {bucket}: {reason}")]
    Unreadable {
        /// The bucket and what is before the names of its objects.
        bucket: String,
        /// The reason, without secrets.
        reason: String,
    },
}

impl EvidenceError {
    /// The remedy, for the user.
    pub fn hint(&self) -> String {
        match self {
            EvidenceError::Write { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
                "run `host evidence verify`; ask for shorter periods if a document is too long to be masked".into()
            }
            EvidenceError::Write { .. } => {
                "make room there, and make it writable; nothing is lost: the next run asks for the period again".into()
            }
            EvidenceError::Folder { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "the first run that keeps evidence makes it; for another folder, `host evidence verify PATH`, or `path` under [evidence]".into()
            }
            EvidenceError::Folder { .. } => {
                "make it readable and writable for the user who runs `host`, or change `path` under [evidence]".into()
            }
            EvidenceError::Open { folder, .. } => format!(
                "let it belong to the user who runs `host`, and `chmod go-w {}`",
                folder.display()
            ),
            EvidenceError::Locked { .. } => {
                "see which process holds it; nothing is lost: the next run asks for the period again".into()
            }
            EvidenceError::Bucket { .. } => {
                "see that the bucket has Object Lock and that the credential may put objects with a retention; nothing is lost: the \
                 next run asks for the period again"
                    .into()
            }
            EvidenceError::Unreadable { .. } => "see that the credential may list and get objects of the bucket".into(),
        }
    }
}

impl From<EvidenceError> for SetupError {
    fn from(error: EvidenceError) -> SetupError {
        let hint = error.hint();
        SetupError::told(ErrorKind::Usage, &error, Some(hint)).code("evidence-failed")
    }
}
