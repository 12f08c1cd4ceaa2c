//! Reads a report that comes as comma-separated values, in chunks of any size.
//!
//! A [`Table`] takes bytes and calls back with a [`Row`] for each record below the [header](crate::header). It accepts
//! what reports are known to contain: a byte order mark, a quoted identifier before the header (on a line of its own, or
//! joined to the header by a comma), any line ending, quotes with line breaks inside, spaces after commas, blank lines.
//! A record that does not fit becomes a reject with its line, and the rest of the document goes on.
//!
//! ```
//! use plugin_sdk::{Activity, Batch, Event, Outcome, Principal, table::{Column, Row, Table}};
//!
//! static COLUMNS: [Column; 1] = [Column { meaning: "user", aliases: &["username", "user"], required: true }];
//!
//! let event = |row: &Row<'_>| {
//!     let user = row.cell(0).ok_or("the row names no user")?;
//!     Ok(Event::new(0, Activity::Logon, Outcome::Success, Principal::named(user)))
//! };
//! let (mut table, mut batch) = (Table::new(&COLUMNS), Batch::default());
//! table.push(b"\"4fB=\"\r\nUser Name, City\r\nAda, Lon", &mut batch, event)?;
//! table.push(b"don\r\n", &mut batch, event)?;
//! table.finish(&mut batch, event)?;
//! assert_eq!(batch.events[0].subject.name, "Ada");
//! # Ok::<(), plugin_sdk::Fault>(())
//! ```
//!
//! A document of no bytes, or of a header only, is a report without rows.

pub use crate::header::Column;

use crate::header::{Header, Match};
use crate::{Batch, Event, Fault};
use csv_core::{ReadFieldResult, Reader};
use std::borrow::Cow;
use std::ops::Range;

/// The longest record, and so the longest cell, in bytes.
pub const MAX_RECORD: usize = 1 << 20;
/// The most cells in a record.
pub const MAX_CELLS: usize = 1024;
/// How many records are tried as the header.
const HEADER_WITHIN: usize = 8;
const RAW: usize = crate::build::MAX_RAW;
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Why a row is no event, without the row's content.
pub type Reason = Cow<'static, str>;

/// A reader of one document.
pub struct Table {
    columns: &'static [Column],
    stage: Stage,
    reader: Reader,
    /// How much of the byte order mark has been seen; 3 once it is over.
    bom: usize,
    /// The line that the next byte stands on, from 1.
    line: u64,
    after_cr: bool,
    /// Within a record that is too long: skipping to the next line.
    discarding: bool,
    record: Option<Record>,
    cells: Cells,
    /// The first bytes of a record that began in an earlier chunk.
    raw: Vec<u8>,
}

enum Stage {
    /// What the records so far were that are no header: known columns, missing ones, and the record.
    Preamble(Vec<(usize, Vec<&'static str>, String)>),
    Rows(Header),
}

/// The record that is being read.
#[derive(Clone, Copy)]
struct Record {
    line: u64,
    cell: Option<Cell>,
    first_quoted: bool,
}

/// The cell that is being read: whether it began with a quote, and whether the quotes so far make pairs.
#[derive(Clone, Copy)]
struct Cell {
    quoted: bool,
    open: bool,
}

/// The cells of a record, one after the other.
struct Cells {
    bytes: Vec<u8>,
    used: usize,
    ends: Vec<usize>,
}

/// A row whose cells are UTF-8 and as many as the header has.
pub struct Row<'a> {
    header: &'a Header,
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    /// The cell of a known column; none where the report has no such column or the cell is empty.
    pub fn cell(&self, column: usize) -> Option<&'a str> {
        Some(self.at(self.header.place(column)?)).filter(|cell| !cell.is_empty())
    }

    /// The heading of a known column, as the report writes it.
    pub fn heading(&self, column: usize) -> Option<&'a str> {
        Some(self.header.heading(self.header.place(column)?))
    }

    /// Heading and content of the cells that no known column takes, but for empty ones.
    pub fn unplaced(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        (0..self.ends.len())
            .filter(|place| self.header.is_unplaced(*place))
            .map(|place| (self.header.heading(place), self.at(place)))
            .filter(|(_, cell)| !cell.is_empty())
    }

    fn at(&self, place: usize) -> &'a str {
        self.text.get(range(self.ends, place)).unwrap_or_default()
    }
}

fn range(ends: &[usize], place: usize) -> Range<usize> {
    let start = place
        .checked_sub(1)
        .and_then(|before| ends.get(before))
        .copied()
        .unwrap_or(0);
    start..ends.get(place).copied().unwrap_or(start)
}

impl Table {
    /// A reader for a report with these columns. A [`Row`] is asked by their position here.
    pub fn new(columns: &'static [Column]) -> Table {
        Table {
            columns,
            stage: Stage::Preamble(Vec::new()),
            reader: fresh_reader(),
            bom: 0,
            line: 1,
            after_cr: false,
            discarding: false,
            record: None,
            cells: Cells {
                bytes: vec![0; 4096],
                used: 0,
                ends: Vec::new(),
            },
            raw: Vec::new(),
        }
    }

    /// Takes the next bytes. Fails where the document has no header, with what stands in its place.
    pub fn push<F>(&mut self, chunk: &[u8], batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: FnMut(&Row<'_>) -> Result<Event, Reason>,
    {
        let mut rest = self.skip_bom(chunk);
        // Where the current record's bytes begin in this chunk.
        let mut begin = rest;
        while let Some(&byte) = rest.first() {
            let Some(mut record) = self.record else {
                match byte {
                    b'\n' | b'\r' => {
                        self.count_line(byte);
                        self.discarding = false;
                    }
                    b' ' | b'\t' => self.after_cr = false,
                    _ if self.discarding => self.after_cr = false,
                    _ => {
                        self.record = Some(Record {
                            line: self.line,
                            cell: None,
                            first_quoted: byte == b'"',
                        });
                        self.after_cr = false;
                        begin = rest;
                        continue;
                    }
                }
                rest = rest.get(1..).unwrap_or_default();
                continue;
            };
            let mut cell = match record.cell {
                Some(cell) => cell,
                None if matches!(byte, b' ' | b'\t') => {
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                None => Cell {
                    quoted: byte == b'"',
                    open: false,
                },
            };
            let (result, read, written) = self.reader.read_field(rest, self.cells.free());
            let (consumed, after) = rest.split_at_checked(read).unwrap_or((rest, &[]));
            self.cells.used += written;
            if cell.quoted {
                for &byte in consumed {
                    cell.open ^= byte == b'"';
                    self.count_line(byte);
                }
            }
            rest = after;
            record.cell = Some(cell);
            match result {
                ReadFieldResult::OutputFull => {
                    if !self.cells.grow() {
                        let raw = raw_of(&mut self.raw, begin, rest);
                        self.give_up(&record, &raw, "the record is longer than 1 MiB", batch)?;
                        continue;
                    }
                }
                ReadFieldResult::Field { record_end } => {
                    record.cell = None;
                    self.cells.end(cell.quoted);
                    if record_end {
                        if let (false, Some(&byte)) = (cell.quoted, consumed.last()) {
                            self.count_line(byte);
                        }
                        let raw = raw_of(&mut self.raw, begin, rest);
                        self.complete(&record, &raw, batch, &mut event)?;
                        continue;
                    }
                    if self.cells.ends.len() >= MAX_CELLS {
                        let raw = raw_of(&mut self.raw, begin, rest);
                        self.give_up(&record, &raw, "the record has more than 1024 cells", batch)?;
                        continue;
                    }
                }
                ReadFieldResult::InputEmpty | ReadFieldResult::End => {}
            }
            self.record = Some(record);
        }
        if self.record.is_some() {
            let room = RAW.saturating_sub(self.raw.len()).min(begin.len());
            self.raw.extend_from_slice(begin.get(..room).unwrap_or_default());
        }
        Ok(())
    }

    /// Takes note that the document is complete.
    pub fn finish<F>(&mut self, batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: FnMut(&Row<'_>) -> Result<Event, Reason>,
    {
        if let Some(record) = self.record {
            let raw = raw_of(&mut self.raw, &[], &[]);
            let cell = record.cell.unwrap_or(Cell {
                quoted: false,
                open: false,
            });
            self.cells.end(cell.quoted);
            if cell.open {
                self.give_up(&record, &raw, "the document ends within quotes", batch)?;
            } else {
                self.complete(&record, &raw, batch, &mut event)?;
            }
        }
        match &self.stage {
            Stage::Preamble(seen) if !seen.is_empty() => Err(no_header(seen)),
            _ => Ok(()),
        }
    }

    /// Counts a line break; the second byte of a CR LF is none.
    fn count_line(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\r' || byte == b'\n' && !self.after_cr);
        self.after_cr = byte == b'\r';
    }

    fn skip_bom<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        let mut rest = chunk;
        while let (Some(expected), Some((byte, after))) = (BOM.get(self.bom), rest.split_first()) {
            if byte != expected {
                // What looked like the start of a mark cannot begin a heading either, and is left out.
                self.bom = BOM.len();
                break;
            }
            self.bom += 1;
            rest = after;
        }
        rest
    }

    /// Rejects the record and goes on with the next line.
    fn give_up(&mut self, record: &Record, raw: &[u8], reason: &'static str, batch: &mut Batch) -> Result<(), Fault> {
        self.record = None;
        self.cells.clear();
        self.reader = fresh_reader();
        self.discarding = true;
        match &mut self.stage {
            Stage::Preamble(seen) => not_a_header(seen, 0, Vec::new(), raw),
            Stage::Rows(_) => {
                batch.reject(record.line, reason, raw);
                Ok(())
            }
        }
    }

    fn complete<F>(&mut self, record: &Record, raw: &[u8], batch: &mut Batch, event: &mut F) -> Result<(), Fault>
    where
        F: FnMut(&Row<'_>) -> Result<Event, Reason>,
    {
        self.record = None;
        let result = match &mut self.stage {
            Stage::Rows(header) => {
                match row(header, &self.cells).and_then(|row| event(&row)) {
                    Ok(event) => batch.events.push(event),
                    Err(reason) => batch.reject(record.line, reason, raw),
                }
                Ok(())
            }
            Stage::Preamble(seen) => {
                let cells = self
                    .cells
                    .iter()
                    .map(|cell| String::from_utf8_lossy(cell).into_owned())
                    .collect();
                match Header::find(cells, record.first_quoted, self.columns) {
                    Match::Header(header) => {
                        self.stage = Stage::Rows(header);
                        Ok(())
                    }
                    Match::Short(known, missing) => not_a_header(seen, known, missing, raw),
                }
            }
        };
        self.cells.clear();
        result
    }
}

/// A reader that will not take away a byte order mark by itself: it would only where the mark is not split by a chunk.
fn fresh_reader() -> Reader {
    let mut reader = Reader::new();
    reader.read_field(b"\n", &mut [0]);
    reader
}

/// The bytes of a record that ends where `rest` begins, without its line ending.
fn raw_of<'a>(earlier: &mut Vec<u8>, begin: &'a [u8], rest: &[u8]) -> Cow<'a, [u8]> {
    let here = begin.get(..begin.len().saturating_sub(rest.len())).unwrap_or_default();
    if earlier.is_empty() {
        return Cow::Borrowed(here);
    }
    let mut raw = std::mem::take(earlier);
    let room = RAW.saturating_sub(raw.len()).min(here.len());
    raw.extend_from_slice(here.get(..room).unwrap_or_default());
    Cow::Owned(raw)
}

fn row<'a>(header: &'a mut Header, cells: &'a Cells) -> Result<Row<'a>, Reason> {
    let count = cells.ends.len();
    if !header.fits(count) {
        return Err(format!("the row has {count} cells where the header has {}", header.width()).into());
    }
    let text = cells
        .bytes
        .get(..cells.used)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    match text {
        // Cells that end within a character could make a valid text together.
        Some(text) if cells.ends.iter().all(|end| text.is_char_boundary(*end)) => Ok(Row {
            header,
            text,
            ends: &cells.ends,
        }),
        _ => Err("the row is not valid UTF-8".into()),
    }
}

fn not_a_header(
    seen: &mut Vec<(usize, Vec<&'static str>, String)>,
    known: usize,
    missing: Vec<&'static str>,
    raw: &[u8],
) -> Result<(), Fault> {
    let mut shown: String = String::from_utf8_lossy(raw).trim_end().chars().take(200).collect();
    if shown.len() < raw.trim_ascii_end().len() {
        shown.push('…');
    }
    seen.push((known, missing, shown));
    if seen.len() < HEADER_WITHIN {
        Ok(())
    } else {
        Err(no_header(seen))
    }
}

fn no_header(seen: &[(usize, Vec<&'static str>, String)]) -> Fault {
    // The record that is most like a header, the first of equals.
    let best = seen.iter().rev().max_by_key(|(known, _, _)| *known);
    let (missing, shown) = best.map_or((String::new(), ""), |(_, missing, shown)| {
        (missing.join(" and no "), shown)
    });
    let missing = if missing.is_empty() { "known".into() } else { missing };
    Fault::malformed_document(format!("the report has no {missing} column: its header is \"{}\"", shown.escape_debug()))
        .hint("open an issue with the first lines of the file, with names and addresses replaced, so that its columns can be added")
}

impl Cells {
    fn free(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.used..).unwrap_or_default()
    }

    /// Makes room, but not for more than a record may have.
    fn grow(&mut self) -> bool {
        let room = self.bytes.len() < MAX_RECORD;
        if room {
            self.bytes.resize((self.bytes.len() * 2).min(MAX_RECORD), 0);
        }
        room
    }

    /// Ends a cell. Spaces around an unquoted one are the writer's style; within quotes they are content.
    fn end(&mut self, quoted: bool) {
        let start = self.ends.last().copied().unwrap_or(0);
        if !quoted {
            let cell = self.bytes.get(start..self.used).unwrap_or_default();
            let trimmed = cell
                .iter()
                .rev()
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count();
            self.used -= trimmed;
        }
        self.ends.push(self.used);
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|place| self.bytes.get(range(&self.ends, place)).unwrap_or_default())
    }

    fn clear(&mut self) {
        self.used = 0;
        self.ends.clear();
    }
}
