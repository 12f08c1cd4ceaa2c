//! The last runs of each stream, in a table beside the documents.
//!
//! They are written through a connection of their own, which does not wait for the disk (`synchronous = NORMAL`): after a power
//! cut the last ones may be missing, and nothing that the ledger promises depends on how this one is set.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::presence::Presence;
use super::{SqliteLedger, claims, failed, is_damage};
use crate::{LedgerError, PastRun, RunFacts, RunSelection, RunState, Stream};
use base::database;
use base::store::{json, parsed};

/// Runs that are kept of a stream, the latest.
const RUNS: i64 = 1000;

/// The time that another process may hold the file: a run does not wait long for its history.
const BUSY: Duration = Duration::from_secs(1);

/// The last runs of the streams of a ledger. All of it blocks.
#[derive(Debug)]
pub struct RunHistory {
    path: PathBuf,
    locks: PathBuf,
    connection: Mutex<Connection>,
    /// Dropped after the connection, which is closed then.
    presence: Arc<Presence>,
}

/// A run, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    /// The run.
    pub run: PastRun,
    /// The state of the run.
    pub state: RunState,
}

impl SqliteLedger {
    /// The history of the ledger's streams. Blocks.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened once more.
    pub fn history(&self) -> Result<RunHistory, LedgerError> {
        let opened = (|| {
            let connection = database::open(&self.path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            Ok(connection)
        })();
        Ok(RunHistory {
            path: self.path.clone(),
            locks: self.beside("locks"),
            connection: Mutex::new(opened.map_err(|source| failed(&self.path, source))?),
            presence: Arc::clone(&self.presence),
        })
    }
}

impl RunHistory {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a run to the place that it had, or to a new one, and says which. A stream's oldest runs make room.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn put(&self, place: Option<i64>, run: &PastRun) -> Result<i64, LedgerError> {
        let (key, exit) = (run.stream.key(), run.facts.exit());
        self.change(|transaction| {
            let facts = RunFacts {
                stream: run.stream.name.clone(),
                ..run.facts.clone()
            };
            let body = json(&facts)?;
            let changed = transaction.execute(
                "UPDATE run SET exit = ?3, body = ?4 WHERE number = ?1 AND run_id = ?2",
                params![place, run.run_id, exit, body],
            )?;
            // Its place is gone where a thousand others came meanwhile.
            let number = match place {
                Some(number) if changed > 0 => number,
                _ => {
                    let Stream {
                        connection,
                        report,
                        parameters,
                        ..
                    } = &run.stream;
                    transaction.execute(
                        "INSERT INTO run (stream, report, connection, parameters, run_id, exit, body) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        params![key, report, connection, json(parameters)?, run.run_id, exit, body],
                    )?;
                    transaction.last_insert_rowid()
                }
            };
            drop_oldest(transaction, &key)?;
            Ok(number)
        })
    }

    /// The runs that are selected, the latest first.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read.
    pub fn list(&self, selection: &RunSelection) -> Result<Vec<ListedRun>, LedgerError> {
        self.work(|connection| {
            let RunSelection {
                report,
                connection: of,
                failed,
                last,
                ..
            } = selection;
            let mut statement = connection.prepare(
                "SELECT stream, report, connection, parameters, run_id, body, number FROM run \
                 WHERE (?1 IS NULL OR report = ?1) AND (?2 IS NULL OR connection = ?2) ORDER BY number DESC",
            )?;
            let mut rows = statement.query(params![report, of])?;
            let (mut runs, mut open) = (Vec::new(), HashSet::new());
            while runs.len() < *last
                && let Some(row) = rows.next()?
            {
                let Some((key, run)) = self.readable(row) else { continue };
                if !selection.has_parameters(&run.stream) || !selection.is_of_name(&run.stream, &key) {
                    continue;
                }
                let state = self.state(&run, key, &mut open);
                let went_well = state == RunState::Running || run.facts.exit() == Some(0);
                if !(*failed && went_well) {
                    runs.push(ListedRun { run, state });
                }
            }
            Ok(runs)
        })
    }

    /// The latest run of a stream; none where it cannot be read.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read.
    pub fn latest(&self, stream: &Stream) -> Result<Option<ListedRun>, LedgerError> {
        self.work(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT stream, report, connection, parameters, run_id, body, number FROM run WHERE stream = ?1 \
                 ORDER BY number DESC LIMIT 1",
            )?;
            let mut rows = statement.query([stream.key()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(self.readable(row).map(|(key, run)| {
                let state = self.state(&run, key, &mut HashSet::new());
                ListedRun { run, state }
            }))
        })
    }

    /// The names of the reports that there are runs of.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read.
    pub fn reports(&self) -> Result<Vec<String>, LedgerError> {
        self.work(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT report FROM run ORDER BY report")?;
            let reports = statement.query_map([], |row| row.get(0))?;
            reports.collect()
        })
    }

    /// Forgets the runs of a stream.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn forget(&self, stream: &Stream) -> Result<(), LedgerError> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM run WHERE stream = ?1", [stream.key()])?;
            Ok(())
        })
    }

    /// Gives the runs of a stream to the stream that continues it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn hand_over(&self, from: &Stream, to: &Stream) -> Result<(), LedgerError> {
        self.change(|transaction| {
            transaction.execute(
                "UPDATE run SET stream = ?2, report = ?3, connection = ?4, parameters = ?5 WHERE stream = ?1",
                params![from.key(), to.key(), to.report, to.connection, json(&to.parameters)?],
            )?;
            drop_oldest(transaction, &to.key())
        })
    }

    /// A row's stream and run; none, and a warning, where the row is not what this program writes: it costs no other.
    fn readable(&self, row: &Row<'_>) -> Option<(String, PastRun)> {
        let read = row.get(0).and_then(|key| Ok((key, past_run(row)?)));
        let error = match read {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let text = |column: usize| row.get::<_, String>(column).unwrap_or_else(|_| "?".to_owned());
        tracing::warn!(
            "a run of {} @ {} in the history of runs cannot be read and is left out: row {} of the table `run` in {}: {error}",
            text(1),
            text(2),
            row.get::<_, i64>(6).unwrap_or_default(),
            self.path.display()
        );
        None
    }

    /// The state of a run. Of the runs of a stream that have no end only the latest can be at work; `open` holds the keys of streams of
    /// which that one was seen.
    fn state(&self, run: &PastRun, key: String, open: &mut HashSet<String>) -> RunState {
        if run.facts.end.is_some() {
            return RunState::Ended;
        }
        let held = || claims::is_held_by(&self.locks, &run.stream.key(), run.facts.pid);
        match open.insert(key) && held() {
            true => RunState::Running,
            false => RunState::Unfinished,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        self.work(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changed = change(&transaction)?;
            transaction.commit()?;
            Ok(changed)
        })
    }

    fn work<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut connection);
        if result.as_ref().is_err_and(is_damage) {
            self.presence.note_damage();
        }
        result.map_err(|source| failed(&self.path, source))
    }
}

fn drop_oldest(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<()> {
    let query = "DELETE FROM run WHERE stream = ?1 \
                 AND number <= (SELECT number FROM run WHERE stream = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)";
    transaction.execute(query, params![key, RUNS]).map(drop)
}

fn past_run(row: &Row<'_>) -> rusqlite::Result<PastRun> {
    let (key, facts): (String, RunFacts) = (row.get(0)?, parsed(row, 5)?);
    let stream = Stream {
        report: row.get(1)?,
        connection: row.get(2)?,
        parameters: parsed(row, 3)?,
        name: facts.stream.clone(),
        id: None,
    };
    Ok(PastRun {
        stream: stream.at_key(&key),
        run_id: row.get(4)?,
        facts,
    })
}
