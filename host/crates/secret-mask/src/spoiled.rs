//! Secrets in a text that is no JSON, or no longer: cut off, spoiled by a quote too many, or a message that quotes a piece of a record.
//!
//! Nobody can tell there where a string begins. So every quote before a colon is taken for the end of a name, whatever went before, and a
//! value ends where one can end. The text may stand in a string itself, with backslashes before its quotes.

use super::calls::hides_answer;
use super::lexer::{after_quote, skip_blanks, string_end as plain_string_end, unescaped, value_behind};
use super::masked_text::MaskedText;
use super::names::{MASK, is_secret, says_nothing};
use super::pairs::{OpenPairs, is_name_of_pair, is_value_of_pair, name_at};
use super::remarks::is_remark;
use memchr::memchr3;
use serde_core::de::IgnoredAny;
use std::borrow::Cow;

/// Longer texts are no name, in bytes.
const LONGEST_NAME: usize = 512;
/// Texts within texts, in each of which a name is escaped once more.
const DEEPEST: u32 = 8;

/// The text with masks in the place of secrets, and perhaps of the answers of calls; none where it holds no secret.
pub fn mask(text: &str, hides_answers: bool) -> Option<String> {
    let mut masked = MaskedText::of(text);
    for place in hidden_values(text, hides_answers) {
        // One that stands in another one is masked with it.
        if place < masked.copied() {
            continue;
        }
        let escapes = escapes_of_name(text, place);
        let end = value_end(text, place, escapes);
        let value = text.get(place..end).unwrap_or_default();
        if !says_nothing(&value.replace('\\', "")) && !is_remark(value.as_bytes()) {
            match escapes {
                0 => masked.replace(place..end, mask_of(text, place, end)),
                _ => {
                    let quote = "\\".repeat(escapes) + "\"";
                    masked.replace(place..end, &format!("{quote}{MASK}{quote}"));
                }
            }
        }
    }
    masked.finish()
}

/// The mask in the place of a value of a text that is no JSON. Where it is that value which is none, neither is the mask: whoever reads
/// the masked text rejects the record that was rejected without it. Of a value that is cut off nothing follows.
pub fn mask_of(text: &str, from: usize, end: usize) -> &'static str {
    match text.get(from..end) {
        Some(value) if end < text.len() && !is_formed(value) => MASK,
        _ => "\"***\"",
    }
}

/// True of a value that is JSON but for what stands in its strings: that can be mended.
fn is_formed(value: &str) -> bool {
    let (mut form, mut at) = (String::new(), 0);
    while let Some(from) = after_quote(value, at) {
        let end = plain_string_end(value, from);
        let content = value.get(from..end).unwrap_or_default();
        let is_closed = content
            .strip_suffix('"')
            .is_some_and(|content| backslashes_before(content).is_multiple_of(2));
        if !is_closed {
            return false;
        }
        form.push_str(value.get(at..from).unwrap_or_default());
        form.push('"');
        at = end;
    }
    form.push_str(value.get(at..).unwrap_or_default());
    serde_json::from_str::<IgnoredAny>(&form).is_ok()
}

/// The places where the values of members begin that are hidden, in their order.
fn hidden_values(text: &str, hides_answers: bool) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (mut pairs, mut hidden) = (OpenPairs::default(), Vec::new());
    let (mut at, mut name_start) = (0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr3(b'"', b'{', b'}', rest)) {
        let place = at + found;
        at = place + 1;
        match bytes.get(place) {
            Some(b'{') => pairs.enter(),
            Some(b'}') => pairs.leave(),
            _ => {
                let name = text.get(name_start..place).unwrap_or_default();
                name_start = at;
                let Some(value) = value_behind(text, at) else {
                    continue;
                };
                let Some(name) = plain_name(name) else {
                    continue;
                };
                if is_secret(&name) || (hides_answers && hides_answer(&name, bytes.get(value).copied())) {
                    hidden.push(value);
                } else if is_value_of_pair(&name) {
                    pairs.value(value);
                } else if is_name_of_pair(&name)
                    && let Some((is_secret, _)) = name_at(text, value, any_string_end)
                {
                    pairs.name(is_secret);
                }
            }
        }
    }
    hidden.append(&mut pairs.finish());
    hidden.sort_unstable();
    hidden
}

/// The name that stands before a quote, however often it is escaped.
fn plain_name(name: &str) -> Option<Cow<'_, str>> {
    let name = name.trim_end_matches('\\');
    if name.len() > LONGEST_NAME {
        return None;
    }
    let mut plain = Cow::Borrowed(name);
    for _ in 0..DEEPEST {
        match unescaped(&plain) {
            Some(next) if next != *plain => plain = next.into(),
            _ => break,
        }
    }
    Some(plain)
}

/// The place behind the next quote, escaped or not.
fn any_string_end(text: &str, from: usize) -> usize {
    after_quote(text, from).unwrap_or(text.len())
}

/// The number of backslashes before the last quote of the name whose value begins at a place.
fn escapes_of_name(text: &str, place: usize) -> usize {
    let before = text.get(..place).unwrap_or_default().trim_ascii_end();
    let before = before.strip_suffix(':').unwrap_or(before).trim_ascii_end();
    backslashes_before(before.strip_suffix('"').unwrap_or(before))
}

/// The number of backslashes that end a text.
fn backslashes_before(text: &str) -> usize {
    text.len() - text.trim_end_matches('\\').len()
}

/// The place behind the value that begins at a place, in a text whose quotes have so many backslashes before them.
pub fn value_end(text: &str, from: usize, escapes: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from + (bytes.iter().skip(from)).take_while(|byte| **byte == b'\\').count();
    let mut open = 0_u32;
    match bytes.get(at) {
        Some(b'"') => return string_end(text, at + 1, escapes, false),
        Some(b'{' | b'[') => {}
        _ => return from + word_length(bytes.get(from..).unwrap_or_default()),
    }
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(text, at, escapes, true),
            b'{' | b'[' => open += 1,
            b'}' | b']' => {
                open -= 1;
                if open == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The length of a value without quotes.
fn word_length(text: &[u8]) -> usize {
    let is_over = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']');
    text.iter().take_while(|byte| !is_over(byte)).count()
}

/// The place behind a string: a quote ends it that a separator or the text's end follows, and in a list or an object a colon. What has
/// more backslashes before it stands within.
fn string_end(text: &str, from: usize, escapes: usize, may_be_name: bool) -> usize {
    let mut at = from;
    while let Some(end) = after_quote(text, at) {
        let before = backslashes_before(text.get(at..end - 1).unwrap_or_default());
        let is_outer = match escapes {
            // An even number stands for backslashes.
            0 => before.is_multiple_of(2),
            _ => before <= escapes,
        };
        let is_end = match text.as_bytes().get(skip_blanks(text, end)) {
            None | Some(b',' | b'}' | b']') => true,
            Some(b':') => may_be_name,
            Some(_) => false,
        };
        if is_outer && is_end {
            return end;
        }
        at = end;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_one_can_end() {
        for (text, escapes, rest) in [
            (r#""a","b":1}"#, 0, r#","b":1}"#),
            (r#""a"b" ,"c":1}"#, 0, r#" ,"c":1}"#),
            (r#""1,"b":["c"],"d":1"#, 0, r#"],"d":1"#),
            (r#""a\\"}"#, 0, "}"),
            (r#""a\"}"#, 0, ""),
            (r#"["a"b]","c\"]"] ,1"#, 0, " ,1"),
            (r#"{"a":"b"c","d":["e"]},1"#, 0, ",1"),
            (r#"\"a\",\"b\":1}"#, 1, r#",\"b\":1}"#),
            (r#"\"a\\\",\\\"b\",1}"#, 1, ",1}"),
            (r#"[\"a\",\"b]\"],1"#, 1, ",1"),
            ("a b", 0, " b"),
            ("", 0, ""),
        ] {
            assert_eq!(&text[value_end(text, 0, escapes)..], rest, "{text}");
        }
    }

    #[test]
    fn a_value_that_breaks_its_record_does_so_under_its_mask() {
        for (value, expected) in [
            (r#""hun"ter2""#, "***"),
            (r#"["hun"ter2","x"]"#, "***"),
            ("NaN", "***"),
            (r#"{"a":x}"#, "***"),
            (r#"["a",]"#, "***"),
            (r#""hunter2""#, r#""***""#),
            (r#"["hun\"ter2",{"a":1}]"#, r#""***""#),
            // Strings can be mended.
            ("\"hun\tter2\"", r#""***""#),
            (r#""hun\ter2""#, r#""***""#),
            ("4711", r#""***""#),
        ] {
            let text = format!(r#"{{"m":"he said "no"","password":{value},"n":1}}"#);
            let masked = mask(&text, false).unwrap();
            assert_eq!(masked, text.replace(value, expected));
            assert_eq!(mask(&masked, false), None, "{masked}");
        }
        // Nothing reads what is cut off.
        assert_eq!(
            mask(r#"{"password":"hun"#, false).as_deref(),
            Some(r#"{"password":"***""#)
        );
    }

    #[test]
    fn a_name_is_told_by_its_last_quote() {
        for (text, expected) in [
            (r#"token":"a","b":"c""#, r#"token":"***","b":"c""#),
            (r#"{token":"a"}"#, r#"{token":"***"}"#),
            (
                r#"{\"t\\u006fken\" : \"a\",\"b\":1}"#,
                r#"{\"t\\u006fken\" : \"***\",\"b\":1}"#,
            ),
            (r#""x"token":["a"]"#, r#""x"token":"***""#),
            (
                r#""a" "name": "password", "value": 1"#,
                r#""a" "name": "password", "value": "***""#,
            ),
        ] {
            assert_eq!(mask(text, false).as_deref(), Some(expected), "{text}");
        }
        for text in [
            r#""token": missing"#,
            r#""token":"***""#,
            r#"{\"token\":\"***\"}"#,
            "token:a",
            r#""payload":1"#,
        ] {
            assert_eq!(mask(text, false), None, "{text}");
        }
        assert!(mask(r#""payload":1"#, true).is_some());
    }
}
