//! A JSON value whose objects keep the order of their members: the order of an event's attributes is the source's.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value. Numbers of this program are whole; others are kept as the text of what they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(i64),
    /// A number that no encoding writes.
    Other(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value at a path of members, joined by dots. None of this program's members has a dot in its name.
    pub(crate) fn at(&self, path: &str) -> Option<&Json> {
        path.split('.').try_fold(self, |value, name| match value {
            Json::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        })
    }

    /// The text at a path.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        match self.at(path)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same, owned.
    pub(crate) fn owned(&self, path: &str) -> Option<String> {
        self.text(path).map(str::to_owned)
    }

    /// The whole number at a path.
    pub(crate) fn number(&self, path: &str) -> Option<i64> {
        match self.at(path)? {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The texts of a list at a path; of objects their `name`.
    pub(crate) fn texts(&self, path: &str) -> Vec<String> {
        match self.at(path) {
            Some(Json::List(items)) => items
                .iter()
                .filter_map(|item| match item {
                    Json::Text(text) => Some(text.clone()),
                    item => item.owned("name"),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The attributes in an object at a path: a name with a list comes once for each of its values.
    pub(crate) fn pairs(&self, path: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        if let Some(Json::Object(members)) = self.at(path) {
            for (name, value) in members {
                match value {
                    Json::Text(text) => pairs.push((name.clone(), text.clone())),
                    Json::List(items) => {
                        for item in items {
                            if let Json::Text(text) = item {
                                pairs.push((name.clone(), text.clone()));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        pairs
    }

    /// Puts a value at a path, in objects that are made where they are missing.
    pub(crate) fn put(&mut self, path: &str, value: Json) {
        let Json::Object(members) = self else { return };
        let (first, rest) = match path.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let place = members.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
            members.push((first.to_owned(), Json::Object(Vec::new())));
            members.len() - 1
        });
        if let Some((_, member)) = members.get_mut(place) {
            match rest {
                Some(rest) => member.put(rest, value),
                None => *member = value,
            }
        }
    }

    /// The path of the first member that is not the same in both; none where they say the same. The order of members says
    /// nothing.
    pub(crate) fn difference(&self, other: &Json, path: &str) -> Option<String> {
        match (self, other) {
            (Json::Object(one), Json::Object(two)) => {
                let below = |name: &str| match path {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                // Hostile lines may have a million members.
                let (one, two) = (by_name(one), by_name(two));
                for (index, (name, value)) in one.iter().enumerate() {
                    match two.get(index) {
                        Some((there, other)) if there == name => {
                            if let Some(found) = value.difference(other, &below(name)) {
                                return Some(found);
                            }
                        }
                        Some((there, _)) => return Some(below(name.min(there))),
                        None => return Some(below(name)),
                    }
                }
                two.get(one.len()).map(|(name, _)| below(name))
            }
            (one, two) if one == two => None,
            _ => Some(path.to_owned()),
        }
    }
}

/// Members in the order of their names.
fn by_name(members: &[(String, Json)]) -> Vec<(&str, &Json)> {
    let mut sorted: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
    sorted.sort_by_key(|(name, _)| *name);
    sorted
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Other(value as f64), Json::Number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Other(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn members_keep_their_order_and_are_found_by_their_paths() {
        let value = json(r#"{"b":{"z":"1","a":["2","3"]},"n":-7,"r":[{"name":"x"}]}"#);
        assert_eq!(
            value.pairs("b"),
            [("z", "1"), ("a", "2"), ("a", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!((value.number("n"), value.text("b.z")), (Some(-7), Some("1")));
        assert_eq!(value.texts("r"), ["x"]);
        assert_eq!(value.at("b.q"), None);
    }

    #[test]
    fn the_first_difference_is_named_and_the_order_is_none() {
        let of = |one: &str, two: &str| json(one).difference(&json(two), "");
        assert_eq!(of(r#"{"a":1,"b":"x"}"#, r#"{"b":"x","a":1}"#), None);
        assert_eq!(of(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#), Some("a.b".into()));
        assert_eq!(of(r#"{"a":1}"#, r#"{"a":1,"c":2}"#), Some("c".into()));
        assert_eq!(of(r#"{"a":1,"d":2}"#, r#"{"a":1}"#), Some("d".into()));
        assert_eq!(of(r#"{"a":1,"a":1}"#, r#"{"a":1}"#), Some("a".into()));
    }

    #[test]
    fn paths_become_objects() {
        let mut value = Json::Object(Vec::new());
        value.put("user.name", Json::Text("jdoe".into()));
        value.put("user.uid", Json::Null);
        value.put("time", Json::Number(1));
        assert_eq!(value, json(r#"{"user":{"name":"jdoe","uid":null},"time":1}"#));
    }
}
