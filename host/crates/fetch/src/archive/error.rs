//! The reasons to refuse an archive.

use std::io;
use std::time::Duration;

use zip::result::ZipError;

use base::counted::counted;

/// The reason why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// More entries than allowed.
    #[error("it has more than {}", counted(.limit, "entry", "entries"))]
    Entries {
        /// The limit.
        limit: u16,
    },
    /// The file inside is larger than allowed.
    #[error("the file inside exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file inside is compressed better than any report.
    #[error("the file inside expands by more than {limit}:1")]
    Ratio {
        /// The limit.
        limit: u64,
    },
    /// Reading it takes longer than allowed.
    #[error("reading it takes more than the limit of {} ms", .limit.as_millis())]
    Slow {
        /// The limit.
        limit: Duration,
    },
    /// An entry that no report has: a link, an encrypted file, a name that leaves its folder.
    #[error("the entry {name} is {what}")]
    Entry {
        /// The entry, in printable characters.
        name: String,
        /// The fault of the entry.
        what: &'static str,
    },
    /// Not exactly one file.
    #[error("it should hold one file, but holds {found}")]
    Files {
        /// The names of the files in it, or `none`.
        found: String,
    },
    /// Cut off, changed, or no ZIP file at all.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The spool failed.
    #[error("cannot use the spool folder: {0}")]
    Spool(io::Error),
}

impl ArchiveError {
    /// An archive that the library cannot read.
    pub(super) fn damaged(error: ZipError) -> ArchiveError {
        ArchiveError::Damaged(error.to_string())
    }
}
