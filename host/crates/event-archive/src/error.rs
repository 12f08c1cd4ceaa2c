//! The reasons why a file, or a record of it, cannot be read.

use std::io;

use base::{ErrorKind, SetupError};

/// The reason why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveReadError {
    /// The system refuses to read it.
    #[error("cannot read {name}")]
    Read {
        /// The file.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The file ends, or its compression breaks, before its last record is complete.
    #[error("{name} is not complete: it ends, or is damaged, after {records} whole records ({problem})")]
    Incomplete {
        /// The file.
        name: String,
        /// Records before that place.
        records: u64,
        /// The reader's words.
        problem: String,
    },
    /// Somebody else wrote the file.
    #[error("{name} is not a file that a sink of this program wrote: {problem}")]
    Foreign {
        /// The file.
        name: String,
        /// The reason.
        problem: String,
    },
    /// A record is longer than any event.
    #[error("{name} line {line}: the record is longer than {most} bytes")]
    TooLong {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// The bound.
        most: usize,
    },
    /// The format is not built in.
    #[error("{name} is a Parquet file, and this build of host lacks the format: build it with the feature `parquet`")]
    Lacking {
        /// The file.
        name: String,
    },
}

impl ArchiveReadError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            ArchiveReadError::Lacking { .. } => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        }
    }

    /// The advice for the user.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                ArchiveReadError::Read { .. } => "make the file readable, and run the same command again: it goes on here",
                ArchiveReadError::Incomplete { .. } => {
                    "what stood before that place is delivered; once the file is whole the same command goes on there, and \
                     --skip-unreadable leaves the rest of it out"
                }
                ArchiveReadError::Foreign { .. } | ArchiveReadError::TooLong { .. } => {
                    "name only files that a sink wrote with --from-archive, or leave such files out with --skip-unreadable"
                }
                ArchiveReadError::Lacking { .. } => return None,
            }
            .to_owned(),
        )
    }
}

impl From<ArchiveReadError> for SetupError {
    fn from(error: ArchiveReadError) -> Self {
        SetupError::told(error.kind(), &error, error.hint()).code("archive")
    }
}

/// The reason why a record of a file becomes no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The record is none of this program's encodings.
    #[error("holds no event of this program: {0}")]
    Foreign(String),
    /// A member is missing or cannot be what it is.
    #[error("holds an event whose `{member}` {problem}")]
    Member {
        /// The member's path.
        member: String,
        /// The fault of the member.
        problem: &'static str,
    },
    /// The event, written again, is not what the file holds.
    #[error("holds an event that this version would write differently: its `{member}`")]
    Different {
        /// The first member that differs.
        member: String,
    },
    /// The origin of the id is not known.
    #[error("holds an event of the report {report}, of which is not known whether its ids are the source's")]
    Id {
        /// The report.
        report: String,
    },
}

impl Unreadable {
    /// The advice for the user.
    pub fn hint(&self) -> &'static str {
        match self {
            Unreadable::Id { .. } => {
                "say with --ids source or --ids derived whether the source gives its events ids or this program derives them"
            }
            _ => {
                "everything before it is delivered; look at the line, and leave such events out with --skip-unreadable if they are \
                 not to be delivered"
            }
        }
    }

    pub(crate) fn member(member: &str, problem: &'static str) -> Unreadable {
        Unreadable::Member {
            member: member.to_owned(),
            problem,
        }
    }
}
