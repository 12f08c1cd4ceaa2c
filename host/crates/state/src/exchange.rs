//! One part of the state on its way to its place: copied beside it first, then exchanged by renaming.

use std::path::{Path, PathBuf};

use crate::manifest::BackupFile;
use crate::paths::{beside, folder_of};
use crate::{StateError, digest};

/// The files that SQLite keeps beside a database: they go where it goes.
const LOGS: [&str; 3] = ["wal", "shm", "journal"];

/// One file or folder of the state, copied beside its place.
#[derive(Debug)]
pub(crate) struct StateExchange {
    /// The place.
    place: PathBuf,
    /// The copy of what is to be there; none where nothing is.
    staged: Option<PathBuf>,
    /// The name under which what is there is kept.
    aside: PathBuf,
    is_database: bool,
}

impl StateExchange {
    /// Copies a file of a backup beside its place; without one there is to be none.
    ///
    /// # Errors
    ///
    /// Where the copy cannot be made, or is not what the manifest says.
    pub(crate) fn of_database(
        place: &Path,
        from: Option<(&Path, &BackupFile)>,
        aside: PathBuf,
    ) -> Result<StateExchange, StateError> {
        let staged = from.map(|_| fresh(place)).transpose()?;
        let exchange = StateExchange {
            place: place.to_owned(),
            staged,
            aside,
            is_database: true,
        };
        if let (Some((from, file)), Some(staged)) = (from, &exchange.staged) {
            copy(from, staged, file)?;
        }
        Ok(exchange)
    }

    /// Copies the files of a folder of a backup into a folder beside its place.
    ///
    /// # Errors
    ///
    /// Where a copy cannot be made, or is not what the manifest says.
    pub(crate) fn of_folder<'a>(
        place: &Path,
        from: &Path,
        files: impl Iterator<Item = (&'a str, &'a BackupFile)>,
        aside: PathBuf,
    ) -> Result<StateExchange, StateError> {
        let staged = fresh(place)?;
        digest::make_folder(&staged)?;
        let exchange = StateExchange {
            place: place.to_owned(),
            staged: Some(staged.clone()),
            aside,
            is_database: false,
        };
        for (name, file) in files {
            copy(&from.join(name), &staged.join(name), file)?;
        }
        digest::sync(&staged)?;
        Ok(exchange)
    }

    /// Refuses to put anything aside under a name that is taken.
    pub(crate) fn check(&self) -> Result<(), StateError> {
        match self.aside.symlink_metadata() {
            Ok(_) => Err(StateError::Exists(self.aside.clone())),
            Err(_) => Ok(()),
        }
    }

    /// Renames what is there, and says what it is called now; none where nothing is there.
    pub(crate) fn put_aside(&self) -> Result<Option<PathBuf>, StateError> {
        let mut put = None;
        if self.place.symlink_metadata().is_ok() {
            rename(&self.place, &self.aside)?;
            put = Some(self.aside.clone());
        }
        if self.is_database {
            // A log that is left would be taken for one of the file that comes in its place.
            for log in LOGS {
                let from = beside(&self.place, log);
                if from.symlink_metadata().is_ok() {
                    rename(&from, &beside(&self.aside, log))?;
                }
            }
        }
        Ok(put)
    }

    /// Gives the copy its name.
    pub(crate) fn place(&self) -> Result<(), StateError> {
        match &self.staged {
            Some(staged) => rename(staged, &self.place),
            None => Ok(()),
        }
    }

    /// Makes the names durable.
    pub(crate) fn sync(&self) -> Result<(), StateError> {
        let folder = folder_of(&self.place);
        // Nothing came, and there was nothing.
        if self.staged.is_none() && !folder.exists() {
            return Ok(());
        }
        digest::sync(folder)
    }
}

impl Drop for StateExchange {
    fn drop(&mut self) {
        // Of one that has its place there is nothing left.
        if let Some(staged) = &self.staged {
            let _ = remove(staged);
        }
    }
}

/// The name beside a place for what is to come there, with nothing under it: what a killed process left is removed.
fn fresh(place: &Path) -> Result<PathBuf, StateError> {
    digest::make_folder(folder_of(place))?;
    let staged = beside(place, "restored");
    remove(&staged).map_err(StateError::file(&staged))?;
    Ok(staged)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    }
}

fn copy(from: &Path, to: &Path, file: &BackupFile) -> Result<(), StateError> {
    let (bytes, sha256) = digest::copy(from, to)?;
    if bytes == file.bytes && sha256 == file.sha256 {
        return Ok(());
    }
    Err(StateError::DamagedBackup {
        folder: folder_of(from).to_owned(),
        faults: vec![format!("{} is not what was written", from.display())],
    })
}

fn rename(from: &Path, to: &Path) -> Result<(), StateError> {
    std::fs::rename(from, to).map_err(StateError::file(from))
}
