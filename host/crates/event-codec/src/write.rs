//! Packs events: the fields of each as they come, no text copied more than once.

use alloc::{string::String, vec::Vec};

use crate::{Account, Reader, Text};

/// Events in the packed layout: a few lists instead of as many small strings.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Packed {
    text: Text,
    numbers: Vec<u32>,
    times: Vec<i64>,
    heads: Vec<u32>,
}

/// The room that events take: about as much as the next ones will.
#[derive(Debug, Default, Clone, Copy)]
pub struct Room {
    text: usize,
    numbers: usize,
    events: usize,
}

/// The lengths of texts and numbers at some point.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    text: usize,
    numbers: usize,
}

impl Packed {
    /// No events, with room for as much, and a little more.
    pub fn with_room(room: Room) -> Packed {
        let with = |size: usize| size + size / 16;
        Packed {
            text: Text::with_capacity(with(room.text)),
            numbers: Vec::with_capacity(with(room.numbers)),
            times: Vec::with_capacity(with(room.events)),
            heads: Vec::with_capacity(with(room.events)),
        }
    }

    /// The room that the events take.
    pub fn room(&self) -> Room {
        Room {
            text: self.text.as_str().len(),
            numbers: self.numbers.len(),
            events: self.heads.len(),
        }
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// True if there is no event.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The lengths of texts and numbers now, for [`Packed::take_back`].
    #[inline(always)]
    pub fn size(&self) -> Size {
        Size {
            text: self.text.as_str().len(),
            numbers: self.numbers.len(),
        }
    }

    /// Bytes of the texts that were added since.
    #[inline(always)]
    pub fn text_since(&self, size: Size) -> usize {
        self.text.as_str().len() - size.text
    }

    /// Takes back the last event, before which the lists reached so far.
    pub fn take_back(&mut self, size: Size) {
        self.text.truncate(size.text);
        self.numbers.truncate(size.numbers);
        self.times.pop();
        self.heads.pop();
    }

    /// Begins an event. Its fields are to be written in the order of the list, and then it is to be finished.
    #[inline(always)]
    pub fn event(&mut self) -> EventWriter<'_> {
        EventWriter {
            events: self,
            time: 0,
            head: 0,
        }
    }

    /// Reads the events back.
    pub fn reader(&self) -> Reader<'_> {
        Reader::of(self.text.as_str(), &self.numbers, &self.heads, &self.times)
    }

    /// The lists of the WIT's `packed`: texts, numbers, times, heads.
    pub fn into_lists(self) -> (String, Vec<u32>, Vec<i64>, Vec<u32>) {
        (self.text.into(), self.numbers, self.times, self.heads)
    }

    #[inline(always)]
    fn string(&mut self, text: &str) {
        self.number(text.len());
        self.text.push(text);
    }

    /// A guest's memory ends where 32 bits do; one that had more would be told by the host that its batch does not add up.
    #[inline]
    fn number(&mut self, number: usize) {
        self.numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
    }
}

/// An event that is being packed: a method for each kind of field.
#[derive(Debug)]
pub struct EventWriter<'a> {
    events: &'a mut Packed,
    time: i64,
    head: u32,
}

// Inlined, all of it, so that an event that was just put together need never stand in memory as a whole.
impl EventWriter<'_> {
    /// A text that may be missing.
    #[inline(always)]
    pub fn text(&mut self, text: &Option<impl AsRef<str>>, bit: u32) {
        if let Some(text) = text {
            self.events.string(text.as_ref());
            self.head |= 1 << bit;
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[inline(always)]
    pub fn time(&mut self, time: &i64, (): ()) {
        self.time = *time;
    }

    /// The activity: its place among the cases.
    #[inline(always)]
    pub fn activity<C: Copy + Into<u8>>(&mut self, activity: &C, first_bit: u32) {
        self.head |= u32::from((*activity).into()) << first_bit;
    }

    /// The event's outcome: its place among the cases.
    #[inline(always)]
    pub fn outcome<C: Copy + Into<u8>>(&mut self, outcome: &C, first_bit: u32) {
        self.head |= u32::from((*outcome).into()) << first_bit;
    }

    /// A user, a group or a service.
    #[inline(always)]
    pub fn principal<'p>(
        &mut self,
        principal: impl Into<Account<'p>>,
        (id_bit, display_name_bit, kind_bit): (u32, u32, u32),
    ) {
        let Account {
            name,
            id,
            display_name,
            kind,
        } = principal.into();
        self.head |= u32::from(kind) << kind_bit;
        self.events.string(name);
        self.text(&id, id_bit);
        self.text(&display_name, display_name_bit);
    }

    /// A field that may be missing.
    #[inline(always)]
    pub fn optional_principal<'p, P>(
        &mut self,
        principal: &'p Option<P>,
        (bit, id_bit, display_name_bit, kind_bit): (u32, u32, u32, u32),
    ) where
        &'p P: Into<Account<'p>>,
    {
        if let Some(principal) = principal {
            self.head |= 1 << bit;
            self.principal(principal, (id_bit, display_name_bit, kind_bit));
        }
    }

    /// A list of texts.
    #[inline(always)]
    pub fn texts(&mut self, texts: &[impl AsRef<str>], (): ()) {
        self.events.number(texts.len());
        for text in texts {
            self.events.string(text.as_ref());
        }
    }

    /// A list of names and values.
    #[inline(always)]
    pub fn pairs(&mut self, pairs: &[(impl AsRef<str>, impl AsRef<str>)], (): ()) {
        self.events.number(pairs.len());
        for (name, value) in pairs {
            self.events.string(name.as_ref());
            self.events.string(value.as_ref());
        }
    }

    /// Completes the event.
    #[inline(always)]
    pub fn finish(self) {
        self.events.times.push(self.time);
        self.events.heads.push(self.head);
    }
}
