//! Makes events of the WIT's `packed` form. Every length in it is a guest's word: each is checked against what is left, and
//! what the events take in the host counts against the limits as strings and lists of their own would.

use event::{Activity, Batch, Event, Outcome, Principal};

use super::bindings::packed;
use super::error::CallContext;
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

/// Bytes of the id that an event without one is given.
const DERIVED_ID: usize = 32;

/// Takes a parser's packed answer over, if it adds up and keeps the limits. The events are those that somebody has used, as
/// far as they go, filled anew: so their strings and lists need no allocation.
pub(super) fn batch(
    batch: packed::Batch,
    used: Vec<Event>,
    limits: &Limits,
    site: CallContext<'_>,
) -> Result<Batch, PluginError> {
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
        limits,
    };
    let failed = |flaw| match flaw {
        UnpackError::TooMuch => site.limit("returned", limits.returned, "bytes"),
        UnpackError::Name => site.limit("attribute-name", limits.attribute_name, "bytes"),
        UnpackError::Attributes => site.limit("attributes", limits.attributes, "attributes or labels of an event"),
        UnpackError::Invalid(reason) => site.invalid(reason),
    };
    rest.spend(heads.len(), size_of::<Event>()).map_err(failed)?;
    // All strings together.
    rest.spend(text.len(), 1).map_err(failed)?;
    let mut events = used;
    resize(&mut events, heads.len(), || {
        Event::new(0, Activity::Other, Outcome::Unknown, Principal::named(""))
    });
    for ((event, head), time) in events.iter_mut().zip(heads).zip(times) {
        let before = rest.text.len();
        rest.event(event, head, time).map_err(failed)?;
        if before - rest.text.len() > limits.event {
            return Err(site.limit("event", limits.event, "bytes"));
        }
    }
    if !rest.text.is_empty() || !rest.numbers.is_empty() {
        return Err(site.invalid("the events leave text or numbers over"));
    }
    Ok(Batch {
        events,
        rejects: rejects.into_iter().map(convert::reject).collect(),
    })
}

/// Whether what has room for so much may take so much less: what a guest gave before must not add up to more than it may
/// give at once. Twice the room is what a string makes for itself as it grows.
fn fits(room: usize, length: usize) -> bool {
    room <= length.saturating_mul(2).saturating_add(32)
}

/// Makes no more room than it needs.
fn resize<T>(list: &mut Vec<T>, length: usize, new: impl FnMut() -> T) {
    list.reserve_exact(length.saturating_sub(list.len()));
    list.resize_with(length, new);
}

enum UnpackError {
    /// The events would take more than the host allocates for one answer.
    TooMuch,
    /// A name of an attribute is too long, or a label.
    Name,
    /// An event has too many attributes or labels.
    Attributes,
    Invalid(&'static str),
}

/// What no event has taken yet.
struct Rest<'a> {
    text: &'a str,
    numbers: &'a [u32],
    /// Bytes that may still be allocated.
    allowed: usize,
    limits: &'a Limits,
}

impl Rest<'_> {
    /// Fills an event, whatever it was before.
    fn event(&mut self, event: &mut Event, head: u32, time: i64) -> Result<(), UnpackError> {
        let [activity, outcome, ..] = head.to_le_bytes();
        if head >= END {
            return Err(UnpackError::Invalid("a head has bits without a meaning"));
        }
        let has = |flag: u32| head & flag != 0;
        match &mut event.id {
            // An empty one counts as none, and has room for the one that is derived.
            Some(id) if !has(ID) && fits(id.capacity(), DERIVED_ID) => id.clear(),
            id => self.optional(has(ID), id)?,
        }
        event.time = time;
        (event.collected, event.correlation) = (None, None);
        event.activity =
            *(Activity::ALL.get(usize::from(activity))).ok_or(UnpackError::Invalid("a head has no known activity"))?;
        event.outcome =
            *(Outcome::ALL.get(usize::from(outcome))).ok_or(UnpackError::Invalid("a head has no known outcome"))?;
        self.principal(has(SUBJECT_ID), has(SUBJECT_DISPLAY_NAME), &mut event.subject)?;
        if has(ACTOR) {
            let actor = event.actor.get_or_insert_with(|| Principal::named(""));
            self.principal(has(ACTOR_ID), has(ACTOR_DISPLAY_NAME), actor)?;
        } else if has(ACTOR_ID | ACTOR_DISPLAY_NAME) {
            return Err(UnpackError::Invalid("a head has fields of an actor that is not there"));
        } else {
            event.actor = None;
        }
        self.optional(has(TARGET), &mut event.target)?;
        self.optional(has(TARGET << 1), &mut event.source_ip)?;
        self.optional(has(TARGET << 2), &mut event.user_agent)?;
        self.optional(has(TARGET << 3), &mut event.session)?;
        self.optional(has(TARGET << 4), &mut event.service)?;
        self.optional(has(TARGET << 5), &mut event.action)?;
        self.optional(has(TARGET << 6), &mut event.code)?;
        self.optional(has(TARGET << 7), &mut event.message)?;
        self.list(1, &mut event.labels, Self::name)?;
        self.list(2, &mut event.attributes, |rest, (name, value)| {
            rest.name(name)?;
            rest.string(value)
        })
    }

    fn principal(&mut self, id: bool, display_name: bool, principal: &mut Principal) -> Result<(), UnpackError> {
        self.string(&mut principal.name)?;
        self.optional(id, &mut principal.id)?;
        self.optional(display_name, &mut principal.display_name)
    }

    fn optional(&mut self, there: bool, field: &mut Option<String>) -> Result<(), UnpackError> {
        if there {
            return self.string(field.get_or_insert_default());
        }
        *field = None;
        Ok(())
    }

    /// A list of what takes at least so many numbers each.
    fn list<T: Default>(
        &mut self,
        numbers: usize,
        list: &mut Vec<T>,
        item: impl Fn(&mut Self, &mut T) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let count = self.number()?;
        if count > self.numbers.len() / numbers {
            return Err(UnpackError::Invalid("there are fewer numbers than its lists need"));
        }
        if count > self.limits.attributes {
            return Err(UnpackError::Attributes);
        }
        self.spend(count, size_of::<T>())?;
        if !fits(
            list.capacity().saturating_mul(size_of::<T>()),
            count.saturating_mul(size_of::<T>()),
        ) {
            *list = Vec::new();
        }
        resize(list, count, T::default);
        list.iter_mut().try_for_each(|each| item(self, each))
    }

    fn name(&mut self, name: &mut String) -> Result<(), UnpackError> {
        self.string(name)?;
        match name.len() > self.limits.attribute_name {
            true => Err(UnpackError::Name),
            false => Ok(()),
        }
    }

    fn string(&mut self, string: &mut String) -> Result<(), UnpackError> {
        let length = self.number()?;
        let (text, rest) = (self.text.split_at_checked(length)).ok_or(UnpackError::Invalid(
            "a length ends beyond the text or within a character",
        ))?;
        self.text = rest;
        if !fits(string.capacity(), length) {
            *string = String::new();
        }
        string.clear();
        string.push_str(text);
        Ok(())
    }

    fn number(&mut self) -> Result<usize, UnpackError> {
        let (number, rest) =
            (self.numbers.split_first()).ok_or(UnpackError::Invalid("there are fewer numbers than its events need"))?;
        self.numbers = rest;
        usize::try_from(*number).map_err(|_| UnpackError::TooMuch)
    }

    fn spend(&mut self, count: usize, size: usize) -> Result<(), UnpackError> {
        let bytes = count.checked_mul(size).ok_or(UnpackError::TooMuch)?;
        self.allowed = self.allowed.checked_sub(bytes).ok_or(UnpackError::TooMuch)?;
        Ok(())
    }
}
