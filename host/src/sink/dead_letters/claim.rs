//! One replay at a time: two would each deliver every letter.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use super::{DeadLetterError, DeadLetters};

/// Held while letters are delivered again; dropping it, or the end of the process, gives them free.
#[derive(Debug)]
pub struct Claim(#[allow(dead_code)] File);

impl DeadLetters {
    /// Claims the letters for one holder at a time, in whatever process; none where there is no file, so no letter.
    ///
    /// # Errors
    ///
    /// [`DeadLetterError::Claimed`] at once, where somebody holds them.
    pub fn claim(&self) -> Result<Option<Claim>, DeadLetterError> {
        let Some(path) = self.existing()? else {
            return Ok(None);
        };
        let failed = |path: PathBuf| move |source| DeadLetterError::Folder { path, source };
        // Whatever names lead to it, it is one file.
        let path = std::fs::canonicalize(path).map_err(failed(path.to_owned()))?;
        let mut lock = path.clone().into_os_string();
        lock.push("-replay");
        let lock = PathBuf::from(lock);
        let file = File::options().append(true).create(true).mode(0o600).open(&lock);
        let file = file.map_err(failed(lock.clone()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim(file))),
            Err(TryLockError::WouldBlock) => Err(DeadLetterError::Claimed { path }),
            Err(TryLockError::Error(source)) => Err(failed(lock)(source)),
        }
    }
}
