//! The reasons why the file of a store cannot be used.

use std::path::PathBuf;

/// The reason why the file cannot be used. `what` names the things that it holds, in the plural.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No file was named, and there is none to take by default.
    #[error("there is no place for {what}: neither HOME nor XDG_STATE_HOME names a folder")]
    Nowhere {
        /// The things that were to be kept, in the plural.
        what: &'static str,
        /// The section of the configuration that names a file.
        section: &'static str,
    },
    /// Another process works on all of it.
    #[error("the {what} in {} are already being replayed by another process", path.display())]
    Claimed {
        /// The things that it holds, in the plural.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The database cannot be used.
    #[error("cannot use the {what} in {}", path.display())]
    Database {
        /// The things that it holds, in the plural.
        what: &'static str,
        /// The section of the configuration that names a file.
        section: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// Nobody may say whether there is a file, or what it holds.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file or its folder cannot be made or reached.
    #[error("cannot open {}", path.display())]
    Folder {
        /// The section of the configuration that names a file.
        section: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The database was written by a later version, or is something else.
    #[error("{} is not a store of {what} of this version: {problem}", path.display())]
    Foreign {
        /// The things that it should hold, in the plural.
        what: &'static str,
        /// The section of the configuration that names a file.
        section: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason against it.
        problem: String,
    },
}

impl StoreError {
    /// The remedy, for the user.
    pub fn hint(&self) -> String {
        let elsewhere = |section: &str| format!("choose another file with `path` under [{section}]");
        match self {
            StoreError::Nowhere { section, .. } => format!("name a file with `path` under [{section}]"),
            StoreError::Claimed { .. } => "wait for it to end; two replays would deliver the same events".into(),
            StoreError::Database {
                what, section, source, ..
            } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy) => "another process holds it; try again".into(),
                Some(rusqlite::ErrorCode::DiskFull) => "free space on the device".into(),
                Some(rusqlite::ErrorCode::SystemIoFailure) => {
                    format!("see whether its device is full or failing; {what} that are kept stay")
                }
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                    format!("restore it from a backup, or move it away: new {what} then go to a new file")
                }
                _ => elsewhere(section),
            },
            StoreError::Unreadable { .. } => {
                "run this as the user that runs `host`, or make the file and its folder readable".into()
            }
            StoreError::Folder { section, source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                format!("run as the user who owns it, or choose another file with `path` under [{section}]")
            }
            StoreError::Folder { section, .. } | StoreError::Foreign { section, .. } => elsewhere(section),
        }
    }
}
