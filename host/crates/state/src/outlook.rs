//! The events that come twice once a backup is in the place of the state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::manifest::BackupStream;
use crate::{CheckedBackup, StateError};
use base::database;
use ledger::{ClosedLedger, ListedRun, RunSelection, SqliteLedger};

/// A stream of a backup, and what of it comes again after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The stream as the backup has it.
    pub stream: BackupStream,
    /// The events that each sink was given after the backup; none where the ledger that knew of them is gone or cannot be read.
    pub again: Option<BTreeMap<String, u64>>,
    /// True where these are all of them, and all of them are due again: every run after the backup came to its end, and collected what
    /// was due.
    pub exact: bool,
}

/// The outlook of each stream of a backup, by the history of the ledger that is to be replaced. Blocks.
///
/// # Errors
///
/// Where the ledger of the backup cannot be read.
pub fn outlooks(backup: &CheckedBackup, ledger: &Path) -> Result<Vec<Outlook>, StateError> {
    let known: BTreeMap<String, bool> = match backup.ledger() {
        Some(path) => ClosedLedger::open(&path)?.runs()?.into_iter().collect(),
        None => BTreeMap::new(),
    };
    let since = runs(ledger).map(|runs| {
        let is_new = |listed: &ListedRun| known.get(&listed.run.run_id) != Some(&true);
        runs.into_iter().filter(is_new).collect::<Vec<_>>()
    });
    let streams = backup.manifest.streams.iter();
    Ok(streams
        .map(|stream| {
            let of_stream = |listed: &&ListedRun| listed.run.stream.to_string() == stream.stream;
            let runs: Option<Vec<&ListedRun>> = since.as_ref().map(|since| since.iter().filter(of_stream).collect());
            Outlook {
                stream: stream.clone(),
                exact: runs
                    .as_ref()
                    .is_some_and(|runs| runs.iter().all(|run| is_counted(run, &known))),
                again: runs.map(|runs| totals(&runs)),
            }
        })
        .collect())
}

/// True where the history says of a run all that comes again of it. A run that had begun before the backup counts what it
/// delivered before, too.
fn is_counted(listed: &ListedRun, known: &BTreeMap<String, bool>) -> bool {
    let facts = &listed.run.facts;
    facts.end.is_some() && facts.mode == "incremental" && !known.contains_key(&listed.run.run_id)
}

/// The events that each sink was given.
fn totals(runs: &[&ListedRun]) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for sink in runs
        .iter()
        .filter_map(|listed| listed.run.facts.end.as_ref())
        .flat_map(|end| &end.sinks)
    {
        let given = sink.delivered.saturating_add(sink.dead_lettered);
        let total: &mut u64 = totals.entry(sink.name.clone()).or_default();
        *total = total.saturating_add(given);
    }
    totals.retain(|_, total| *total > 0);
    totals
}

/// The runs of a ledger that is there and can be read.
fn runs(ledger: &Path) -> Option<Vec<ListedRun>> {
    let is_there = database::is_there(ledger).is_ok_and(|there| there);
    let ledger = is_there.then(|| SqliteLedger::open(ledger).ok()).flatten()?;
    let all = RunSelection {
        last: usize::MAX,
        ..RunSelection::default()
    };
    ledger.history().ok()?.list(&all).ok()
}

impl Outlook {
    /// The names of the sinks that the stream is collected for.
    pub fn sinks(&self) -> BTreeSet<&str> {
        self.stream.sinks.iter().map(String::as_str).collect()
    }
}
