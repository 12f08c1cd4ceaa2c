//! One document of a ledger, as it was read.

use bytes::Bytes;

/// Names one state of one document. A later state has a greater one, also after the document was removed and made anew.
pub type Revision = u64;

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The key.
    pub key: String,
    /// The revision, which it takes to change the document.
    pub revision: Revision,
    /// The content: JSON, but for ids.
    pub body: Bytes,
}
