//! The mark of a restore: it stands beside the ledger while files of state are exchanged, and stays where the process that did so
//! was killed. No run works on half of a state.

use std::path::{Path, PathBuf};

use super::SqliteLedger;
use super::beside::beside;
use crate::LedgerError;

impl SqliteLedger {
    /// The file that marks a ledger whose state is being restored.
    pub fn restore_mark(ledger: &Path) -> PathBuf {
        beside(ledger, "restoring")
    }
}

/// Refuses a ledger that has the mark.
pub(super) fn refuse(ledger: &Path) -> Result<(), LedgerError> {
    match SqliteLedger::restore_mark(ledger).symlink_metadata() {
        Ok(_) => Err(LedgerError::HalfRestored {
            path: ledger.to_owned(),
        }),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_is_half_restored_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        drop(SqliteLedger::open(&path).unwrap());
        let mark = SqliteLedger::restore_mark(&path);
        std::fs::write(&mark, "").unwrap();
        let error = SqliteLedger::open(&path).unwrap_err();
        assert!(error.hint().unwrap().contains("host state restore"), "{error:?}");
        std::fs::remove_file(mark).unwrap();
        SqliteLedger::open(&path).unwrap();
    }
}
