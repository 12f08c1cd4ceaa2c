//! The exclusion of everybody else while the files of a ledger are exchanged.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::beside::beside;
use super::make_folder;
use crate::LedgerError;

/// Held while nobody else has a ledger open, or can open it. It is the lock by which processes tell each other that they have it
/// open, so it is to be held for moments only: they wait for it at the start.
#[derive(Debug)]
pub struct LedgerExclusion(#[allow(dead_code)] File);

impl LedgerExclusion {
    /// Excludes everybody else from the ledger of that path, also where there is no file yet; none where somebody has it open. Blocks.
    ///
    /// # Errors
    ///
    /// Where the folder of locks cannot be made, or its file system knows no locks.
    pub fn take(ledger: &Path) -> Result<Option<LedgerExclusion>, LedgerError> {
        let locks = beside(ledger, "locks");
        make_folder(&locks)?;
        let failed = |source| LedgerError::Folder {
            path: locks.clone(),
            source,
        };
        let folder = File::open(&locks).map_err(failed)?;
        match folder.try_lock() {
            Ok(()) if is_any_claimed(&locks) => Ok(None),
            Ok(()) => Ok(Some(LedgerExclusion(folder))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// True where a stream is claimed. The first run of all opens the ledger before there is a folder of locks.
fn is_any_claimed(locks: &Path) -> bool {
    let claims = std::fs::read_dir(locks).into_iter().flatten().flatten();
    claims
        .filter_map(|claim| File::open(claim.path()).ok())
        .any(|claim| matches!(claim.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ledger as _, SqliteLedger};

    #[tokio::test]
    async fn whoever_has_a_ledger_open_is_not_excluded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        assert!(LedgerExclusion::take(&path).unwrap().is_some(), "there is none yet");
        std::fs::remove_dir(beside(&path, "locks")).unwrap();
        let ledger = SqliteLedger::open(&path).unwrap();
        let claim = ledger.claim("stream.a").await.unwrap();
        assert!(LedgerExclusion::take(&path).unwrap().is_none(), "a claim alone tells");
        drop((claim, ledger));
        let ledger = SqliteLedger::open(&path).unwrap();
        drop(ledger.claim("stream.a").await.unwrap());
        assert!(LedgerExclusion::take(&path).unwrap().is_none());
        drop(ledger);
        assert!(LedgerExclusion::take(&path).unwrap().is_some());
    }
}
