//! Strings and values in a JSON text: told by their quotes and brackets, without parsing. The text may be cut off.

use memchr::{memchr, memchr2};

/// Objects within objects, beyond which all below count as one.
pub const DEEPEST_OBJECT: usize = 1024;

/// The place behind the next quote.
pub fn after_quote(text: &str, from: usize) -> Option<usize> {
    Some(from + memchr(b'"', text.as_bytes().get(from..)?)? + 1)
}

/// The place behind the string whose content begins at `from`, or the text's end.
pub fn string_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            _ => at += 2,
        }
    }
    text.len()
}

/// The content of a string from its first byte to the place behind its last quote, which may be missing.
pub fn inner(text: &str, from: usize, end: usize) -> &str {
    let whole = text.get(from..end).unwrap_or_default();
    whole.strip_suffix('"').unwrap_or(whole)
}

pub fn skip_blanks(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The place of the value behind the name of a member that ends at a place; none where no member's name does.
pub fn value_behind(text: &str, name_end: usize) -> Option<usize> {
    let colon = skip_blanks(text, name_end);
    (text.as_bytes().get(colon) == Some(&b':')).then(|| skip_blanks(text, colon + 1))
}

/// The place behind the value that begins at `from`.
pub fn value_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    let mut open = 0_u32;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at + 1);
                if open == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => open += 1,
            b'}' | b']' | b',' if open == 0 => return at,
            b'}' | b']' => {
                open -= 1;
                if open == 0 {
                    return at + 1;
                }
            }
            byte if byte.is_ascii_whitespace() && open == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The text that a string's content stands for, where it is another one.
pub fn unescaped(content: &str) -> Option<String> {
    memchr(b'\\', content.as_bytes())?;
    Some(serde_json::from_str(&format!("\"{content}\"")).unwrap_or_else(|_| loosely_unescaped(content)))
}

/// The text of content that is cut off or breaks the grammar: a backslash that escapes nothing stands for itself.
fn loosely_unescaped(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let (character, length) = escaped(after).unwrap_or(('\\', 0));
        text.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    text + rest
}

/// The character of the escape whose backslash stands before a text, and how much of the text belongs to it.
fn escaped(after: &str) -> Option<(char, usize)> {
    let character = match after.as_bytes().first()? {
        b'u' => {
            let unit = utf16_unit(after.get(1..5)?)?;
            if let Some(character) = char::from_u32(unit.into()) {
                return Some((character, 5));
            }
            // Half of a pair stands for nothing without the other.
            let other = after.get(5..11).and_then(|rest| utf16_unit(rest.strip_prefix("\\u")?));
            let pair = other.and_then(|other| char::decode_utf16([unit, other]).next()?.ok());
            return Some(pair.map_or((char::REPLACEMENT_CHARACTER, 5), |character| (character, 11)));
        }
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        _ => return None,
    };
    Some((character, 1))
}

fn utf16_unit(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_that_is_no_json_says_what_its_escapes_stand_for() {
        for (content, expected) in [
            (r"\u0041uthorization\x", r"Authorization\x"),
            (r#"{\"a\":\"b\\\"c\""#, r#"{"a":"b\"c""#),
            (r"\n\r\t\b\f\/\", "\n\r\t\u{8}\u{c}/\\"),
            (
                r"\ud83d\udd11 \ud83d \udd11x\ud83d\u0041",
                "\u{1f511} \u{fffd} \u{fffd}x\u{fffd}A",
            ),
            (r"\u00e9\u00+9\u12", "\u{e9}\\u00+9\\u12"),
            ("é\\é", "é\\é"),
        ] {
            assert_eq!(loosely_unescaped(content), expected, "{content}");
        }
        assert_eq!(unescaped("plain"), None);
    }
}
