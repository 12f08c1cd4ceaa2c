//! The tables.

use crate::store::{Form, Step};

/// The form of the file. The application's id are the letters `hrr1`.
pub(super) const FORM: Form = Form {
    what: "rejected rows",
    section: "rejected",
    application: 0x6872_7231,
    steps: &[Step { sql: FIRST, then: None }],
};

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
