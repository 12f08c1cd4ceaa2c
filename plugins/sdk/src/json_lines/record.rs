//! One JSON object: its members by name, and what is left of them.

use super::{compact, has_no_outer_space, is_unbroken, string};
use crate::address::Client;
use crate::time::Orders;
use crate::{Timestamp, marks};
use memchr::memchr;
use serde_core::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// One JSON object, in the order of its members. Those that were taken have no value any more.
pub struct Record<'a> {
    members: Vec<(Cow<'a, str>, Option<&'a RawValue>)>,
    /// Of each member's name, see [`glance`], and what is wanted to the next multiple of eight.
    glances: Vec<u32>,
    /// Findings that hold for the whole line, and so for each of its values.
    whole: ParsedLine,
    orders: &'a Orders,
}

/// Findings about a text of JSON.
#[derive(Clone, Copy)]
struct ParsedLine {
    /// True where no escape is in the text.
    literal: bool,
    /// True where white space between its tokens is spaces alone.
    unbroken: bool,
}

impl<'a> Record<'a> {
    /// None where the line is no JSON object.
    pub(super) fn read(line: &'a [u8], orders: &'a Orders) -> Option<Record<'a>> {
        // Once for the whole line: texts that are cut out of a valid one need no second look.
        let text = marks::text(line);
        if text.len() < line.len() {
            return None;
        }
        Record::of(text, orders)
    }

    #[inline]
    fn of(text: &'a str, orders: &'a Orders) -> Option<Record<'a>> {
        let line = text.as_bytes();
        let RecordMembers(members) = serde_json::from_str(text).ok()?;
        let mut glances = Vec::with_capacity(members.len().next_multiple_of(EIGHT));
        glances.extend(members.iter().map(|(name, _)| glance(name)));
        glances.resize(glances.len().next_multiple_of(EIGHT), 0);
        Some(Record {
            glances,
            members,
            whole: ParsedLine {
                literal: memchr(b'\\', line).is_none(),
                unbroken: is_unbroken(line),
            },
            orders,
        })
    }

    /// Milliseconds since 1970 of a time that the record holds, as [`time::parse`](crate::time::parse) reads it. Where day
    /// and month could be either way around, other records of the document may settle it: answer with the error then, and
    /// the record comes again when all others have.
    #[inline]
    pub fn time(&self, text: &str) -> Result<Timestamp, &'static str> {
        self.orders.time(text)
    }

    /// A member as [`take`](Self::take) would give it, which stays.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.members.get(self.place(name)?)?;
        self.whole.text((*value)?)
    }

    /// The object that a member is; none where it is something else. The member stays, so that an event keeps what is not taken
    /// of it, whole.
    pub fn object(&self, name: &str) -> Option<Record<'a>> {
        let (_, value) = self.members.get(self.place(name)?)?;
        Record::of((*value)?.get(), self.orders)
    }

    /// The objects in the list that a member is, in their order; whatever else is in it is passed over. The member stays.
    pub fn objects(&self, name: &str) -> Vec<Record<'a>> {
        let value = self.place(name).and_then(|place| self.members.get(place));
        let Some((_, Some(value))) = value else {
            return Vec::new();
        };
        let items: Vec<&'a RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
        let objects = items.into_iter().map(|item| Record::of(item.get(), self.orders));
        objects.flatten().collect()
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

    /// Takes out the first member that one of these names has.
    pub fn take_any(&mut self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.take(name))
    }

    /// The client that the first member of these names tells of; without one, none of them is touched. A member that
    /// [says more](Client::is_all) stays for [`rest`](Self::rest).
    pub fn take_client(&mut self, names: &[&str]) -> Option<Client<'a>> {
        for name in names {
            let Some(text) = self.get(name) else { continue };
            let client = Client::of(&text)?;
            if !client.is_all {
                return Some(client.into_owned());
            }
            let ip = self.take(name)?;
            let (port, is_all) = (None, true);
            return Some(Client { ip, port, is_all });
        }
        None
    }

    /// The members that nobody has taken, as text: strings as they are, all else as JSON without white space. Members that are `null`
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

    /// The index of the first member that is still there and has this name, in any case.
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

/// True where two names are the same, in any case. Most are so in the same case, which is seen eight bytes at a time.
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

impl ParsedLine {
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

/// The members of an object, in their order.
struct RecordMembers<'a>(Vec<(Cow<'a, str>, Option<&'a RawValue>)>);

impl<'de> Deserialize<'de> for RecordMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = RecordMembers<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordMembers<'de>, A::Error> {
                let mut members = Vec::with_capacity(32);
                while let Some(MemberName(name)) = map.next_key()? {
                    members.push((name, Some(map.next_value()?)));
                }
                Ok(RecordMembers(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A member's name, borrowed where it has no escapes.
struct MemberName<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = MemberName<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Owned(name.into())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}
