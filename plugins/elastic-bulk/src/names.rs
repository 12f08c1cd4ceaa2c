//! The names of attributes, which the source chose: a column's heading, a member of a record.
//!
//! Elasticsearch reads a dot in a field's name as a step into an object, so that `a` beside `a.b` is a value and an object
//! at once, in one document or in two, and refuses names that begin or end with a dot or have two together, empty ones and
//! those of white space alone ("Field names" and "Dots in field names" in the Elasticsearch reference). Such characters are
//! written as in a URL, `%2E` for a dot, and so is `%` itself: distinct names stay distinct.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::{self, Write};

/// The longest name that is kept as it is, in bytes.
const NAME_BYTES: usize = 256;

/// The form of attributes in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeShape {
    /// An object with a member for each name, which the index should have as one field of the type `flattened`.
    #[default]
    Object,
    /// A list of objects with `name` and `value`: two fields whatever the names are, in any index.
    List,
}

/// An object of attributes: names and JSON texts, in their order.
pub struct AttributeNames<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> AttributeNames<'a> {
    /// Of a JSON text; none where it is no object.
    pub fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Appends them in that shape; false where they may stay as they are.
    pub fn write(&self, shape: AttributeShape, out: &mut String) -> bool {
        match shape {
            AttributeShape::Object if self.0.iter().all(|(name, _)| is_plain(name)) => return false,
            AttributeShape::Object => {
                out.push('{');
                self.each(out, |out, name, value| {
                    out.push_str(&json(&field(name)));
                    out.push(':');
                    out.push_str(value);
                });
                out.push('}');
            }
            AttributeShape::List => {
                out.push('[');
                self.each(out, |out, name, value| {
                    out.push_str(r#"{"name":"#);
                    out.push_str(&json(name));
                    out.push_str(r#","value":"#);
                    out.push_str(value);
                    out.push('}');
                });
                out.push(']');
            }
        }
        true
    }

    fn each(&self, out: &mut String, write: impl Fn(&mut String, &str, &str)) {
        for (place, (name, value)) in self.0.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            write(out, name, value.get());
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for AttributeNames<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributeVisitor;
        impl<'de> Visitor<'de> for AttributeVisitor {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let name = match name.get().strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
                        Some(name) if !name.contains('\\') => Cow::Borrowed(name),
                        _ => Cow::Owned(serde_json::from_str(name.get()).map_err(A::Error::custom)?),
                    };
                    members.push((name, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(AttributeVisitor).map(AttributeNames)
    }
}

fn is_plain(name: &str) -> bool {
    name.len() <= NAME_BYTES && !name.contains(['.', '%', '\0']) && !name.trim().is_empty()
}

/// The name as that of a field. One that is too long keeps its beginning, and the rest becomes a hash.
fn field(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        return name.into();
    }
    if name.is_empty() {
        // No other name becomes this one: a `%` is always followed by two digits.
        return "%".into();
    }
    let is_blank = name.trim().is_empty();
    let mut written = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        match c {
            '.' | '%' | '\0' => escape(c, &mut written),
            c if is_blank => escape(c, &mut written),
            c => written.push(c),
        }
    }
    match written.len() > NAME_BYTES {
        true => crate::shortened::shortened(&written, NAME_BYTES).into(),
        false => written.into(),
    }
}

fn escape(c: char, out: &mut String) {
    let mut bytes = [0; 4];
    for byte in c.encode_utf8(&mut bytes).bytes() {
        // Writing to a string cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(attributes: &str, shape: AttributeShape) -> String {
        let mut out = String::new();
        match AttributeNames::read(attributes).unwrap().write(shape, &mut out) {
            true => out,
            false => attributes.into(),
        }
    }

    #[test]
    fn a_name_that_elasticsearch_refuses_or_takes_for_a_path_is_escaped() {
        for (name, expected) in [
            ("User Name", "User Name"),
            ("No.", "No%2E"),
            (".a", "%2Ea"),
            ("a..b", "a%2E%2Eb"),
            ("a.b", "a%2Eb"),
            ("a%2Eb", "a%252Eb"),
            ("100%", "100%25"),
            (".", "%2E"),
            ("", "%"),
            ("%", "%25"),
            (" ", "%20"),
            ("\u{a0}", "%C2%A0"),
            ("a\0", "a%00"),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(field(name), expected, "{name:?}");
        }
        let long = "x.".repeat(400);
        let (one, other) = (format!("{long}1"), format!("{long}2"));
        assert!(field(&one).len() <= NAME_BYTES && field(&one) != field(&other) && !field(&one).contains('.'));
    }

    #[test]
    fn names_that_need_nothing_stay_as_they_are() {
        let attributes = r#"{"a":"1","User Name":["x","y"]}"#;
        assert!(
            !AttributeNames::read(attributes)
                .unwrap()
                .write(AttributeShape::Object, &mut String::new())
        );
        assert_eq!(
            written(r#"{"a":"1","a.b":["x","y"],"\u002ea\"":"2"}"#, AttributeShape::Object),
            r#"{"a":"1","a%2Eb":["x","y"],"%2Ea\"":"2"}"#
        );
    }

    #[test]
    fn a_list_has_two_fields_whatever_the_names_are() {
        assert_eq!(
            written(r#"{"a":"1","a.b":["x","y"]}"#, AttributeShape::List),
            r#"[{"name":"a","value":"1"},{"name":"a.b","value":["x","y"]}]"#
        );
        assert_eq!(written("{}", AttributeShape::List), "[]");
    }
}
