//! Makes what a server said fit to print: no secret, no control character, no more than a line.

use std::fmt;
use std::sync::RwLock;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use super::spelling;
use base::visible;

/// Shorter secrets would shred innocent text: they are taken out only where they stand alone.
const SHORTEST: usize = 4;

/// How many secrets are remembered, and how many of these may be configured ones.
const MOST: usize = 256;
const CONFIGURED: usize = 32;

/// How much of what was said is looked at for one line of it.
const LINE_BYTES: usize = 4 << 10;

/// What replaces a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// The secrets of a connection, to be taken out of anything that is printed or recorded.
#[derive(Default)]
pub struct Redactor {
    /// Each as it is, and what else is looked for in its place.
    secrets: RwLock<Vec<Vec<SecretString>>>,
}

impl Redactor {
    /// Remembers a secret.
    pub fn add(&self, secret: &str) {
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
        secrets.push(needles(secret));
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
    pub fn clean(&self, text: &str) -> String {
        let clean = self.scrub(text);
        // Characters that nobody sees may stand within a secret, and everybody would read it nonetheless.
        if clean.contains(is_unseen) {
            let bare: String = clean.chars().filter(|c| !is_unseen(*c)).collect();
            let scrubbed = self.scrub(&bare);
            if scrubbed != bare {
                return scrubbed;
            }
        }
        clean
    }

    fn scrub(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.clean_bytes(text.as_bytes())).into_owned()
    }

    /// The bytes without secrets.
    pub(crate) fn clean_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut scrubber = Scrubber::new(self);
        let mut clean = scrubber.push(bytes);
        clean.extend(scrubber.finish());
        clean
    }

    /// What a server said on one line of at most so many characters, without secrets.
    pub fn line(&self, said: &str, most: usize) -> String {
        let line = match said.get(..said.floor_char_boundary(LINE_BYTES)) {
            Some(begin) if begin.len() < said.len() => {
                let mut scrubber = Scrubber::new(self);
                let mut clean = scrubber.push(begin.as_bytes());
                clean.extend(scrubber.break_off());
                self.clean(&String::from_utf8_lossy(&clean))
            }
            _ => self.clean(said),
        };
        // Line breaks may have stood within a secret too; a cut could leave half of one.
        let line = one_line(&line, usize::MAX);
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

/// What of a secret is looked for: it itself, what it is once decoded, since whoever wrote it may have encoded it already, and
/// how base64 has it, whatever stands around it there. How URLs, JSON and web pages write each of them is [`spelling`]'s.
fn needles(secret: &str) -> Vec<SecretString> {
    let mut found = vec![secret.to_owned()];
    if let Ok(decoded) = percent_decode_str(secret).decode_utf8()
        && decoded.len() >= SHORTEST
    {
        found.push(decoded.into_owned());
    }
    let cores = found
        .iter()
        .flat_map(|text| (0..3).filter_map(|before| core(text, before)));
    for core in cores.collect::<Vec<_>>() {
        found.push(core.replace('+', "-").replace('/', "_"));
        found.push(core);
    }
    let mut needles: Vec<SecretString> = Vec::new();
    for text in found {
        if !needles.iter().any(|known| known.expose_secret() == text) {
            needles.push(SecretString::from(text));
        }
    }
    needles
}

/// The characters of base64 that are the secret's alone where so many bytes stand before it; none where they are too few to be
/// told from others.
fn core(secret: &str, before: usize) -> Option<String> {
    const FEWEST: usize = 8;
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret.as_bytes());
    let encoded = BASE64_STANDARD_NO_PAD.encode(&bytes);
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded
        .get(from..to)
        .filter(|core| core.len() >= FEWEST)
        .map(str::to_owned)
}

/// Replaces secrets in a stream of bytes, however they are spelled there, even those that straddle two pieces. What it wrote it
/// does not look at again.
pub(super) struct Scrubber {
    needles: Vec<SecretString>,
    /// By the byte that is there, the needles that may begin with it.
    starts: Vec<Vec<usize>>,
    /// The most bytes that a needle may take.
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
        let needles: Vec<SecretString> = known.iter().flatten().cloned().collect();
        drop(known);
        let starts = (0..=u8::MAX).map(|byte| {
            let begins = |needle: &SecretString| needle.expose_secret().as_bytes().first() == Some(&byte);
            let is_escape = spelling::STARTS.contains(&byte);
            let places = needles.iter().enumerate();
            places
                .filter(|(_, needle)| is_escape || begins(needle))
                .map(|(place, _)| place)
                .collect()
        });
        let starts = starts.collect();
        let lengths = needles.iter().map(|needle| needle.expose_secret().len());
        Scrubber {
            longest: lengths.max().unwrap_or_default() * spelling::MOST_FOR_A_BYTE,
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
        let places = self.starts.get(usize::from(*text.first()?))?;
        let lengths = places.iter().filter_map(|place| {
            let needle = self.needles.get(*place)?;
            let needle = needle.expose_secret();
            let found = spelling::of(needle, text);
            if end == End::BrokenOff && text.len() >= SHORTEST && found.may_go_on {
                return Some(text.len());
            }
            let is_apart = |length: &usize| {
                let after = text.get(*length).copied();
                needle.len() >= SHORTEST || (!is_word(self.before) && !after.is_some_and(is_word))
            };
            found.lengths.into_iter().filter(is_apart).max()
        });
        lengths.max()
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

/// Whether a character is neither seen nor white space.
fn is_unseen(c: char) -> bool {
    visible::is_hidden(c) || (c.is_control() && !c.is_whitespace())
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
    fn each_character_may_be_spelled_in_its_own_way() {
        let redactor = Redactor::default();
        redactor.add("s3cret \\/\u{e9}x");
        for spelling in [
            r"\u00733cret \\\/\u00e9x",
            r"\u0073\u0033\u0063\u0072\u0065\u0074\u0020\u005C\u002F\u00E9\u0078",
            r"\\u0073\\u00333cret".trim_end_matches("3cret"),
            "%733cret%20%5c%2f%C3%a9x",
            "%73%33%63%72%65%74+%5C/%c3%a9%78",
            "%2573%2533cret%2520%255C%252F%25C3%25A9%78",
            "&#115;&#x33;cret \\&#47;&#xE9;x",
            r"\x733cret \\/\u00e9x",
        ]
        .iter()
        .filter(|spelling| spelling.len() > 14)
        {
            assert_eq!(
                redactor.clean(&format!("x {spelling} y")),
                "x [redacted] y",
                "{spelling}"
            );
        }
    }

    #[test]
    fn a_secret_is_taken_out_of_base64_whatever_stands_around_it() {
        let redactor = Redactor::default();
        redactor.add("canary-5ecret?>~\u{ff}");
        for (before, after) in [
            ("", ""),
            ("u:", ""),
            ("a", "b"),
            ("ab", "bc"),
            ("abc", "bcd"),
            ("x:y:", ":z"),
        ] {
            let text = format!("{before}canary-5ecret?>~\u{ff}{after}");
            for encoded in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE_NO_PAD.encode(&text)] {
                let clean = redactor.clean(&format!("token={encoded};"));
                assert!(clean.contains(REDACTED), "{before} {after}: {clean}");
                // At each end a few bits of it share a character with what is there.
                assert!(
                    clean.len() < 6 + before.len() * 2 + after.len() * 2 + REDACTED.len() + 8,
                    "{clean}"
                );
                let escaped = redactor.clean(&encoded.replace('/', "\\/").replace('+', "%2B"));
                assert!(escaped.contains(REDACTED), "{escaped}");
            }
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
