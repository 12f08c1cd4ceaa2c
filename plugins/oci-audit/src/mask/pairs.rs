//! Secrets whose name is itself a value: in `{"name":"authorization","value":"…"}` the member `value` is one by another way. So headers,
//! claims and changes of attributes are written, in whichever order.

use super::json::{inner, skip_blanks, string_end, unescaped};
use super::names::{is_secret, is_spelled, is_spelled_to_end};
use memchr::memchr3;

/// Objects within objects, beyond which all below count as one.
const DEEPEST: usize = 1024;

/// True of a member that may give a pair's name.
pub fn is_name_of_pair(name: &str) -> bool {
    [
        "name",
        "key",
        "header",
        "headername",
        "attribute",
        "attributename",
        "field",
        "fieldname",
        "parameter",
        "parametername",
        "property",
        "propertyname",
        "path",
    ]
    .iter()
    .any(|known| is_spelled(name, known))
}

/// True of a member that may give a pair's value.
pub fn is_value_of_pair(name: &str) -> bool {
    let is_end = ["value", "values"].iter().any(|known| is_spelled_to_end(name, known));
    let known = ["content", "old", "new", "before", "after", "previous", "current"];
    is_end || known.iter().any(|known| is_spelled(name, known))
}

/// True where a pair of this name holds a secret. It may be a path, as in `urn:…:User:password` and `/credentials/0`.
pub fn names_a_secret(name: &str) -> bool {
    is_secret(name) || name.split(['.', ':', '/', '[', ']']).any(is_secret)
}

/// An object that was entered.
#[derive(Clone, Copy)]
struct OpenObject {
    /// The place of its first value among those that wait for a name.
    first: usize,
    /// True in an object that is called by a secret's name, or stands in one and has no name of its own.
    is_secret: bool,
    has_name: bool,
}

/// The places in a JSON text, or in what is left of one, where the values of such pairs begin, in their order.
pub fn secret_values(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (mut waiting, mut secret): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let outside = OpenObject {
        first: 0,
        is_secret: false,
        has_name: false,
    };
    let (mut above, mut here, mut deeper) = (Vec::new(), outside, 0_usize);
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr3(b'"', b'{', b'}', rest)) {
        at += found;
        match bytes.get(at) {
            Some(b'{') if above.len() == DEEPEST => deeper += 1,
            Some(b'{') => {
                above.push(here);
                here.first = waiting.len();
                here.has_name = false;
            }
            Some(b'}') if deeper > 0 => deeper -= 1,
            Some(b'}') => {
                close(here, &mut waiting, &mut secret);
                here = above.pop().unwrap_or(outside);
            }
            _ => {
                at = member(text, at, &mut here, &mut waiting);
                continue;
            }
        }
        at += 1;
    }
    // What is cut off has no end.
    close(here, &mut waiting, &mut secret);
    while let Some(here) = above.pop() {
        close(here, &mut waiting, &mut secret);
    }
    secret.sort_unstable();
    secret
}

/// Decides on the values of an object that was left.
fn close(here: OpenObject, waiting: &mut Vec<usize>, secret: &mut Vec<usize>) {
    let first = here.first.min(waiting.len());
    let values = waiting.drain(first..);
    if here.is_secret {
        secret.extend(values);
    }
}

/// Looks at the string whose quote is at a place; the place to go on from.
fn member(text: &str, quote: usize, here: &mut OpenObject, waiting: &mut Vec<usize>) -> usize {
    let end = string_end(text, quote);
    let behind = skip_blanks(text, end);
    if text.as_bytes().get(behind) != Some(&b':') {
        return end;
    }
    let value = skip_blanks(text, behind + 1);
    let content = inner(text, quote, end);
    let name = unescaped(content);
    let name = name.as_deref().unwrap_or(content);
    if is_value_of_pair(name) {
        waiting.push(value);
    } else if is_name_of_pair(name) && text.as_bytes().get(value) == Some(&b'"') {
        let end = string_end(text, value);
        let called = inner(text, value, end);
        let called_by = unescaped(called);
        let is_secret = names_a_secret(called_by.as_deref().unwrap_or(called));
        here.is_secret = is_secret || (here.has_name && here.is_secret);
        here.has_name = true;
        return end;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::super::json::mask;
    use super::*;

    #[test]
    fn the_value_of_a_secrets_name_is_masked_on_either_side_of_it() {
        for text in [
            r#"{"value":"hunter2","name":"password"}"#,
            r#"{"value":{"a":["hunter2",{}]},"x":{"name":"host"},"name":"password"}"#,
            r#"{"op":"replace","path":"password","value":"hunter2"}"#,
            r#"{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:password","value":["hunter2"]}"#,
            r#"{"op":"add","path":"/credentials/0","value":"hunter2"}"#,
            r#"{"attributeName":"clientSecret","oldValue":"hunter2","newValue":"hunter2-2"}"#,
            r#"{"attribute_name":"clientSecret","new_value":"hunter2"}"#,
            r#"{"fieldName":"pwd","old":"hunter2","new":"hunter2-2"}"#,
            r#"{"field":"pwd","value":"hunter2"}"#,
            r#"{"parameter":"otp","value":"hunter2"}"#,
            r#"{"key":"pass\u0077ord","value":"hunter2"}"#,
            r#"{"k\u0065y":"password","valu\u0065":"hunter2"}"#,
            r#"{"key":"password","a":{"values":["hunter2"]}}"#,
            r#"[{"value":"hunter2","name":"password""#,
            r#""value":"hunter2","name":"password""#,
            r#"{"x":"{\"value\":\"hunter2\",\"name\":\"password\"}"}"#,
        ] {
            let masked = mask(text).unwrap_or_default();
            assert!(masked.contains("***") && !masked.contains("hunter2"), "{text} {masked}");
        }
    }

    #[test]
    fn the_values_of_other_names_stay() {
        for text in [
            r#"{"value":"x","name":"host"}"#,
            r#"[{"name":"password"},{"value":"x"}]"#,
            r#"{"name":"password","parts":[{"name":"host","value":"x"}]}"#,
            r#"{"parts":[{"name":"password"}],"value":"x"}"#,
            r#"{"path":"/Users/1","value":"x"}"#,
            r#"{"old":"a","new":"b"}"#,
        ] {
            assert_eq!(mask(text), None, "{text}");
        }
    }

    #[test]
    fn depth_and_ends_without_beginnings_do_no_harm() {
        let deep = "{\"a\":".repeat(100_000) + "{\"value\":\"x\",\"name\":\"password\"}" + &"}".repeat(200_000);
        assert_eq!(secret_values(&deep).len(), 1);
        assert_eq!(secret_values("}}}{\"value\":1,\"name\":\"pwd\"}}").len(), 1);
    }
}
