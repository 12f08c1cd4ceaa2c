//! The tables, and how older ones become today's.

use rusqlite::Connection;

/// `PRAGMA application_id`: tells the file from any other database. The letters `hdl1`.
const APPLICATION: i32 = 0x6864_6c31;

/// Each step leads to the version after its place.
const STEPS: &[&str] = &["
    CREATE TABLE provenance (
        id INTEGER PRIMARY KEY,
        json TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE letter (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        sink TEXT NOT NULL,
        report TEXT NOT NULL,
        connection TEXT NOT NULL,
        event_id TEXT NOT NULL,
        reason TEXT NOT NULL,
        first_attempt INTEGER NOT NULL, -- ms since 1970
        last_attempt INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        times_kept INTEGER NOT NULL DEFAULT 1,
        run_id TEXT NOT NULL,
        provenance INTEGER NOT NULL REFERENCES provenance (id),
        event TEXT NOT NULL,
        UNIQUE (sink, connection, report, event_id)
    ) STRICT;
    CREATE TABLE total (events INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
    INSERT INTO total VALUES (0, 0);
    CREATE TRIGGER letter_added AFTER INSERT ON letter BEGIN
        UPDATE total SET events = events + 1, bytes = bytes + length(CAST(NEW.event AS BLOB));
    END;
    CREATE TRIGGER letter_removed AFTER DELETE ON letter BEGIN
        UPDATE total SET events = events - 1, bytes = bytes - length(CAST(OLD.event AS BLOB));
    END;
"];

/// Brings a new or older database to today's version.
///
/// # Errors
///
/// A sentence where the file is something else or newer; otherwise what SQLite says.
pub(super) fn prepare(connection: &mut Connection) -> Result<Result<(), String>, rusqlite::Error> {
    // Before anything is written: another program's file stays as it is.
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && tables > 0 {
        return Ok(Err("it is another program's database".into()));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = usize::try_from(version).ok().and_then(|version| STEPS.get(version..));
    let Some(steps) = known else {
        return Ok(Err(format!(
            "it has version {version}, this program knows {}",
            STEPS.len()
        )));
    };
    if !steps.is_empty() {
        for step in steps {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", STEPS.len() as i64)?;
    }
    transaction.commit()?;
    Ok(Ok(()))
}
