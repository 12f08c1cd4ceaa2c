//! The answer of a parser to a chunk.

use super::bindings::{events, packed};

/// A batch, in the form that the plugin gives it in.
pub(super) enum ParserAnswer {
    Typed(events::Batch),
    Packed(packed::Batch),
}
