//! The places of a user's state: progress, dead letters, rejected rows, refresh tokens.

use std::path::PathBuf;

use rejected::{RejectedOptions, RejectedRows};
use sink::dead_letters::{DeadLetterOptions, DeadLetters};

use crate::SetupError;
use crate::config::Config;

pub use connection::{state_folder as folder, token_folder};

/// The file of the ledger.
///
/// # Errors
///
/// Where none is configured and there is no folder of state.
pub fn ledger(config: &Config) -> Result<PathBuf, SetupError> {
    if let Some(path) = &config.ledger.path {
        return Ok(config.file.folder.join(path));
    }
    let folder = folder().ok_or_else(|| {
        SetupError::usage("there is no place for the ledger: neither HOME nor XDG_STATE_HOME names a folder")
            .hint("name a file with --ledger, or with `path` under [ledger]; --ledger none keeps no progress")
            .read_from(config.file.path.as_deref())
    })?;
    Ok(folder.join("ledger.db"))
}

/// The store of events that no sink took. Its file is opened when it is first needed.
pub fn dead_letters(config: &Config) -> DeadLetters {
    let options = &config.dead_letters;
    let path = match &options.path {
        Some(path) => Some(config.file.folder.join(path)),
        None => folder().map(|folder| folder.join("dead-letters.db")),
    };
    DeadLetters::new(DeadLetterOptions { path, ..*options })
}

/// The store of rows that no parser could read: beside the dead letters, else beside the ledger, unless its path is configured.
/// Its file is opened when it is first needed.
pub fn rejected_rows(config: &Config) -> RejectedRows {
    let options = &config.rejected;
    let beside = || {
        let letters = dead_letters(config).path().map(ToOwned::to_owned);
        let ledger = || config.ledger.path.as_ref().map(|path| config.file.folder.join(path));
        Some(letters.or_else(ledger)?.with_file_name("rejected.db"))
    };
    let set = options.path.as_ref().map(|path| config.file.folder.join(path));
    let path = set.or_else(beside);
    RejectedRows::new(RejectedOptions { path, ..*options })
}
