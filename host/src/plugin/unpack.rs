//! Makes events of the WIT's `packed` form. Every length in it is a guest's word: each is checked against what is left, and
//! what the events take in the host counts against the limits as strings and lists of their own would.

use crate::event::{Activity, Batch, Event, Outcome, Principal};

use super::bindings::packed;
use super::error::Site;
use super::{Limits, PluginError, convert};

const ID: u32 = 1 << 16;
const SUBJECT_ID: u32 = 1 << 17;
const SUBJECT_DISPLAY_NAME: u32 = 1 << 18;
const ACTOR: u32 = 1 << 19;
const ACTOR_ID: u32 = 1 << 20;
const ACTOR_DISPLAY_NAME: u32 = 1 << 21;
/// Of the eight fields `target` to `message`.
const TARGET: u32 = 1 << 22;
/// The first bit without a meaning.
const END: u32 = 1 << 30;

/// Takes a parser's packed answer over, if it adds up and keeps the limits.
pub(super) fn batch(batch: packed::Batch, limits: &Limits, site: Site<'_>) -> Result<Batch, PluginError> {
    let packed::Batch {
        text,
        numbers,
        times,
        heads,
        rejects,
    } = batch;
    if heads.len().saturating_add(rejects.len()) > limits.records {
        return Err(site.limit("records", limits.records, "events and rejects"));
    }
    if heads.len() != times.len() {
        return Err(site.invalid("there are not as many heads as times"));
    }
    let mut rest = Rest {
        text: &text,
        numbers: &numbers,
        allowed: limits.returned,
    };
    let returned = || site.limit("returned", limits.returned, "bytes");
    rest.spend(heads.len(), size_of::<Event>()).map_err(|_| returned())?;
    let mut events = Vec::with_capacity(heads.len());
    for (head, time) in heads.into_iter().zip(times) {
        let before = rest.text.len();
        let event = rest.event(head, time).map_err(|flaw| match flaw {
            Flaw::TooMuch => returned(),
            Flaw::Invalid(reason) => site.invalid(reason),
        })?;
        if before - rest.text.len() > limits.event {
            return Err(site.limit("event", limits.event, "bytes"));
        }
        events.push(event);
    }
    if !rest.text.is_empty() || !rest.numbers.is_empty() {
        return Err(site.invalid("the events leave text or numbers over"));
    }
    Ok(Batch {
        events,
        rejects: rejects.into_iter().map(convert::reject).collect(),
    })
}

enum Flaw {
    /// The events would take more than the host allocates for one answer.
    TooMuch,
    Invalid(&'static str),
}

/// What no event has taken yet.
struct Rest<'a> {
    text: &'a str,
    numbers: &'a [u32],
    /// Bytes that may still be allocated.
    allowed: usize,
}

impl Rest<'_> {
    fn event(&mut self, head: u32, time: i64) -> Result<Event, Flaw> {
        let [activity, outcome, ..] = head.to_le_bytes();
        if head >= END {
            return Err(Flaw::Invalid("a head has bits without a meaning"));
        }
        let has = |flag: u32| head & flag != 0;
        let id = self.optional(has(ID))?;
        let subject = self.principal(has(SUBJECT_ID), has(SUBJECT_DISPLAY_NAME))?;
        let actor = if has(ACTOR) {
            Some(self.principal(has(ACTOR_ID), has(ACTOR_DISPLAY_NAME))?)
        } else if has(ACTOR_ID | ACTOR_DISPLAY_NAME) {
            return Err(Flaw::Invalid("a head has fields of an actor that is not there"));
        } else {
            None
        };
        Ok(Event {
            id,
            time,
            activity: *(Activity::ALL.get(usize::from(activity)))
                .ok_or(Flaw::Invalid("a head has no known activity"))?,
            outcome: *(Outcome::ALL.get(usize::from(outcome))).ok_or(Flaw::Invalid("a head has no known outcome"))?,
            subject,
            actor,
            target: self.optional(has(TARGET))?,
            source_ip: self.optional(has(TARGET << 1))?,
            user_agent: self.optional(has(TARGET << 2))?,
            session: self.optional(has(TARGET << 3))?,
            service: self.optional(has(TARGET << 4))?,
            action: self.optional(has(TARGET << 5))?,
            code: self.optional(has(TARGET << 6))?,
            message: self.optional(has(TARGET << 7))?,
            labels: self.list(1, |rest| rest.string())?,
            attributes: self.list(2, |rest| Ok((rest.string()?, rest.string()?)))?,
        })
    }

    fn principal(&mut self, id: bool, display_name: bool) -> Result<Principal, Flaw> {
        Ok(Principal {
            name: self.string()?,
            id: self.optional(id)?,
            display_name: self.optional(display_name)?,
        })
    }

    fn optional(&mut self, there: bool) -> Result<Option<String>, Flaw> {
        if there { self.string().map(Some) } else { Ok(None) }
    }

    /// A list of what takes at least so many numbers each.
    fn list<T>(&mut self, numbers: usize, mut item: impl FnMut(&mut Self) -> Result<T, Flaw>) -> Result<Vec<T>, Flaw> {
        let count = self.number()?;
        if count > self.numbers.len() / numbers {
            return Err(Flaw::Invalid("there are fewer numbers than its lists need"));
        }
        self.spend(count, size_of::<T>())?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(item(self)?);
        }
        Ok(list)
    }

    fn string(&mut self) -> Result<String, Flaw> {
        let length = self.number()?;
        let (string, rest) = (self.text.split_at_checked(length))
            .ok_or(Flaw::Invalid("a length ends beyond the text or within a character"))?;
        self.text = rest;
        self.spend(length, 1)?;
        Ok(string.to_owned())
    }

    fn number(&mut self) -> Result<usize, Flaw> {
        let (number, rest) =
            (self.numbers.split_first()).ok_or(Flaw::Invalid("there are fewer numbers than its events need"))?;
        self.numbers = rest;
        usize::try_from(*number).map_err(|_| Flaw::TooMuch)
    }

    fn spend(&mut self, count: usize, size: usize) -> Result<(), Flaw> {
        let bytes = count.checked_mul(size).ok_or(Flaw::TooMuch)?;
        self.allowed = self.allowed.checked_sub(bytes).ok_or(Flaw::TooMuch)?;
        Ok(())
    }
}
