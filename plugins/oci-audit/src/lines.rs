//! Cuts a document into its lines, in chunks of any size: the host gives one record a line.
//!
//! The reader of JSON records in the SDK makes an event or a reject of each line. Of a busy tenancy's events most are not wanted, and
//! are neither.

use memchr::memchr;

/// The longest line, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// A line, or the beginning of one that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordLine<'a> {
    /// A whole line, without its end.
    Whole(&'a [u8]),
    /// The first [`MAX_LINE`] bytes of a line that has more.
    TooLong(&'a [u8]),
}

impl<'a> RecordLine<'a> {
    fn too_long(line: &'a [u8]) -> RecordLine<'a> {
        RecordLine::TooLong(line.get(..MAX_LINE).unwrap_or(line))
    }
}

/// A document that is being cut.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// The number of lines that have ended.
    ended: u64,
    /// Within a line that is too long: skipping to the next.
    discarding: bool,
}

impl LineSplitter {
    /// Takes the next bytes, and hands on each line that they complete with its number, from 1. Lines of white space are none.
    pub fn push(&mut self, chunk: &[u8], mut take: impl FnMut(u64, RecordLine<'_>)) {
        let mut rest = chunk;
        while let Some(length) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.line(line, &mut take);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, &mut take);
                // Keeps the allocation for the next line that a chunk cuts.
                whole.clear();
                self.partial = whole;
            }
            self.ended += 1;
            self.discarding = false;
        }
        if !self.discarding {
            self.partial.extend_from_slice(rest);
            if self.partial.len() > MAX_LINE {
                take(self.ended + 1, RecordLine::too_long(&self.partial));
                self.partial = Vec::new();
                self.discarding = true;
            }
        }
    }

    /// Takes note that the document is complete, and hands on a last line that has no end.
    pub fn finish(&mut self, mut take: impl FnMut(u64, RecordLine<'_>)) {
        let line = std::mem::take(&mut self.partial);
        self.line(&line, &mut take);
    }

    fn line(&self, line: &[u8], take: &mut impl FnMut(u64, RecordLine<'_>)) {
        if self.discarding || line.trim_ascii().is_empty() {
            return;
        }
        let line = match line.len() > MAX_LINE {
            true => RecordLine::too_long(line),
            false => RecordLine::Whole(line),
        };
        take(self.ended + 1, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(document: &[u8], size: usize) -> Vec<(u64, bool, Vec<u8>)> {
        let (mut splitter, mut lines) = (LineSplitter::default(), Vec::new());
        let mut take = |number, line: RecordLine<'_>| match line {
            RecordLine::Whole(line) => lines.push((number, true, line.to_vec())),
            RecordLine::TooLong(line) => {
                assert_eq!(line.len(), MAX_LINE);
                lines.push((number, false, line[..9].to_vec()));
            }
        };
        for chunk in document.chunks(size) {
            splitter.push(chunk, &mut take);
        }
        splitter.finish(&mut take);
        lines
    }

    #[test]
    fn a_line_that_is_too_long_costs_no_other() {
        let document = [b"a\n\n".to_vec(), vec![b'x'; MAX_LINE + 1], b"\n \nb\r\nc".to_vec()].concat();
        let expected = [
            (1, true, b"a".to_vec()),
            (3, false, b"xxxxxxxxx".to_vec()),
            (5, true, b"b\r".to_vec()),
            (6, true, b"c".to_vec()),
        ];
        for size in [document.len(), 65_536, 1_000_003] {
            assert_eq!(cut(&document, size), expected, "{size}");
        }
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_give_the_same_lines(document in "[a \n\r]{0,60}", size in 1_usize..20) {
            let expected: Vec<_> = (1..)
                .zip(document.split('\n'))
                .filter(|(_, line)| !line.trim_ascii().is_empty())
                .map(|(number, line)| (number, true, line.as_bytes().to_vec()))
                .collect();
            prop_assert_eq!(cut(document.as_bytes(), size), expected);
        }
    }
}
