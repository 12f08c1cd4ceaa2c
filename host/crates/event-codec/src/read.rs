//! Unpacks events. Every length is the word of whoever packed them, and is checked against what is left.

use core::fmt;

use crate::{Account, fields::MEANINGFUL};

/// The reason why lists are no packed events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadError(&'static str);

impl ReadError {
    /// The fault, in one sentence without a full stop.
    pub fn reason(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl core::error::Error for ReadError {}

/// Packed events that are being read: what no event has taken yet.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a str,
    numbers: &'a [u32],
    heads: &'a [u32],
    times: &'a [i64],
}

impl<'a> Reader<'a> {
    /// Reads the lists of the WIT's `packed`.
    ///
    /// # Errors
    ///
    /// Fails where there are not as many heads as times.
    pub fn new(text: &'a str, numbers: &'a [u32], heads: &'a [u32], times: &'a [i64]) -> Result<Self, ReadError> {
        match heads.len() == times.len() {
            true => Ok(Reader::of(text, numbers, heads, times)),
            false => Err(ReadError("there are not as many heads as times")),
        }
    }

    pub(crate) fn of(text: &'a str, numbers: &'a [u32], heads: &'a [u32], times: &'a [i64]) -> Self {
        Reader {
            text,
            numbers,
            heads,
            times,
        }
    }

    /// The next event, whose fields are to be read in the order of the list, all of them.
    ///
    /// # Errors
    ///
    /// Fails where the event's head has bits without a meaning.
    #[inline]
    pub fn next_event(&mut self) -> Option<Result<EventReader<'_, 'a>, ReadError>> {
        let (head, heads) = self.heads.split_first()?;
        let (time, times) = self.times.split_first()?;
        (self.heads, self.times) = (heads, times);
        Some(match head & !MEANINGFUL {
            0 => Ok(EventReader {
                rest: self,
                head: *head,
                time: *time,
            }),
            _ => Err(ReadError("a head has bits without a meaning")),
        })
    }

    /// Bytes of text that no event has taken yet.
    #[inline]
    pub fn text_left(&self) -> usize {
        self.text.len()
    }

    /// Ends the reading: fails where anything is left.
    ///
    /// # Errors
    ///
    /// Fails where something is left over.
    pub fn finish(self) -> Result<(), ReadError> {
        match self.text.is_empty() && self.numbers.is_empty() {
            true => Ok(()),
            false => Err(ReadError("the events leave text or numbers over")),
        }
    }

    /// A list of what takes at least so many numbers each.
    #[inline]
    fn count(&mut self, numbers: usize) -> Result<usize, ReadError> {
        let count = self.number()?;
        match count > self.numbers.len() / numbers {
            true => Err(ReadError("there are fewer numbers than its lists need")),
            false => Ok(count),
        }
    }

    #[inline]
    fn string(&mut self) -> Result<&'a str, ReadError> {
        let length = self.number()?;
        let (text, rest) = (self.text.split_at_checked(length))
            .ok_or(ReadError("a length ends beyond the text or within a character"))?;
        self.text = rest;
        Ok(text)
    }

    #[inline]
    fn number(&mut self) -> Result<usize, ReadError> {
        let (number, rest) =
            (self.numbers.split_first()).ok_or(ReadError("there are fewer numbers than its events need"))?;
        self.numbers = rest;
        // More than there can be of anything, where a size has fewer bits.
        Ok(usize::try_from(*number).unwrap_or(usize::MAX))
    }
}

/// An event that is being unpacked: a method for each kind of field. All are inlined into the crate that reads: an event has two
/// dozen texts, and a call costs as much as reading one.
#[derive(Debug)]
pub struct EventReader<'r, 'a> {
    rest: &'r mut Reader<'a>,
    head: u32,
    time: i64,
}

impl<'a> EventReader<'_, 'a> {
    /// A text that may be missing.
    #[inline]
    pub fn text(&mut self, bit: u32) -> Result<Option<&'a str>, ReadError> {
        match self.has(bit) {
            true => self.string().map(Some),
            false => Ok(None),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub fn time(&self, (): ()) -> i64 {
        self.time
    }

    /// The activity: its place among the cases, if there are so many.
    #[inline]
    pub fn activity(&self, first_bit: u32) -> usize {
        self.place(first_bit, 8).into()
    }

    /// The event's outcome: its place among the cases, if there are so many.
    #[inline]
    pub fn outcome(&self, first_bit: u32) -> usize {
        self.place(first_bit, 4).into()
    }

    /// A user, a group or a service.
    #[inline]
    pub fn principal(
        &mut self,
        (id_bit, display_name_bit, kind_bit): (u32, u32, u32),
    ) -> Result<Account<'a>, ReadError> {
        Ok(Account {
            name: self.string()?,
            id: self.text(id_bit)?,
            display_name: self.text(display_name_bit)?,
            kind: self.place(kind_bit, 2),
        })
    }

    /// A field that may be missing.
    #[inline]
    pub fn optional_principal(
        &mut self,
        (bit, id_bit, display_name_bit, kind_bit): (u32, u32, u32, u32),
    ) -> Result<Option<Account<'a>>, ReadError> {
        if self.has(bit) {
            self.principal((id_bit, display_name_bit, kind_bit)).map(Some)
        } else if self.has(id_bit) || self.has(display_name_bit) || self.place(kind_bit, 2) != 0 {
            Err(ReadError("a head has fields of an actor that is not there"))
        } else {
            Ok(None)
        }
    }

    /// The number of texts in a list; each is a [`string`](EventReader::string).
    #[inline]
    pub fn texts(&mut self, (): ()) -> Result<usize, ReadError> {
        self.rest.count(1)
    }

    /// The number of names and values in a list; each is a [`string`](EventReader::string), and so two of them a pair.
    #[inline]
    pub fn pairs(&mut self, (): ()) -> Result<usize, ReadError> {
        self.rest.count(2)
    }

    /// The next text of a list.
    #[inline]
    pub fn string(&mut self) -> Result<&'a str, ReadError> {
        self.rest.string()
    }

    #[inline]
    fn has(&self, bit: u32) -> bool {
        self.head & (1 << bit) != 0
    }

    /// The number in so many bits of the head, eight at most.
    #[inline]
    fn place(&self, first_bit: u32, bits: u32) -> u8 {
        let [place, ..] = ((self.head >> first_bit) & ((1 << bits) - 1)).to_le_bytes();
        place
    }
}
