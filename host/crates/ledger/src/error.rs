//! Failures to read or keep progress.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::ErrorCode;

use super::{Holder, Stream};
use base::{ErrorKind, SetupError};

/// A failure to read or keep progress.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The database cannot be used.
    #[error("cannot use the ledger {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The file, its folder or a lock beside it cannot be made.
    #[error("cannot make {}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A later version wrote the database, or it is something else.
    #[error("{} is not a ledger of this version: {problem}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The reason against it.
        problem: String,
    },
    /// The file is not what was written to it.
    #[error("the ledger {} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage that was found.
        problem: String,
    },
    /// A document says what it cannot say.
    #[error("the ledger's entry {key} cannot be used: {problem}")]
    Document {
        /// The key of the entry.
        key: String,
        /// The problem.
        problem: String,
    },
    /// Somebody else changed the document in the meantime.
    #[error("the ledger's entry {key} was changed by another process")]
    Conflict {
        /// The key of the entry.
        key: String,
    },
    /// Another process works on the stream.
    #[error("{what} is already being collected{}", parenthesis(.holder.as_ref()))]
    Claimed {
        /// The stream, or its key.
        what: String,
        /// The process that does, where that is known.
        holder: Option<Holder>,
    },
    /// The state that the ledger belongs to is being restored, or was when the process that did so was killed.
    #[error("the state of {} is being restored, or a restore of it did not end", path.display())]
    HalfRestored {
        /// The file.
        path: PathBuf,
    },
    /// The stream was collected from another server until now.
    #[error(
        "{stream} was collected from {known} until now, and the connection leads to {now}: it may be another tenant's"
    )]
    Origin {
        /// The stream.
        stream: Box<Stream>,
        /// The base URL that it was collected from.
        known: String,
        /// The base URL that the connection has now.
        now: String,
    },
    /// Several streams that have names are made of what was asked for.
    #[error("{asked} is collected by several streams: {}", names.join(", "))]
    SeveralStreams {
        /// The report and the connection.
        asked: String,
        /// The names of the streams.
        names: Vec<String>,
    },
    /// The stream of that name collects another report.
    #[error("{stream} is not a stream of {report}")]
    OtherReport {
        /// The stream as the ledger has it.
        stream: Box<Stream>,
        /// The report that was asked for.
        report: String,
    },
    /// The stream is collected no more: somebody said so.
    #[error("the stream {name} was retired at {at:.0}")]
    Retired {
        /// The name.
        name: String,
        /// The time at which somebody said so.
        at: Timestamp,
    },
    /// The write of several changes failed.
    #[error(transparent)]
    Shared(Arc<LedgerError>),
    /// A thread of ours died.
    #[error("internal error: {0}")]
    Internal(String),
}

fn parenthesis(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" ({holder})")).unwrap_or_default()
}

/// The remedy where the file cannot be believed.
const START_OVER: &str = "restore it from a backup, or move it away to start over: the first run then covers today, and events \
                          may be delivered again with the same ids";

impl LedgerError {
    /// The message in this program's own words: nothing that stands in the file.
    pub fn own_words(&self) -> String {
        match self {
            LedgerError::Foreign { path, .. } => format!("{} is not a ledger of this version", path.display()),
            LedgerError::Damaged { path, .. } => format!("the ledger {} is damaged", path.display()),
            LedgerError::Document { .. } => "an entry of the ledger cannot be used".to_owned(),
            LedgerError::Conflict { .. } => "an entry of the ledger was changed by another process".to_owned(),
            LedgerError::Claimed { .. } => "the stream is already being collected".to_owned(),
            LedgerError::Origin { stream, .. } => format!("{stream} was collected from another server until now"),
            LedgerError::Shared(error) => error.own_words(),
            LedgerError::Internal(_) => "internal error".to_owned(),
            LedgerError::Database { .. }
            | LedgerError::Folder { .. }
            | LedgerError::SeveralStreams { .. }
            | LedgerError::OtherReport { .. }
            | LedgerError::Retired { .. }
            | LedgerError::HalfRestored { .. } => self.to_string(),
        }
    }

    /// The remedy, for the user.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            LedgerError::Database { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "another process holds it; try again".into()
                }
                Some(ErrorCode::DiskFull) => "free space on the device; nothing that was committed is lost".into(),
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    "it and its folder must be writable; choose another file with --ledger".into()
                }
                Some(ErrorCode::SystemIoFailure) => {
                    "see whether its device is full or failing; nothing that was committed is lost".into()
                }
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => START_OVER.into(),
                _ => "choose another file with --ledger, or run without one: --ledger none".into(),
            },
            LedgerError::Folder { .. } => "choose another file with --ledger, or run without one: --ledger none".into(),
            LedgerError::Foreign { .. } => "use the version that wrote it, or another file with --ledger".into(),
            LedgerError::Damaged { .. } => START_OVER.into(),
            LedgerError::Document { .. } => "`host ledger reset` removes the stream from the ledger".into(),
            LedgerError::Conflict { .. } => "run again: it continues from the progress that is saved".into(),
            LedgerError::Claimed { .. } => {
                "wait for it to end, or stop it: a stream is collected by one run at a time".into()
            }
            LedgerError::SeveralStreams { names, .. } => {
                let commands: Vec<_> = names.iter().map(|name| format!("`host run {name}`")).collect();
                format!("say which one: {}", commands.join(", "))
            }
            LedgerError::OtherReport { stream, .. } => format!(
                "give the new stream another name; or let the old one go: `host streams rename {0} OTHER` keeps its progress under another \
                 name, `host ledger reset {0}` forgets it",
                stream.arguments()
            ),
            LedgerError::Retired { name, .. } => format!(
                "`host streams retire {name} --undo` takes it up again from where it was; `host streams rename {name} OTHER` frees the name"
            ),
            LedgerError::Origin { stream, .. } if stream.name.is_some() => format!(
                "give the stream another name, or its connection the old URL, if it is another server; if the same one has moved: `host \
                 streams adopt {}`",
                stream.arguments()
            ),
            LedgerError::Origin { stream, .. } => format!(
                "give the connection another name, or another ledger, if it is another server; if the same one has moved: `host ledger adopt {}`",
                stream.arguments()
            ),
            LedgerError::HalfRestored { .. } => {
                "wait for it to end; if it was killed, run `host state restore` with the same backup again: it begins anew, and \
                 nothing of before is removed"
                    .into()
            }
            LedgerError::Shared(error) => return error.hint(),
            LedgerError::Internal(_) => return None,
        })
    }
}

impl From<LedgerError> for SetupError {
    fn from(error: LedgerError) -> Self {
        let kind = match error {
            LedgerError::Claimed { .. } => {
                let message = format!("{error}. This run did nothing.");
                return SetupError {
                    hint: error.hint(),
                    ..SetupError::new(ErrorKind::Busy, message)
                };
            }
            LedgerError::Internal(_) => ErrorKind::Internal,
            // Another stream has to be named; nothing is wrong with the ledger.
            LedgerError::SeveralStreams { .. } | LedgerError::OtherReport { .. } | LedgerError::Retired { .. } => {
                return SetupError::told(ErrorKind::Usage, &error, error.hint());
            }
            // Said before anything was sent; a run that meets it later says so by its own code.
            _ => ErrorKind::Usage,
        };
        SetupError::told(kind, &error, error.hint()).code("ledger")
    }
}
