//! Splits the records that nearly all reports consist of: whole in the chunk, on one line, with quotes only around whole
//! cells. Whatever is not so is left to the reader of [`table`](crate::table), which knows every case; what both can read
//! they read alike.

use crate::marks::{BLOCK, Marks, marks};

/// The most cells in a record.
pub const MAX_CELLS: usize = 1024;

/// The place of a cell in its record: its first byte, and the first behind it.
pub(crate) type CellSpan = (usize, usize);

/// A record that goes on for longer is not plain, so that little is read twice.
const MOST: usize = 64 << 10;

/// The plain records that some bytes begin with, one after the other.
pub(crate) struct PlainRecords<'a> {
    bytes: &'a [u8],
    /// The position at which the next record begins.
    at: usize,
    /// The position at which the block begins that the marks are of.
    block: usize,
    marks: Marks,
}

impl<'a> PlainRecords<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        PlainRecords {
            bytes,
            at: 0,
            block: 0,
            marks: marks(bytes),
        }
    }

    /// The position at which the next record begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The byte that the next record begins with.
    pub(crate) fn first(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Splits the next record, and says how long it is up to the end of its line; none where it is not plain. The line end
    /// is one byte, or CR LF.
    #[inline(always)]
    pub(crate) fn next(&mut self, spans: &mut Vec<CellSpan>) -> Option<usize> {
        spans.clear();
        let start = self.at;
        let mut at = start;
        loop {
            at = self.skip_blanks(at);
            let span = if self.bytes.get(at) == Some(&b'"') {
                let first = at + 1;
                let end = self.find(first, |marks| marks.quoted)?;
                if self.bytes.get(end) != Some(&b'"') {
                    return None;
                }
                at = self.skip_blanks(end + 1);
                (first, end)
            } else {
                let first = at;
                at = self.find(first, |marks| marks.bare)?;
                let end = match self.bytes.get(at.wrapping_sub(1)) {
                    Some(b' ' | b'\t') => before_blanks(self.bytes, first, at),
                    _ => at,
                };
                (first, end)
            };
            if at - start >= MOST {
                return None;
            }
            spans.push((span.0 - start, span.1 - start));
            match self.bytes.get(at)? {
                b',' if spans.len() < MAX_CELLS => at += 1,
                b'\n' => {
                    self.at = at + 1;
                    return Some(at - start);
                }
                b'\r' => {
                    let line_feed = self.bytes.get(at + 1) == Some(&b'\n');
                    self.at = at + 1 + usize::from(line_feed);
                    return Some(at - start);
                }
                _ => return None,
            }
        }
    }

    #[inline(always)]
    fn skip_blanks(&self, at: usize) -> usize {
        match self.bytes.get(at) {
            Some(b' ' | b'\t') => behind_blanks(self.bytes, at),
            _ => at,
        }
    }

    /// The first mark of a kind from `at` on, which is in the block that was looked at last or behind it.
    #[inline(always)]
    fn find(&mut self, at: usize, kind: impl Fn(Marks) -> u64) -> Option<usize> {
        let ahead = at - self.block;
        if ahead < BLOCK {
            let marks = kind(self.marks) >> ahead;
            if marks != 0 {
                return Some(at + marks.trailing_zeros() as usize);
            }
        }
        loop {
            self.block += BLOCK;
            self.marks = marks(self.bytes.get(self.block..).filter(|rest| !rest.is_empty())?);
            let ahead = at.saturating_sub(self.block);
            if ahead < BLOCK {
                let marks = kind(self.marks) >> ahead;
                if marks != 0 {
                    return Some(self.block + ahead + marks.trailing_zeros() as usize);
                }
            }
        }
    }
}

// Blanks are rare, and a loop that is not entered still asks whether time is up.
#[cold]
fn behind_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_blank(**byte)).count()
}

#[cold]
fn before_blanks(bytes: &[u8], first: usize, at: usize) -> usize {
    let cell = bytes.get(first..at).unwrap_or_default();
    at - cell.iter().rev().take_while(|byte| is_blank(**byte)).count()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(record: &str) -> Option<Vec<&str>> {
        let mut spans = Vec::new();
        PlainRecords::of(record.as_bytes()).next(&mut spans)?;
        spans.iter().map(|(start, end)| record.get(*start..*end)).collect()
    }

    #[test]
    fn a_record_on_one_line_is_split() {
        for (record, wanted) in [
            ("a,b\nc,d\n", vec!["a", "b"]),
            ("a,\r", vec!["a", ""]),
            (",\n", vec!["", ""]),
            ("a b , \tc\t\r\n", vec!["a b", "c"]),
            ("\"a, b\" ,\"\",c\n", vec!["a, b", "", "c"]),
            ("\" a \"\r\n", vec![" a "]),
            ("ä,é\n", vec!["ä", "é"]),
        ] {
            assert_eq!(cells(record), Some(wanted), "{record:?}");
        }
    }

    #[test]
    fn records_follow_each_other_wherever_blocks_end() {
        for length in 0..200 {
            let (long, mut spans) = ("x".repeat(length), Vec::new());
            let rows = [
                format!("{long},b\r\n"),
                format!("\"{long}\",\n"),
                format!(" {long} \r"),
                format!("a,{long}\r\n"),
            ];
            let text = rows.concat();
            let mut records = PlainRecords::of(text.as_bytes());
            for row in &rows {
                let (start, found) = (records.at(), records.next(&mut spans));
                let line = &text[start..];
                assert_eq!(
                    found.map(|end| &line[..end]),
                    Some(row.trim_end_matches(['\r', '\n'])),
                    "{length}"
                );
                let cells: Vec<_> = spans.iter().map(|(start, end)| &line[*start..*end]).collect();
                let expected = row
                    .trim_end_matches(['\r', '\n'])
                    .split(',')
                    .map(|cell| cell.trim_matches([' ', '"']));
                assert_eq!(cells, expected.collect::<Vec<_>>(), "{length}");
            }
            assert_eq!(records.at(), text.len());
            assert_eq!(records.next(&mut spans), None);
        }
    }

    #[test]
    fn a_record_that_needs_a_closer_look_is_left_alone() {
        for record in [
            "",
            "a,b",
            "1234567,",
            "a,\"b",
            "a,\"b\"",
            "a,\"b\nc\"\n",
            "a,\"b\"\"c\"\n",
            "a,\"b\"c\n",
            "a,b\"c\n",
        ] {
            assert_eq!(cells(record), None, "{record:?}");
        }
        assert_eq!(cells(&format!("{}\n", "a,".repeat(MAX_CELLS))), None);
        assert_eq!(cells(&format!("{}\n", "a".repeat(MOST))), None);
    }
}
