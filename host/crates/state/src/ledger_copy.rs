//! A copy of a ledger with the documents that it names, taken while runs are under way.

use std::path::Path;
use std::time::Duration;

use crate::contents::fault_of_document;
use crate::paths::{LEDGER, SPOOL, beside, is_plain_name};
use crate::{StateError, contents, digest};
use base::database;
use ledger::{ClosedLedger, Kept, Record, SqliteLedger};

/// The number of copies that are tried until the ledger and the spool agree, and the pause between two.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(200);

/// A copy of a ledger, and of the documents that it names, in a folder.
#[derive(Debug)]
pub(crate) struct LedgerCopy {
    /// The version of the ledger's form.
    pub(crate) version: usize,
    /// The records.
    pub(crate) records: Vec<Record>,
    /// All that is wrong with it; nothing of that is because runs are under way.
    pub(crate) faults: Vec<String>,
}

impl LedgerCopy {
    /// Copies a ledger into a folder, and the documents that it names into the folder of its spool beside it. Where a document is gone
    /// because its window was committed meanwhile, the ledger is copied again.
    ///
    /// # Errors
    ///
    /// Where a copy cannot be made; [`StateError::Changing`] where ledger and spool never agree.
    pub(crate) fn take(ledger: &SqliteLedger, folder: &Path) -> Result<LedgerCopy, StateError> {
        let mut before: Vec<Kept> = Vec::new();
        for _ in 0..TRIES {
            let (copied, lacking) = take_once(ledger, folder)?;
            // What the ledger still names after a pause is not gone because its window was committed.
            if lacking.iter().all(|(kept, _)| before.contains(kept)) {
                let faults = lacking.into_iter().map(|(_, fault)| fault);
                return Ok(LedgerCopy {
                    faults: copied.faults.into_iter().chain(faults).collect(),
                    ..copied
                });
            }
            before = lacking.into_iter().map(|(kept, _)| kept).collect();
            std::thread::sleep(PAUSE);
        }
        Err(StateError::Changing(ledger.path().to_owned()))
    }
}

/// One copy, and the documents that it names and lacks, each with its fault.
fn take_once(ledger: &SqliteLedger, folder: &Path) -> Result<(LedgerCopy, Vec<(Kept, String)>), StateError> {
    let (path, spool) = (folder.join(LEDGER), folder.join(SPOOL));
    remove(&path, &spool)?;
    database::make(&path).map_err(StateError::file(&path))?;
    ledger.copy_to(&path)?;
    let copied = ClosedLedger::open(&path)?;
    let faults = contents::faults_of_ledger(&copied)?;
    if !faults.is_empty() {
        // Its records cannot be believed.
        let damaged = LedgerCopy {
            version: copied.version(),
            records: Vec::new(),
            faults,
        };
        return Ok((damaged, Vec::new()));
    }
    let records: Vec<Record> = copied.records()?.into_iter().map(|(record, _)| record).collect();
    digest::make_folder(&spool)?;
    let named: Vec<&Kept> = records.iter().flat_map(Record::spooled).collect();
    // All of them before the first is read: a run may remove them at any time.
    for kept in &named {
        link(&beside(ledger.path(), "spool"), &spool, &kept.file)?;
    }
    let lacking = named.into_iter().filter_map(|kept| {
        let fault = fault_of_document(&spool, kept)?;
        Some((kept.clone(), fault))
    });
    let lacking = lacking.collect();
    let version = copied.version();
    Ok((
        LedgerCopy {
            version,
            records,
            faults,
        },
        lacking,
    ))
}

/// Takes a document, where it is there. Nobody writes to one that has its name, so both names may lead to one file.
fn link(from: &Path, to: &Path, name: &str) -> Result<(), StateError> {
    if !is_plain_name(name) {
        return Ok(());
    }
    let (from, to) = (from.join(name), to.join(name));
    let is_file = from.symlink_metadata().is_ok_and(|about| about.is_file());
    if !is_file || std::fs::hard_link(&from, &to).is_ok() {
        return Ok(());
    }
    match digest::copy(&from, &to) {
        Err(StateError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        copied => copied.map(drop),
    }
}

/// Removes what an earlier try left.
fn remove(path: &Path, spool: &Path) -> Result<(), StateError> {
    let absent = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    absent(std::fs::remove_file(path)).map_err(StateError::file(path))?;
    absent(std::fs::remove_dir_all(spool)).map_err(StateError::file(spool))
}
