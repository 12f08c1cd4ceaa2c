//! What a parser has found. Events are kept in the form of the WIT's `packed` from the start, in which they cross to the
//! host as a few lists instead of as many small strings.

use crate::bindings::exports::audit::plugin::packed;
use crate::text::Text;
use crate::{Event, Principal, Reject, Timestamp};

/// How many bytes of a rejected record are kept.
pub(crate) const MAX_RAW: usize = 4096;
/// How many bytes the strings of one event may have, so that the host takes it.
pub(crate) const MAX_EVENT: usize = 1 << 20;
/// How many bytes a heading or the name of a member may have: each event that has it repeats it.
pub(crate) const MAX_NAME: usize = 512;
/// How many attributes an event may have.
pub(crate) const MAX_ATTRIBUTES: usize = 2048;

pub(crate) const ID: u32 = 1 << 16;
pub(crate) const SUBJECT_ID: u32 = 1 << 17;
pub(crate) const SUBJECT_DISPLAY_NAME: u32 = 1 << 18;
pub(crate) const ACTOR: u32 = 1 << 19;
pub(crate) const ACTOR_ID: u32 = 1 << 20;
pub(crate) const ACTOR_DISPLAY_NAME: u32 = 1 << 21;
/// Of the eight fields `target` to `message`.
pub(crate) const TARGET: u32 = 1 << 22;

/// What one call to a parser found: events and rejects, each in their order.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Batch {
    /// The records that are no events.
    pub rejects: Vec<Reject>,
    pub(crate) text: Text,
    pub(crate) numbers: Vec<u32>,
    pub(crate) times: Vec<Timestamp>,
    pub(crate) heads: Vec<u32>,
}

/// How much a batch held: about as much as the next one does.
#[derive(Debug, Default, Clone, Copy)]
pub struct Room {
    text: usize,
    numbers: usize,
    events: usize,
}

impl Room {
    /// An empty batch with room for as much, and a little more.
    pub fn batch(self) -> Batch {
        let with = |size: usize| size + size / 16;
        Batch {
            rejects: Vec::new(),
            text: Text::with_capacity(with(self.text)),
            numbers: Vec::with_capacity(with(self.numbers)),
            times: Vec::with_capacity(with(self.events)),
            heads: Vec::with_capacity(with(self.events)),
        }
    }
}

impl Batch {
    /// Adds an event.
    // Taken apart at once and inlined, so that an event that was just put together need never stand in memory as a whole.
    #[inline(always)]
    pub fn push(&mut self, event: Event<'_>) {
        let Event {
            id,
            time,
            activity,
            outcome,
            subject,
            actor,
            target,
            source_ip,
            user_agent,
            session,
            service,
            action,
            code,
            message,
            labels,
            attributes,
        } = event;
        let mut head = activity as u32 | (outcome as u32) << 8;
        head |= self.optional(id.as_deref(), ID);
        head |= self.principal(subject, SUBJECT_ID, SUBJECT_DISPLAY_NAME);
        if let Some(actor) = actor {
            head |= ACTOR | self.principal(actor, ACTOR_ID, ACTOR_DISPLAY_NAME);
        }
        head |= self.optional(target.as_deref(), TARGET);
        head |= self.optional(source_ip.as_deref(), TARGET << 1);
        head |= self.optional(user_agent.as_deref(), TARGET << 2);
        head |= self.optional(session.as_deref(), TARGET << 3);
        head |= self.optional(service.as_deref(), TARGET << 4);
        head |= self.optional(action.as_deref(), TARGET << 5);
        head |= self.optional(code.as_deref(), TARGET << 6);
        head |= self.optional(message.as_deref(), TARGET << 7);
        self.number(labels.len());
        for label in &labels {
            self.string(label);
        }
        self.number(attributes.len());
        for (name, value) in &attributes {
            self.string(name);
            self.string(value);
        }
        self.times.push(time);
        self.heads.push(head);
    }

    /// Adds an event unless it is larger than the host takes: then the record is better rejected than the document.
    #[inline(always)]
    pub(crate) fn push_bounded(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        let (text, numbers) = (self.text.as_str().len(), self.numbers.len());
        self.push(event);
        match self.text.as_str().len() - text > MAX_EVENT {
            true => Err(self.take_back(text, numbers)),
            false => Ok(()),
        }
    }

    /// Takes back the last event, before which there was so much.
    #[cold]
    fn take_back(&mut self, text: usize, numbers: usize) -> &'static str {
        self.text.truncate(text);
        self.numbers.truncate(numbers);
        self.times.pop();
        self.heads.pop();
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

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// How much it holds.
    #[doc(hidden)]
    pub fn room(&self) -> Room {
        Room {
            text: self.text.as_str().len(),
            numbers: self.numbers.len(),
            events: self.heads.len(),
        }
    }

    #[inline(always)]
    fn principal(&mut self, principal: Principal<'_>, id_flag: u32, display_name_flag: u32) -> u32 {
        let Principal { name, id, display_name } = principal;
        self.string(&name);
        self.optional(id.as_deref(), id_flag) | self.optional(display_name.as_deref(), display_name_flag)
    }

    #[inline(always)]
    fn optional(&mut self, text: Option<&str>, flag: u32) -> u32 {
        match text {
            Some(text) => {
                self.string(text);
                flag
            }
            None => 0,
        }
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

impl From<Batch> for packed::Batch {
    fn from(batch: Batch) -> Self {
        packed::Batch {
            text: batch.text.into(),
            numbers: batch.numbers,
            times: batch.times,
            heads: batch.heads,
            rejects: batch.rejects,
        }
    }
}
