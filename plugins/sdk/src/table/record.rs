use super::cells::Quotes;
use csv_core::Reader;
use std::borrow::Cow;

const RAW: usize = crate::batch::MAX_RAW;

/// The record that is being read.
#[derive(Clone, Copy)]
pub(super) struct OpenRecord {
    pub(super) line: u64,
    pub(super) cell: Option<Quotes>,
    pub(super) first_quoted: bool,
    /// The first line break within quotes.
    pub(super) line_break: Option<LineBreak>,
    /// The reason that makes it a reject whatever follows.
    pub(super) flaw: Option<&'static str>,
}

#[derive(Clone, Copy)]
pub(super) struct LineBreak {
    /// The number of bytes of the record before the next line.
    pub(super) end: usize,
    pub(super) byte: u8,
}

/// The way a record came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Line,
    Document,
    /// The record was given up.
    Flaw,
}

/// The place where reading goes on: in bytes of earlier chunks, if there are any, and then in the current chunk.
pub(super) struct Remainder<'c> {
    pub(super) again: Option<Vec<u8>>,
    pub(super) rest: &'c [u8],
}

/// The first bytes of a record, as many as a reject keeps.
pub(super) fn head<'a>(earlier: &'a [u8], here: &'a [u8], length: usize) -> Cow<'a, [u8]> {
    let length = length.min(RAW);
    match earlier.get(..length) {
        Some(head) => head.into(),
        None if earlier.is_empty() => here.get(..length).unwrap_or(here).into(),
        None => {
            let here = here.get(..length - earlier.len()).unwrap_or(here);
            [earlier, here].concat().into()
        }
    }
}

/// A reader that will not take away a byte order mark by itself: it would only where the mark is not split by a chunk.
pub(super) fn fresh_reader() -> Reader {
    let mut reader = Reader::new();
    reader.read_field(b"\n", &mut [0]);
    reader
}
