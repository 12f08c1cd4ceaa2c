//! A backup of the state as a whole.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger_copy::LedgerCopy;
use crate::manifest::{BackupFile, BackupManifest, path_of};
use crate::paths::{DEAD_LETTERS, LEDGER, REJECTED, SPOOL, StatePaths, StoreFile, TOKENS, folder_of};
use crate::{StateError, contents, digest};
use base::database;
use ledger::SqliteLedger;

/// The longest time that another process may hold a store.
const BUSY: Duration = Duration::from_secs(10);

/// Backs all of a state up into a new folder, which gets its name when it is whole. `program` is the version that says so. Blocks.
///
/// # Errors
///
/// Where the folder is there, there is no state, or a part of it cannot be read, is damaged, or is not there; nothing is left then.
pub fn back_up(paths: &StatePaths, to: &Path, program: &str) -> Result<BackupManifest, StateError> {
    if to.symlink_metadata().is_ok() {
        return Err(StateError::Exists(to.to_owned()));
    }
    let parent = folder_of(to);
    let partial = tempfile::Builder::new()
        .prefix(".host-backup-")
        .suffix(".partial")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(StateError::file(parent))?;
    let folder = partial.path();
    let made = Timestamp::now();
    let mut manifest = BackupManifest {
        host: program.to_owned(),
        made,
        schemas: BTreeMap::new(),
        streams: Vec::new(),
        dead_letters: 0,
        rejected_rows: 0,
        files: BTreeMap::new(),
    };
    copy_ledger(&paths.ledger, folder, &mut manifest)?;
    base::failpoint!("backup.ledger");
    // After the ledger, which counts what is here as answered for.
    if let Some(letters) = &paths.dead_letters {
        manifest.dead_letters = copy_store(letters, DEAD_LETTERS, folder, &mut manifest)?;
    }
    if let Some(rows) = &paths.rejected {
        manifest.rejected_rows = copy_store(rows, REJECTED, folder, &mut manifest)?;
    }
    if let Some(tokens) = &paths.tokens {
        copy_tokens(tokens, folder, &mut manifest)?;
    }
    if manifest.files.is_empty() {
        return Err(StateError::Nothing(paths.ledger.clone()));
    }
    manifest.write(folder)?;
    digest::sync(folder)?;
    base::failpoint!("backup.whole");
    std::fs::rename(folder, to).map_err(StateError::file(to))?;
    // It has its name, and is not to be removed under the one that it had.
    let _ = partial.keep();
    digest::sync(parent)?;
    Ok(manifest)
}

fn copy_ledger(path: &Path, folder: &Path, manifest: &mut BackupManifest) -> Result<(), StateError> {
    let is_there = database::is_there(path).map_err(StateError::file(path))?;
    // Looking at none makes none; one that is half restored is refused also where it has no name yet.
    if !is_there && !SqliteLedger::restore_mark(path).exists() {
        return Ok(());
    }
    let ledger = SqliteLedger::open(path)?;
    let copied = LedgerCopy::take(&ledger, folder)?;
    if !copied.faults.is_empty() {
        return Err(StateError::DamagedState(copied.faults));
    }
    manifest.schemas.insert(LEDGER.to_owned(), copied.version as u64);
    manifest.streams = copied.records.iter().map(contents::stream_of).collect();
    list(folder, LEDGER, manifest)?;
    for kept in copied.records.iter().flat_map(ledger::Record::spooled) {
        list(folder, &format!("{SPOOL}/{}", kept.file), manifest)?;
    }
    digest::sync(&folder.join(SPOOL))
}

/// Copies a store and says how much is in it.
fn copy_store(store: &StoreFile, name: &str, folder: &Path, manifest: &mut BackupManifest) -> Result<u64, StateError> {
    let path = &store.path;
    if !database::is_there(path).map_err(StateError::file(path))? {
        return Ok(0);
    }
    let opened = database::open(path).and_then(|connection| connection.busy_timeout(BUSY).map(|()| connection));
    let connection = opened.map_err(StateError::database(path))?;
    let Some(version) = contents::version_of_store(path, &connection, store)? else {
        return Ok(0);
    };
    let copied = path_of(folder, name);
    database::make(&copied).map_err(StateError::file(&copied))?;
    database::copy(&connection, &copied).map_err(StateError::database(path))?;
    if let Some(fault) = contents::fault_of_store(&copied, store, true)? {
        return Err(StateError::DamagedState(vec![fault]));
    }
    let held = database::open_to_read(&copied).map_err(StateError::database(&copied))?;
    let count = contents::count(&copied, &held, store)?;
    drop(held);
    manifest.schemas.insert(name.to_owned(), version);
    list(folder, name, manifest)?;
    Ok(count)
}

/// Copies the stored tokens, each of which is replaced in one step. Locks and what is being written are no tokens.
fn copy_tokens(tokens: &Path, folder: &Path, manifest: &mut BackupManifest) -> Result<(), StateError> {
    let entries = match std::fs::read_dir(tokens) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StateError::file(tokens)(error)),
    };
    let to = folder.join(TOKENS);
    for entry in entries {
        let entry = entry.map_err(StateError::file(tokens))?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name
            .to_str()
            .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        else {
            continue;
        };
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        digest::make_folder(&to)?;
        let (bytes, sha256) = digest::copy(&path, &to.join(name))?;
        manifest
            .files
            .insert(format!("{TOKENS}/{name}"), BackupFile { bytes, sha256 });
    }
    match to.exists() {
        true => digest::sync(&to),
        false => Ok(()),
    }
}

/// Adds a file of the backup to the manifest, and makes it durable.
fn list(folder: &Path, name: &str, manifest: &mut BackupManifest) -> Result<(), StateError> {
    let path = path_of(folder, name);
    let (bytes, sha256) = digest::of_file(&path)?;
    digest::sync(&path)?;
    manifest.files.insert(name.to_owned(), BackupFile { bytes, sha256 });
    Ok(())
}
