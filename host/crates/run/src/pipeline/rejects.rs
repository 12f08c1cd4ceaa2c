//! What becomes of rows that are no events, as it is decided beforehand.

use std::sync::Arc;

use super::verdict::MaxRejected;
use rejected::RejectedRows;

/// The store of rows that are no events, and how many of them a document may have.
#[derive(Debug, Clone, Default)]
pub struct Rejects {
    /// The place where rows are kept; none where the run keeps nothing on purpose.
    pub store: Option<Arc<RejectedRows>>,
    /// The share of a document that may be rejected.
    pub most: MaxRejected,
    /// The URL that the rows are collected from.
    pub source: Option<String>,
    /// The plugin's name, as the user typed it.
    pub plugin: String,
}
