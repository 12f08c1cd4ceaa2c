//! Text as the two halves of a line can carry it.

/// A header field.
pub fn header(text: &str) -> String {
    let mut escaped = String::new();
    for c in visible(text).trim().chars() {
        match c {
            '|' | '\\' => escaped.extend(['\\', c]),
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    // An empty field is no field to some readers.
    match escaped.trim() {
        "" => "-".into(),
        text => text.into(),
    }
}

/// The value of an extension, cut to a number of characters.
pub fn value(text: &str, most: usize) -> String {
    let cut: String = visible(text).chars().take(most).collect();
    let mut escaped = String::new();
    // White space at the ends would belong to no value.
    for c in cut.trim().chars() {
        match c {
            '=' | '\\' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Without control characters other than line breaks, without Unicode's own line breaks, and without the characters
/// that turn the direction of writing around.
fn visible(text: &str) -> String {
    let seen = |c: char| match c {
        '\n' | '\r' => c,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_escapes_its_own_characters() {
        assert_eq!(header(r"a|b\c=d"), r"a\|b\\c=d");
        assert_eq!(value(r"a|b\c=d", 99), r"a|b\\c\=d");
        assert_eq!(header("a\nb"), "a b");
        assert_eq!(value(" a\r\nb ", 99), r"a\r\nb");
    }

    #[test]
    fn nothing_else_ends_a_line() {
        assert_eq!(value("a\u{85}b\u{2028}c\u{b}d\0e\u{1b}[2J", 99), "a b c d e [2J");
        assert_eq!(value("\u{202e}evil", 99), "evil");
    }

    #[test]
    fn a_cut_never_falls_into_an_escape() {
        assert_eq!(value("ab=c", 3), r"ab\=");
        assert_eq!(header(""), "-");
    }
}
