//! An event's JSON without the members that are left out.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::paths::Paths;
use crate::json;

/// Appends the event, which is one JSON object, without what is omitted.
pub(super) fn thin(omitted: &Paths, event: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_slice(event);
    let object = Object { omitted, path: "", out };
    object.deserialize(&mut deserializer).map(drop)
}

/// One object of an event, and how far down it is.
struct Object<'a> {
    omitted: &'a Paths,
    path: &'a str,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    /// True if any member of the object is left.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        self.out.push(b'{');
        let mut left = false;
        while let Some(Name(name)) = members.next_key::<Name>()? {
            let path: Cow<'_, str> = match self.path {
                "" => Cow::Borrowed(&name),
                above => Cow::Owned(format!("{above}.{name}")),
            };
            if self.omitted.omit(&path) {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let start = self.out.len();
            if left {
                self.out.push(b',');
            }
            json::text(self.out, &name);
            self.out.push(b':');
            if self.omitted.reach_into(&path) {
                let value = members.next_value::<&RawValue>()?.get();
                if value.starts_with('{') {
                    let mut inner = serde_json::Deserializer::from_str(value);
                    let object = Object {
                        omitted: self.omitted,
                        path: &path,
                        out: self.out,
                    };
                    if !object.deserialize(&mut inner).map_err(A::Error::custom)? {
                        self.out.truncate(start);
                        continue;
                    }
                } else {
                    self.out.extend_from_slice(value.as_bytes());
                }
            } else {
                let value = members.next_value::<&RawValue>()?.get();
                self.out.extend_from_slice(value.as_bytes());
            }
            left = true;
        }
        self.out.push(b'}');
        Ok(left)
    }
}

/// A member's name, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
