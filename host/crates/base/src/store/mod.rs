//! A SQLite file of its own for what waits until somebody decides about it: dead letters, and rejected rows.
//!
//! A [`Store`] is opened when it is first needed and made when something is first put there, readable by its owner only.
//! [`Form`] tells its kind from any other database and leads older versions to today's. [`Store::claim`] lets one replay
//! at a time work on it.
//!
//! ```text
//! let store = Store::at("dead-letters.db", &FORM);
//! let opened = store.open()?;                    // makes the file
//! let none = store.open_existing()?;             // does not
//! ```

mod claim;
mod form;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::database;
use rusqlite::{Connection, Row};

pub use claim::StoreClaim;
pub use form::Form;
pub use form::Step;

/// How long another process may hold the file.
const BUSY: Duration = Duration::from_secs(10);

/// The file, opened when it is first needed.
#[derive(Debug)]
pub struct Store {
    path: Option<PathBuf>,
    form: &'static Form,
    connection: Mutex<Option<Connection>>,
}

/// Why the file cannot be used. `what` is what it holds, in the plural.
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

impl Store {
    /// The store in this file; nothing is opened yet.
    pub fn at(path: impl Into<PathBuf>, form: &'static Form) -> Store {
        Store {
            path: Some(path.into()),
            form,
            connection: Mutex::new(None),
        }
    }

    /// No store: there is nothing in it, and nothing can be put there.
    pub fn nowhere(form: &'static Form) -> Store {
        Store {
            path: None,
            form,
            connection: Mutex::new(None),
        }
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Refuses to go on where nothing can be put there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Nowhere`].
    pub fn need_place(&self) -> Result<(), StoreError> {
        self.path.as_ref().map(drop).ok_or(StoreError::Nowhere {
            what: self.form.what,
            section: self.form.section,
        })
    }

    /// The database; made where there is none yet.
    ///
    /// # Errors
    ///
    /// Where it cannot be made or used, or is something else.
    pub fn open(&self) -> Result<MutexGuard<'_, Option<Connection>>, StoreError> {
        let mut opened = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.is_none() {
            *opened = Some(self.connect()?);
        }
        Ok(opened)
    }

    /// The database where there is one: reading what is not there makes nothing.
    ///
    /// # Errors
    ///
    /// As [`Store::open`]; also where nobody may look whether there is one.
    pub fn open_existing(&self) -> Result<MutexGuard<'_, Option<Connection>>, StoreError> {
        if self.is_there()? {
            return self.open();
        }
        Ok(self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the file's name to what SQLite says.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn database<T>(&self, result: Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Database {
            what: self.form.what,
            section: self.form.section,
            path: self.path.clone().unwrap_or_default(),
            source,
        })
    }

    /// Tells whether there is a file. One that nobody may look at is not taken for none.
    fn is_there(&self) -> Result<bool, StoreError> {
        let Some(path) = &self.path else { return Ok(false) };
        database::is_there(path).map_err(|source| StoreError::Unreadable {
            path: path.clone(),
            source,
        })
    }

    fn folder(&self, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError + use<> {
        let (section, path) = (self.form.section, path.to_owned());
        move |source| StoreError::Folder { section, path, source }
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let path = self.path.as_ref().ok_or(StoreError::Nowhere {
            what: self.form.what,
            section: self.form.section,
        })?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(self.folder(path))?;
        }
        database::make(path).map_err(self.folder(path))?;
        let prepared = self.database((|| {
            let mut connection = database::open(path)?;
            connection.busy_timeout(BUSY)?;
            self.form
                .prepare(&mut connection)
                .map(|known| known.map(|()| connection))
        })())?;
        prepared.map_err(|problem| StoreError::Foreign {
            what: self.form.what,
            section: self.form.section,
            path: path.clone(),
            problem,
        })
    }
}

/// A count: SQLite's integers have a sign.
pub fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

/// The JSON text of a value.
pub fn json(value: &impl serde::Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The value of a JSON text.
pub fn parsed<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
