//! The tables, and how older ones become today's.

use rusqlite::Connection;

use super::pages::pages;

/// `PRAGMA application_id`: tells the file from any other database. The letters `hlg1`.
const APPLICATION: i32 = 0x686c_6731;

/// Each step leads to the version after its place.
const STEPS: &[&str] = &[
    "
    CREATE TABLE document (
        key TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- Of the last change of any document: a revision never comes twice.
    CREATE TABLE latest (revision INTEGER NOT NULL) STRICT;
    INSERT INTO latest VALUES (0);
",
    "
    -- Of the key, the revision and the text; none where version 1 wrote the document.
    ALTER TABLE document ADD COLUMN checksum INTEGER;
",
    "
    -- Not all are texts, and in a table of this kind a key is found without reading what is long behind it.
    CREATE TABLE document_3 (
        key TEXT NOT NULL UNIQUE,
        revision INTEGER NOT NULL,
        checksum INTEGER,
        body BLOB NOT NULL
    ) STRICT;
    INSERT INTO document_3 SELECT key, revision, checksum, CAST(json AS BLOB) FROM document;
    DROP TABLE document;
    ALTER TABLE document_3 RENAME TO document;
",
    "
    -- The last runs of each stream, in the order in which they were written first. No promise stands on them.
    CREATE TABLE run (
        number INTEGER PRIMARY KEY,
        -- The key of the stream's record, and what it is made of.
        stream TEXT NOT NULL,
        report TEXT NOT NULL,
        connection TEXT NOT NULL,
        parameters TEXT NOT NULL,
        run_id TEXT NOT NULL,
        -- None while there is no end.
        exit INTEGER,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX run_of_stream ON run (stream, number);
",
];

/// The version that a file has which this program has opened.
pub(super) const VERSION: usize = STEPS.len();

/// The first version of which documents can be read without a change of the file.
const READABLE: usize = 3;

/// The version of a file that is only read.
///
/// # Errors
///
/// A sentence where the file is something else, too old or newer; otherwise what SQLite says.
pub(super) fn version_of(connection: &Connection) -> Result<Result<usize, String>, rusqlite::Error> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION {
        return Ok(Err("it is not a ledger".into()));
    }
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = usize::try_from(version).ok();
    let known = known.filter(|version| (READABLE..=VERSION).contains(version));
    Ok(known.ok_or_else(|| format!("it has version {version}, this program knows {VERSION}")))
}

/// The reason why a file is not taken as a ledger.
#[derive(Debug)]
pub(super) enum SchemaRefusal {
    /// It is something else, or of a later version.
    Foreign(String),
    /// It is not what was written.
    Damaged(String),
}

/// Brings an older database to today's version, and an empty one where it may be: `new` says that none was there before. The
/// pages of all of it are read first where `unclean` says that it was not closed by those who had it open last.
///
/// # Errors
///
/// A sentence where the file is something else, newer or damaged; otherwise what SQLite says.
pub(super) fn prepare(
    connection: &mut Connection,
    new: bool,
    unclean: bool,
) -> Result<Result<(), SchemaRefusal>, rusqlite::Error> {
    migrate(connection, STEPS, new, unclean)
}

fn migrate(
    connection: &mut Connection,
    steps: &[&str],
    new: bool,
    unclean: bool,
) -> Result<Result<(), SchemaRefusal>, rusqlite::Error> {
    // Before anything is written: another program's file stays as it is. Tables first: where another process makes them just
    // now, the mark comes with them.
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION && tables > 0 {
        return Ok(Err(SchemaRefusal::Foreign("it is another program's database".into())));
    }
    if tables == 0 && !new {
        return Ok(Err(SchemaRefusal::Damaged("it is empty, and was not before".into())));
    }
    // A page that is not what it was may never be looked at again, or only once it hurts.
    if unclean && let Err(problem) = pages(connection, "quick_check")? {
        return Ok(Err(SchemaRefusal::Damaged(problem)));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = usize::try_from(version).ok().and_then(|version| steps.get(version..));
    let Some(missing) = known else {
        return Ok(Err(SchemaRefusal::Foreign(format!(
            "it has version {version}, this program knows {}",
            steps.len()
        ))));
    };
    if !missing.is_empty() {
        for step in missing {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    }
    // What every change needs is there before anything is asked for.
    let _: i64 = transaction.query_row("SELECT revision FROM latest", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(Ok(()))
}

/// Makes an empty database what an older program made of it.
#[cfg(test)]
pub(super) fn as_of_version(connection: &Connection, version: usize) {
    STEPS[..version]
        .iter()
        .for_each(|step| connection.execute_batch(step).unwrap());
    connection.pragma_update(None, "application_id", APPLICATION).unwrap();
    connection.pragma_update(None, "user_version", version as i64).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn every_older_version_becomes_today_s_and_keeps_its_documents() {
        let later = [
            STEPS,
            &["ALTER TABLE document ADD COLUMN later TEXT NOT NULL DEFAULT 'x'"],
        ]
        .concat();
        for known in 1..later.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection, &later[..known], true, true).unwrap().unwrap();
            assert_eq!(version(&connection), known as i64);
            let column = if known < 3 { "json" } else { "body" };
            let value = if known < 3 {
                "'{\"ä\":0}'"
            } else {
                "CAST('{\"ä\":0}' AS BLOB)"
            };
            connection
                .execute_batch(&format!(
                    "INSERT INTO document (key, revision, {column}) VALUES ('k', 1, {value})"
                ))
                .unwrap();
            migrate(&mut connection, &later, true, true).unwrap().unwrap();
            assert_eq!(version(&connection), later.len() as i64);
            let kept: (String, i64, Vec<u8>) = connection
                .query_row("SELECT key, revision, body FROM document", [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .unwrap();
            assert_eq!(kept, ("k".into(), 1, "{\"ä\":0}".into()));
            // Twice is once.
            migrate(&mut connection, &later, true, true).unwrap().unwrap();
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection, true, true).unwrap().unwrap();
        let broken = [STEPS, &["CREATE TABLE more (x); CREATE TABLE document (x)"]].concat();
        assert!(migrate(&mut connection, &broken, true, true).is_err());
        assert_eq!(version(&connection), STEPS.len() as i64);
        let more: u32 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'more'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(more, 0);
        prepare(&mut connection, true, true).unwrap().unwrap();
    }
}
