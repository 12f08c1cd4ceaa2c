//! Claims of streams: a lock file for each in a folder beside the ledger. The system gives a lock free with its process, however
//! that ends; the file stays.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::make_folder;
use crate::{Claim, Holder, LedgerError};

/// The number of tries of a claim while others only look at the lock, and the pause between two tries.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// Claims a key. Blocks while somebody [looks](is_held_by) at its lock, which is a moment.
///
/// # Errors
///
/// [`LedgerError::Claimed`] at once, where somebody holds it.
pub(super) fn take(folder: &Path, key: &str) -> Result<Claim, LedgerError> {
    make_folder(folder)?;
    let path = folder.join(key);
    let failed = |source| LedgerError::Folder {
        path: path.clone(),
        source,
    };
    let file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path);
    let file = file.map_err(failed)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => {
                Holder::this().note(&file);
                return Ok(Box::new(file));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => {}
        }
        // Whoever looks shares the lock with others; whoever works on the stream does not.
        if file.try_lock_shared().is_err() {
            break;
        }
        file.unlock().map_err(failed)?;
        std::thread::sleep(PAUSE);
    }
    Err(LedgerError::Claimed {
        what: key.to_owned(),
        holder: Holder::read(&file),
    })
}

/// Tells whether the process of that number holds the claim of a key, as far as anybody can know who that is.
pub(super) fn is_held_by(folder: &Path, key: &str, pid: u32) -> bool {
    let Ok(file) = File::open(folder.join(key)) else {
        return false;
    };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Holder::read(&file).is_none_or(|holder| holder.pid == pid),
        Ok(()) | Err(TryLockError::Error(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn who_looks_at_a_claim_sees_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, key, me) = (folder.path(), "stream.a", std::process::id());
        assert!(!is_held_by(folder, key, me), "nobody has ever claimed it");
        let claim = take(folder, key).unwrap();
        assert!(is_held_by(folder, key, me));
        assert!(!is_held_by(folder, key, me.wrapping_add(1)));
        assert!(matches!(take(folder, key), Err(LedgerError::Claimed { .. })));
        drop(claim);
        assert!(!is_held_by(folder, key, me));
    }

    #[test]
    fn who_looks_at_a_claim_costs_nobody_the_claim() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, key, done) = (folder.path(), "stream.a", AtomicBool::new(false));
        drop(take(folder, key).unwrap());
        let refused = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    is_held_by(folder, key, 0);
                }
            });
            let refused = (0..200).filter(|_| take(folder, key).map(drop).is_err()).count();
            done.store(true, Ordering::Relaxed);
            refused
        });
        assert_eq!(refused, 0);
    }
}
