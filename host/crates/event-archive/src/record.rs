//! One record of a file, before it is an event.

use std::sync::Arc;

use event::Encoding;

use crate::json::Json;

/// Members of the flat event that files of earlier versions lack.
pub(crate) const LATER: [&str; 7] = [
    "subject_kind",
    "actor_kind",
    "tenant",
    "collected",
    "correlation_uid",
    "vendor",
    "product",
];

/// One record of a file: a line, a record of CSV or a row.
#[derive(Debug, Clone)]
pub struct ArchivedRecord {
    /// The line that it begins at, or the number of its row; from 1.
    pub line: u64,
    /// The bytes that stand for it when a file is looked at again, to tell whether it has changed.
    pub raw: Vec<u8>,
    pub(crate) content: RecordContent,
}

/// The content of a record.
#[derive(Debug, Clone)]
pub(crate) enum RecordContent {
    /// An object of JSON.
    Object(Json),
    /// Cells by their columns.
    Cells {
        encoding: Encoding,
        columns: Arc<Vec<String>>,
        cells: Vec<Json>,
        form: CellForm,
    },
    /// Something else, and why it is no event.
    Foreign(String),
}

/// The form in which cells without types stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellForm {
    /// Cells as text: CSV, in which an empty cell is one without a value.
    Text,
    /// Cells with their types: Parquet.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "only Parquet has types"))]
    Typed,
}

impl ArchivedRecord {
    /// The encoding that the record is in, where it is one of this program's.
    pub fn encoding(&self) -> Option<Encoding> {
        match &self.content {
            RecordContent::Object(object) => encoding_of(object),
            RecordContent::Cells { encoding, .. } => Some(*encoding),
            RecordContent::Foreign(_) => None,
        }
    }
}

/// The encoding of an object, by members that each of its events has.
pub(crate) fn encoding_of(object: &Json) -> Option<Encoding> {
    encoding_with(|name| object.at(name).is_some())
}

/// The encoding that has these members.
pub(crate) fn encoding_with(has: impl Fn(&str) -> bool) -> Option<Encoding> {
    let marks = [
        (Encoding::Ocsf, ["class_uid", "activity_id"]),
        (Encoding::Ecs, ["@timestamp", "ecs"]),
        (Encoding::Event, ["activity", "subject"]),
    ];
    let found = marks.into_iter().find(|(_, names)| names.iter().all(|name| has(name)));
    found.map(|(encoding, _)| encoding)
}
