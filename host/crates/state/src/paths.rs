//! The places of a host's state, and the names that its parts have in a backup.

use std::path::{Path, PathBuf};

use base::store::Form;

/// The ledger in a backup.
pub(crate) const LEDGER: &str = "ledger.db";
/// The folder of documents that the ledger names.
pub(crate) const SPOOL: &str = "ledger.db-spool";
/// The dead letters.
pub(crate) const DEAD_LETTERS: &str = "dead-letters.db";
/// The rejected rows.
pub(crate) const REJECTED: &str = "rejected.db";
/// The folder of stored tokens.
pub(crate) const TOKENS: &str = "tokens";

/// The places of a host's state. None of it need be there.
#[derive(Debug, Clone)]
pub struct StatePaths {
    /// The ledger; its spool and its locks are beside it.
    pub ledger: PathBuf,
    /// The dead letters; none where there is no place for them.
    pub dead_letters: Option<StoreFile>,
    /// The rejected rows; none where there is no place for them.
    pub rejected: Option<StoreFile>,
    /// The folder of stored tokens; none where there is no place for them.
    pub tokens: Option<PathBuf>,
}

/// The file of a store.
#[derive(Debug, Clone)]
pub struct StoreFile {
    /// The file.
    pub path: PathBuf,
    /// The form that tells it from any other database.
    pub form: &'static Form,
    /// The table that has a row for each thing that is kept.
    pub table: &'static str,
}

impl StatePaths {
    /// The stores with their names in a backup.
    pub(crate) fn stores(&self) -> impl Iterator<Item = (&'static str, &StoreFile)> {
        let letters = self.dead_letters.iter().map(|store| (DEAD_LETTERS, store));
        letters.chain(self.rejected.iter().map(|store| (REJECTED, store)))
    }
}

/// The path beside a file or folder that belongs to it: `ledger.db` has `ledger.db-NAME`.
pub(crate) fn beside(path: &Path, name: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(format!("-{name}"));
    PathBuf::from(path)
}

/// The file itself, whatever link names it: what belongs to it stands beside that.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// True where a name is that of a file right in a folder.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// The folder of a path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
