//! Characters that nobody sees, or that make the text around them read otherwise: what foreign text is freed of before people
//! read it.
//!
//! Control characters move cursors and are taken away or replaced by whoever shows the text. Those of [`is_hidden`] are shown by
//! their number, as `\u{202e}`: two names that differ by one shall look different. In JSON they are escapes, which changes no value.

use std::borrow::Cow;
use std::fmt::Write as _;

/// True of a character without a look of its own: those of format (Unicode's category Cf: bidirectional controls, zero-width
/// ones, tags), line separators, what no font has, and what is drawn as nothing. White space and combining characters are seen.
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() || c.is_control() {
        return false;
    }
    match c {
        '\u{2028}'
        | '\u{2029}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0e}'
        | '\u{e0100}'..='\u{e01ef}' => true,
        c if c.is_whitespace() => false,
        // The standard library knows the categories. A combining character is escaped only where nothing is before it.
        c => {
            let mut after = [b'a'; 5];
            let length = 1 + c.encode_utf8(after.get_mut(1..).unwrap_or_default()).len();
            let text = after.get(..length).and_then(|text| std::str::from_utf8(text).ok());
            text.is_some_and(|text| text.escape_debug().nth(1) == Some('\\'))
        }
    }
}

/// The text with hidden characters by their numbers.
pub fn shown(text: &str) -> Cow<'_, str> {
    escaped(text, |c, out| {
        // Writing into a String cannot fail.
        let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
    })
}

/// A text as one line, in which nothing foreign can move the cursor or fake a second line.
pub fn line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    shown(&text).into_owned()
}

/// JSON of the same value, with hidden characters as escapes: they stand only within strings.
pub fn in_json(json: &str) -> Cow<'_, str> {
    escaped(json, push_escape)
}

/// Appends a character as JSON escapes it.
pub fn push_escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_hidden(c) {
            true => escape(c, &mut out),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_shown_by_its_number_and_what_is_seen_stays() {
        for (text, expected) in [
            ("plain Ünïcödé 名前\u{3000}🦀 e\u{301}\u{a0}x\n", None),
            ("\u{301}क्षि", None),
            (
                "abc\u{202e}fdp.exe\u{2066}x\u{2069}",
                Some("abc\\u{202e}fdp.exe\\u{2066}x\\u{2069}"),
            ),
            ("ad\u{200b}min", Some("ad\\u{200b}min")),
            ("ad\u{200d}min\u{200c}", Some("ad\\u{200d}min\\u{200c}")),
            (
                "a\u{feff}b\u{ad}c\u{61c}d\u{180e}",
                Some("a\\u{feff}b\\u{ad}c\\u{61c}d\\u{180e}"),
            ),
            ("a\u{2028}b\u{2029}", Some("a\\u{2028}b\\u{2029}")),
            ("a\u{e0041}\u{e0100}\u{3164}b", Some("a\\u{e0041}\\u{e0100}\\u{3164}b")),
            ("\u{e000}\u{10ffff}", Some("\\u{e000}\\u{10ffff}")),
        ] {
            assert_eq!(shown(text), expected.unwrap_or(text), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            let escaped = in_json(&json);
            assert!(!escaped.contains(is_hidden), "{escaped}");
            assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
        assert_eq!(line("a\u{1b}[2Jb\nc\u{200f}"), "a\u{fffd}[2Jb\u{fffd}c\\u{200f}");
    }
}
