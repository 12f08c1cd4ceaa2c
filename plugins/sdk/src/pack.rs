//! Puts events into the form of the WIT's `packed`, in which they cross to the host as a few lists instead of as many
//! small strings. Plugins never see it: they write events.

use crate::bindings::exports::audit::plugin::packed;
use crate::{Batch, Event, Principal};

/// Room to begin with, for each event.
const TEXT: usize = 96;
const NUMBERS: usize = 12;

const ID: u32 = 1 << 16;
const SUBJECT_ID: u32 = 1 << 17;
const SUBJECT_DISPLAY_NAME: u32 = 1 << 18;
const ACTOR: u32 = 1 << 19;
const ACTOR_ID: u32 = 1 << 20;
const ACTOR_DISPLAY_NAME: u32 = 1 << 21;
/// Of the eight fields `target` to `message`.
const TARGET: u32 = 1 << 22;

/// Packs what a parser found.
pub fn pack(batch: Batch) -> packed::Batch {
    let Batch { events, rejects } = batch;
    let count = events.len();
    let mut strings = Strings {
        text: String::with_capacity(count * TEXT),
        numbers: Vec::with_capacity(count * NUMBERS),
    };
    let mut times = Vec::with_capacity(count);
    let mut heads = Vec::with_capacity(count);
    for event in &events {
        times.push(event.time);
        heads.push(strings.event(event));
    }
    packed::Batch {
        text: strings.text,
        numbers: strings.numbers,
        times,
        heads,
        rejects,
    }
}

struct Strings {
    text: String,
    numbers: Vec<u32>,
}

impl Strings {
    /// Takes an event's strings, and gives its head.
    fn event(&mut self, event: &Event) -> u32 {
        let mut head = event.activity as u32 | (event.outcome as u32) << 8;
        head |= self.optional(&event.id, ID);
        head |= self.principal(&event.subject, SUBJECT_ID, SUBJECT_DISPLAY_NAME);
        if let Some(actor) = &event.actor {
            head |= ACTOR | self.principal(actor, ACTOR_ID, ACTOR_DISPLAY_NAME);
        }
        let fields = [
            &event.target,
            &event.source_ip,
            &event.user_agent,
            &event.session,
            &event.service,
            &event.action,
            &event.code,
            &event.message,
        ];
        let mut flag = TARGET;
        for field in fields {
            head |= self.optional(field, flag);
            flag <<= 1;
        }
        self.number(event.labels.len());
        for label in &event.labels {
            self.string(label);
        }
        self.number(event.attributes.len());
        for (name, value) in &event.attributes {
            self.string(name);
            self.string(value);
        }
        head
    }

    fn principal(&mut self, principal: &Principal, id: u32, display_name: u32) -> u32 {
        self.string(&principal.name);
        self.optional(&principal.id, id) | self.optional(&principal.display_name, display_name)
    }

    fn optional(&mut self, text: &Option<String>, flag: u32) -> u32 {
        text.as_ref().map_or(0, |text| {
            self.string(text);
            flag
        })
    }

    fn string(&mut self, text: &str) {
        self.number(text.len());
        self.text.push_str(text);
    }

    /// A guest's memory ends where 32 bits do; one that had more would be told by the host that its batch does not add up.
    fn number(&mut self, number: usize) {
        self.numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
    }
}
