//! Files and folders that belong to the ledger and lie beside it.

use std::path::{Path, PathBuf};

/// The path beside the ledger that belongs to it: `ledger.db` has `ledger.db-NAME`.
pub(super) fn beside(path: &Path, name: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(format!("-{name}"));
    PathBuf::from(path)
}
