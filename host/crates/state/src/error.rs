//! Failures to back up, restore or verify a state.

use std::path::PathBuf;

use base::counted::counted;
use base::{ErrorKind, SetupError};
use ledger::LedgerError;

/// A failure to back up, restore or verify a state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The folder of a backup that is to be made is there.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// There is nothing to back up.
    #[error("there is no state: no ledger {}, and neither dead letters, rejected rows nor tokens", .0.display())]
    Nothing(PathBuf),
    /// The folder is no backup.
    #[error("{} is not a backup: {problem}", folder.display())]
    NoBackup {
        /// The folder.
        folder: PathBuf,
        /// The reason against it.
        problem: String,
    },
    /// A later version made the backup.
    #[error("{} was made by a later version: {problem}", folder.display())]
    Later {
        /// The folder.
        folder: PathBuf,
        /// The version that is too high.
        problem: String,
    },
    /// The backup is not what was written.
    #[error("the backup {} is damaged or incomplete: {}", folder.display(), some_of(faults))]
    DamagedBackup {
        /// The folder.
        folder: PathBuf,
        /// All that is wrong.
        faults: Vec<String>,
    },
    /// The state is not what was written, so that a backup of it would not be whole.
    #[error("no backup was made, the state is damaged or incomplete: {}", some_of(.0))]
    DamagedState(Vec<String>),
    /// Runs changed the ledger faster than it could be copied.
    #[error("the ledger {} changed each time while the documents that it names were copied", .0.display())]
    Changing(PathBuf),
    /// State is there that a restore would replace.
    #[error("there is state already: {}", listed(.0))]
    Standing(Vec<PathBuf>),
    /// A process has a part of the state open.
    #[error("a run or another command has {} open", .0.display())]
    Open(PathBuf),
    /// A database is none of ours, or of a later version.
    #[error("{} is not a store of {what} of this version: {problem}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The things that it should hold, in the plural.
        what: &'static str,
        /// The reason against it.
        problem: String,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A database cannot be read or written.
    #[error("cannot use {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The faults that an error tells.
const TOLD: usize = 3;

fn some_of(faults: &[String]) -> String {
    let told: Vec<_> = faults.iter().take(TOLD).map(String::as_str).collect();
    match faults.len().saturating_sub(TOLD) {
        0 => told.join("; "),
        more => format!(
            "{}; and {}",
            told.join("; "),
            counted(more, "more fault", "more faults")
        ),
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

impl StateError {
    /// The error of a file or folder.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> StateError {
        let path = path.into();
        move |source| StateError::File { path, source }
    }

    /// The error of a database.
    pub(crate) fn database(path: impl Into<PathBuf>) -> impl FnOnce(rusqlite::Error) -> StateError {
        let path = path.into();
        move |source| StateError::Database { path, source }
    }

    /// The remedy, for the user.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            StateError::Exists(_) => "name a folder that does not exist yet; where it is what an earlier restore kept, try again in a second".into(),
            StateError::Nothing(_) => "the first `host run` with a ledger makes one; --config and --ledger say where it is".into(),
            StateError::NoBackup { .. } => "name the folder that `host state backup` has made".into(),
            StateError::Later { .. } => "use the version that made it, or a later one; nothing was changed".into(),
            StateError::DamagedBackup { folder, .. } => format!(
                "nothing was changed; use another backup. `host state verify {}` lists all that is wrong",
                folder.display()
            ),
            StateError::DamagedState(_) => {
                "`host state verify` lists all that is wrong; a document that is gone or damaged is fetched again by the next `host run` of its \
                 stream, after which a backup can be made"
                    .into()
            }
            StateError::Changing(_) => "try again, at a time when fewer runs are under way".into(),
            StateError::Standing(_) => {
                "nothing was changed; `--replace` keeps what is there under another name and puts the backup in its place".into()
            }
            StateError::Open(_) => "nothing was changed; wait for it to end, or stop it and the timers that start runs".into(),
            StateError::Foreign { .. } => "use the version that wrote it".into(),
            StateError::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "free space on the device; nothing was changed".into()
            }
            StateError::File { .. } | StateError::Database { .. } => {
                "run this as the user that runs `host`; see that the folder is there, can be written and has room".into()
            }
            StateError::Ledger(error) => return error.hint(),
        })
    }
}

impl From<StateError> for SetupError {
    fn from(error: StateError) -> Self {
        let kind = match &error {
            StateError::Changing(_) | StateError::Open(_) => ErrorKind::Busy,
            StateError::DamagedState(_) => ErrorKind::Internal,
            _ => ErrorKind::Usage,
        };
        match error {
            StateError::Ledger(error) => error.into(),
            error => SetupError::told(kind, &error, error.hint()),
        }
    }
}
