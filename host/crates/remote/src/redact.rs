//! Makes what a server said fit to print: no secret, no control character, no more than a line.

mod needles;
mod scrubber;

use std::fmt;
use std::sync::RwLock;

use base::visible;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use self::needles::{SHORTEST, needles};
pub(crate) use self::scrubber::{REDACTED, Scrubber};
use super::one_line::one_line;

/// The number of secrets that are remembered, and how many of these may be configured ones.
const MOST: usize = 256;
const CONFIGURED: usize = 32;

/// The bytes of what was said that are looked at for one line of it.
const LINE_BYTES: usize = 4 << 10;

/// The secrets of a connection, to be taken out of anything that is printed or recorded.
#[derive(Default)]
pub struct Redactor {
    /// The secrets, each as it is, and what else is looked for in its place.
    secrets: RwLock<Vec<Vec<SecretString>>>,
    /// True where answers may hold secrets of others, which nobody knows beforehand.
    masks: bool,
}

impl Redactor {
    /// A redactor for a server whose answers may hold secrets of others, as audit records of OCI do: these are
    /// [masked](secret_mask) as well.
    pub fn masking() -> Redactor {
        Redactor {
            masks: true,
            ..Redactor::default()
        }
    }

    /// True where secrets of others are masked.
    pub(crate) fn masks(&self) -> bool {
        self.masks
    }

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
        let clean = self.without_known(text);
        match self.masks {
            true => secret_mask::document(&clean).into_owned(),
            false => clean,
        }
    }

    fn without_known(&self, text: &str) -> String {
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

    /// A scrubber that knows the secrets of this moment.
    pub(crate) fn scrubber(&self) -> Scrubber {
        let known = self.secrets.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        Scrubber::new(known.iter().flatten().cloned().collect())
    }

    fn scrub(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.clean_bytes(text.as_bytes())).into_owned()
    }

    /// The bytes without secrets.
    pub(crate) fn clean_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut scrubber = self.scrubber();
        let mut clean = scrubber.push(bytes);
        clean.extend(scrubber.finish());
        clean
    }

    /// The words of a server on one line of at most so many characters, without secrets.
    pub fn line(&self, said: &str, most: usize) -> String {
        let line = match said.get(..said.floor_char_boundary(LINE_BYTES)) {
            Some(begin) if begin.len() < said.len() => {
                let mut scrubber = self.scrubber();
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
        // EPM Cloud's `EPMCSS-21192`, and OCI's `NotAuthenticated`.
        let code = error.and_then(|error| error.get("errorcode")).or(value.get("code"));
        if let Some(code) = code.and_then(|code| code.as_str()) {
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

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor(…)")
    }
}

/// True of a character that is neither seen nor white space.
fn is_unseen(c: char) -> bool {
    visible::is_hidden(c) || (c.is_control() && !c.is_whitespace())
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
            (
                r#"{"code":"NotAuthenticated","message":"not provided"}"#,
                Some("NotAuthenticated: not provided"),
            ),
            (r#"{"code":7,"message":"busy"}"#, Some("busy")),
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
                let mut scrubber = redactor.scrubber();
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
    fn secrets_of_others_are_masked_where_answers_may_hold_some() {
        let body = br#"{"code":"InvalidParameter","message":"cannot use {\"\u0041uthorization\":[\"hunter22\"]} of my-token: expired"}"#;
        let masking = Redactor::masking();
        masking.add("my-token");
        assert_eq!(
            masking.detail(body).unwrap(),
            r#"InvalidParameter: cannot use {"Authorization":"***"} of [redacted]: expired"#
        );
        assert_eq!(
            masking.line("ST$eyJhbGciOiJIUzI1NiJ9.e30.c2ln refused", 100),
            "*** refused"
        );
        let long = format!("{{\"a\":\"{}\",\"password\":\"hunter22", "x".repeat(3000));
        for most in [100, 4000] {
            assert!(!masking.line(&long, most).contains("hunter"));
        }
        assert!(Redactor::default().detail(body).unwrap().contains("hunter22"));
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
            let mut scrubber = redactor.scrubber();
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
