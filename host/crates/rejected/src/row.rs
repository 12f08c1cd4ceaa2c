//! A rejected row, before and after it is kept.

use jiff::Timestamp;
use serde::Serialize;

use super::origin::{PluginIdentity, RowOrigin, SourceDocument};

/// A row to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// The place where the row starts: line or record number, from 1.
    pub line: u64,
    /// Rows of the same bytes that its window had before.
    pub before: u64,
    /// The reason why the row is not an event.
    pub reason: String,
    /// The bytes, without the end of the line.
    pub raw: Vec<u8>,
    /// True if these are all of the row.
    pub whole: bool,
}

/// The outcome of keeping rows.
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
    /// The number; not used again.
    pub number: i64,
    /// The report's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// The URL that it was collected from; unknown for one that an earlier version kept.
    pub source: Option<String>,
    /// The parameters of its stream.
    pub parameters: Vec<(String, String)>,
    /// The place of the row in the document: line or record number, from 1.
    pub line: u64,
    /// The reason why the row is not an event, as the plugin said last.
    pub reason: String,
    /// The time at which the row was rejected first.
    pub rejected_at: Timestamp,
    /// Times that the row was kept: once, and once more for each vain replay.
    pub times_rejected: u32,
    /// The bytes that the kept rows take.
    pub bytes: u64,
    /// True if these are all of the row; a longer one was cut.
    pub whole: bool,
    /// The document.
    pub document: SourceDocument,
    /// The period that was asked for, half open.
    pub window: RowWindow,
    /// The plugin that could not read it last.
    pub plugin: PluginIdentity,
    /// The run that it comes from.
    pub run_id: String,
}

/// A half-open period in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowWindow {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// A rejected row with its bytes.
#[derive(Debug, Clone)]
pub struct RejectedRow {
    /// The row without its bytes.
    pub entry: RejectedEntry,
    /// The origin of the row.
    pub origin: RowOrigin,
    /// The number of its document: rows with the same one are of the same.
    pub document: i64,
    /// Rows of the same bytes that its window had before.
    pub before: u64,
    /// The preamble: the lines before the first row of its document, with their ends.
    pub preamble: Vec<u8>,
    /// The row.
    pub raw: Vec<u8>,
}
