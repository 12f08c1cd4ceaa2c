//! The refusal to leave out a member.

use crate::Encoding;

/// A path that cannot be left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OmissionError {
    /// A path that names nothing.
    #[error("{0:?} is not the path of a member: write its names with dots between them")]
    NoPath(String),
    /// An event cannot be without it.
    #[error("{path:?} cannot be left out of {encoding} events: `{member}` would go, and {why}")]
    Needed {
        /// The path as it was written.
        path: String,
        /// The encoding of the sink's events.
        encoding: Encoding,
        /// The member that would go.
        member: &'static str,
        /// The reason why an event cannot be without it.
        why: &'static str,
    },
    /// The object around it cannot be without it.
    #[error("{path:?} cannot be left out alone: without it `{object}` is not valid in {encoding} events")]
    Key {
        /// The path as it was written.
        path: String,
        /// The encoding of the sink's events.
        encoding: Encoding,
        /// Members that could be left out instead.
        object: String,
    },
}
