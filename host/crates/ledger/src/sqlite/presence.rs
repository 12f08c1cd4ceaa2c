//! The presence of processes that have a ledger open: tells whether the last one closed it.
//!
//! SQLite keeps what is written last in a log beside the file (`-wal`), and whoever is the last to close the file moves it there and
//! removes the log. So a log that is there though nobody has the file open was left by a process that was killed, or by a
//! machine that lost its power. Who has it open is told by a lock on the folder of claims: each process shares it while it has the
//! ledger open, and the first one has it alone until it has looked at the file. Where that finds damage an empty log is left
//! behind, so that the next one looks too; what it had held is in the file, and so none of it gets into a backup that is put there.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::beside::beside;

/// How long another process may look at the file before this one does so itself.
const LOOKING: Duration = Duration::from_secs(10);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// Held while a ledger is open, and dropped after it is closed.
#[derive(Debug)]
pub(super) struct Presence {
    /// The file of the ledger.
    ledger: PathBuf,
    /// The folder of claims, locked; none where there is no folder yet, or its file system knows no locks.
    folder: Option<File>,
    /// Another process has the ledger open, and has looked at it if that was due.
    joined: bool,
    damaged: AtomicBool,
}

impl Presence {
    /// Notes in the folder of claims that this process opens the ledger. Blocks while another one looks at the file.
    pub(super) fn take(ledger: &Path, claims: &Path) -> Presence {
        let (folder, joined) = match File::open(claims) {
            Ok(folder) => locked(folder),
            Err(_) => (None, false),
        };
        Presence {
            ledger: ledger.to_owned(),
            folder,
            joined,
            damaged: AtomicBool::new(false),
        }
    }

    /// True if the ledger was not closed by those who had it open last.
    pub(super) fn finds_unclean_end(&self) -> bool {
        // Older programs, and SQLite before it is told otherwise, keep a journal.
        let left = ["wal", "journal"].map(|name| beside(&self.ledger, name));
        !self.joined && left.iter().any(|path| path.symlink_metadata().is_ok())
    }

    /// The ledger is damaged: once it is closed it shall look as if it had not been.
    pub(super) fn note_damage(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }

    /// Lets others in: the file is as it should be.
    pub(super) fn share(&mut self) {
        if let Some(folder) = &self.folder
            && folder.lock_shared().is_err()
        {
            self.folder = None;
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.damaged.load(Ordering::Relaxed) {
            // One that is there belongs to another process that has the ledger open.
            let _ = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(beside(&self.ledger, "wal"));
        }
    }
}

/// The folder with a lock of this process, and whether others have one too; none where nobody can tell.
fn locked(folder: File) -> (Option<File>, bool) {
    let started = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return (Some(folder), false),
            Err(TryLockError::Error(_)) => return (None, false),
            Err(TryLockError::WouldBlock) => match folder.try_lock_shared() {
                Ok(()) => return (Some(folder), true),
                Err(TryLockError::WouldBlock) if started.elapsed() < LOOKING => std::thread::sleep(PAUSE),
                Err(_) => return (None, false),
            },
        }
    }
}
