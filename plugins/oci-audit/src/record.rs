//! An event as it comes, in either envelope: its members by part and name, read in one pass.

use crate::part::RecordPart;
use memchr::memchr;
use serde_core::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An event, in the order of its members. Those that were taken are gone. Every text that leaves it is [masked](secret_mask).
#[derive(Debug, Default)]
pub struct AuditRecord<'a> {
    envelope: Vec<PartMember<'a>>,
    data: Vec<PartMember<'a>>,
    identity: Vec<PartMember<'a>>,
    request: Vec<PartMember<'a>>,
    response: Vec<PartMember<'a>>,
    state_change: Vec<PartMember<'a>>,
    details: Vec<PartMember<'a>>,
    /// True once the wrapper of Logging Search was opened: there is one.
    unwrapped: bool,
}

#[derive(Debug)]
struct PartMember<'a> {
    name: Cow<'a, str>,
    value: Option<MemberValue<'a>>,
}

impl PartMember<'_> {
    /// True of the name of a pair that is a secret's, or of a list of such names.
    fn names_a_secret(&self) -> bool {
        if !secret_mask::is_name_of_pair(&self.name) {
            return false;
        }
        let name = match &self.value {
            Some(MemberValue::Json(json)) if json.get().starts_with('{') => None,
            Some(value) => text(&self.name, value),
            None => None,
        };
        name.is_some_and(|name| secret_mask::names_a_secret(&name))
    }

    /// Masks the member where it is the value of a pair, and all such values in it.
    fn hide_values(&mut self) {
        if secret_mask::is_value_of_pair(&self.name) {
            self.value = Some(MemberValue::Text(secret_mask::MASK.into()));
        } else if let Some(MemberValue::Json(json)) = self.value
            && let Cow::Owned(masked) = secret_mask::value_beside_name(json.get())
        {
            self.value = Some(MemberValue::Text(masked.into()));
        }
    }
}

#[derive(Debug, Clone)]
enum MemberValue<'a> {
    Json(&'a RawValue),
    /// Of a part that is no object.
    Text(Cow<'a, str>),
}

impl<'a> AuditRecord<'a> {
    /// Reads a line; none where it is no JSON object.
    pub fn read(line: &'a str) -> Option<AuditRecord<'a>> {
        if !line.trim_ascii_start().starts_with('{') {
            return None;
        }
        let mut record = AuditRecord::default();
        let mut json = serde_json::Deserializer::from_str(line);
        let seed = PartSeed {
            record: &mut record,
            part: RecordPart::Envelope,
            above: RecordPart::Envelope,
            name: "".into(),
        };
        seed.deserialize(&mut json).ok()?;
        json.end().ok()?;
        record.hide_values_of_pairs();
        Some(record)
    }

    /// Puts a mask in the place of values whose name stands in a member beside them: members leave a part one by one.
    fn hide_values_of_pairs(&mut self) {
        let parts = [
            &mut self.envelope,
            &mut self.data,
            &mut self.identity,
            &mut self.request,
            &mut self.response,
            &mut self.state_change,
            &mut self.details,
        ];
        for members in parts {
            if members.iter().any(PartMember::names_a_secret) {
                members.iter_mut().for_each(PartMember::hide_values);
            }
        }
    }

    /// A member as text, which stays: a string's content, or any other value as JSON. None where there is no such member, or it
    /// is `null` or empty.
    pub fn get(&self, part: RecordPart, name: &str) -> Option<Cow<'a, str>> {
        let member = self.members(part).get(self.place(part, name)?)?;
        text(&member.name, member.value.as_ref()?)
    }

    /// A member's text as it came, for comparisons and lookups within: it is not masked.
    pub fn raw(&self, part: RecordPart, name: &str) -> Option<&'a str> {
        let member = self.members(part).get(self.place(part, name)?)?;
        match member.value.as_ref()? {
            MemberValue::Json(json) => Some(json.get()),
            MemberValue::Text(_) => None,
        }
    }

    /// Takes a member out.
    pub fn take(&mut self, part: RecordPart, name: &str) -> Option<Cow<'a, str>> {
        self.take_if(part, name, |_| true)
    }

    /// Takes a member out if its text passes a test.
    pub fn take_if(&mut self, part: RecordPart, name: &str, test: impl Fn(&str) -> bool) -> Option<Cow<'a, str>> {
        let place = self.place(part, name)?;
        let member = self.members_mut(part).get_mut(place)?;
        let text = text(&member.name, member.value.as_ref()?).filter(|text| test(text))?;
        member.value = None;
        Some(text)
    }

    /// Takes out the first member that one of these names has.
    pub fn take_any(&mut self, part: RecordPart, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.take(part, name))
    }

    /// Puts a mask in the place of every member of this name.
    pub fn hide(&mut self, part: RecordPart, name: &str) {
        let members = self.members_mut(part).iter_mut();
        for member in members.filter(|member| member.name.eq_ignore_ascii_case(name)) {
            if member.value.is_some() {
                member.value = Some(MemberValue::Text(secret_mask::MASK.into()));
            }
        }
    }

    /// The members that nobody has taken, as attributes by their names.
    pub fn rest(self, is_of_domain: bool) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let parts = [
            (RecordPart::Envelope, self.envelope),
            (RecordPart::Data, self.data),
            (RecordPart::Identity, self.identity),
            (RecordPart::Request, self.request),
            (RecordPart::Response, self.response),
            (RecordPart::StateChange, self.state_change),
            (RecordPart::Details, self.details),
        ];
        let mut rest = Vec::with_capacity(parts.iter().map(|(_, members)| members.len()).sum());
        for (part, members) in parts {
            for PartMember { name, value } in members {
                let Some(text) = value.and_then(|value| text(&name, &value)) else {
                    continue;
                };
                if let Some(name) = part.attribute(name, is_of_domain) {
                    rest.push((name, text));
                }
            }
        }
        rest
    }

    /// The place of the first member that is still there and has this name, in any case.
    fn place(&self, part: RecordPart, name: &str) -> Option<usize> {
        self.members(part)
            .iter()
            .position(|member| member.value.is_some() && member.name.eq_ignore_ascii_case(name))
    }

    fn members(&self, part: RecordPart) -> &[PartMember<'a>] {
        match part {
            RecordPart::Envelope => &self.envelope,
            RecordPart::Data => &self.data,
            RecordPart::Identity => &self.identity,
            RecordPart::Request => &self.request,
            RecordPart::Response => &self.response,
            RecordPart::StateChange => &self.state_change,
            RecordPart::Details => &self.details,
        }
    }

    fn members_mut(&mut self, part: RecordPart) -> &mut Vec<PartMember<'a>> {
        match part {
            RecordPart::Envelope => &mut self.envelope,
            RecordPart::Data => &mut self.data,
            RecordPart::Identity => &mut self.identity,
            RecordPart::Request => &mut self.request,
            RecordPart::Response => &mut self.response,
            RecordPart::StateChange => &mut self.state_change,
            RecordPart::Details => &mut self.details,
        }
    }
}

/// The text of a member that says something, without secrets.
fn text<'a>(name: &str, value: &MemberValue<'a>) -> Option<Cow<'a, str>> {
    let text = match value {
        MemberValue::Text(text) => text.clone(),
        MemberValue::Json(json) => {
            let json = json.get();
            match json.as_bytes() {
                b"null" | b"\"\"" | b"{}" | b"[]" => return None,
                // Without an escape, it says what stands between its quotation marks.
                [b'"', inner @ .., b'"'] if memchr(b'\\', inner).is_none() => {
                    Cow::Borrowed(json.get(1..json.len() - 1).unwrap_or_default())
                }
                // A string that is no text, half a surrogate pair say, stays JSON.
                [b'"', ..] => serde_json::from_str(json).map_or(Cow::Borrowed(json), Cow::Owned),
                _ => return Some(secret_mask::value(name, json)),
            }
        }
    };
    Some(secret_mask::string(name, text))
}

/// Reads the object that a part is. What stands in its place and is no object becomes a member of the part above.
struct PartSeed<'s, 'a> {
    record: &'s mut AuditRecord<'a>,
    part: RecordPart,
    above: RecordPart,
    name: Cow<'a, str>,
}

impl<'a> PartSeed<'_, 'a> {
    fn no_object(self, text: Cow<'a, str>) {
        if !text.is_empty() {
            self.record.members_mut(self.above).push(PartMember {
                name: self.name,
                value: Some(MemberValue::Text(text)),
            });
        }
    }
}

impl<'de> DeserializeSeed<'de> for PartSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PartSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a part of an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(PartName(name)) = map.next_key()? {
            let part = self.part.member(&name).filter(|part| {
                // The wrapper holds one event, and no other wrapper.
                *part != RecordPart::Envelope || !std::mem::replace(&mut self.record.unwrapped, true)
            });
            match part {
                Some(part) => map.next_value_seed(PartSeed {
                    record: &mut *self.record,
                    part,
                    above: self.part,
                    name,
                })?,
                None => {
                    let value = Some(MemberValue::Json(map.next_value()?));
                    self.record.members_mut(self.part).push(PartMember { name, value });
                }
            }
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.no_object(text.into());
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.no_object(text.to_owned().into());
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.no_object(value.to_string().into());
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.no_object(value.to_string().into());
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.no_object(value.to_string().into());
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.no_object(value.to_string().into());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element::<&RawValue>()? {
            texts.push(item.get());
        }
        if !texts.is_empty() {
            self.no_object(format!("[{}]", texts.join(",")).into());
        }
        Ok(())
    }
}

/// A member's name, borrowed where it has no escapes.
struct PartName<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for PartName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartNameVisitor;
        impl<'de> Visitor<'de> for PartNameVisitor {
            type Value = PartName<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<PartName<'de>, E> {
                Ok(PartName(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<PartName<'de>, E> {
                Ok(PartName(Cow::Owned(name.into())))
            }
        }
        deserializer.deserialize_str(PartNameVisitor)
    }
}
