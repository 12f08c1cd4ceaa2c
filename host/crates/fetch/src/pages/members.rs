//! The value at the end of a path of members in a JSON text. Names are compared without regard to case, and of two members of
//! one name in a record the first counts; in a page that is an error.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The value at the end of the path, as one text, where it is a string or a number; none where it is empty. The record is known
/// to be JSON, so nothing behind the member is read.
pub(super) fn text(record: &str, path: &[String]) -> Option<String> {
    let mut found = None;
    let seed = PathSeed {
        path,
        found: &mut found,
        whole: false,
    };
    // It fails once it has found the member: there is no other way to stop in the middle.
    let _ = seed.deserialize(&mut serde_json::Deserializer::from_str(record));
    text_of(found?)
}

/// The value at the end of the path, as it is written; none where one of the members is missing, or is in no object. The whole text
/// is read, and must be JSON.
pub(super) fn raw<'a>(body: &'a [u8], path: &[String]) -> serde_json::Result<Option<&'a RawValue>> {
    let mut found = None;
    let seed = PathSeed {
        path,
        found: &mut found,
        whole: true,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// The token of the next page in the body of one; none where there is none, it is `null` or empty.
///
/// # Errors
///
/// Fails where the body is not JSON, or something else stands in the token's place: a list must not end in silence.
pub(super) fn token(body: &[u8], path: &[String]) -> Result<Option<String>, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let found = raw(body, path).map_err(unreadable_token)?;
    token_text(found.map(RawValue::get), path)
}

/// The reason to refuse a page whose token cannot be told.
pub(super) fn unreadable_token(why: impl fmt::Display) -> String {
    format!("the token of the next page cannot be read: {why}")
}

/// The token that a member is, as it is written, if it is one.
pub(super) fn token_text(found: Option<&str>, path: &[String]) -> Result<Option<String>, String> {
    let Some(found) = found else {
        return Ok(None);
    };
    match found.as_bytes() {
        b"null" | b"\"\"" => Ok(None),
        // As it is written: no number is too large.
        [b'-' | b'0'..=b'9', ..] => Ok(Some(found.to_owned())),
        [b'"', ..] => serde_json::from_str(found).map(Some).map_err(|error| error.to_string()),
        _ => Err(format!("`{}` is neither a text nor a number", path.join("."))),
    }
}

fn text_of(value: &RawValue) -> Option<String> {
    match serde_json::from_str(value.get()).ok()? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

struct PathSeed<'p, 'f, 'de> {
    path: &'p [String],
    found: &'f mut Option<&'de RawValue>,
    /// True if what is behind the member is read too.
    whole: bool,
}

impl PathSeed<'_, '_, '_> {
    /// A value without members where the path goes on: in a record that is nothing, in a page somebody errs.
    fn no_object<E: serde::de::Error>(self) -> Result<(), E> {
        match self.whole {
            true => Err(E::custom("a member on the way is no object")),
            false => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for PathSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PathSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, below)) = self.path.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while let Some(is_member) = map.next_key_seed(NameSeed(first))? {
            if !is_member {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if self.found.is_some() {
                // Which of the two is meant, nobody can tell.
                return Err(A::Error::custom("a member comes twice"));
            }
            if below.is_empty() {
                *self.found = Some(map.next_value()?);
            } else {
                map.next_value_seed(PathSeed {
                    path: below,
                    found: &mut *self.found,
                    whole: self.whole,
                })?;
            }
            if self.found.is_some() && !self.whole {
                return Err(A::Error::custom("found"));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut elements = 0_u64;
        while list.next_element::<IgnoredAny>()?.is_some() {
            elements += 1;
        }
        match elements {
            0 => Ok(()),
            _ => self.no_object(),
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.no_object()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.no_object()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.no_object()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.no_object()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.no_object()
    }
}

/// Reads a member's name: true where it is this one, in any case of letters.
struct NameSeed<'m>(&'m str);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name.eq_ignore_ascii_case(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn a_record_s_key_is_a_text_or_a_number() {
        for (record, key) in [
            (r#"{"id":"a"}"#, Some("a")),
            (r#"{"x":{"id":"b"},"ID":7}"#, Some("7")),
            (r#"{"id":""}"#, None),
            (r#"{"id":null}"#, None),
            (r#"{"id":{}}"#, None),
            ("{}", None),
            ("[]", None),
            ("7", None),
        ] {
            assert_eq!(text(record, &path("id")).as_deref(), key, "{record}");
        }
    }

    #[test]
    fn a_path_goes_through_objects_only() {
        for (record, key) in [
            (r#"{"data":{"logContent":{"id":"a"}}}"#, Some("a")),
            (r#"{"x":[{}],"Data":{"y":1,"LOGCONTENT":{"id":7,"z":2}}}"#, Some("7")),
            (r#"{"data":{"logContent":null}}"#, None),
            (r#"{"data":[{"logContent":{"id":"a"}}]}"#, None),
            (r#"{"data":"x"}"#, None),
            (r#"{"data":{}}"#, None),
        ] {
            assert_eq!(text(record, &path("data.logContent.id")).as_deref(), key, "{record}");
        }
    }

    #[test]
    fn a_list_ends_where_the_token_is_missing_and_nowhere_else() {
        for (body, next) in [
            (r#"{"meta":{"next":"abc"},"items":[1]}"#, Ok(Some("abc"))),
            (r#"{"items":[1],"meta":{"next":12}}"#, Ok(Some("12"))),
            (r#"{"meta":{"next":null}}"#, Ok(None)),
            (r#"{"meta":{"next":""}}"#, Ok(None)),
            (r#"{"meta":{}}"#, Ok(None)),
            (r#"{"meta":null}"#, Ok(None)),
            ("{}", Ok(None)),
            (r#"{"meta":{"next":{"a":1}}}"#, Err(())),
            (r#"{"meta":{"next":true}}"#, Err(())),
            (r#"{"meta":{"next":"abc"}"#, Err(())),
            (r#"{"items":[1"#, Err(())),
            (r#"{"meta":[{"next":"abc"}]}"#, Err(())),
            (r#"{"meta":"abc"}"#, Err(())),
            (r#"{"meta":[]}"#, Ok(None)),
            (r#"{"meta":{"next":null,"Next":"abc"}}"#, Err(())),
            (
                r#"{"meta":{"next":12345678901234567890123}}"#,
                Ok(Some("12345678901234567890123")),
            ),
        ] {
            let found = token(body.as_bytes(), &path("meta.next"));
            assert_eq!(found.as_ref().map(Option::as_deref).map_err(|_| ()), next, "{body}");
        }
    }
}
