//! One replay at a time: two would each deliver everything.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use super::error::StoreError;
use super::file::Store;

/// Held while what is kept is delivered again; dropping it, or the end of the process, gives it free.
#[derive(Debug)]
pub struct StoreClaim(#[allow(dead_code)] File);

impl Store {
    /// Claims the store for one holder at a time, in whatever process; none where there is no file, so nothing in it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Claimed`] at once, where somebody holds it.
    pub fn claim(&self) -> Result<Option<StoreClaim>, StoreError> {
        if !self.is_there()? {
            return Ok(None);
        }
        let Some(path) = self.path() else { return Ok(None) };
        // Whatever names lead to it, it is one file.
        let path = std::fs::canonicalize(path).map_err(self.folder(path))?;
        let mut lock = path.clone().into_os_string();
        lock.push("-replay");
        let lock = PathBuf::from(lock);
        let file = File::options().append(true).create(true).mode(0o600).open(&lock);
        let file = file.map_err(self.folder(&lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(StoreClaim(file))),
            Err(TryLockError::WouldBlock) => Err(StoreError::Claimed {
                what: self.form.what,
                path,
            }),
            Err(TryLockError::Error(source)) => Err(self.folder(&lock)(source)),
        }
    }
}
