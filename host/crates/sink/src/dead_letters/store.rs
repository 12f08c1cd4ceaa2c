//! The store: one SQLite file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::{
    DeadLetter, DeadLetterEntry, DeadLetterError, DeadLetterFill, DeadLetterGroup, DeadLetterOptions,
    DeadLetterSelection, Undelivered, schema,
};
use base::store::{Form, Store, StoreClaim, json, parsed, unsigned};
use event::Provenance;

/// The dead letters of all sinks. The file is made when the first letter comes.
#[derive(Debug)]
pub struct DeadLetters {
    store: Store,
    options: DeadLetterOptions,
}

impl DeadLetters {
    /// The store with these options; nothing is opened yet. Without a file there are no letters, and none can be kept.
    pub fn new(options: DeadLetterOptions) -> Self {
        DeadLetters {
            store: Store::new(options.path.clone(), &schema::FORM),
            options,
        }
    }

    /// The store in this file, as large as it may be unless told otherwise.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        DeadLetters::new(DeadLetterOptions {
            path: Some(path.into()),
            ..DeadLetterOptions::default()
        })
    }

    /// The form of the file.
    pub fn form() -> &'static Form {
        &schema::FORM
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.store.path()
    }

    /// Refuses to go on where letters cannot be kept.
    ///
    /// # Errors
    ///
    /// A store error, where there is no file.
    pub fn need_place(&self) -> Result<(), DeadLetterError> {
        Ok(self.store.need_place()?)
    }

    /// Claims the letters for one holder at a time, in whatever process; none where there is no file, so no letter.
    ///
    /// # Errors
    ///
    /// A store error at once, where somebody holds them.
    pub fn claim(&self) -> Result<Option<StoreClaim>, DeadLetterError> {
        Ok(self.store.claim()?)
    }

    /// Keeps events for a sink that leads to `destination`, all of them or none. One that is there already gets the new reason and attempts.
    ///
    /// # Errors
    ///
    /// [`DeadLetterError::Full`] where they do not fit; otherwise the file cannot be used.
    pub fn add(
        &self,
        (sink, destination): (&str, Option<&str>),
        run_id: &str,
        provenance: &Provenance,
        letters: &[Undelivered],
    ) -> Result<(), DeadLetterError> {
        let mut opened = self.store.open()?;
        let Some(connection) = opened.as_mut() else {
            return Ok(());
        };
        let mut attempt = |reasons| {
            let place = (sink, destination);
            let kept = put(connection, place, run_id, provenance, letters, &self.options, reasons);
            self.store.database(kept)
        };
        let (_, after) = attempt(Reasons::New)?;
        if after.fits(&self.options) {
            return Ok(());
        }
        // A letter that is there stays one, also where there is no room for a longer reason.
        let (before, after) = attempt(Reasons::AsTheyWere)?;
        if after.fits(&self.options) || after.events == before.events {
            return Ok(());
        }
        Err(DeadLetterError::Full {
            more_events: after.events.saturating_sub(before.events),
            more_bytes: after.bytes.saturating_sub(before.bytes),
            events: before.events,
            most_events: self.options.events,
            bytes: before.bytes,
            most_bytes: self.options.bytes,
        })
    }

    /// The sinks that letters are kept for.
    pub fn sinks(&self) -> Result<Vec<String>, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        Ok(self.store.database((|| {
            let mut statement = connection.prepare("SELECT DISTINCT sink FROM letter ORDER BY sink")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })())?)
    }

    /// The sinks of the selected letters and what each led to, in order, with how many there are and since when.
    pub fn groups(&self, selection: &DeadLetterSelection) -> Result<Vec<DeadLetterGroup>, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        let (condition, values) = selection.condition();
        let query = format!(
            "SELECT sink, destination, count(*), min(first_attempt) FROM letter WHERE {condition} \
             GROUP BY sink, destination ORDER BY sink, destination"
        );
        Ok(self.store.database((|| {
            let mut statement = connection.prepare(&query)?;
            let group = |row: &Row<'_>| {
                Ok(DeadLetterGroup {
                    sink: row.get(0)?,
                    destination: known(row.get(1)?),
                    letters: unsigned(row, 2)?,
                    since: time(row, 3)?,
                })
            };
            statement.query_map(params_from_iter(values), group)?.collect()
        })())?)
    }

    /// The selected letters without their events, oldest first, so many at most.
    pub fn list(&self, selection: &DeadLetterSelection, most: usize) -> Result<Vec<DeadLetterEntry>, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        let (condition, values) = selection.condition();
        let query = format!("SELECT {ENTRY} FROM letter WHERE {condition} ORDER BY number LIMIT {most}");
        Ok(self.store.database((|| {
            let mut statement = connection.prepare(&query)?;
            statement.query_map(params_from_iter(values), entry)?.collect()
        })())?)
    }

    /// The number of selected letters.
    pub fn count(&self, selection: &DeadLetterSelection) -> Result<u64, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(0);
        };
        let (condition, values) = selection.condition();
        let query = format!("SELECT count(*) FROM letter WHERE {condition}");
        let counted = connection.query_row(&query, params_from_iter(values), |row| unsigned(row, 0));
        Ok(self.store.database(counted)?)
    }

    /// The fill of the store, and its bounds.
    pub fn fill(&self) -> Result<DeadLetterFill, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let total = match opened.as_ref() {
            Some(connection) => self.store.database(Total::of(connection))?,
            None => Total { events: 0, bytes: 0 },
        };
        Ok(DeadLetterFill {
            events: total.events,
            most_events: self.options.events,
            bytes: total.bytes,
            most_bytes: self.options.bytes,
        })
    }

    /// The selected letters after number `after`, oldest first, so many at most, with their events.
    pub fn read(
        &self,
        selection: &DeadLetterSelection,
        after: i64,
        most: usize,
    ) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        let (condition, values) = selection.condition();
        let query = format!(
            "SELECT {ENTRY}, provenance.json, event FROM letter JOIN provenance ON provenance.id = letter.provenance \
             WHERE {condition} AND number > {after} ORDER BY number LIMIT {most}"
        );
        Ok(self.store.database((|| {
            let mut statement = connection.prepare(&query)?;
            statement.query_map(params_from_iter(values), letter)?.collect()
        })())?)
    }

    /// Forgets letters: they were delivered, or are not wanted. Says how many there were.
    pub fn remove(&self, selection: &DeadLetterSelection) -> Result<u64, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(0);
        };
        let (condition, values) = selection.condition();
        let query = format!("DELETE FROM letter WHERE {condition}");
        let removed = self
            .store
            .database(connection.execute(&query, params_from_iter(values)))?;
        Ok(removed as u64)
    }
}

/// Bytes of a reason that are kept: it is a line.
const REASON_BYTES: usize = 4096;

/// The reasons that letters have which are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reasons {
    New,
    AsTheyWere,
}

/// The amount that is kept.
#[derive(Debug, Clone, Copy)]
struct Total {
    events: u64,
    bytes: u64,
}

impl Total {
    fn of(connection: &Connection) -> Result<Total, rusqlite::Error> {
        connection.query_row("SELECT events, bytes FROM total", [], |row| {
            Ok(Total {
                events: unsigned(row, 0)?,
                bytes: unsigned(row, 1)?,
            })
        })
    }

    fn fits(self, options: &DeadLetterOptions) -> bool {
        self.events <= options.events && self.bytes <= options.bytes
    }
}

/// The columns of a [`DeadLetterEntry`], in its order.
const ENTRY: &str = "number, sink, report, connection, event_id, reason, first_attempt, last_attempt, attempts, times_kept, run_id, \
     destination";

/// Inserts, and says how much there was and is then; what goes over the bounds is taken back.
fn put(
    connection: &mut Connection,
    (sink, destination): (&str, Option<&str>),
    run_id: &str,
    provenance: &Provenance,
    letters: &[Undelivered],
    options: &DeadLetterOptions,
    reasons: Reasons,
) -> Result<(Total, Total), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let before = Total::of(&transaction)?;
    let shared = json(provenance)?;
    transaction.execute("INSERT OR IGNORE INTO provenance (json) VALUES (?1)", [&shared])?;
    let shared: i64 =
        transaction.query_row("SELECT id FROM provenance WHERE json = ?1", [&shared], |row| row.get(0))?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO letter (sink, report, connection, event_id, reason, first_attempt, last_attempt, attempts, \
             run_id, provenance, event, digest, destination) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT DO UPDATE SET reason = CASE WHEN ?14 THEN excluded.reason ELSE reason END, last_attempt = excluded.last_attempt, \
             attempts = attempts + excluded.attempts, times_kept = times_kept + 1",
        )?;
        for letter in letters {
            let event = json(&letter.event)?;
            insert.execute(params![
                sink,
                provenance.report,
                provenance.connection,
                letter.event.id.as_deref().unwrap_or_default(),
                cut(&letter.reason),
                letter.first_attempt.as_millisecond(),
                letter.last_attempt.as_millisecond(),
                letter.attempts,
                run_id,
                shared,
                event,
                schema::digest(&event),
                destination.unwrap_or_default(),
                reasons == Reasons::New,
            ])?;
        }
    }
    let after = Total::of(&transaction)?;
    if after.fits(options) || (reasons == Reasons::AsTheyWere && after.events == before.events) {
        transaction.commit()?;
    } else {
        transaction.rollback()?;
    }
    Ok((before, after))
}

fn cut(reason: &str) -> &str {
    reason.get(..reason.floor_char_boundary(REASON_BYTES)).unwrap_or(reason)
}

impl DeadLetterSelection {
    fn condition(&self) -> (String, Vec<String>) {
        let mut conditions = vec!["true".to_owned()];
        let mut values = Vec::new();
        for (column, value) in [("sink", &self.sink), ("report", &self.report)] {
            if let Some(value) = value {
                values.push(value.clone());
                conditions.push(format!("{column} = ?{}", values.len()));
            }
        }
        if !self.numbers.is_empty() {
            let numbers: Vec<String> = self.numbers.iter().map(i64::to_string).collect();
            conditions.push(format!("number IN ({})", numbers.join(", ")));
        }
        for group in &self.except {
            values.push(group.sink.clone());
            values.push(group.destination.clone().unwrap_or_default());
            let (sink, destination) = (values.len() - 1, values.len());
            conditions.push(format!("NOT (sink = ?{sink} AND destination = ?{destination})"));
        }
        (conditions.join(" AND "), values)
    }
}

/// A destination as it is kept.
fn known(destination: String) -> Option<String> {
    Some(destination).filter(|destination| !destination.is_empty())
}

fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, rusqlite::Error> {
    Ok(Timestamp::from_millisecond(row.get(column)?).unwrap_or_default())
}

fn entry(row: &Row<'_>) -> Result<DeadLetterEntry, rusqlite::Error> {
    Ok(DeadLetterEntry {
        number: row.get(0)?,
        sink: row.get(1)?,
        destination: known(row.get(11)?),
        report: row.get(2)?,
        connection: row.get(3)?,
        event_id: row.get(4)?,
        reason: row.get(5)?,
        first_attempt: time(row, 6)?,
        last_attempt: time(row, 7)?,
        attempts: row.get(8)?,
        times_kept: row.get(9)?,
        run_id: row.get(10)?,
    })
}

fn letter(row: &Row<'_>) -> Result<DeadLetter, rusqlite::Error> {
    Ok(DeadLetter {
        entry: entry(row)?,
        provenance: parsed(row, 12)?,
        event: parsed(row, 13)?,
    })
}

#[cfg(test)]
mod tests;
