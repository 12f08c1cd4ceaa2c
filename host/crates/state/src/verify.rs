//! The check of a backup, or of the state itself: is it as it was written?

use std::path::Path;

use crate::ledger_copy::LedgerCopy;
use crate::manifest::{BackupManifest, path_of};
use crate::paths::{LEDGER, SPOOL, StatePaths, folder_of};
use crate::{StateError, contents, digest};
use base::database;
use ledger::{ClosedLedger, LedgerError, Record, SqliteLedger};

/// All that is wrong with a backup, and its description. Blocks.
///
/// # Errors
///
/// Where the folder is no backup, or a later version made it.
pub fn faults_of_backup(folder: &Path, paths: &StatePaths) -> Result<(BackupManifest, Vec<String>), StateError> {
    let manifest = BackupManifest::read(folder)?;
    let mut faults = Vec::new();
    for (name, file) in &manifest.files {
        let path = path_of(folder, name);
        let is_file = path.symlink_metadata().is_ok_and(|about| about.is_file());
        if !is_file {
            faults.push(format!("{name} is missing"));
            continue;
        }
        match digest::of_file(&path) {
            Ok((bytes, sha256)) if bytes == file.bytes && sha256 == file.sha256 => {}
            Ok(_) => faults.push(format!("{name} is not what was written")),
            Err(error) => faults.push(format!("{name} cannot be read: {error}")),
        }
    }
    // What is in files that are others than they were says nothing.
    if !faults.is_empty() {
        return Ok((manifest, faults));
    }
    let known = |name: &str| manifest.files.contains_key(name);
    if known(LEDGER) {
        let ledger = ClosedLedger::open(&path_of(folder, LEDGER)).map_err(|error| later(folder, error))?;
        faults.extend(contents::faults_of_ledger(&ledger)?);
        if faults.is_empty() {
            let records = ledger.records()?;
            let named = records.iter().flat_map(|(record, _)| record.spooled());
            let spool = path_of(folder, SPOOL);
            faults.extend(named.filter_map(|kept| contents::fault_of_document(&spool, kept)));
        }
    }
    for (name, store) in paths.stores().filter(|(name, _)| known(name)) {
        let (path, version) = (path_of(folder, name), manifest.schemas.get(name));
        let most = store.form.steps.len() as u64;
        if let Some(version) = version.filter(|version| **version > most) {
            return Err(StateError::Later {
                folder: folder.to_owned(),
                problem: format!("{name} has version {version}, this program knows {most}"),
            });
        }
        faults.extend(contents::fault_of_store(&path, store, true)?);
    }
    Ok((manifest, faults))
}

/// A ledger of a later version makes a backup of a later version.
fn later(folder: &Path, error: LedgerError) -> StateError {
    match error {
        LedgerError::Foreign { problem, .. } => StateError::Later {
            folder: folder.to_owned(),
            problem: format!("{LEDGER}: {problem}"),
        },
        error => error.into(),
    }
}

/// All that is wrong with the state itself, also while runs are under way, and how many documents wait on the spool. Blocks.
///
/// # Errors
///
/// Where a part of it cannot be read.
pub fn faults_of_state(paths: &StatePaths) -> Result<(usize, Vec<String>), StateError> {
    let (mut documents, mut faults) = (0, Vec::new());
    let is_there = |path: &Path| database::is_there(path).map_err(StateError::file(path));
    if is_there(&paths.ledger)? || SqliteLedger::restore_mark(&paths.ledger).exists() {
        match SqliteLedger::open(&paths.ledger) {
            Ok(ledger) => {
                // Documents come and go with runs, so what is looked at is a copy; it is removed again.
                let folder = folder_of(ledger.path());
                let copy = tempfile::Builder::new().prefix(".host-verify-").tempdir_in(folder);
                let copy = copy.map_err(StateError::file(folder))?;
                let copied = LedgerCopy::take(&ledger, copy.path())?;
                documents = copied.records.iter().flat_map(Record::spooled).count();
                faults.extend(copied.faults);
            }
            Err(error @ LedgerError::Damaged { .. }) => faults.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    for (_, store) in paths.stores() {
        if is_there(&store.path)? {
            faults.extend(contents::fault_of_store(&store.path, store, false)?);
        }
    }
    Ok((documents, faults))
}
