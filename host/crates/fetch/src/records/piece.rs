//! One record, as it came or after mending.

use std::borrow::Cow;

use super::mend;

/// The text for a record that is missing: the comma beside it. A line without anything would be no row.
const MISSING: &[u8] = b",";

/// One record.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// JSON as it came.
    Whole(Cow<'a, str>),
    /// JSON after mending, and marked so.
    Mended(String),
    /// No JSON, or too long; at most one byte more than a record may have.
    Broken(Vec<u8>),
}

impl<'a> Piece<'a> {
    /// A record that is JSON, of which a parser takes so many bytes.
    pub(crate) fn of(record: &'a str, most: u64) -> Piece<'a> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if record.len() > most {
            let start = record.as_bytes().get(..=most);
            return Piece::Broken(start.unwrap_or(record.as_bytes()).to_vec());
        }
        match mend::half_characters(record.as_bytes()) {
            Some(mended) => Piece::Mended(mended.marked()),
            None => Piece::Whole(record.into()),
        }
    }

    /// The place in a list where a record should be, and nothing is.
    pub(crate) fn missing() -> Piece<'static> {
        Piece::Broken(MISSING.to_vec())
    }

    /// True where a record should be, and nothing is.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Piece::Broken(bytes) if bytes == MISSING)
    }

    /// A record that an earlier process wrote as a line; what was mended is marked.
    pub(crate) fn kept(record: &'a str) -> Piece<'a> {
        match mend::is_marked(record) {
            true => Piece::Mended(record.to_owned()),
            false => Piece::Whole(record.into()),
        }
    }

    /// The record, where it is JSON.
    pub(crate) fn json(&self) -> Option<&str> {
        match self {
            Piece::Whole(text) => Some(text),
            Piece::Mended(text) => Some(text),
            Piece::Broken(_) => None,
        }
    }

    /// The bytes that came, or were made of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Piece::Whole(text) => text.as_bytes(),
            Piece::Mended(text) => text.as_bytes(),
            Piece::Broken(bytes) => bytes,
        }
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Piece::Whole(text) => text.len(),
            Piece::Mended(text) => text.len(),
            Piece::Broken(bytes) => bytes.len(),
        }
    }
}
