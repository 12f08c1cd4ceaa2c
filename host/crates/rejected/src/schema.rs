//! The tables.

use base::store::{Form, Step};

/// The form of the file. The application's id are the letters `hrr1`.
pub(super) const FORM: Form = Form {
    what: "rejected rows",
    section: "rejected",
    application: 0x6872_7231,
    steps: &[
        Step { sql: FIRST, then: None },
        Step {
            sql: BY_SOURCE,
            then: None,
        },
        Step {
            sql: WITH_REASONS,
            then: None,
        },
    ],
};

/// Streams of two configurations may have the same names, and are not the same.
const BY_SOURCE: &str = "
    ALTER TABLE row ADD COLUMN source TEXT NOT NULL DEFAULT ''; -- empty where it is unknown
";

/// The plugin words the reasons: they count as the rows do.
const WITH_REASONS: &str = "
    DROP TRIGGER row_added;
    DROP TRIGGER row_removed;
    CREATE TRIGGER row_added AFTER INSERT ON row BEGIN
        UPDATE total SET rows = rows + 1, bytes = bytes + length(NEW.raw) + length(CAST(NEW.reason AS BLOB));
    END;
    CREATE TRIGGER row_removed AFTER DELETE ON row BEGIN
        UPDATE total SET rows = rows - 1, bytes = bytes - length(OLD.raw) - length(CAST(OLD.reason AS BLOB));
    END;
    CREATE TRIGGER row_changed AFTER UPDATE OF reason ON row BEGIN
        UPDATE total SET bytes = bytes + length(CAST(NEW.reason AS BLOB)) - length(CAST(OLD.reason AS BLOB));
    END;
    UPDATE total SET bytes = bytes + (SELECT coalesce(sum(length(CAST(reason AS BLOB))), 0) FROM row);
";

const FIRST: &str = "
    CREATE TABLE document (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE, -- SHA-256 of the two that follow
        origin TEXT NOT NULL,
        preamble BLOB NOT NULL
    ) STRICT;
    CREATE TABLE row (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        stream TEXT NOT NULL,
        digest BLOB NOT NULL, -- SHA-256 of the row
        before INTEGER NOT NULL,
        window_from INTEGER NOT NULL, -- ms since 1970
        window_to INTEGER NOT NULL,
        report TEXT NOT NULL,
        connection TEXT NOT NULL,
        line INTEGER NOT NULL,
        reason TEXT NOT NULL,
        plugin TEXT NOT NULL,
        rejected_at INTEGER NOT NULL, -- ms since 1970
        times_rejected INTEGER NOT NULL DEFAULT 1,
        whole INTEGER NOT NULL,
        document INTEGER NOT NULL REFERENCES document (id),
        raw BLOB NOT NULL
    ) STRICT;
    CREATE INDEX row_same ON row (stream, digest, before);
    CREATE INDEX row_document ON row (document);
    CREATE TABLE total (rows INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
    INSERT INTO total VALUES (0, 0);
    CREATE TRIGGER row_added AFTER INSERT ON row BEGIN
        UPDATE total SET rows = rows + 1, bytes = bytes + length(NEW.raw);
    END;
    CREATE TRIGGER row_removed AFTER DELETE ON row BEGIN
        UPDATE total SET rows = rows - 1, bytes = bytes - length(OLD.raw);
    END;
    CREATE TRIGGER document_added AFTER INSERT ON document BEGIN
        UPDATE total SET bytes = bytes + length(NEW.preamble);
    END;
    CREATE TRIGGER document_removed AFTER DELETE ON document BEGIN
        UPDATE total SET bytes = bytes - length(OLD.preamble);
    END;
";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn the_first_version_s_rows_stay_and_have_no_known_source() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = Form {
            steps: FORM.steps.split_at(1).0,
            ..FORM
        };
        first.prepare(&mut connection).unwrap().unwrap();
        connection
            .execute_batch(
                "INSERT INTO document VALUES (1, x'00', '{}', x'');
                 INSERT INTO row (stream, digest, before, window_from, window_to, report, connection, line, reason, plugin,
                     rejected_at, whole, document, raw) VALUES ('s', x'00', 0, 0, 1, 'r', 'c', 2, 'odd', '{}', 3, 1, 1, x'61');",
            )
            .unwrap();
        FORM.prepare(&mut connection).unwrap().unwrap();
        let row = connection.query_row("SELECT number, source, raw, rows, bytes FROM row, total", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        });
        let row: (i64, String, Vec<u8>, u32, u32) = row.unwrap();
        assert_eq!(row, (1, String::new(), b"a".to_vec(), 1, 1 + 3));
        connection.execute("UPDATE row SET reason = 'even'", []).unwrap();
        let bytes = |connection: &Connection| connection.query_row("SELECT bytes FROM total", [], |row| row.get(0));
        assert_eq!(bytes(&connection), Ok(1 + 4));
        connection.execute("DELETE FROM row", []).unwrap();
        assert_eq!(bytes(&connection), Ok(0));
        // Twice is once.
        FORM.prepare(&mut connection).unwrap().unwrap();
    }
}
