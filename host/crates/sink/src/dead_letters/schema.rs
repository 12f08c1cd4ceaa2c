//! The tables, and how older ones become today's.

use rusqlite::{OptionalExtension as _, Transaction, params};
use sha2::{Digest as _, Sha256};

use base::store::{Form, Step};

/// `PRAGMA application_id`: tells the file from any other database. The letters `hdl1`.
const APPLICATION: i32 = 0x6864_6c31;

/// The form of the file.
pub(super) const FORM: Form = Form {
    what: "dead letters",
    section: "dead-letters",
    application: APPLICATION,
    steps: &[
        FIRST_STEP,
        Step {
            sql: BY_CONTENT,
            then: Some(digests),
        },
        Step {
            sql: BY_DESTINATION,
            then: None,
        },
        Step {
            sql: WITH_REASONS,
            then: None,
        },
    ],
};

const FIRST_STEP: Step = Step { sql: FIRST, then: None };

const FIRST: &str = "
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
";

/// Events that share an id and say different things are letters of their own.
const BY_CONTENT: &str = "
    CREATE TABLE letter_by_content (
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
        digest BLOB NOT NULL, -- SHA-256 of the event
        UNIQUE (sink, connection, report, event_id, digest)
    ) STRICT;
    INSERT INTO letter_by_content SELECT number, sink, report, connection, event_id, reason, first_attempt,
        last_attempt, attempts, times_kept, run_id, provenance, event, x'' FROM letter;
    -- A number is not used again.
    DELETE FROM sqlite_sequence WHERE name = 'letter_by_content';
    INSERT INTO sqlite_sequence SELECT 'letter_by_content', seq FROM sqlite_sequence WHERE name = 'letter';
    DROP TABLE letter;
    ALTER TABLE letter_by_content RENAME TO letter;
    CREATE TRIGGER letter_added AFTER INSERT ON letter BEGIN
        UPDATE total SET events = events + 1, bytes = bytes + length(CAST(NEW.event AS BLOB));
    END;
    CREATE TRIGGER letter_removed AFTER DELETE ON letter BEGIN
        UPDATE total SET events = events - 1, bytes = bytes - length(CAST(OLD.event AS BLOB));
    END;
";

/// A sink of the same name in another configuration leads elsewhere: its letters are letters of their own.
const BY_DESTINATION: &str = "
    CREATE TABLE letter_by_destination (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        sink TEXT NOT NULL,
        destination TEXT NOT NULL DEFAULT '', -- empty where it is unknown
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
        digest BLOB NOT NULL, -- SHA-256 of the event
        UNIQUE (sink, destination, connection, report, event_id, digest)
    ) STRICT;
    INSERT INTO letter_by_destination SELECT number, sink, '', report, connection, event_id, reason, first_attempt,
        last_attempt, attempts, times_kept, run_id, provenance, event, digest FROM letter;
    -- A number is not used again.
    DELETE FROM sqlite_sequence WHERE name = 'letter_by_destination';
    INSERT INTO sqlite_sequence SELECT 'letter_by_destination', seq FROM sqlite_sequence WHERE name = 'letter';
    DROP TABLE letter;
    ALTER TABLE letter_by_destination RENAME TO letter;
    CREATE TRIGGER letter_added AFTER INSERT ON letter BEGIN
        UPDATE total SET events = events + 1, bytes = bytes + length(CAST(NEW.event AS BLOB));
    END;
    CREATE TRIGGER letter_removed AFTER DELETE ON letter BEGIN
        UPDATE total SET events = events - 1, bytes = bytes - length(CAST(OLD.event AS BLOB));
    END;
";

/// Whoever answers for a sink words the reasons, and whoever wrote the event its id: they count as it does.
const WITH_REASONS: &str = "
    DROP TRIGGER letter_added;
    DROP TRIGGER letter_removed;
    CREATE TRIGGER letter_added AFTER INSERT ON letter BEGIN
        UPDATE total SET events = events + 1, bytes = bytes + length(CAST(NEW.event AS BLOB))
            + length(CAST(NEW.reason AS BLOB)) + length(CAST(NEW.event_id AS BLOB));
    END;
    CREATE TRIGGER letter_removed AFTER DELETE ON letter BEGIN
        UPDATE total SET events = events - 1, bytes = bytes - length(CAST(OLD.event AS BLOB))
            - length(CAST(OLD.reason AS BLOB)) - length(CAST(OLD.event_id AS BLOB));
    END;
    CREATE TRIGGER letter_changed AFTER UPDATE OF reason ON letter BEGIN
        UPDATE total SET bytes = bytes + length(CAST(NEW.reason AS BLOB)) - length(CAST(OLD.reason AS BLOB));
    END;
    UPDATE total SET bytes = bytes + (
        SELECT coalesce(sum(length(CAST(reason AS BLOB)) + length(CAST(event_id AS BLOB))), 0) FROM letter);
";

/// The digest of an event as it is kept.
pub(super) fn digest(event: &str) -> [u8; 32] {
    Sha256::digest(event).into()
}

fn digests(transaction: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    let mut next = transaction.prepare("SELECT number, event FROM letter WHERE number > ?1 ORDER BY number LIMIT 1")?;
    let mut set = transaction.prepare("UPDATE letter SET digest = ?2 WHERE number = ?1")?;
    let mut after = 0_i64;
    let mut following = |after: i64| {
        let row = next.query_row([after], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        row.optional()
    };
    while let Some((number, event)) = following(after)? {
        set.execute(params![number, digest(&event)])?;
        after = number;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// The first version.
    const EARLIER: Form = Form {
        steps: &[FIRST_STEP],
        ..FORM
    };

    /// An insert as the version of that many steps knows it.
    fn put(connection: &Connection, version: usize, event: &str) -> Result<usize, rusqlite::Error> {
        let (column, value) = if version == 1 { ("", "") } else { (", digest", ", ?2") };
        let query = format!(
            "INSERT INTO letter (sink, report, connection, event_id, reason, first_attempt, last_attempt, attempts, \
             run_id, provenance, event{column}) VALUES ('siem', 'r', 'c', 'same', 'down', 1, 2, 3, 'run', 1, ?1{value})"
        );
        match version {
            1 => connection.execute(&query, [event]),
            _ => connection.execute(&query, params![event, digest(event)]),
        }
    }

    #[test]
    fn the_first_version_s_letters_keep_all_they_have_and_gain_a_digest() {
        let mut connection = Connection::open_in_memory().unwrap();
        EARLIER.prepare(&mut connection).unwrap().unwrap();
        connection
            .execute("INSERT INTO provenance VALUES (1, '{}')", [])
            .unwrap();
        put(&connection, 1, "gone").unwrap();
        connection.execute("DELETE FROM letter", []).unwrap();
        put(&connection, 1, "kept").unwrap();
        assert!(put(&connection, 1, "other").is_err(), "by id alone");

        FORM.prepare(&mut connection).unwrap().unwrap();
        let row = connection.query_row("SELECT number, attempts, event, digest FROM letter", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let row: (i64, u32, String, [u8; 32]) = row.unwrap();
        assert_eq!(row, (2, 3, "kept".to_owned(), digest("kept")));
        put(&connection, 2, "other").unwrap();
        assert!(put(&connection, 2, "kept").is_err());
        connection.execute("DELETE FROM letter WHERE number = 2", []).unwrap();
        let totals = connection.query_row("SELECT events, bytes FROM total", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        // `other`, and `down` and `same` besides.
        let totals: (u32, u32) = totals.unwrap();
        assert_eq!(totals, (1, 5 + 8));
        // Twice is once.
        FORM.prepare(&mut connection).unwrap().unwrap();
    }

    #[test]
    fn the_second_version_s_letters_have_no_known_destination_and_others_stand_beside_them() {
        let mut connection = Connection::open_in_memory().unwrap();
        let second = Form {
            steps: FORM.steps.split_at(2).0,
            ..FORM
        };
        second.prepare(&mut connection).unwrap().unwrap();
        connection
            .execute("INSERT INTO provenance VALUES (1, '{}')", [])
            .unwrap();
        put(&connection, 2, "gone").unwrap();
        connection.execute("DELETE FROM letter", []).unwrap();
        put(&connection, 2, "kept").unwrap();

        FORM.prepare(&mut connection).unwrap().unwrap();
        let row = connection.query_row("SELECT number, destination, event, digest FROM letter", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let row: (i64, String, String, [u8; 32]) = row.unwrap();
        assert_eq!(row, (2, String::new(), "kept".to_owned(), digest("kept")));
        connection
            .execute("UPDATE letter SET destination = 'elsewhere'", [])
            .unwrap();
        put(&connection, 3, "kept").unwrap();
        assert!(put(&connection, 3, "kept").is_err());
        let totals = connection.query_row("SELECT events, bytes FROM total", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        assert_eq!(totals.unwrap(), (2_u32, 2 * (4_u32 + 8)));
    }

    #[test]
    fn a_number_is_not_used_again_after_the_change_of_the_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        EARLIER.prepare(&mut connection).unwrap().unwrap();
        connection
            .execute("INSERT INTO provenance VALUES (1, '{}')", [])
            .unwrap();
        put(&connection, 1, "gone").unwrap();
        connection.execute("DELETE FROM letter", []).unwrap();
        FORM.prepare(&mut connection).unwrap().unwrap();
        put(&connection, 2, "new").unwrap();
        let number: i64 = connection
            .query_row("SELECT number FROM letter", [], |row| row.get(0))
            .unwrap();
        assert_eq!(number, 2);
    }
}
