//! Reads a report that comes as comma-separated values, in chunks of any size.
//!
//! A [`Table`] takes bytes and calls back with a [`Row`] for each record below the header. It accepts
//! what reports are known to contain: a byte order mark, a quoted identifier before the header (on a line of its own, or
//! joined to the header by a comma), any line ending, quotes with line breaks inside, spaces after commas, blank lines.
//! A record that does not fit becomes a reject with its line, and the rest of the document goes on; so does a row whose event
//! would be larger than 1 MiB. A heading has at most 512 bytes, or the document fails: each event repeats it. Where such a record
//! ran over several lines, as one with a stray quote does, only its first line is lost: the others are read as rows.
//!
//! ```
//! use plugin_sdk::{Activity, Batch, Event, Outcome, Principal, table::{Column, Reason, Row, Table}};
//!
//! static COLUMNS: [Column; 1] = [Column { meaning: "user", aliases: &["username", "user"], required: true }];
//!
//! fn event(row: Row<'_>) -> Result<Event<'_>, Reason> {
//!     let user = row.cell(0).ok_or("the row names no user")?;
//!     Ok(Event::new(0, Activity::Logon, Outcome::Success, Principal::named(user)))
//! }
//! let (mut table, mut batch) = (Table::new(&COLUMNS), Batch::default());
//! table.push(b"\"4fB=\"\r\nUser Name, City\r\nAda, Lon", &mut batch, event)?;
//! table.push(b"don\r\n", &mut batch, event)?;
//! table.finish(&mut batch, event)?;
//! assert_eq!(batch.events().next().unwrap().subject.name, "Ada");
//! # Ok::<(), plugin_sdk::Fault>(())
//! ```
//!
//! A row whose [`time`](Row::time) is in numbers that could be day and month or month and day waits until the document is
//! over, since another row may settle which it is. Up to 100,000 rows or 16 MiB wait; where more would, those that do are
//! read by what is known then.
//!
//! A document of no bytes, or of a header only, is a report without rows; so is one that says in words that it has none, or
//! holds only the identifier. One whose last line has no end and too few
//! cells breaks off there, and [fails](Table::finish).

mod cells;
mod preamble;
mod record;
mod row;
mod valid;

pub use crate::header::Column;
pub use crate::plain::MAX_CELLS;
pub use cells::MAX_RECORD;
pub use row::{Reason, Row};

use crate::header::{HeaderRow, Match};
use crate::held::{HeldRecord, HeldRecords};
use crate::nothing;
use crate::plain::{CellSpan, PlainRecords};
use crate::time::Orders;
use crate::{Batch, Event, Fault};
use cells::{Cells, Quotes};
use csv_core::{ReadFieldResult, Reader};
use preamble::{TableStage, breaks_off, has_no_rows, no_header, not_a_header};
use record::{Ending, LineBreak, OpenRecord, Remainder, fresh_reader, head};
use row::{row, take};
use valid::Valid;

const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// A reader of one document.
pub struct Table {
    columns: &'static [Column],
    stage: TableStage,
    reader: Reader,
    /// The bytes of the byte order mark that have been seen; 3 once it is over.
    bom: usize,
    /// The line that the next byte stands on, from 1.
    line: u64,
    after_cr: bool,
    /// Within a record that is too long: skipping to the next line.
    discarding: bool,
    record: Option<OpenRecord>,
    cells: Cells,
    /// The cells of the row that is being made an event.
    spans: Vec<CellSpan>,
    /// The bytes of the current record that came in earlier chunks.
    raw: Vec<u8>,
    /// The order of dates that are three numbers, and the rows that wait until it is known.
    orders: Orders,
    held: HeldRecords,
    /// True once there was a row.
    rows: bool,
    /// The line and text below the header that say there are no rows.
    said: Option<(u64, String)>,
}

impl Table {
    /// A reader for a report with these columns. A [`Row`] is asked by their position here.
    pub fn new(columns: &'static [Column]) -> Table {
        Table {
            columns,
            stage: TableStage::Preamble(Vec::new()),
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
            spans: Vec::with_capacity(16),
            raw: Vec::new(),
            orders: Orders::default(),
            held: HeldRecords::default(),
            rows: false,
            said: None,
        }
    }

    /// Takes the next bytes. Fails where the document has no header, with what stands in its place.
    pub fn push<F>(&mut self, chunk: &[u8], batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: FnMut(Row<'_>) -> Result<Event<'_>, Reason>,
    {
        let mut rest = self.skip_bom(chunk);
        loop {
            let next = self.read(rest, batch, &mut event)?;
            let Some(again) = next.again else {
                return Ok(());
            };
            // Begins with a row of its own, so nothing earlier can be asked for.
            self.read(&again, batch, &mut event)?;
            rest = next.rest;
        }
    }

    /// Reads a chunk to its end, or until bytes of earlier chunks must be read again.
    fn read<'c, F>(&mut self, chunk: &'c [u8], batch: &mut Batch, event: &mut F) -> Result<Remainder<'c>, Fault>
    where
        F: FnMut(Row<'_>) -> Result<Event<'_>, Reason>,
    {
        let mut rest = chunk;
        // Where the current record's bytes begin in this chunk.
        let mut begin = rest;
        let mut valid = Valid::default();
        while let Some(&byte) = rest.first() {
            let Some(mut record) = self.record else {
                let after = self.plain_rows(rest, &mut valid, batch, event);
                if after.len() < rest.len() {
                    rest = after;
                    if self.held.is_full() {
                        self.release(batch, event);
                    }
                    continue;
                }
                match byte {
                    b'\n' | b'\r' => {
                        self.count_line(byte);
                        self.discarding = false;
                    }
                    b' ' | b'\t' => self.after_cr = false,
                    _ if self.discarding => self.after_cr = false,
                    _ => {
                        self.after_cr = false;
                        self.record = Some(OpenRecord {
                            line: self.line,
                            cell: None,
                            first_quoted: byte == b'"',
                            line_break: None,
                            flaw: None,
                        });
                        begin = rest;
                        continue;
                    }
                }
                rest = rest.get(1..).unwrap_or_default();
                continue;
            };
            let length = self.raw.len() + begin.len().saturating_sub(rest.len());
            let ending = if length >= MAX_RECORD {
                record.flaw.get_or_insert("the record is longer than 1 MiB");
                Some(Ending::Flaw)
            } else if record.cell.is_none() && matches!(byte, b' ' | b'\t') {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            } else {
                let input = rest.get(..MAX_RECORD - length).unwrap_or(rest);
                let (read, ending) = self.read_cell(&mut record, input, length);
                rest = rest.get(read..).unwrap_or_default();
                ending
            };
            let Some(ending) = ending else {
                self.record = Some(record);
                continue;
            };
            let next = self.close(&record, begin, rest, ending, batch, event)?;
            if next.again.is_some() {
                return Ok(next);
            }
            rest = next.rest;
        }
        if self.record.is_some() {
            self.raw.extend_from_slice(begin);
        }
        Ok(Remainder { again: None, rest })
    }

    /// Makes events and rejects of the rows that `rest` begins with, as long as they are plain ones that fit. Says what
    /// follows.
    // Apart from the other reader, whose many values would take the registers.
    #[inline(never)]
    fn plain_rows<'c, F>(&mut self, rest: &'c [u8], valid: &mut Valid<'c>, batch: &mut Batch, event: &mut F) -> &'c [u8]
    where
        F: FnMut(Row<'_>) -> Result<Event<'_>, Reason>,
    {
        let (TableStage::Rows(header), false) = (&mut self.stage, self.discarding) else {
            return rest;
        };
        // What stands between rows, or could, is not for here.
        let is_row = |first: &u8| !matches!(first, b'\n' | b'\r' | b' ' | b'\t');
        if !rest.first().is_some_and(is_row) {
            return rest;
        }
        // Cells end at ASCII, so what is valid before and behind them is valid within.
        let mut text = valid.from(rest);
        let mut records = PlainRecords::of(rest);
        let mut done = 0;
        while records.first().as_ref().is_some_and(is_row)
            && !self.held.is_full()
            && let Some(length) = records.next(&mut self.spans)
            && header.fits(self.spans.len())
            && let Some((line, behind)) = text.split_at_checked(records.at() - done)
        {
            let (header, spans) = (&*header, self.spans.as_slice());
            let row = Row {
                header,
                text: line,
                spans,
                orders: &self.orders,
            };
            if let Err(reason) = take(row, batch, event) {
                if self.orders.is_waited_for() {
                    self.held.push(HeldRecord {
                        line: self.line,
                        text: line.into(),
                        spans: spans.into(),
                        raw: None,
                    });
                } else {
                    batch.reject(self.line, reason, &head(&[], line.as_bytes(), length));
                }
            }
            self.line += 1;
            self.after_cr = line.ends_with('\r');
            (text, done) = (behind, records.at());
        }
        self.rows |= done > 0;
        rest.get(done..).unwrap_or_default()
    }

    /// Reads on in a cell whose next byte is the record's at `length`. Says how far, and whether the record is over.
    fn read_cell(&mut self, record: &mut OpenRecord, input: &[u8], length: usize) -> (usize, Option<Ending>) {
        let quoted = input.first() == Some(&b'"');
        let mut quotes = record.cell.unwrap_or(if quoted { Quotes::Ahead } else { Quotes::None });
        let (result, read, written) = self.reader.read_field(input, self.cells.free());
        let consumed = input.get(..read).unwrap_or(input);
        self.cells.used += written;
        if quotes != Quotes::None {
            for (end, &byte) in (length + 1..).zip(consumed) {
                quotes = match (quotes, byte) {
                    (Quotes::Ahead, _) | (Quotes::Closed(0), b'"') => Quotes::Open,
                    (Quotes::Open, b'"') => Quotes::Closed(0),
                    (Quotes::Open, b'\r' | b'\n') => {
                        record.line_break.get_or_insert(LineBreak { end, byte });
                        Quotes::Open
                    }
                    (Quotes::Closed(blanks), b' ' | b'\t') => Quotes::Closed(blanks + 1),
                    (Quotes::Open, _) | (Quotes::Closed(_), b',' | b'\r' | b'\n') => quotes,
                    (Quotes::Closed(_), _) => {
                        record.flaw.get_or_insert("the row has text after a closing quote");
                        Quotes::Broken
                    }
                    (Quotes::None | Quotes::Broken, _) => quotes,
                };
                self.count_line(byte);
            }
        }
        record.cell = Some(quotes);
        let mut ending = None;
        match result {
            ReadFieldResult::OutputFull => self.cells.grow(),
            ReadFieldResult::Field { record_end } => {
                record.cell = None;
                self.cells.end(quotes);
                if record_end {
                    if let (Quotes::None, Some(&byte)) = (quotes, consumed.last()) {
                        self.count_line(byte);
                    }
                    ending = Some(Ending::Line);
                } else if self.cells.ends.len() >= MAX_CELLS {
                    record.flaw.get_or_insert("the record has more than 1024 cells");
                    ending = Some(Ending::Flaw);
                } else if let (Some(_), TableStage::Rows(header)) = (record.line_break, &self.stage)
                    && self.cells.ends.len() >= header.width()
                {
                    // Not left to the end of the record, so that lines are not read again and again.
                    record.flaw.get_or_insert("the row has more cells than the header");
                }
            }
            ReadFieldResult::InputEmpty | ReadFieldResult::End => {}
        }
        if record.flaw.is_some() && record.line_break.is_some() {
            ending = Some(Ending::Flaw);
        }
        (read, ending)
    }

    /// Takes note that the document is complete. Fails where it has no header, or breaks off within a row.
    pub fn finish<F>(&mut self, batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: FnMut(Row<'_>) -> Result<Event<'_>, Reason>,
    {
        while let Some(mut record) = self.record {
            let quotes = record.cell.unwrap_or(Quotes::None);
            self.cells.end(quotes);
            if quotes == Quotes::Open {
                record.flaw.get_or_insert("the document ends within quotes");
            }
            let next = self.close(&record, &[], &[], Ending::Document, batch, &mut event)?;
            if let Some(again) = next.again {
                self.read(&again, batch, &mut event)?;
            }
        }
        self.release(batch, &mut event);
        if let Some((line, said)) = self.said.take().filter(|_| self.rows) {
            batch.reject(line, "the row has 1 cell", said.as_bytes());
        }
        match &self.stage {
            TableStage::Preamble(seen) if !seen.is_empty() && !has_no_rows(seen) => Err(no_header(seen)),
            _ => Ok(()),
        }
    }

    /// Reads the rows that waited, now that all is known that will be, or that no more can wait.
    #[cold]
    fn release<F>(&mut self, batch: &mut Batch, event: &mut F)
    where
        F: FnMut(Row<'_>) -> Result<Event<'_>, Reason>,
    {
        self.orders.decide();
        let TableStage::Rows(header) = &self.stage else { return };
        for waiting in self.held.take() {
            let row = Row {
                header,
                text: &waiting.text,
                spans: &waiting.spans,
                orders: &self.orders,
            };
            if let Err(reason) = take(row, batch, event) {
                batch.reject(waiting.line, reason, waiting.raw());
            }
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

    /// Makes an event, a reject or the header of a record whose bytes end where `rest` begins.
    fn close<'c, F>(
        &mut self,
        record: &OpenRecord,
        begin: &'c [u8],
        rest: &'c [u8],
        ending: Ending,
        batch: &mut Batch,
        event: &mut F,
    ) -> Result<Remainder<'c>, Fault>
    where
        F: FnMut(Row<'_>) -> Result<Event<'_>, Reason>,
    {
        self.record = None;
        let mut earlier = std::mem::take(&mut self.raw);
        let length = earlier.len() + begin.len().saturating_sub(rest.len());
        let first_line = record.line_break.map_or(length, |line_break| line_break.end);
        let mut fits = true;
        match &mut self.stage {
            TableStage::Rows(header) => {
                let count = self.cells.ends.len();
                if record.flaw.is_none() && header.fits(count) {
                    self.rows = true;
                } else if count == 1
                    && self.said.is_none()
                    && record.flaw.is_none()
                    && let Ok(text) = std::str::from_utf8(self.cells.text())
                    && nothing::is_said_by(text)
                {
                    self.said = Some((record.line, text.to_owned()));
                    self.cells.clear();
                    earlier.clear();
                    self.raw = earlier;
                    return Ok(Remainder { again: None, rest });
                }
                let read = match record.flaw {
                    Some(flaw) => Err((flaw.into(), true)),
                    None if header.fits(count) => row(header, &self.cells, &mut self.spans, &self.orders)
                        .and_then(|row| take(row, batch, event))
                        .map_err(|reason| (reason, false)),
                    None => {
                        let width = header.width();
                        let cells = if count == 1 { "cell" } else { "cells" };
                        let reason = format!("{count} {cells} instead of {width}");
                        Err((reason.into(), true))
                    }
                };
                if let Err((reason, misfit)) = read {
                    fits = !misfit;
                    if misfit && ending == Ending::Document && record.line_break.is_none() {
                        let count = match record.flaw {
                            // Its quotes may be strays, that no cell was cut short by.
                            Some(_) => earlier.iter().filter(|byte| **byte == b',').count() + 1,
                            None => count,
                        };
                        if !header.fits(count) && count < header.width() {
                            return Err(breaks_off(record.line));
                        }
                    }
                    let shown = if misfit { first_line } else { length };
                    let raw = head(&earlier, begin, shown);
                    if self.orders.is_waited_for() {
                        self.held.push(HeldRecord {
                            line: record.line,
                            text: String::from_utf8_lossy(self.cells.text()).into_owned(),
                            spans: self.spans.clone(),
                            raw: Some(raw.into()),
                        });
                    } else {
                        batch.reject(record.line, reason, &raw);
                    }
                }
            }
            TableStage::Preamble(seen) => {
                let found = if record.flaw.is_some() {
                    Match::Short(0, Vec::new())
                } else {
                    let cells = self.cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
                    HeaderRow::find(cells.collect(), record.first_quoted, self.columns)
                };
                match found {
                    Match::Header(header) => {
                        header.check().map_err(Fault::malformed_document)?;
                        self.stage = TableStage::Rows(header);
                    }
                    Match::Short(known, missing) => {
                        fits = false;
                        not_a_header(seen, known, missing, &head(&earlier, begin, first_line))?;
                    }
                }
            }
        }
        self.cells.clear();
        if ending != Ending::Line || !fits {
            self.reader = fresh_reader();
        }
        if let (false, Some(LineBreak { end, byte })) = (fits, record.line_break) {
            self.line = record.line + 1;
            self.after_cr = byte == b'\r';
            return Ok(match end.checked_sub(earlier.len()) {
                Some(here) => {
                    earlier.clear();
                    self.raw = earlier;
                    let rest = begin.get(here..).unwrap_or_default();
                    Remainder { again: None, rest }
                }
                None => {
                    earlier.drain(..end);
                    let again = Some(earlier);
                    Remainder { again, rest: begin }
                }
            });
        }
        self.discarding = ending == Ending::Flaw;
        earlier.clear();
        self.raw = earlier;
        Ok(Remainder { again: None, rest })
    }
}
