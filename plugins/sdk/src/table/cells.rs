use crate::plain::CellSpan;

/// The longest record, and so the longest cell, in bytes as they stand in the document.
pub const MAX_RECORD: usize = 1 << 20;

/// The state of the quotes of the cell that is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    Ahead,
    Open,
    /// Closed, with so many blanks behind.
    Closed(usize),
    Broken,
}

/// The cells of a record, one after the other.
pub(super) struct Cells {
    pub(super) bytes: Vec<u8>,
    pub(super) used: usize,
    pub(super) ends: Vec<usize>,
}

impl Cells {
    /// All of them, one after the other.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    pub(super) fn free(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.used..).unwrap_or_default()
    }

    /// Makes room. A record that is full in bytes was given up before its cells are.
    pub(super) fn grow(&mut self) {
        self.bytes.resize((self.bytes.len() * 2).min(MAX_RECORD), 0);
    }

    /// Ends a cell. Spaces around an unquoted one, or around quotes, are the writer's style; within quotes they are content.
    pub(super) fn end(&mut self, quotes: Quotes) {
        let start = self.ends.last().copied().unwrap_or(0);
        self.used -= match quotes {
            Quotes::Closed(blanks) => blanks,
            Quotes::None => {
                let cell = self.bytes.get(start..self.used).unwrap_or_default();
                cell.iter()
                    .rev()
                    .take_while(|byte| matches!(byte, b' ' | b'\t'))
                    .count()
            }
            _ => 0,
        };
        self.ends.push(self.used);
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = CellSpan> {
        std::iter::once(0)
            .chain(self.ends.iter().copied())
            .zip(self.ends.iter().copied())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans()
            .map(|(start, end)| self.bytes.get(start..end).unwrap_or_default())
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.ends.clear();
    }
}
