//! JSON straight into a buffer, byte for byte what `serde_json` writes of the same values.
//!
//! The renderings are nearly all constant text: names of members, punctuation, captions. A serializer looks at every
//! byte of these for what it has to escape; here they are copied as they stand, and only what comes from outside is
//! looked at, eight bytes at a time.

/// Appends the text in quotation marks.
#[inline]
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Once for all three.
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    match first_special(bytes) {
        None => out.extend_from_slice(bytes),
        Some(first) => escape(out, bytes, first),
    }
    out.push(b'"');
}

/// Appends `before`, which is JSON as it stands, and the text; nothing where there is none.
#[inline]
pub(super) fn member(out: &mut Vec<u8>, before: &str, value: Option<&str>) {
    if let Some(value) = value {
        raw(out, before);
        text(out, value);
    }
}

/// Like [`member`], but for `null` where there is no text.
#[inline]
pub(super) fn nullable(out: &mut Vec<u8>, before: &str, value: Option<&str>) {
    raw(out, before);
    match value {
        Some(value) => text(out, value),
        None => raw(out, "null"),
    }
}

/// Appends `before`, which begins an object, the text and the end of that object.
#[inline]
pub(super) fn object(out: &mut Vec<u8>, before: &str, value: &str) {
    member(out, before, Some(value));
    out.push(b'}');
}

/// Appends `before` and a text of which is known that nothing in it needs escaping.
#[inline]
pub(super) fn known(out: &mut Vec<u8>, before: &str, value: &str) {
    debug_assert!(first_special(value.as_bytes()).is_none());
    raw(out, before);
    out.push(b'"');
    raw(out, value);
    out.push(b'"');
}

/// Appends JSON as it stands.
#[inline]
pub(super) fn raw(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

/// Appends an array of texts.
#[inline]
pub(super) fn texts<'a>(out: &mut Vec<u8>, list: impl IntoIterator<Item = &'a str>) {
    out.push(b'[');
    for (index, item) in list.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(out, item);
    }
    out.push(b']');
}

/// Appends a whole number.
#[inline]
pub(super) fn number(out: &mut Vec<u8>, number: i64) {
    let mut digits = [b'0'; 20];
    let mut rest = number.unsigned_abs();
    let mut start = digits.len();
    // Each division waits for the one before, so there are two digits to each.
    for pair in digits.as_chunks_mut::<2>().0.iter_mut().rev() {
        // Below 100: a remainder.
        let two = (rest % 100) as u8;
        *pair = [b'0' + two / 10, b'0' + two % 10];
        rest /= 100;
        start -= if two < 10 && rest == 0 { 1 } else { 2 };
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

const EACH: u64 = u64::MAX / 255;

/// The position of the first byte that needs escaping: RFC 8259 section 7 names quotation marks, backslashes and what is below a
/// space.
#[inline]
fn first_special(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = special_in(word) {
            return Some(8 * index + at);
        }
    }
    match bytes.last_chunk::<8>() {
        // Some of the last eight may be looked at twice.
        Some(last) => special_in(last).map(|at| bytes.len() - 8 + at),
        None => bytes.iter().position(|byte| needs_escape(*byte)),
    }
}

/// Eight bytes at once. `x - EACH * n` borrows into the top bit of a byte just where that byte is below `n`, and never
/// without one further down that is, so the first one found is one; a top bit that was set before does not count.
#[inline]
fn special_in(bytes: &[u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(*bytes);
    let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word;
    let found =
        below(word, b' ') | below(word ^ (EACH * u64::from(b'"')), 1) | below(word ^ (EACH * u64::from(b'\\')), 1);
    let found = found & (EACH << 7);
    // At most 7.
    (found != 0).then_some((found.trailing_zeros() / 8) as usize)
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Appends what stands before a byte that needs escaping, that byte escaped, and so on: texts that are JSON themselves
/// have one every few bytes.
fn escape(out: &mut Vec<u8>, mut bytes: &[u8], mut first: usize) {
    loop {
        let (plain, rest) = bytes.split_at_checked(first).unwrap_or((bytes, &[]));
        out.extend_from_slice(plain);
        let Some((byte, rest)) = rest.split_first() else { return };
        let short = match byte {
            b'"' | b'\\' => *byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            _ => b'u',
        };
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(&[b'0', b'0', b'0' + (byte >> 4), hexadecimal(byte & 15)]);
        }
        bytes = rest;
        first = first_special(bytes).unwrap_or(bytes.len());
    }
}

fn hexadecimal(nibble: u8) -> u8 {
    match nibble {
        0..10 => b'0' + nibble,
        _ => b'a' + (nibble - 10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        text(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_is_escaped_as_serde_json_does_wherever_it_stands() {
        for code in 0..0x300 {
            let character = char::from_u32(code).unwrap();
            for (before, after) in [(0, 0), (0, 7), (3, 4), (7, 0), (7, 1), (0, 8), (8, 0), (20, 3)] {
                let value = format!("{}{character}{}", "x".repeat(before), "\u{ff}y".repeat(after));
                assert_eq!(written(&value), serde_json::to_string(&value).unwrap(), "{value:?}");
            }
        }
    }

    #[test]
    fn numbers_are_written_whole() {
        for value in [0, 1, 9, 10, 99, 100, 1010, -1, 1_741_611_600_000, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_mix_of_plain_and_special_bytes_is_written_as_serde_json_does(value in "[ -z\\\\\"{}\u{0}-\u{1f}\u{7f}-\u{101}]{0,60}") {
            prop_assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn any_text_is_written_as_serde_json_does(value in vec(any::<char>(), 0..40)) {
            let value: String = value.into_iter().collect();
            prop_assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
        }
    }
}
