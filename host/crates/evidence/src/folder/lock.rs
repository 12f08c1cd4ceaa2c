//! The lock of a folder of evidence: its manifest grows by one process at a time.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::error::EvidenceError;

/// The file that is locked: only its owner may open it.
pub(crate) const LOCK: &str = "lock";

/// The longest time that the lock is waited for. Nobody holds it for longer than a few files take to be written.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause before the lock is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Held while the names in a folder of evidence change; the end of the process gives it free.
#[derive(Debug)]
pub(super) struct EvidenceLock(#[allow(dead_code)] File);

impl EvidenceLock {
    /// Waits for the lock, not for ever. Blocks.
    pub(super) fn take(root: &Path) -> Result<EvidenceLock, EvidenceError> {
        let lock = root.join(LOCK);
        let failed = |source| EvidenceError::Write {
            folder: root.to_owned(),
            source,
        };
        let file = base::open_lock(&lock).map_err(failed)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(EvidenceLock(file)),
                Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let seconds = PATIENCE.as_secs();
                    return Err(EvidenceError::Locked { lock, seconds });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }
}
