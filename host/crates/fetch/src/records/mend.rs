//! Mends JSON whose strings break the grammar, without losing what can be kept.
//!
//! Servers build JSON by hand, or copy what a client sent: a byte that is not UTF-8 (RFC 8259 section 8.1), a raw tab or
//! another control character (section 7), a backslash that escapes nothing, half of a surrogate pair (section 8.2). Only
//! strings are mended: [`mend`] writes raw control characters as escapes and doubles a stray backslash, which loses
//! nothing, and puts U+FFFD where there is no character. A record that was mended says so in a [`MARK`] of its own.

use std::fmt::{self, Write as _};

use memchr::memmem;
use serde_json::value::RawValue;

use base::counted::counted;

/// The member that a mended record gets: what was wrong with it, in words.
pub(crate) const MARK: &str = "hostMended";

/// A JSON text, mended.
#[derive(Debug)]
pub(crate) struct Mended {
    /// Valid JSON.
    pub(crate) text: String,
    /// The faults that were mended.
    pub(crate) flaws: Flaws,
}

/// The faults of a JSON text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaws {
    /// Bytes that are not UTF-8.
    bytes: u64,
    /// Raw control characters.
    controls: u64,
    /// Backslashes that escape nothing.
    escapes: u64,
    /// Halves of surrogate pairs.
    surrogates: u64,
}

impl Flaws {
    fn is_none(self) -> bool {
        self == Flaws::default()
    }
}

impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.bytes, "byte that is not UTF-8", "bytes that are not UTF-8"),
            (self.controls, "raw control character", "raw control characters"),
            (self.escapes, "stray backslash", "stray backslashes"),
            (self.surrogates, "half of a surrogate pair", "halves of surrogate pairs"),
        ];
        let mut separator = "";
        for (count, one, many) in all.into_iter().filter(|(count, _, _)| *count > 0) {
            write!(f, "{separator}{}", counted(count, one, many))?;
            separator = ", ";
        }
        Ok(())
    }
}

impl Mended {
    /// The text with its mark, where it is an object.
    pub(crate) fn marked(self) -> String {
        let Mended { mut text, flaws } = self;
        text.truncate(text.trim_end().len());
        if !text.trim_start().starts_with('{') || text.pop() != Some('}') {
            return text;
        }
        let separator = if text.trim_end().ends_with('{') { "" } else { "," };
        // Plain words, which need no escape.
        let _ = write!(text, "{separator}\"{MARK}\":\"{flaws}\"}}");
        text
    }
}

/// True if a record that was written as a line says that it was mended.
pub(crate) fn is_marked(record: &str) -> bool {
    record.contains(&format!("\"{MARK}\":"))
}

/// A JSON value that may break the grammar within its strings: as it is where it is sound, mended where that is enough.
#[derive(Debug)]
pub(crate) enum Sound {
    /// Valid as it came.
    Whole,
    /// Valid now.
    Mended(Mended),
}

/// Reads a text as one JSON value, whole or after mending; none where it is beyond that.
pub(crate) fn sound(text: &[u8]) -> Option<Sound> {
    if serde_json::from_slice::<&RawValue>(text).is_ok() {
        return Some(match half_characters(text) {
            Some(mended) => Sound::Mended(mended),
            None => Sound::Whole,
        });
    }
    let mended = mend(text)?;
    serde_json::from_str::<&RawValue>(&mended.text).ok()?;
    Some(Sound::Mended(mended))
}

/// Valid JSON, mended where an escape is half of a surrogate pair: such JSON has the right form, but no reader makes text
/// of it.
pub(crate) fn half_characters(json: &[u8]) -> Option<Mended> {
    let suspicious = memmem::find_iter(json, br"\u").any(|at| {
        let digits = json.get(at + 2..at + 4);
        digits.is_some_and(|digits| matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F']))
    });
    if !suspicious {
        return None;
    }
    mend(json).filter(|mended| !mended.flaws.is_none())
}

/// Mends the strings of a JSON text; none where something outside of strings is not even text, or a string has no end.
pub(crate) fn mend(json: &[u8]) -> Option<Mended> {
    let (mut text, mut flaws) = (String::with_capacity(json.len() + 16), Flaws::default());
    let (mut rest, mut quoted) = (json, false);
    while let Some((&byte, after)) = rest.split_first() {
        if !quoted {
            let plain = memchr::memchr(b'"', rest).unwrap_or(rest.len());
            text.push_str(std::str::from_utf8(rest.get(..plain)?).ok()?);
            rest = rest.get(plain..)?;
            if let Some(behind) = rest.strip_prefix(b"\"") {
                text.push('"');
                quoted = true;
                rest = behind;
            }
            continue;
        }
        match byte {
            b'"' => {
                text.push('"');
                quoted = false;
                rest = after;
            }
            b'\\' => rest = mend_escape(after, &mut text, &mut flaws),
            0..0x20 => {
                let _ = write!(text, "\\u{byte:04x}");
                flaws.controls += 1;
                rest = after;
            }
            _ => {
                let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
                let plain = rest.iter().position(is_special).unwrap_or(rest.len());
                for chunk in rest.get(..plain)?.utf8_chunks() {
                    text.push_str(chunk.valid());
                    if !chunk.invalid().is_empty() {
                        text.push(char::REPLACEMENT_CHARACTER);
                        flaws.bytes += chunk.invalid().len() as u64;
                    }
                }
                rest = rest.get(plain..)?;
            }
        }
    }
    (!quoted).then_some(Mended { text, flaws })
}

/// Passes over the escape that follows a backslash within a string; gives the rest.
fn mend_escape<'j>(after: &'j [u8], text: &mut String, flaws: &mut Flaws) -> &'j [u8] {
    match after {
        [
            plain @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'),
            rest @ ..,
        ] => {
            text.push('\\');
            text.push(char::from(*plain));
            rest
        }
        [b'u', digits @ ..] => match (unit(digits), digits.get(4..)) {
            (Some(high @ 0xD800..=0xDBFF), Some(rest)) => {
                let low = rest.strip_prefix(br"\u").and_then(unit);
                if let Some(low @ 0xDC00..=0xDFFF) = low {
                    let _ = write!(text, "\\u{high:04x}\\u{low:04x}");
                    return rest.get(6..).unwrap_or_default();
                }
                text.push_str("\\ufffd");
                flaws.surrogates += 1;
                rest
            }
            (Some(0xDC00..=0xDFFF), Some(rest)) => {
                text.push_str("\\ufffd");
                flaws.surrogates += 1;
                rest
            }
            (Some(unit), Some(rest)) => {
                let _ = write!(text, "\\u{unit:04x}");
                rest
            }
            _ => stray(after, text, flaws),
        },
        _ => stray(after, text, flaws),
    }
}

/// A backslash that escapes nothing stands for itself, as in a name of the form `DOMAIN\user`.
fn stray<'j>(after: &'j [u8], text: &mut String, flaws: &mut Flaws) -> &'j [u8] {
    text.push_str("\\\\");
    flaws.escapes += 1;
    after
}

/// The UTF-16 code unit that four hexadecimal digits name.
fn unit(digits: &[u8]) -> Option<u32> {
    let digits = digits.get(..4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_breaks_the_grammar_is_mended_and_the_rest_stays() {
        for (broken, mended, flaws) in [
            (
                &b"{\"a\":\"x\xffy\"}"[..],
                "{\"a\":\"x\u{fffd}y\"}",
                "1 byte that is not UTF-8",
            ),
            (
                b"{\"a\":\"x\ty\nz\"}",
                r#"{"a":"x\u0009y\u000az"}"#,
                "2 raw control characters",
            ),
            (
                br#"{"a":"ACME\jdoe \u12"}"#,
                r#"{"a":"ACME\\jdoe \\u12"}"#,
                "2 stray backslashes",
            ),
            (
                br#"{"a":"\ud83d \uDE00"}"#,
                r#"{"a":"\ufffd \ufffd"}"#,
                "2 halves of surrogate pairs",
            ),
            (
                b"{\"a\":\"\xed\xa0\x80\x01\"}",
                "{\"a\":\"\u{fffd}\u{fffd}\u{fffd}\\u0001\"}",
                "3 bytes that are not UTF-8, 1 raw control character",
            ),
        ] {
            let Some(Sound::Mended(found)) = sound(broken) else {
                panic!("{}", String::from_utf8_lossy(broken));
            };
            assert_eq!((found.text.as_str(), found.flaws.to_string().as_str()), (mended, flaws));
            let marked: serde_json::Value = serde_json::from_str(&found.marked()).unwrap();
            assert_eq!(marked[MARK], flaws);
        }
    }

    #[test]
    fn what_is_sound_is_left_alone_and_what_is_not_json_is_not_made_so() {
        for whole in [
            r#"{"a":"\ud83d\ude00 \\ud800 é\t\/\""}"#,
            r#" [1, {"b": null}] "#,
            r#""x""#,
        ] {
            assert!(matches!(sound(whole.as_bytes()), Some(Sound::Whole)), "{whole}");
        }
        for beyond in [
            &b"{\"a\":\"x}"[..],
            b"{\"a\":\"x\" y\"}",
            b"{\xff\"a\":1}",
            b"{\"a\":NaN}",
            b"{\"a\":1},",
            b"",
            b"{\"a\":\"x\\",
        ] {
            assert!(sound(beyond).is_none(), "{}", String::from_utf8_lossy(beyond));
        }
    }

    #[test]
    fn the_mark_goes_into_objects_only() {
        let marked = |text: &[u8]| mend(text).unwrap().marked();
        assert_eq!(marked(b"{ }"), "{ \"hostMended\":\"\"}");
        assert_eq!(marked(b"[\"\xff\"] "), "[\"\u{fffd}\"]");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_within_a_string_become_json(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let inner: Vec<u8> = bytes.into_iter().filter(|byte| !matches!(byte, b'"' | b'\\')).collect();
            let text = [&b"{\"a\":\""[..], &inner, b"\"}"].concat();
            let text = match sound(&text).unwrap() {
                Sound::Whole => String::from_utf8(text).unwrap(),
                Sound::Mended(mended) => mended.marked(),
            };
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}
