//! Makes what a server said fit to print: no secret, no control character, no more than a line.

use std::fmt;
use std::sync::RwLock;

use secrecy::{ExposeSecret, SecretString};

/// Shorter secrets would shred innocent text.
const SHORTEST: usize = 4;

/// How many secrets are remembered, and how many of these may be configured ones.
const MOST: usize = 256;
const CONFIGURED: usize = 32;

/// What replaces a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// The secrets of a connection, to be taken out of anything that is printed or recorded.
#[derive(Default)]
pub(crate) struct Redactor {
    secrets: RwLock<Vec<SecretString>>,
}

impl Redactor {
    /// Remembers a secret.
    pub(crate) fn add(&self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut secrets = self.secrets.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if secrets.iter().any(|known| known.expose_secret() == secret) {
            return;
        }
        secrets.push(SecretString::from(secret));
        if secrets.len() > MOST {
            // The first ones are configured, and stay good; of the tokens that followed the oldest is long spent.
            secrets.remove(CONFIGURED);
        }
    }

    /// The secrets, those that contain another one first.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let secrets = self.secrets.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut secrets = secrets.clone();
        secrets.sort_by_key(|known| std::cmp::Reverse(known.expose_secret().len()));
        secrets
    }

    /// The text without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in self.secrets() {
            if clean.contains(secret.expose_secret()) {
                clean = clean.replace(secret.expose_secret(), REDACTED);
            }
        }
        clean
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
        let mut line = one_line(&self.clean(text), 200);
        if let Some(code) = error
            .and_then(|error| error.get("errorcode"))
            .and_then(|code| code.as_str())
        {
            line = one_line(&format!("{}: {line}", self.clean(code)), 200);
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
        Some(one_line(&self.clean(title), 200)).filter(|title| !title.is_empty())
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor(…)")
    }
}

/// The text on one line, without control and direction-changing characters, cut to so many characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = count > 0;
            continue;
        }
        if matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}') {
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
    fn text_becomes_one_harmless_line() {
        assert_eq!(one_line(" a\r\n\tb\u{1b}[31m c\u{202e}d ", 100), "a b [31m cd");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("ab cdef", 3), "ab…");
        assert_eq!(one_line("", 3), "");
    }
}
