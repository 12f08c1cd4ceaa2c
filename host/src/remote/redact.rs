//! Makes what a server said fit to print: no secret, no control character, no more than a line.

use std::fmt;
use std::sync::RwLock;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use crate::visible;

/// Shorter secrets would shred innocent text: they are taken out only where they stand alone.
const SHORTEST: usize = 4;

/// What encoders of URLs escape, from the most to the least: all but letters and digits; all but what RFC 3986 section
/// 2.3 and ECMA-262 section 19.2.6 leave alone; what a path and what a query cannot hold, with and without the
/// characters about which writers differ.
const ENCODINGS: [&AsciiSet; 9] = [
    NON_ALPHANUMERIC,
    &UNRESERVED,
    &UNRESERVED
        .remove(b'!')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')')
        .remove(b'*'),
    &PATH,
    &PATH.add(b'%'),
    &PATH.add(b'%').add(b'\\'),
    &PATH.add(b'%').add(b'\\').add(b'^'),
    &QUERY,
    &QUERY.add(b'%'),
];
const QUERY: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
const PATH: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How many secrets are remembered, and how many of these may be configured ones.
const MOST: usize = 256;
const CONFIGURED: usize = 32;

/// What replaces a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// The secrets of a connection, to be taken out of anything that is printed or recorded.
#[derive(Default)]
pub(crate) struct Redactor {
    /// Each in all its spellings, the plain one first.
    secrets: RwLock<Vec<Vec<SecretString>>>,
}

impl Redactor {
    /// Remembers a secret.
    pub(crate) fn add(&self, secret: &str) {
        let is_number = secret.bytes().all(|byte| byte.is_ascii_digit());
        if secret.len() < 2 || (secret.len() < SHORTEST && is_number) {
            // Single letters and small numbers are everywhere.
            return;
        }
        let mut secrets = self.secrets.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if secrets
            .iter()
            .any(|known| known.first().is_some_and(|known| known.expose_secret() == secret))
        {
            return;
        }
        secrets.push(spellings(secret));
        if secrets.len() > MOST {
            // The first ones are configured, and stay good; of the tokens that followed the oldest is long spent.
            secrets.remove(CONFIGURED);
        }
    }

    /// Remembers a user and a password as they are joined and encoded for HTTP Basic (RFC 7617), with and without what pads it,
    /// and as URLs and tokens write it.
    pub(crate) fn add_pair(&self, user: &str, password: &str) {
        let pair = format!("{user}:{password}");
        for encoded in [
            BASE64_STANDARD.encode(&pair),
            BASE64_STANDARD_NO_PAD.encode(&pair),
            BASE64_URL_SAFE.encode(&pair),
            BASE64_URL_SAFE_NO_PAD.encode(&pair),
        ] {
            self.add(&encoded);
        }
    }

    /// The text without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        let clean = self.scrub(text);
        // Characters that nobody sees may stand within a secret, and everybody would read it nonetheless.
        if clean.contains(visible::is_hidden) {
            let bare: String = clean.chars().filter(|c| !visible::is_hidden(*c)).collect();
            let scrubbed = self.scrub(&bare);
            if scrubbed != bare {
                return scrubbed;
            }
        }
        clean
    }

    fn scrub(&self, text: &str) -> String {
        let mut scrubber = Scrubber::new(self);
        let mut clean = scrubber.push(text.as_bytes());
        clean.extend(scrubber.finish());
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// What a server said on one line of at most so many characters, without secrets, also where characters that nobody sees
    /// stand within one.
    pub(crate) fn line(&self, said: &str, most: usize) -> String {
        let seen: String = said
            .chars()
            .filter(|c| !visible::is_hidden(*c) && (!c.is_control() || c.is_whitespace()))
            .collect();
        let clean = self.clean(&seen);
        if clean != seen {
            return one_line(&clean, most);
        }
        // Line breaks may have stood within a secret too; a cut could leave half of one.
        let line = one_line(&self.clean(said), usize::MAX);
        one_line(&self.clean(&line), most)
    }

    /// The server's own words about a failure, from a JSON body or the title of a page; at most 200 characters, on one
    /// line.
    pub(crate) fn detail(&self, body: &[u8]) -> Option<String> {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
            return self.title(body);
        };
        let error = value.get("error");
        let text = [
            error.and_then(|error| error.get("errormessage")),
            error.and_then(|error| error.get("message")),
            value.get("error_description"),
            value.get("detail"),
            value.get("details"),
            value.get("message"),
            error,
        ]
        .into_iter()
        .flatten()
        .find_map(|value| value.as_str().filter(|text| !text.trim().is_empty() && *text != "null"))?;
        let mut line = self.line(text, 200);
        if let Some(code) = error
            .and_then(|error| error.get("errorcode"))
            .and_then(|code| code.as_str())
        {
            line = one_line(&format!("{}: {line}", self.line(code, 200)), 200);
        }
        Some(line)
    }

    /// The title of a page, which is all that a gateway or a proxy says.
    fn title(&self, body: &[u8]) -> Option<String> {
        let page = String::from_utf8_lossy(body);
        let lower = page.to_ascii_lowercase();
        let (before, rest) = lower.split_once("<title>")?;
        let begin = before.len() + "<title>".len();
        let title = page.get(begin..begin + rest.find("</title>")?)?;
        Some(self.line(title, 200)).filter(|title| !title.is_empty())
    }
}

/// How a secret looks in plain text, in JSON, in a URL and in a form.
fn spellings(secret: &str) -> Vec<SecretString> {
    let mut found = vec![secret.to_owned()];
    for choice in 0..16_u8 {
        let on = |bit: u8| choice & bit != 0;
        found.push(json_escaped(secret, on(1), on(2), on(4), on(8)));
    }
    let encoded = ENCODINGS
        .iter()
        .map(|set| utf8_percent_encode(secret, set).to_string())
        .chain([form_urlencoded::byte_serialize(secret.as_bytes()).collect()]);
    for text in encoded {
        for text in [lower_hex(&text), text] {
            // A URL in a JSON string: it is ASCII, and holds no quotes.
            for choice in 0..8_u8 {
                let on = |bit: u8| choice & bit != 0;
                found.push(json_escaped(&text, false, on(1), on(2), on(4)));
            }
            found.push(text);
        }
    }
    // Whoever wrote it may have encoded it already.
    if let Ok(decoded) = percent_decode_str(secret).decode_utf8()
        && decoded.len() >= SHORTEST
    {
        found.push(decoded.into_owned());
    }
    let mut spellings: Vec<SecretString> = Vec::new();
    for text in found {
        if !spellings.iter().any(|known| known.expose_secret() == text) {
            spellings.push(SecretString::from(text));
        }
    }
    spellings
}

/// The text as it stands between the quotes of a JSON string. Writers differ in what they escape besides what they must.
fn json_escaped(text: &str, ascii: bool, slash: bool, html: bool, upper: bool) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '/' if slash => escaped.push_str("\\/"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            c if c < ' ' || (ascii && !c.is_ascii()) || (html && matches!(c, '<' | '>' | '&' | '\'' | '=' | '+')) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&match upper {
                        true => format!("\\u{unit:04X}"),
                        false => format!("\\u{unit:04x}"),
                    });
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// The text with its percent-encoded bytes in lower case.
fn lower_hex(text: &str) -> String {
    let mut left = 0;
    text.chars()
        .map(|c| {
            let is_digit = left > 0;
            left = if c == '%' { 2 } else { usize::saturating_sub(left, 1) };
            if is_digit { c.to_ascii_lowercase() } else { c }
        })
        .collect()
}

/// Replaces secrets in a stream of bytes, even those that straddle two pieces. What it wrote it does not look at again.
pub(super) struct Scrubber {
    /// Those that begin with another one come before it.
    needles: Vec<SecretString>,
    /// The bytes that a needle begins with.
    starts: [bool; 256],
    longest: usize,
    held: Vec<u8>,
    /// The byte before those held.
    before: u8,
    /// How many of the bytes held belong to a secret that is replaced already.
    covered: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    NotYet,
    Complete,
    BrokenOff,
}

impl Scrubber {
    pub(super) fn new(redactor: &Redactor) -> Scrubber {
        let known = redactor.secrets.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut needles: Vec<SecretString> = known.iter().flatten().cloned().collect();
        drop(known);
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.expose_secret().len()));
        let mut starts = [false; 256];
        for needle in &needles {
            if let Some(start) = needle.expose_secret().bytes().next()
                && let Some(slot) = starts.get_mut(usize::from(start))
            {
                *slot = true;
            }
        }
        Scrubber {
            longest: needles.first().map_or(0, |needle| needle.expose_secret().len()),
            needles,
            starts,
            held: Vec::new(),
            before: b' ',
            covered: 0,
        }
    }

    /// Takes the next piece, gives what can be written.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.advance(End::NotYet)
    }

    /// The rest.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.advance(End::Complete)
    }

    /// The rest of a stream that broke off, perhaps in the middle of a secret.
    pub(super) fn break_off(mut self) -> Vec<u8> {
        self.advance(End::BrokenOff)
    }

    fn advance(&mut self, end: End) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let mut clean = Vec::with_capacity(held.len());
        let mut rest = held.as_slice();
        while let [byte, after @ ..] = rest {
            // A secret, and the byte after it that tells whether it stands alone, might not be here yet.
            if end == End::NotYet && rest.len() <= self.longest {
                break;
            }
            if let Some(length) = self.secret_at(rest, end) {
                if self.covered == 0 {
                    clean.extend_from_slice(REDACTED.as_bytes());
                }
                self.covered = self.covered.max(length);
            }
            match self.covered.checked_sub(1) {
                Some(less) => self.covered = less,
                None => clean.push(*byte),
            }
            self.before = *byte;
            rest = after;
        }
        self.held = rest.to_vec();
        clean
    }

    /// The length of the longest secret that the text begins with.
    fn secret_at(&self, text: &[u8], end: End) -> Option<usize> {
        if !*self.starts.get(usize::from(*text.first()?))? {
            return None;
        }
        self.needles.iter().find_map(|needle| {
            let needle = needle.expose_secret().as_bytes();
            if end == End::BrokenOff && text.len() >= SHORTEST && needle.starts_with(text) {
                return Some(text.len());
            }
            let after = text.strip_prefix(needle)?;
            let alone = !is_word(self.before) && !after.first().copied().is_some_and(is_word);
            (needle.len() >= SHORTEST || alone).then_some(needle.len())
        })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor(…)")
    }
}

/// The text on one line, without control characters and with hidden ones by their numbers, cut to so many characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in visible::shown(text).chars() {
        if c.is_whitespace() || c.is_control() {
            gap = count > 0;
            continue;
        }
        if count + usize::from(gap) >= most {
            line.push('…');
            break;
        }
        if gap {
            line.push(' ');
            count += 1;
            gap = false;
        }
        line.push(c);
        count += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_found_in_every_envelope() {
        let redactor = Redactor::default();
        for (body, detail) in [
            (r#"{"details":"Not a valid file."}"#, Some("Not a valid file.")),
            (r#"{"detail":"Request failed","status":"400"}"#, Some("Request failed")),
            (
                r#"{"error":{"errorcode":"EPMCSS-21192","errormessage":"denied"},"details":null}"#,
                Some("EPMCSS-21192: denied"),
            ),
            (
                r#"{"error":"invalid_client","error_description":"no such client"}"#,
                Some("no such client"),
            ),
            (r#"{"error":"invalid_client"}"#, Some("invalid_client")),
            (r#"{"details":"null"}"#, None),
            (r#"{"details":{"x":1}}"#, None),
            ("<html>", None),
            (
                "<html>\r\n<head><TITLE>502 Bad\nGateway</TITLE></head>",
                Some("502 Bad Gateway"),
            ),
            ("<title>caf\u{e9} \u{1f512}</title>", Some("caf\u{e9} \u{1f512}")),
            ("<title> </title>", None),
            ("</title><title>", None),
            ("", None),
        ] {
            assert_eq!(redactor.detail(body.as_bytes()).as_deref(), detail, "{body}");
        }
    }

    #[test]
    fn an_echoed_secret_is_taken_out() {
        let redactor = Redactor::default();
        redactor.add("hunter22");
        redactor.add("xxhunter22yy");
        assert_eq!(
            redactor
                .detail(br#"{"details":"bad password hunter22 or xxhunter22yy"}"#)
                .unwrap(),
            "bad password [redacted] or [redacted]"
        );
        assert!(!format!("{redactor:?}").contains("hunter22"));
    }

    #[test]
    fn a_secret_is_taken_out_in_every_spelling() {
        let secret = "p\"a/s s\u{e9}\u{1f511}+<&%\\-.~(";
        let quoted = serde_json::to_string(secret).unwrap();
        let redactor = Redactor::default();
        redactor.add(secret);
        for spelling in [
            secret,
            quoted.trim_matches('"'),
            r#"p\"a\/s s\u00e9\ud83d\udd11+<&%\\-.~("#,
            r#"p\"a/s s\u00E9\uD83D\uDD11\u002B\u003C\u0026%\\-.~("#,
            "p%22a%2Fs%20s%C3%A9%F0%9F%94%91%2B%3C%26%25%5C-.~%28",
            "p%22a%2fs%20s%c3%a9%f0%9f%94%91%2b%3c%26%25%5c-.~(",
            "p%22a%2Fs+s%C3%A9%F0%9F%94%91%2B%3C%26%25%5C-.%7E%28",
            "p%22a%2Fs%20s%C3%A9%F0%9F%94%91%2B%3C%26%25%5C%2D%2E%7E%28",
            // As a path, as a query, and as a path in JSON.
            "p%22a/s%20s%C3%A9%F0%9F%94%91+%3C&%25\\-.~(",
            "p%22a/s%20s%C3%A9%F0%9F%94%91+%3C&%\\-.~(",
            "p%22a\\/s%20s%C3%A9%F0%9F%94%91\\u002b%3C\\u0026%25\\\\-.~(",
        ] {
            let text = format!("x {spelling} y");
            assert_eq!(redactor.clean(&text), "x [redacted] y", "{spelling}");
        }
    }

    #[test]
    fn what_was_put_in_a_secret_s_place_is_not_looked_at_again() {
        for (secrets, text, clean) in [
            (&["redacted"][..], "a redacted b", "a [redacted] b"),
            (&["[redacted]"], "[redacted]", "[redacted]"),
            (&["hunter22", "acte"], "hunter22 acte", "[redacted] [redacted]"),
            (&["aaaa"], "aaaaaaaab", "[redacted]b"),
            (&["hunter22"], "hunter22hunter22", "[redacted][redacted]"),
            (&["abcdef", "efghij"], "-abcdefghij-", "-[redacted]-"),
        ] {
            let redactor = Redactor::default();
            for secret in secrets {
                redactor.add(secret);
            }
            assert_eq!(redactor.clean(text), clean, "{text}");
            for size in 1..text.len() {
                let mut scrubber = Scrubber::new(&redactor);
                let mut out: Vec<u8> = text.as_bytes().chunks(size).flat_map(|c| scrubber.push(c)).collect();
                out.extend(scrubber.finish());
                assert_eq!(String::from_utf8(out).unwrap(), clean, "{text} by {size}");
            }
        }
    }

    #[test]
    fn a_very_short_secret_is_taken_out_where_it_stands_alone() {
        for (secret, text, clean) in [
            ("", "abc", "abc"),
            ("a", "a cat", "a cat"),
            ("7", "7 {\"a\":7}", "7 {\"a\":7}"),
            ("200", "status 200", "status 200"),
            (
                "abc",
                "abc \"abc\" abcd xabc abc_",
                "[redacted] \"[redacted]\" abcd xabc abc_",
            ),
        ] {
            let redactor = Redactor::default();
            redactor.add(secret);
            assert_eq!(redactor.clean(text), clean, "{secret}");
        }
    }

    #[test]
    fn a_stream_that_breaks_off_in_a_secret_does_not_show_its_beginning() {
        let redactor = Redactor::default();
        redactor.add("canary-5ecret");
        for (text, clean) in [
            ("x canary-5ec", "x [redacted]"),
            ("x canary-5ecret", "x [redacted]"),
            ("x can", "x can"),
            ("plain", "plain"),
        ] {
            let mut scrubber = Scrubber::new(&redactor);
            let mut out = scrubber.push(text.as_bytes());
            out.extend(scrubber.break_off());
            assert_eq!(String::from_utf8(out).unwrap(), clean);
        }
    }

    #[test]
    fn text_becomes_one_harmless_line() {
        assert_eq!(one_line(" a\r\n\tb\u{1b}[31m c\u{202e}d ", 100), "a b [31m c\\u{202e}d");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("ab cdef", 3), "ab…");
        assert_eq!(one_line("", 3), "");
    }
}
