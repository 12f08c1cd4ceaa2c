//! A list of names and values, names perhaps repeated, as one JSON object.

use std::collections::HashMap;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{http_call::PlacedCall, json};

/// More attributes than this are looked up in a hash table, so that a hostile row costs linear time.
const SMALL: usize = 64;

/// The attributes of an event, and fields of it that have no place of their own in a rendering.
///
/// Serializes as an object in the order of first appearance. A name that comes once has a string for a value, a name
/// that comes again an array of all its strings, so nothing is lost.
#[derive(Clone, Copy)]
pub struct Attributes<'a> {
    pub listed: &'a [(String, String)],
    /// Fields without a place, by name; they come after the listed.
    pub(crate) misplaced: [(&'static str, Option<&'a str>); 8],
    /// The listed that have a place elsewhere in this rendering, and so none here.
    pub(crate) placed: PlacedCall,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(listed: &'a [(String, String)]) -> Self {
        Attributes {
            listed,
            misplaced: [("", None); 8],
            placed: PlacedCall::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    fn entries(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        let misplaced = self
            .misplaced
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let placed = self.placed;
        self.listed
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(move |(name, _)| !placed.holds(name))
            .chain(misplaced)
    }

    /// Appends the object, as it is serialized.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        let mut name = |out: &mut Vec<u8>, name: &str| {
            if !std::mem::replace(&mut first, false) {
                out.push(b',');
            }
            json::text(out, name);
            out.push(b':');
        };
        if self.may_repeat() {
            for (each, values) in self.gathered() {
                name(out, each);
                match values.as_slice() {
                    [value] => json::text(out, value),
                    values => json::texts(out, values.iter().copied()),
                }
            }
        } else {
            for (each, value) in self.entries() {
                name(out, each);
                json::text(out, value);
            }
        }
        out.push(b'}');
    }

    /// The values of every name, in the order of first appearance.
    fn gathered(&self) -> Vec<(&'a str, Vec<&'a str>)> {
        let mut values: HashMap<&str, Vec<&str>> = HashMap::new();
        for (name, value) in self.entries() {
            values.entry(name).or_default().push(value);
        }
        self.entries()
            .filter_map(|(name, _)| Some((name, values.remove(name)?)))
            .collect()
    }

    /// True if a name may come twice. A false positive costs only the slower path.
    fn may_repeat(&self) -> bool {
        if self.listed.len() > SMALL {
            return true;
        }
        let mut seen = [0_u64; 8];
        for (index, (name, _)) in self.entries().enumerate() {
            let hash = fingerprint(name);
            let bit = 1 << (hash >> 58);
            if let Some(word) = seen.get_mut((hash >> 56 & 3) as usize) {
                if *word & bit != 0 && self.entries().take(index).any(|(earlier, _)| earlier == name) {
                    return true;
                }
                *word |= bit;
            }
        }
        false
    }
}

/// A hash that tells most names apart in its upper bits, by their lengths and what they begin and end with.
fn fingerprint(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let ends = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first).rotate_left(20) ^ u64::from_le_bytes(*last),
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    (ends ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.may_repeat() {
            for (name, values) in self.gathered() {
                match values.as_slice() {
                    [value] => map.serialize_entry(name, value)?,
                    values => map.serialize_entry(name, values)?,
                }
            }
        } else {
            for (name, value) in self.entries() {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(pairs: &[(&str, &str)], misplaced: [(&'static str, Option<&str>); 8]) -> String {
        let listed: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let attributes = Attributes {
            listed: &listed,
            misplaced,
            placed: PlacedCall::default(),
        };
        let serialized = serde_json::to_string(&attributes).unwrap();
        let mut written = Vec::new();
        attributes.write(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), serialized);
        serialized
    }

    #[test]
    fn a_name_that_repeats_keeps_all_its_values() {
        let none = [("", None); 8];
        assert_eq!(json(&[], none), "{}");
        assert_eq!(json(&[("b", "1"), ("a", "2")], none), r#"{"b":"1","a":"2"}"#);
        assert_eq!(
            json(&[("b", "1"), ("a", "2"), ("b", "3")], none),
            r#"{"b":["1","3"],"a":"2"}"#
        );
        assert_eq!(json(&[("", "x"), ("", "x")], none), r#"{"":["x","x"]}"#);
    }

    #[test]
    fn a_field_without_a_place_does_not_displace_an_attribute_of_its_name() {
        let mut misplaced = [("", None); 8];
        misplaced[0] = ("source_ip", Some("10.xxx"));
        assert_eq!(
            json(&[("source_ip", "a")], misplaced),
            r#"{"source_ip":["a","10.xxx"]}"#
        );
    }

    #[test]
    fn what_has_a_place_elsewhere_is_left_out() {
        let listed = [("request_id", "r"), ("request_path", "/a"), ("b", "1")];
        let listed = listed.map(|(name, value)| (name.to_string(), value.to_string()));
        let mut attributes = Attributes::of(&listed);
        attributes.placed.path = true;
        let mut written = Vec::new();
        attributes.write(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), r#"{"request_id":"r","b":"1"}"#);
        assert_eq!(
            serde_json::to_string(&attributes).unwrap(),
            r#"{"request_id":"r","b":"1"}"#
        );
        let mut only = Attributes::of(&listed[1..2]);
        only.placed.path = true;
        assert!(only.is_empty());
    }

    #[test]
    fn a_row_of_many_attributes_keeps_them_all() {
        let listed: Vec<_> = (0..50_000)
            .map(|n| (format!("n{}", n % 40_000), n.to_string()))
            .collect();
        let text = serde_json::to_string(&Attributes::of(&listed)).unwrap();
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(object.len(), 40_000);
        assert_eq!(object["n7"], serde_json::json!(["7", "40007"]));
        assert_eq!(object["n30000"], serde_json::json!("30000"));
    }
}
