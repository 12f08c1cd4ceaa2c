//! The events and rejected records that a parser finds in one chunk.

use super::Event;

/// A record of the document that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line or record number where it starts, from 1.
    pub line: u64,
    /// The reason, without the record's content.
    pub reason: String,
    /// The record, cut to 4 KiB.
    pub raw: String,
}

/// The events and rejected records that one call to a parser found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the document's order.
    pub events: Vec<Event>,
    /// In the document's order.
    pub rejects: Vec<Reject>,
}
