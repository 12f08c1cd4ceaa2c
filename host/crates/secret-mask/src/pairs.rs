//! Secrets whose name is itself a value: in `{"name":"authorization","value":"…"}` the member `value` is one by another way. So headers,
//! claims and changes of attributes are written, in whichever order. The name may stand in a list, as `["authorization"]`.

use super::lexer::{DEEPEST_OBJECT, inner, skip_blanks, string_end, unescaped, value_behind};
use super::names::{is_secret, is_spelled, is_spelled_to_end};
use memchr::memchr3;

/// True of a member that may give a pair's name, or those of several pairs.
pub fn is_name_of_pair(name: &str) -> bool {
    let one = name.strip_suffix(['s', 'S']).unwrap_or(name);
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
    .any(|known| is_spelled(one, known))
}

/// True of a member that may give a pair's value.
pub fn is_value_of_pair(name: &str) -> bool {
    let is_end = ["value", "values"].iter().any(|known| is_spelled_to_end(name, known));
    let known = ["content", "old", "new", "before", "after", "previous", "current"];
    is_end || known.iter().any(|known| is_spelled(name, known))
}

/// True where a pair of this name holds a secret. It may be a path, as in `urn:…:User:password` and `/credentials/0`, and a JSON list
/// of names.
pub fn names_a_secret(name: &str) -> bool {
    if name.starts_with('[')
        && let Some((is_secret, _)) = name_at(name, 0, string_end)
    {
        return is_secret;
    }
    names_one_secret(name)
}

fn names_one_secret(name: &str) -> bool {
    is_secret(name) || name.split(['.', ':', '/', '[', ']']).any(is_secret)
}

/// The places in a JSON text, or in what is left of one, where the values of such pairs begin, in their order. The text may stand in
/// an object that a secret's name calls.
pub fn secret_values(text: &str, is_of_secret: bool) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut pairs = OpenPairs::below(is_of_secret);
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr3(b'"', b'{', b'}', rest)) {
        at += found;
        match bytes.get(at) {
            Some(b'{') => pairs.enter(),
            Some(b'}') => pairs.leave(),
            _ => {
                at = member(text, at + 1, &mut pairs);
                continue;
            }
        }
        at += 1;
    }
    pairs.finish()
}

/// Looks at the string whose content begins at a place; the place to go on from.
fn member(text: &str, from: usize, pairs: &mut OpenPairs) -> usize {
    let end = string_end(text, from);
    let Some(value) = value_behind(text, end) else {
        return end;
    };
    let content = inner(text, from, end);
    let name = unescaped(content);
    let name = name.as_deref().unwrap_or(content);
    if is_value_of_pair(name) {
        pairs.value(value);
    } else if is_name_of_pair(name)
        && let Some((is_secret, end)) = name_at(text, value, string_end)
    {
        pairs.name(is_secret);
        return end;
    }
    value
}

/// True where the text at a place, or one of the list of texts there, names a secret; and the place behind it. None of other values.
/// The quotes may be escaped, where the text is a string's content.
pub fn name_at(text: &str, value: usize, string_end: fn(&str, usize) -> usize) -> Option<(bool, usize)> {
    let (mut at, mut lists, mut is_named) = (value, 0_u32, false);
    loop {
        match text.as_bytes().get(at) {
            Some(b'"') => {
                let end = string_end(text, at + 1);
                let content = inner(text, at + 1, end).trim_end_matches('\\');
                let name = unescaped(content);
                is_named |= names_one_secret(name.as_deref().unwrap_or(content));
                at = end;
                if lists == 0 {
                    return Some((is_named, at));
                }
            }
            Some(b'[') => {
                lists += 1;
                at += 1;
            }
            Some(b']') if lists > 0 => {
                lists -= 1;
                at += 1;
                if lists == 0 {
                    return Some((is_named, at));
                }
            }
            Some(b',') if lists > 0 => at += 1,
            Some(b'\\') => at += 1,
            // Cut off.
            None if lists > 0 => return Some((is_named, at)),
            _ => return None,
        }
        at = skip_blanks(text, at);
    }
}

/// An object that was entered.
#[derive(Clone, Copy, Default)]
struct OpenObject {
    /// The first of its values among those that wait for a name.
    first: usize,
    has_name: bool,
    /// True once a name of it is a secret's.
    is_secret: bool,
}

/// A value that waits for the name of its pair: that of its object or, where that has none, of one around it.
struct WaitingValue {
    place: usize,
    /// The number of objects that its own stands in.
    level: usize,
}

/// The pairs of a text that is gone through from left to right.
#[derive(Default)]
pub struct OpenPairs {
    around: Vec<OpenObject>,
    here: OpenObject,
    /// Objects within objects that are not told apart any more.
    deeper: usize,
    waiting: Vec<WaitingValue>,
    /// The places of values that are secrets.
    secret: Vec<usize>,
}

impl OpenPairs {
    /// The open pairs of a text that stands in an object, perhaps in one that a secret's name calls.
    pub fn below(is_of_secret: bool) -> OpenPairs {
        let mut pairs = OpenPairs::default();
        pairs.here.is_secret = is_of_secret;
        pairs
    }

    /// Enters an object.
    pub fn enter(&mut self) {
        if self.around.len() == DEEPEST_OBJECT {
            self.deeper += 1;
            return;
        }
        self.around.push(self.here);
        self.here = OpenObject {
            first: self.waiting.len(),
            ..OpenObject::default()
        };
    }

    /// Leaves the object that was entered last, if there is one.
    pub fn leave(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        self.close();
        self.here = self.around.pop().unwrap_or_default();
    }

    /// Takes a member of the object that may be the value of a pair, by the place of its value.
    pub fn value(&mut self, place: usize) {
        let level = self.around.len();
        self.waiting.push(WaitingValue { place, level });
    }

    /// Takes a member of the object that is the name of a pair.
    pub fn name(&mut self, is_secret: bool) {
        self.here.is_secret |= is_secret;
        self.here.has_name = true;
    }

    /// The places of all values that are secrets, in their order.
    pub fn finish(mut self) -> Vec<usize> {
        while let Some(around) = self.around.pop() {
            self.break_off(self.around.len() + 1);
            self.here = around;
        }
        self.close();
        self.secret.sort_unstable();
        self.secret
    }

    /// Decides on the values of the object; where it has no name, they go on waiting.
    fn close(&mut self) {
        let first = self.here.first.min(self.waiting.len());
        if self.here.is_secret {
            self.secret.extend(self.waiting.drain(first..).map(|value| value.place));
        } else if self.here.has_name {
            self.waiting.truncate(first);
        }
    }

    /// Decides on the values of the object at a level, whose end is missing, and perhaps its name: then they are taken for secrets.
    fn break_off(&mut self, level: usize) {
        if self.here.has_name || self.here.is_secret {
            return self.close();
        }
        for value in self.waiting.split_off(self.here.first.min(self.waiting.len())) {
            match value.level == level {
                true => self.secret.push(value.place),
                false => self.waiting.push(value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::mask;
    use super::*;

    fn masked(text: &str) -> String {
        mask(text).unwrap_or_default()
    }

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
            r#"{"a":[{"values":["hunter2"]}],"key":"password"}"#,
            r#"[{"value":"hunter2","name":"password""#,
            r#""value":"hunter2","name":"password""#,
            r#"{"x":"{\"value\":\"hunter2\",\"name\":\"password\"}"}"#,
        ] {
            let masked = masked(text);
            assert!(masked.contains("***") && !masked.contains("hunter2"), "{text} {masked}");
        }
    }

    #[test]
    fn a_name_in_a_list_is_one_too() {
        for text in [
            r#"{"name":["password"],"value":["hunter2"]}"#,
            r#"{"value":["hunter2"],"name": [ "password" ] }"#,
            r#"{"header":["Host","pass\u0077ord"],"value":["x","hunter2"]}"#,
            r#"{"attributeNames":["userName","password"],"newValues":["x","hunter2"]}"#,
            r#"{"path":[["urn:x:User:password"]],"value":"hunter2"}"#,
            r#"{"value":"hunter2","key":["password""#,
        ] {
            let masked = masked(text);
            assert!(masked.contains("***") && !masked.contains("hunter2"), "{text} {masked}");
        }
        assert!(names_a_secret(r#"["host", "pass\u0077ord"]"#) && names_a_secret("[0].password"));
        assert!(!names_a_secret(r#"["host"]"#) && !names_a_secret(""));
    }

    #[test]
    fn a_value_whose_name_may_be_cut_off_is_masked() {
        for text in [
            r#"{"changes":[{"value":"hunter2","op":"repl"#,
            r#"{"changes":[{"op":"add","value":["hunter2","#,
            r#"{"changes":[{"op":"add","value":"hunter2","#,
            r#"{"newValue":{"a":1},"b":{"value":"hunter2","c":"#,
        ] {
            let masked = masked(text);
            assert!(masked.contains("***") && !masked.contains("hunter2"), "{text} {masked}");
        }
        // Of one that is called by another name nothing is hidden, nor of one that was left.
        for text in [
            r#"{"changes":[{"name":"host","value":"x","op":"repl"#,
            r#"{"changes":[{"value":"x"},{"op":"repl"#,
        ] {
            assert_eq!(mask(text), None, "{text}");
        }
    }

    #[test]
    fn what_stands_in_an_object_that_a_secrets_name_calls_is_of_it() {
        assert_eq!(
            secret_values(r#"{"a":{"values":[1]},"b":{"name":"host","value":1}}"#, true),
            [15]
        );
        assert!(secret_values(r#"{"a":{"values":[1]}}"#, false).is_empty());
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
            r#"{"name":["host"],"value":"x"}"#,
            r#"{"parameters":[{"name":"password"}],"value":"x"}"#,
            r#"{"parameters":{"password":null},"value":"x"}"#,
        ] {
            assert_eq!(mask(text), None, "{text}");
        }
    }

    #[test]
    fn depth_and_ends_without_beginnings_do_no_harm() {
        let deep = "{\"a\":".repeat(100_000) + "{\"value\":\"x\",\"name\":\"password\"}" + &"}".repeat(200_000);
        assert_eq!(secret_values(&deep, false).len(), 1);
        assert_eq!(secret_values("}}}{\"value\":1,\"name\":\"pwd\"}}", false).len(), 1);
        let lists = format!("{{\"name\":{}", "[".repeat(200_000));
        assert!(secret_values(&lists, false).is_empty());
    }
}
