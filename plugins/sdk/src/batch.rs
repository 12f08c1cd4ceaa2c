//! The findings of a parser. Events are kept in the form of the WIT's `packed` from the start, in which they cross to the
//! host as a few lists instead of as many small strings.

use crate::bindings::exports::audit::plugin::packed;
use crate::{Activity, Event, Outcome, Principal, Reject};
use event_codec::{Account, Packed, Room, Size, for_each_field};

/// The number of bytes of a rejected record that are kept.
pub(crate) const MAX_RAW: usize = 4096;
/// The number of bytes that the strings of one event may have, so that the host takes it.
pub(crate) const MAX_EVENT: usize = 1 << 20;
/// The number of bytes that a heading or the name of a member may have: each event that has it repeats it.
pub(crate) const MAX_NAME: usize = 512;
/// The number of attributes that an event may have.
pub(crate) const MAX_ATTRIBUTES: usize = 2048;

/// The findings of one call to a parser: events and rejects, each in their order.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Batch {
    /// The records that are no events.
    pub rejects: Vec<Reject>,
    pub(crate) events: Packed,
}

impl Batch {
    /// Adds an event.
    // Taken apart at once and inlined, so that an event that was just put together need never stand in memory as a whole.
    #[inline(always)]
    pub fn push(&mut self, event: Event<'_>) {
        let mut packed = self.events.event();
        macro_rules! pack {
            ($($name:ident: $kind:ident $bits:tt,)*) => {
                let Event { $($name,)* } = event;
                $(packed.$kind(&$name, $bits);)*
            };
        }
        for_each_field!(pack);
        packed.finish();
    }

    /// Adds an event unless it is larger than the host takes: then the record is better rejected than the document.
    #[inline(always)]
    pub(crate) fn push_bounded(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        let before = self.events.size();
        self.push(event);
        match self.events.text_since(before) > MAX_EVENT {
            true => Err(self.take_back(before)),
            false => Ok(()),
        }
    }

    /// Takes back the last event, before which there was so much.
    #[cold]
    fn take_back(&mut self, before: Size) -> &'static str {
        self.events.take_back(before);
        "the event would have more than 1 MiB"
    }

    /// Adds a record that is no event: where it starts, why, and its first 4 KiB without the line ending.
    pub fn reject(&mut self, line: u64, reason: impl Into<String>, raw: &[u8]) {
        let raw = raw.trim_ascii_end();
        let mut raw = String::from_utf8_lossy(raw.get(..MAX_RAW).unwrap_or(raw)).into_owned();
        raw.truncate(raw.floor_char_boundary(MAX_RAW));
        self.rejects.push(Reject {
            line,
            reason: reason.into(),
            raw,
        });
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// True where there is no event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// An empty batch with room for as much as another held, and a little more.
    #[doc(hidden)]
    pub fn with_room(room: Room) -> Batch {
        Batch {
            rejects: Vec::new(),
            events: Packed::with_room(room),
        }
    }

    /// The room that the batch takes.
    #[doc(hidden)]
    pub fn room(&self) -> Room {
        self.events.room()
    }
}

impl<'p> From<&'p Principal<'_>> for Account<'p> {
    #[inline(always)]
    fn from(principal: &'p Principal<'_>) -> Self {
        let Principal {
            name,
            id,
            display_name,
            kind,
        } = principal;
        Account {
            name,
            id: id.as_deref(),
            display_name: display_name.as_deref(),
            kind: *kind as u8,
        }
    }
}

/// The place among the cases of the WIT.
impl From<Activity> for u8 {
    #[inline(always)]
    fn from(activity: Activity) -> u8 {
        activity as u8
    }
}

/// The place among the cases of the WIT.
impl From<Outcome> for u8 {
    #[inline(always)]
    fn from(outcome: Outcome) -> u8 {
        outcome as u8
    }
}

impl From<Batch> for packed::Batch {
    fn from(batch: Batch) -> Self {
        let (text, numbers, times, heads) = batch.events.into_lists();
        packed::Batch {
            text,
            numbers,
            times,
            heads,
            rejects: batch.rejects,
        }
    }
}
