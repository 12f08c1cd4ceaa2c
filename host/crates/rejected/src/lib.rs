//! Rows of reports that became no events, kept until a plugin can read them.
//!
//! [`RejectedRows`] keeps each [`Row`] as it stands in its document, with the reason and its [`RowOrigin`]: document, period,
//! stream, plugin and run. The document's preamble (a table's header, and what stands before it) is kept once for all of its rows, so
//! that a later plugin can read them. The store is bounded: what does not fit is refused, and whoever wanted to keep it says so.
//!
//! # The same row twice
//!
//! A day that is still open is asked for again and again, and a window that was cut short is read again. So a row is kept once
//! for its source, its stream, its bytes, how many rows of the same bytes its window had before it, and its period: one whose period
//! overlaps with that of a row that is there is that row.

mod schema;
mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use event::Provenance;

pub use store::RejectedRows;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedBounds {
    /// Rows, at most. Default 1,000,000.
    pub rows: u64,
    /// Bytes of rows, their reasons and preambles, at most. Default 1 GiB.
    pub bytes: u64,
}

impl Default for RejectedBounds {
    fn default() -> Self {
        RejectedBounds {
            rows: 1_000_000,
            bytes: 1 << 30,
        }
    }
}

/// How full the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedFill {
    /// Rows there.
    pub rows: u64,
    /// Rows allowed.
    pub most_rows: u64,
    /// Bytes there.
    pub bytes: u64,
    /// Bytes allowed.
    pub most_bytes: u64,
}

/// Where rows come from: the same for all rows of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowOrigin {
    /// What is true of all events of the run.
    pub provenance: Provenance,
    /// The connection's name in derived ids, where that is another than the provenance's: it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids_of: Option<String>,
    /// The URL that the connection leads to; unknown for rows that an earlier version kept. Configurations that share a store
    /// may name connections alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The parameters that the plugin was given.
    pub parameters: Vec<(String, String)>,
    /// The run.
    pub run_id: String,
    /// The plugin that could not read the row.
    pub plugin: Reader,
    /// The document.
    pub document: Document,
    /// The period that was asked for.
    pub window: Period,
    /// The clock that the plugin was told, in ms since 1970.
    pub now: i64,
}

/// A report plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// What the user typed: a name or a path.
    pub asked: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component, hexadecimal.
    pub sha256: String,
}

/// A document of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Which fetch of the plan it came from.
    pub fetch: u32,
    /// The name of its file on the server, where it came as one.
    pub file: Option<String>,
    /// The job that wrote it.
    pub job: Option<String>,
    /// The name that its window was given: what its file was asked for as, and what it was called in the spool.
    pub window: String,
}

/// A half-open period, in ms since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first instant.
    pub from: i64,
    /// The first instant after it.
    pub to: i64,
}

/// A row to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it starts: line or record number, from 1.
    pub line: u64,
    /// How many rows of the same bytes its window had before.
    pub before: u64,
    /// Why it is no event.
    pub reason: String,
    /// Its bytes, without the end of its line.
    pub raw: Vec<u8>,
    /// Whether these are all of it.
    pub whole: bool,
}

/// What became of rows that were to be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Rows that are in the store, those that were there before included.
    pub kept: u64,
    /// Rows for which there is no room.
    pub refused: u64,
}

/// A rejected row without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedEntry {
    /// Its number; not used again.
    pub number: i64,
    /// The report's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// The URL that it was collected from; unknown for one that an earlier version kept.
    pub source: Option<String>,
    /// The parameters of its stream.
    pub parameters: Vec<(String, String)>,
    /// Where it stands in the document: line or record number, from 1.
    pub line: u64,
    /// Why it is no event, as the plugin said last.
    pub reason: String,
    /// When it was rejected first.
    pub rejected_at: Timestamp,
    /// How often: once, and once more for each vain replay.
    pub times_rejected: u32,
    /// How many bytes are kept.
    pub bytes: u64,
    /// Whether these are all of it; a longer row was cut.
    pub whole: bool,
    /// The document.
    pub document: Document,
    /// The period that was asked for, half open.
    pub window: Window,
    /// The plugin that could not read it last.
    pub plugin: Reader,
    /// The run that it comes from.
    pub run_id: String,
}

/// A half-open period in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// A rejected row with its bytes.
#[derive(Debug, Clone)]
pub struct RejectedRow {
    /// What is known of it.
    pub entry: RejectedEntry,
    /// Where it comes from.
    pub origin: RowOrigin,
    /// The number of its document: rows with the same one are of the same.
    pub document: i64,
    /// How many rows of the same bytes its window had before.
    pub before: u64,
    /// What stands before the first row of its document, with the ends of its lines.
    pub preamble: Vec<u8>,
    /// The row.
    pub raw: Vec<u8>,
}

/// Which rows are meant; what is left out does not restrict.
#[derive(Debug, Clone, Default)]
pub struct RejectedSelection {
    /// Of this report.
    pub report: Option<String>,
    /// Of this connection.
    pub connection: Option<String>,
    /// With these numbers.
    pub numbers: Vec<i64>,
    /// Not those from these sources.
    pub except: Vec<String>,
}

/// Rows from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedGroup {
    /// The URL that they were collected from; unknown for those that an earlier version kept.
    pub source: Option<String>,
    /// How many there are.
    pub rows: u64,
}
