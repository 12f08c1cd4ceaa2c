//! Text from outside, made safe for a terminal.
//!
//! A login name is whatever somebody typed into a form, so it may hold escape sequences that move the cursor or retitle
//! the window, and characters that make a line read backwards.

use std::char::EscapeUnicode;
use std::io::IsTerminal;

use unicode_width::UnicodeWidthChar;

use base::visible::{self, is_hidden};

/// Columns where there is no terminal to ask: a file or a pager need not fit a screen.
const COLUMNS: usize = 200;

/// The width of the terminal behind stdout, in columns; 200 where stdout is none.
pub fn columns() -> usize {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return COLUMNS;
    }
    match rustix::termios::tcgetwinsize(&stdout) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => COLUMNS,
    }
}

/// The text on one line, without anything that a terminal obeys rather than shows.
///
/// Escape sequences and control characters go, line breaks and tabs become spaces, and characters that nobody sees are shown by their
/// numbers.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    each_seen(text).for_each(|c| out.push(c));
    out
}

/// Frees rendered bytes of what a terminal obeys or hides: in JSON, where such characters stand only within strings, they become
/// escapes; elsewhere control characters go, and what nobody sees is shown by its number.
pub fn defuse(bytes: &mut Vec<u8>, json: bool) {
    let harmful = |c: char| (c.is_control() && c != '\n') || is_hidden(c);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if !text.contains(harmful) {
        return;
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if !harmful(c) {
            safe.push(c);
        } else if json {
            visible::push_escape(c, &mut safe);
        } else if !c.is_control() {
            safe.push_str(&visible::shown(c.encode_utf8(&mut [0; 4])));
        }
    }
    *bytes = safe.into_bytes();
}

/// The part of the text that fits into `columns`, made printable. What is cut is told by `…`.
pub fn cut(text: &str, columns: usize) -> String {
    let mut out = String::new();
    push_cut(&mut out, text, columns);
    out
}

/// Appends as much of the text as fits into `columns`, made printable. What is cut is told by `…`.
/// Answers with the columns used.
pub(crate) fn push_cut(out: &mut String, text: &str, columns: usize) -> usize {
    let start = out.len();
    // Combining characters take no columns, so a cell needs a bound of its own for them.
    let mut characters = columns.saturating_mul(4);
    let mut used = 0;
    // Where to cut should more come than fits: the end of what leaves a column for the ellipsis.
    let (mut cut, mut cut_used) = (start, 0);
    for c in each_seen(text) {
        let width = c.width().unwrap_or(0);
        if used + width > columns || characters == 0 {
            out.truncate(cut);
            if columns > 0 {
                out.push('…');
                cut_used += 1;
            }
            return cut_used;
        }
        characters -= 1;
        used += width;
        out.push(c);
        if used < columns {
            (cut, cut_used) = (out.len(), used);
        }
    }
    used
}

/// The characters of the text as a terminal shows them.
fn each_seen(text: &str) -> impl Iterator<Item = char> {
    let mut rest = text;
    let mut number: Option<EscapeUnicode> = None;
    std::iter::from_fn(move || {
        loop {
            if let Some(c) = number.as_mut().and_then(Iterator::next) {
                return Some(c);
            }
            let c = rest.chars().next()?;
            rest = rest.get(c.len_utf8()..)?;
            match c {
                '\u{1b}' => rest = after_escape(rest),
                '\u{9b}' => rest = after_csi(rest),
                '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => return Some(' '),
                _ if c.is_control() => {}
                _ if is_hidden(c) => number = Some(c.escape_unicode()),
                _ => return Some(c),
            }
        }
    })
}

/// The text after the escape sequence that an ESC began (ECMA-48 sections 5.3 to 5.6).
fn after_escape(rest: &str) -> &str {
    match rest.chars().next() {
        Some('[') => after_csi(rest.get(1..).unwrap_or("")),
        // Strings run to a terminator. Without one, only the introducer goes: nobody shall hide the rest of a cell.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let body = rest.get(1..).unwrap_or("");
            let end = body.find(['\u{7}', '\u{9c}', '\u{1b}']);
            match end.and_then(|end| body.get(end..)) {
                Some(after) if after.starts_with("\u{1b}\\") => after.get(2..).unwrap_or(""),
                Some(after) if !after.starts_with('\u{1b}') => after
                    .get(after.chars().next().map_or(0, char::len_utf8)..)
                    .unwrap_or(""),
                _ => body,
            }
        }
        // Intermediate characters and a final one, as in ESC ( B.
        Some(' '..='/') => {
            let rest = rest.trim_start_matches(|c| matches!(c, ' '..='/'));
            rest.strip_prefix(|c| matches!(c, '0'..='~')).unwrap_or(rest)
        }
        Some('0'..='~') => rest.get(1..).unwrap_or(""),
        _ => rest,
    }
}

/// The text after a control sequence: parameters, intermediates, one final character.
fn after_csi(rest: &str) -> &str {
    let rest = rest
        .trim_start_matches(|c| matches!(c, '0'..='?'))
        .trim_start_matches(|c| matches!(c, ' '..='/'));
    rest.strip_prefix(|c| matches!(c, '@'..='~')).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        for (text, shown) in [
            ("plain Ünïcödé 名前 🦀", "plain Ünïcödé 名前 🦀"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[1;1Hgone", "gone"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pq#0\u{9c}sixel", "sixel"),
            ("\u{1b}]hidden for ever", "hidden for ever"),
            ("\u{1b}]a\u{1b}[31mb", "ab"),
            ("\u{1b}(Bcharset\u{1b}creset\u{1b}", "charsetreset"),
            ("\u{1b}[", ""),
            ("\u{1b}[31", ""),
            ("a\nb\tc\r\nd\u{2028}e\u{85}f", "a b c  d e f"),
            ("bell\u{7} back\u{8} nul\0 del\u{7f} c1\u{90}", "bell back nul del c1"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
            ("zero\u{200b}width\u{e0041}", "zero\\u{200b}width\\u{e0041}"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_cell_is_cut_by_columns_not_characters() {
        for (text, columns, shown, used) in [
            ("abcdef", 6, "abcdef", 6),
            ("abcdef", 5, "abcd…", 5),
            ("名前名前", 8, "名前名前", 8),
            ("名前名前", 7, "名前名…", 7),
            ("名前名前", 6, "名前…", 5),
            ("abc", 1, "…", 1),
            ("abc", 0, "", 0),
            ("", 3, "", 0),
        ] {
            let mut out = String::from("|");
            assert_eq!(push_cut(&mut out, text, columns), used, "{text} in {columns}");
            assert_eq!(out, format!("|{shown}"));
        }
    }

    #[test]
    fn what_a_terminal_obeys_or_hides_is_escaped_in_json_and_elsewhere_gone_or_told() {
        let text = "{\"user\":\"a\u{9b}31mb\u{7f}\u{202e}c\u{e0041}\u{1f600}\"}\n";
        let mut json = text.as_bytes().to_vec();
        defuse(&mut json, true);
        assert_eq!(
            std::str::from_utf8(&json).unwrap(),
            "{\"user\":\"a\\u009b31mb\\u007f\\u202ec\\udb40\\udc41\u{1f600}\"}\n"
        );
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value, serde_json::from_str::<serde_json::Value>(text).unwrap());
        let mut csv = "a\u{9b}b\nc\u{202e}\n".as_bytes().to_vec();
        defuse(&mut csv, false);
        assert_eq!(csv, b"ab\nc\\u{202e}\n");
    }

    proptest! {
        #[test]
        fn any_text_stays_on_its_line_and_in_its_columns(text in any::<String>(), columns in 0_usize..30) {
            let shown = printable(&text);
            prop_assert!(!shown.contains(|c: char| c.is_control() || is_hidden(c)));
            prop_assert_eq!(printable(&shown), &shown[..]);
            let mut out = String::new();
            let used = push_cut(&mut out, &text, columns);
            prop_assert!(used <= columns);
            prop_assert!(out.width() <= used);
        }
    }

    #[test]
    fn a_pile_of_combining_characters_is_bounded() {
        let mut out = String::new();
        push_cut(&mut out, &format!("a{}", "\u{301}".repeat(100_000)), 10);
        assert!(out.len() < 200);
    }
}
