//! Reads a document of one JSON object a line, in chunks of any size: what the host makes of a query's pages and of a
//! JSON answer that holds its records in an array.
//!
//! [`JsonLines`] takes bytes and calls back with a [`Record`] for each line. A record hands out its members by name, and
//! knows which of them nobody has asked for, so that an event can keep the rest.
//!
//! ```
//! use plugin_sdk::{Activity, Batch, Event, Outcome, Principal, json_lines::{JsonLines, Record}, table::Reason};
//!
//! fn event<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
//!     let user = record.take("userName").ok_or("the record names no user")?;
//!     let mut event = Event::new(0, Activity::Logon, Outcome::Success, Principal::named(user));
//!     event.attributes = record.rest();
//!     Ok(event)
//! }
//! let (mut lines, mut batch) = (JsonLines::new(), Batch::default());
//! lines.push(b"{\"username\":\"ada\",\"age\":36,\"na", &mut batch, event)?;
//! lines.push(b"me\":{\"given\": \"Ada\"}}", &mut batch, event)?;
//! lines.finish(&mut batch, event)?;
//! let attributes = vec![("age".into(), "36".into()), ("name".into(), r#"{"given":"Ada"}"#.into())];
//! assert_eq!(batch.events().next().unwrap().attributes, attributes);
//! # Ok::<(), plugin_sdk::Fault>(())
//! ```

use crate::table::Reason;
use crate::{Batch, Event, Fault, marks};
use memchr::{memchr, memchr_iter, memchr3};
use serde_core::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The longest line, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// A reader of one document.
#[derive(Default)]
pub struct JsonLines {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// How many lines have ended.
    ended: u64,
    /// Within a line that is too long: skipping to the next.
    discarding: bool,
}

impl JsonLines {
    /// A reader at the start of a document.
    pub fn new() -> JsonLines {
        JsonLines::default()
    }

    /// Takes the next bytes.
    pub fn push<F>(&mut self, chunk: &[u8], batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: for<'r> FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        let mut rest = chunk;
        while let Some(length) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.line(line, batch, &mut event);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, batch, &mut event);
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
                self.too_long(batch);
            }
        }
        Ok(())
    }

    /// Takes note that the document is complete.
    pub fn finish<F>(&mut self, batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: for<'r> FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        let line = std::mem::take(&mut self.partial);
        self.line(&line, batch, &mut event);
        Ok(())
    }

    fn line<F>(&mut self, line: &[u8], batch: &mut Batch, event: &mut F)
    where
        F: for<'r> FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        if self.discarding || line.trim_ascii().is_empty() {
            return;
        }
        if line.len() > MAX_LINE {
            batch.reject(self.ended + 1, TOO_LONG, line);
            return;
        }
        let read = Record::read(line).ok_or_else(|| "the record is no JSON object".into());
        match read.and_then(|mut record| event(&mut record)) {
            Ok(event) => batch.push(event),
            Err(reason) => batch.reject(self.ended + 1, reason, line),
        }
    }

    fn too_long(&mut self, batch: &mut Batch) {
        batch.reject(self.ended + 1, TOO_LONG, &self.partial);
        self.partial = Vec::new();
        self.discarding = true;
    }
}

const TOO_LONG: &str = "the record is longer than 1 MiB";

/// One JSON object, in the order of its members. Those that were taken have no value any more.
pub struct Record<'a> {
    members: Vec<(Cow<'a, str>, Option<&'a RawValue>)>,
    /// Of each member's name, see [`glance`], and what is wanted to the next multiple of eight.
    glances: Vec<u32>,
    /// What holds for the whole line, and so for each of its values.
    whole: Line,
}

/// What is known of a text of JSON.
#[derive(Clone, Copy)]
struct Line {
    /// There is no escape in it.
    literal: bool,
    /// What white space there may be between its tokens is spaces.
    unbroken: bool,
}

impl<'a> Record<'a> {
    /// None where the line is no JSON object.
    fn read(line: &'a [u8]) -> Option<Record<'a>> {
        // Once for the whole line: texts that are cut out of a valid one need no second look.
        let text = marks::text(line);
        if text.len() < line.len() {
            return None;
        }
        let Members(members) = serde_json::from_str(text).ok()?;
        let mut glances = Vec::with_capacity(members.len().next_multiple_of(EIGHT));
        glances.extend(members.iter().map(|(name, _)| glance(name)));
        glances.resize(glances.len().next_multiple_of(EIGHT), 0);
        Some(Record {
            glances,
            members,
            whole: Line {
                literal: memchr(b'\\', line).is_none(),
                unbroken: is_unbroken(line),
            },
        })
    }

    /// A member as [`take`](Self::take) would give it, which stays.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.members.get(self.place(name)?)?;
        self.whole.text((*value)?)
    }

    /// Takes a member out, as text: a string's content, or any other value as JSON. Names match whatever their case, as
    /// RFC 7643 section 2.1 wants it. None where there is no such member, or it is `null` or empty.
    pub fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        self.take_if(name, |_| true)
    }

    /// Takes a member out if its text passes a test, and leaves it for [`rest`](Self::rest) otherwise.
    pub fn take_if(&mut self, name: &str, test: impl Fn(&str) -> bool) -> Option<Cow<'a, str>> {
        let place = self.place(name)?;
        let (_, value) = self.members.get_mut(place)?;
        let text = self.whole.text((*value)?).filter(|text| test(text))?;
        *value = None;
        Some(text)
    }

    /// What nobody has taken, as text: strings as they are, all else as JSON without white space. Members that are `null`
    /// or empty are left out.
    pub fn rest(&mut self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        self.glances.clear();
        let members = std::mem::take(&mut self.members);
        let mut rest = Vec::with_capacity(members.len());
        for (name, value) in members {
            if let Some(text) = value.and_then(|value| self.whole.text(value)) {
                rest.push((name, text));
            }
        }
        rest
    }

    /// Where the first member is that is still there and has this name, in any case.
    fn place(&self, name: &str) -> Option<usize> {
        let wanted = glance(name);
        // Several at once: every round of a loop asks whether time is up.
        for (round, eight) in self.glances.as_chunks::<EIGHT>().0.iter().enumerate() {
            let mut hits =
                (eight.iter().enumerate()).fold(0_u32, |hits, (at, glance)| hits | u32::from(*glance == wanted) << at);
            while hits != 0 {
                let place = EIGHT * round + hits.trailing_zeros() as usize;
                if let Some((known, Some(_))) = self.members.get(place)
                    && is_alike(known, name)
                {
                    return Some(place);
                }
                hits &= hits - 1;
            }
        }
        None
    }
}

/// Whether two names are the same, in any case. Most are so in the same case, which is seen eight bytes at a time.
fn is_alike(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let is_same = match (one.last_chunk::<EIGHT>(), other.last_chunk::<EIGHT>()) {
        (Some(ours), Some(theirs)) => {
            let eights = one.as_chunks::<EIGHT>().0.iter().zip(other.as_chunks().0);
            one.len() == other.len()
                && u64::from_le_bytes(*ours) == u64::from_le_bytes(*theirs)
                && eights
                    .into_iter()
                    .all(|(ours, theirs)| u64::from_le_bytes(*ours) == u64::from_le_bytes(*theirs))
        }
        _ => one == other,
    };
    is_same || one.eq_ignore_ascii_case(other)
}

/// Glances, and bytes of a name, that are looked at together.
const EIGHT: usize = 8;

/// The length of a name, and its first and last byte in lower case: what tells most names apart, in any case.
fn glance(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let lower = |byte: Option<&u8>| u32::from(byte.map_or(0, u8::to_ascii_lowercase));
    // Of a name that is longer, the lower bits of its length.
    (bytes.len() as u32) << 16 | lower(bytes.first()) << 8 | lower(bytes.last())
}

impl Line {
    fn text(self, value: &RawValue) -> Option<Cow<'_, str>> {
        let json = value.get();
        match json.as_bytes() {
            b"null" => None,
            b"\"\"" => None,
            // Without an escape, it says what stands between its quotation marks.
            [b'"', inner @ .., b'"'] if self.literal || memchr(b'\\', inner).is_none() => {
                json.get(1..json.len() - 1).map(Cow::Borrowed)
            }
            // A string that is no text, half a surrogate pair say, stays JSON.
            [b'"', ..] => Some(string(json).map_or(Cow::Borrowed(json), Cow::Owned)),
            bytes if (self.unbroken || is_unbroken(bytes)) && has_no_outer_space(bytes) => Some(Cow::Borrowed(json)),
            _ => Some(Cow::Owned(compact(json))),
        }
    }
}

/// What a JSON string says; none where the text is no JSON string.
pub fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// A JSON text without the white space between its tokens.
pub fn compact(json: &str) -> String {
    if is_compact(json.as_bytes()) {
        return json.into();
    }
    let mut kept = String::with_capacity(json.len());
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        if !quoted && byte.is_ascii_whitespace() {
            kept.push_str(json.get(from..at).unwrap_or_default());
            from = at + 1;
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
    }
    kept.push_str(json.get(from..).unwrap_or_default());
    kept
}

/// Whether a JSON text surely has no white space between its tokens: what most servers send.
fn is_compact(json: &[u8]) -> bool {
    is_unbroken(json) && has_no_outer_space(json)
}

/// Whether there is no white space but for spaces.
fn is_unbroken(json: &[u8]) -> bool {
    memchr3(b'\n', b'\r', b'\t', json).is_none()
}

/// Whether there surely is no space between tokens. Of two neighbours one is a bracket, a brace, a comma or a colon, so
/// such a space has one of these on a side, or another space.
fn has_no_outer_space(json: &[u8]) -> bool {
    let is_structural = |place: Option<usize>| {
        let byte = place.and_then(|place| json.get(place));
        byte.is_none_or(|byte| b" {}[],:".contains(byte))
    };
    memchr_iter(b' ', json).all(|at| !is_structural(at.checked_sub(1)) && !is_structural(at.checked_add(1)))
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(Cow<'a, str>, Option<&'a RawValue>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(32);
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, Some(map.next_value()?)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.into())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
