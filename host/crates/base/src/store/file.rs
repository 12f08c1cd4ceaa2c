//! The file of a store, opened when it is first needed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::error::StoreError;
use super::form::Form;
use crate::database;

/// The longest time that another process may hold the file.
const BUSY: Duration = Duration::from_secs(10);

/// A store: its file, opened when it is first needed.
#[derive(Debug)]
pub struct Store {
    path: Option<PathBuf>,
    pub(super) form: &'static Form,
    connection: Mutex<Option<Connection>>,
}

impl Store {
    /// The store in this file; nothing is opened yet. Without a file there is nothing in it, and nothing can be put there.
    pub fn new(path: Option<PathBuf>, form: &'static Form) -> Store {
        Store {
            path,
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

    /// True if there is a file. One that nobody may look at is not taken for none.
    pub(super) fn is_there(&self) -> Result<bool, StoreError> {
        let Some(path) = &self.path else { return Ok(false) };
        database::is_there(path).map_err(|source| StoreError::Unreadable {
            path: path.clone(),
            source,
        })
    }

    /// The error of a file or folder that cannot be made or reached.
    pub(super) fn folder(&self, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError + use<> {
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
            let known = database::until_free(BUSY, || self.form.prepare(&mut connection))?;
            Ok(known.map(|()| connection))
        })())?;
        prepared.map_err(|problem| StoreError::Foreign {
            what: self.form.what,
            section: self.form.section,
            path: path.clone(),
            problem,
        })
    }
}
