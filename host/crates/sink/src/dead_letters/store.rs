//! The store: one SQLite file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::{
    DeadLetter, DeadLetterBounds, DeadLetterEntry, DeadLetterError, DeadLetterFill, DeadLetterGroup,
    DeadLetterSelection, Undelivered, schema,
};
use base::store::{Store, StoreClaim, json, parsed, unsigned};
use event::Provenance;

/// The dead letters of all sinks. The file is made when the first letter comes.
#[derive(Debug)]
pub struct DeadLetters {
    store: Store,
    bounds: DeadLetterBounds,
}

impl DeadLetters {
    /// The store in this file; nothing is opened yet.
    pub fn at(path: impl Into<PathBuf>, bounds: DeadLetterBounds) -> Self {
        DeadLetters {
            store: Store::at(path, &schema::FORM),
            bounds,
        }
    }

    /// No store: there are no letters, and none can be kept.
    pub fn nowhere(bounds: DeadLetterBounds) -> Self {
        DeadLetters {
            store: Store::nowhere(&schema::FORM),
            bounds,
        }
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
        letters: &[Undelivered<'_>],
    ) -> Result<(), DeadLetterError> {
        let mut opened = self.store.open()?;
        let Some(connection) = opened.as_mut() else {
            return Ok(());
        };
        let mut attempt = |reasons| {
            let place = (sink, destination);
            let kept = put(connection, place, run_id, provenance, letters, self.bounds, reasons);
            self.store.database(kept)
        };
        let (_, after) = attempt(Reasons::New)?;
        if after.fits(self.bounds) {
            return Ok(());
        }
        // A letter that is there stays one, also where there is no room for a longer reason.
        let (before, after) = attempt(Reasons::AsTheyWere)?;
        if after.fits(self.bounds) || after.events == before.events {
            return Ok(());
        }
        Err(DeadLetterError::Full {
            more_events: after.events.saturating_sub(before.events),
            more_bytes: after.bytes.saturating_sub(before.bytes),
            events: before.events,
            most_events: self.bounds.events,
            bytes: before.bytes,
            most_bytes: self.bounds.bytes,
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

    /// The sinks of the selected letters and what each led to, in order.
    pub fn groups(&self, selection: &DeadLetterSelection) -> Result<Vec<DeadLetterGroup>, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        let (condition, values) = selection.condition();
        let query = format!(
            "SELECT sink, destination, count(*) FROM letter WHERE {condition} GROUP BY sink, destination ORDER BY sink, destination"
        );
        Ok(self.store.database((|| {
            let mut statement = connection.prepare(&query)?;
            let group = |row: &Row<'_>| {
                Ok(DeadLetterGroup {
                    sink: row.get(0)?,
                    destination: known(row.get(1)?),
                    letters: unsigned(row, 2)?,
                })
            };
            statement.query_map(params_from_iter(values), group)?.collect()
        })())?)
    }

    /// What happened to the selected letters, oldest first, so many at most.
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

    /// How many letters are selected.
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

    /// How much is kept, and how much may be.
    pub fn fill(&self) -> Result<DeadLetterFill, DeadLetterError> {
        let opened = self.store.open_existing()?;
        let total = match opened.as_ref() {
            Some(connection) => self.store.database(Total::of(connection))?,
            None => Total { events: 0, bytes: 0 },
        };
        Ok(DeadLetterFill {
            events: total.events,
            most_events: self.bounds.events,
            bytes: total.bytes,
            most_bytes: self.bounds.bytes,
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

/// What becomes of the reasons of letters that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reasons {
    New,
    AsTheyWere,
}

/// How much is kept.
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

    fn fits(self, bounds: DeadLetterBounds) -> bool {
        self.events <= bounds.events && self.bytes <= bounds.bytes
    }
}

/// The columns of an [`DeadLetterEntry`], in its order.
const ENTRY: &str = "number, sink, report, connection, event_id, reason, first_attempt, last_attempt, attempts, times_kept, run_id, \
     destination";

/// Inserts, and says how much there was and is then; what goes over the bounds is taken back.
fn put(
    connection: &mut Connection,
    (sink, destination): (&str, Option<&str>),
    run_id: &str,
    provenance: &Provenance,
    letters: &[Undelivered<'_>],
    bounds: DeadLetterBounds,
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
            let event = json(letter.event)?;
            insert.execute(params![
                sink,
                provenance.report,
                provenance.connection,
                letter.event.id.as_deref().unwrap_or_default(),
                cut(letter.reason),
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
    if after.fits(bounds) || (reasons == Reasons::AsTheyWere && after.events == before.events) {
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

fn entry(row: &Row<'_>) -> Result<DeadLetterEntry, rusqlite::Error> {
    let time = |column: usize| -> Result<Timestamp, rusqlite::Error> {
        Ok(Timestamp::from_millisecond(row.get(column)?).unwrap_or_default())
    };
    Ok(DeadLetterEntry {
        number: row.get(0)?,
        sink: row.get(1)?,
        destination: known(row.get(11)?),
        report: row.get(2)?,
        connection: row.get(3)?,
        event_id: row.get(4)?,
        reason: row.get(5)?,
        first_attempt: time(6)?,
        last_attempt: time(7)?,
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
mod tests {
    use super::*;
    use base::store::StoreError;
    use event::{Activity, Event, Outcome, samples};

    fn event(id: &str) -> Event {
        Event {
            id: Some(id.into()),
            ..samples::full(Activity::Logon, Outcome::Failure)
        }
    }

    fn add(store: &DeadLetters, sink: &str, events: &[Event], reason: &str) -> Result<(), DeadLetterError> {
        let letters: Vec<_> = events
            .iter()
            .map(|event| Undelivered {
                event,
                reason,
                first_attempt: Timestamp::UNIX_EPOCH,
                last_attempt: Timestamp::UNIX_EPOCH,
                attempts: 1,
            })
            .collect();
        store.add((sink, Some("there")), "run", &samples::epm(), &letters)
    }

    #[test]
    fn a_letter_comes_back_as_it_went_in_after_the_file_was_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("letters.db");
        add(
            &DeadLetters::at(&path, DeadLetterBounds::default()),
            "siem",
            &[event("1"), event("2")],
            "down",
        )
        .unwrap();

        let store = DeadLetters::at(&path, DeadLetterBounds::default());
        let read = store.read(&DeadLetterSelection::default(), 0, 10).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].event, event("1"));
        assert_eq!(read[0].provenance, samples::epm());
        assert_eq!(
            (read[0].entry.sink.as_str(), read[0].entry.reason.as_str()),
            ("siem", "down")
        );
        assert_eq!(
            store
                .read(&DeadLetterSelection::default(), read[0].entry.number, 10)
                .unwrap()
                .len(),
            1
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "others may not read it");
    }

    #[test]
    fn an_event_is_kept_once_a_sink_with_its_attempts_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = DeadLetters::at(folder.path().join("x.db"), DeadLetterBounds::default());
        add(&store, "a", &[event("1")], "first").unwrap();
        add(&store, "a", &[event("1")], "second").unwrap();
        add(&store, "b", &[event("1")], "first").unwrap();
        let entries = store.list(&DeadLetterSelection::default(), 10).unwrap();
        let seen: Vec<_> = entries
            .iter()
            .map(|entry| (entry.sink.as_str(), entry.reason.as_str(), entry.attempts))
            .collect();
        assert_eq!(seen, [("a", "second", 2), ("b", "first", 1)]);
    }

    #[test]
    fn events_of_one_id_that_say_different_things_are_letters_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let store = DeadLetters::at(folder.path().join("x.db"), DeadLetterBounds::default());
        let events: Vec<_> = (0..5).map(|time| Event { time, ..event("same") }).collect();
        add(&store, "a", &events, "first").unwrap();
        assert_eq!(store.count(&DeadLetterSelection::default()).unwrap(), 5);
        // What was read back is the letter that it was.
        let read = store.read(&DeadLetterSelection::default(), 0, 10).unwrap();
        let read: Vec<_> = read.into_iter().map(|letter| letter.event).collect();
        assert_eq!(read, events);
        add(&store, "a", &read, "second").unwrap();
        let entries = store.list(&DeadLetterSelection::default(), 10).unwrap();
        assert_eq!(entries.len(), 5);
        assert!(entries.iter().all(|entry| entry.times_kept == 2));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_looks_at_the_letters_leaves_this_process_its_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store = DeadLetters::at(&path, DeadLetterBounds::default());
        add(&store, "a", &[event("1")], "x").unwrap();
        assert!(base::database::is_locked(&path).unwrap());
        // As the claim of a replay, a list, and what a sink refuses again meanwhile.
        let claim = store.claim().unwrap();
        store.sinks().unwrap();
        assert!(base::database::is_locked(&path).unwrap());
        let other = DeadLetters::at(&path, DeadLetterBounds::default());
        other.sinks().unwrap();
        add(&other, "b", &[event("2")], "x").unwrap();
        drop((other, claim));
        assert!(base::database::is_locked(&path).unwrap());
    }

    #[test]
    fn one_holder_at_a_time_claims_the_letters_whatever_name_leads_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store = DeadLetters::at(&path, DeadLetterBounds::default());
        assert!(store.claim().unwrap().is_none());
        add(&store, "a", &[event("1")], "x").unwrap();
        let link = folder.path().join("y.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let claim = store.claim().unwrap();
        for path in [&path, &link] {
            let error = DeadLetters::at(path, DeadLetterBounds::default()).claim().unwrap_err();
            assert!(
                matches!(error, DeadLetterError::Store(StoreError::Claimed { .. })),
                "{error}"
            );
        }
        drop(claim);
        assert!(store.claim().unwrap().is_some());
    }

    #[test]
    fn what_does_not_fit_is_refused_as_a_whole_and_room_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = DeadLetterBounds {
            events: 2,
            ..DeadLetterBounds::default()
        };
        let store = DeadLetters::at(folder.path().join("x.db"), bounds);
        add(&store, "a", &[event("1")], "x").unwrap();
        let error = add(&store, "a", &[event("2"), event("3")], "x").unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("no room for 2 more events") && said.contains("hold 1 of 2 events"),
            "{said}"
        );
        assert_eq!(store.count(&DeadLetterSelection::default()).unwrap(), 1);
        store.remove(&DeadLetterSelection::default()).unwrap();
        add(&store, "a", &[event("2"), event("3")], "x").unwrap();

        let bounds = DeadLetterBounds {
            bytes: 10,
            ..DeadLetterBounds::default()
        };
        let store = DeadLetters::at(folder.path().join("y.db"), bounds);
        assert!(matches!(
            add(&store, "a", &[event("1")], "x"),
            Err(DeadLetterError::Full { .. })
        ));
    }

    #[test]
    fn reasons_are_cut_and_count_and_a_letter_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let event_bytes = (json(&event("1")).unwrap().len() + 1) as u64;
        let bounds = DeadLetterBounds {
            bytes: event_bytes + 100,
            ..DeadLetterBounds::default()
        };
        let store = DeadLetters::at(&path, bounds);
        assert!(matches!(
            add(&store, "a", &[event("1")], &"x".repeat(101)),
            Err(DeadLetterError::Full { .. })
        ));
        add(&store, "a", &[event("1")], &"x".repeat(90)).unwrap();
        assert_eq!(store.fill().unwrap().bytes, event_bytes + 90);
        // A replay in vain finds no room for its longer reason.
        add(&store, "a", &[event("1")], &"y".repeat(101)).unwrap();
        let entries = store.list(&DeadLetterSelection::default(), 10).unwrap();
        assert_eq!((entries[0].times_kept, entries[0].reason.len()), (2, 90));
        add(&store, "a", &[event("1")], &"z".repeat(100)).unwrap();
        assert_eq!(store.fill().unwrap().bytes, event_bytes + 100);
        store.remove(&DeadLetterSelection::default()).unwrap();
        assert_eq!(store.fill().unwrap().bytes, 0);

        let store = DeadLetters::at(&path, DeadLetterBounds::default());
        add(&store, "a", &[event("1")], &"ä".repeat(1 << 20)).unwrap();
        assert_eq!(
            store.list(&DeadLetterSelection::default(), 10).unwrap()[0].reason.len(),
            REASON_BYTES
        );
    }

    #[test]
    fn letters_are_selected_by_sink_report_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let store = DeadLetters::at(folder.path().join("x.db"), DeadLetterBounds::default());
        add(&store, "a", &[event("1"), event("2")], "x").unwrap();
        add(&store, "b'; DROP TABLE letter; --", &[event("1")], "x").unwrap();
        let of = |sink: &str| DeadLetterSelection {
            sink: Some(sink.into()),
            ..DeadLetterSelection::default()
        };
        assert_eq!(store.count(&of("a")).unwrap(), 2);
        assert_eq!(store.count(&of("b'; DROP TABLE letter; --")).unwrap(), 1);
        let numbers = DeadLetterSelection {
            numbers: vec![2],
            ..of("a")
        };
        assert_eq!(store.remove(&numbers).unwrap(), 1);
        assert_eq!(store.count(&of("a")).unwrap(), 1);
    }

    #[test]
    fn a_store_without_letters_has_no_file_and_another_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store = DeadLetters::at(&path, DeadLetterBounds::default());
        assert_eq!(store.count(&DeadLetterSelection::default()).unwrap(), 0);
        assert!(!path.exists());

        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE mine (x)").unwrap();
        drop(other);
        let before = std::fs::read(&path).unwrap();
        let error = add(&store, "a", &[event("1")], "x").unwrap_err();
        assert!(
            matches!(error, DeadLetterError::Store(StoreError::Foreign { .. })),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), before);

        std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
        let store = DeadLetters::at(&path, DeadLetterBounds::default());
        assert!(matches!(
            add(&store, "a", &[event("1")], "x"),
            Err(DeadLetterError::Store(StoreError::Database { .. }))
        ));
    }

    #[test]
    fn a_later_version_s_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        add(
            &DeadLetters::at(&path, DeadLetterBounds::default()),
            "a",
            &[event("1")],
            "x",
        )
        .unwrap();
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        let error = DeadLetters::at(&path, DeadLetterBounds::default())
            .count(&DeadLetterSelection::default())
            .unwrap_err();
        assert!(error.to_string().contains("version 99"), "{error}");
    }
}
