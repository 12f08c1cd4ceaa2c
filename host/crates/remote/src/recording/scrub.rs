//! Takes secrets out of what is recorded: those that the connection knows, and whatever stands where secrets do.

use percent_encoding::percent_decode_str;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::redact::{REDACTED, Redactor};

/// Headers that are not recorded at all, whatever they hold.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "set-cookie",
    "www-authenticate",
    "authentication-info",
];

/// Words in the names of headers and parameters whose values are secret; `-` stands for `_` as well.
const SECRET_WORDS: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "assertion",
    "credential",
    "signature",
    "authorization",
    "api-key",
    "apikey",
    "session",
    "saml",
];

/// Names of parameters whose values are secret, too short to be looked for in others.
const SECRET_NAMES: &[&str] = &["auth", "code", "jwt", "key", "otp", "pwd", "sid", "sig", "ticket"];

/// The depth to which a value may be encoded in another one.
const DEPTH: usize = 4;

/// The number of bytes that may be looked at for each byte of a text, values within values included.
const STEPS: usize = 64;

/// Headers as they may be written down.
pub(super) fn headers(redactor: &Redactor, headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, value)| {
            let name = name.as_str();
            !value.is_sensitive() && !SECRET_HEADERS.contains(&name) && !name.starts_with("proxy-")
        })
        .map(|(name, value)| {
            let value = match has_secret_word(name.as_str()) {
                true => REDACTED.to_owned(),
                false => text(redactor, &String::from_utf8_lossy(value.as_bytes())),
            };
            (name.to_string(), value)
        })
        .collect()
}

/// Path and query as they may be written down.
pub(super) fn target(redactor: &Redactor, url: &Url) -> String {
    text(redactor, &url[url::Position::BeforePath..url::Position::AfterQuery])
}

/// A URL as it may be written down; what leads to the host is no secret.
pub(super) fn address(redactor: &Redactor, url: &Url) -> Url {
    let mut clean = url.clone();
    clean.set_path(&redactor.clean(url.path()));
    let query = url.query().map(|query| text(redactor, query));
    clean.set_query(query.as_deref());
    clean
}

/// A request's body as it may be written down.
pub(super) fn body(redactor: &Redactor, bytes: &[u8], is_form: bool) -> Option<String> {
    let body = std::str::from_utf8(bytes).ok()?;
    Some(match is_form {
        true => text(redactor, body),
        false => redactor.clean(body),
    })
}

/// Text that may hold URLs or parameters.
fn text(redactor: &Redactor, text: &str) -> String {
    let clean = redactor.clean(text);
    let mut steps = STEPS.saturating_mul(clean.len().saturating_add(64));
    match parameters(&clean, DEPTH, &mut steps) {
        Some(clean) => users(&clean),
        // Nobody writes so but to be slow to read, and too much is replaced rather than too little.
        None => REDACTED.to_owned(),
    }
}

fn has_secret_word(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The text without the values of secret parameters, wherever `name=value` stands: in the query, the fragment or the path of a
/// URL, and in a URL that is itself a value. None where that takes more than so many steps.
fn parameters(text: &str, depth: usize, steps: &mut usize) -> Option<String> {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(end) = rest.find(is_boundary) {
        let (before, after) = rest.split_at(end);
        clean.push_str(before);
        let mut characters = after.chars();
        let boundary = characters.next();
        clean.extend(boundary);
        rest = characters.as_str();
        let name = clean.trim_end_matches('=');
        let name = name.rsplit(is_boundary).next().unwrap_or_default();
        if boundary != Some('=') || name.is_empty() {
            *steps = steps.checked_sub(1)?;
            continue;
        }
        // A value ends where no URL has it end earlier: too much is replaced rather than too little.
        let end = rest.find(|c: char| matches!(c, '&' | '#' | '<' | '>' | '"') || c.is_whitespace());
        let (value, after) = rest.split_at(end.unwrap_or(rest.len()));
        *steps = steps.checked_sub(name.len() + value.len())?;
        let name = decoded(name);
        if has_secret_word(&name) || SECRET_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
            clean.push_str(REDACTED);
            rest = after;
        } else if depth > 0 && value.contains('%') {
            let inner = decoded(value);
            let without = users(&parameters(&inner, depth - 1, steps)?);
            if without != inner {
                clean.extend(byte_serialize(without.as_bytes()));
                rest = after;
            }
        }
    }
    Some(clean + rest)
}

/// True of a character that may stand before the name of a parameter, or ends it.
fn is_boundary(c: char) -> bool {
    matches!(c, '=' | '?' | '&' | ';' | '#' | ',' | '<' | '>' | '"' | '/') || c.is_whitespace()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The text without the user information of URLs.
fn users(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("//") {
        clean.push_str(before);
        clean.push_str("//");
        let authority = after
            .split(['/', '?', '#', '<', '>', '"', ' '])
            .next()
            .unwrap_or_default();
        rest = match authority.rfind('@') {
            Some(at) => {
                clean.push_str(REDACTED);
                after.get(at..).unwrap_or_default()
            }
            None => after,
        };
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_to_be_read_slowly_is_not_read() {
        for slow in ["a=%a=", "a=", "a=%25a=", "=", "a=%3D"] {
            let clean = text(&Redactor::default(), &slow.repeat(20_000));
            assert!(clean == REDACTED || clean == slow.repeat(20_000), "{slow}");
        }
        // What people write is.
        let many = "name=value&".repeat(20_000);
        assert_eq!(text(&Redactor::default(), &many), many);
    }

    #[test]
    fn secret_parameters_are_replaced_wherever_a_url_holds_them() {
        for (text_, clean) in [
            (
                "https://a.example/p?page=2&access_token=canary#x",
                "https://a.example/p?page=2&access_token=[redacted]#x",
            ),
            (
                "<https://a.example/p?page=2&token=canary>; rel=\"next\", <p?sig=canary>; rel=\"last\"",
                "<https://a.example/p?page=2&token=[redacted]>; rel=\"next\", <p?sig=[redacted]>; rel=\"last\"",
            ),
            ("/p#id_token=canary&a=b", "/p#id_token=[redacted]&a=b"),
            ("/p;jsessionid=canary/q", "/p;jsessionid=[redacted]"),
            ("/p?api_key=can,ary;x/y=z?", "/p?api_key=[redacted]"),
            ("/p?X-Amz-Signature=canary&b", "/p?X-Amz-Signature=[redacted]&b"),
            ("/p?access%5Ftoken=canary", "/p?access%5Ftoken=[redacted]"),
            (
                "/login?next=%2Fq%3Ftoken%3Dcanary%26a%3Db&c=d",
                "/login?next=%2Fq%3Ftoken%3D%5Bredacted%5D%26a%3Db&c=d",
            ),
            (
                "/login?next=%2Fq%3Fnext%3D%252Fr%253Ftoken%253Dcanary",
                "/login?next=%2Fq%3Fnext%3D%252Fr%253Ftoken%253D%255Bredacted%255D",
            ),
            (
                "0; url=https://u:canary@a.example/p",
                "0; url=https://[redacted]@a.example/p",
            ),
            ("//canary@a.example", "//[redacted]@a.example"),
            ("password=canary", "password=[redacted]"),
            // Nothing of this is secret.
            (
                "/p?startIndex=1&filter=a+eq+%22b%22",
                "/p?startIndex=1&filter=a+eq+%22b%22",
            ),
            ("/p?a==&=b&c", "/p?a==&=b&c"),
            ("text/html; charset=utf-8", "text/html; charset=utf-8"),
            ("https://a.example/@b", "https://a.example/@b"),
        ] {
            assert_eq!(text(&Redactor::default(), text_), clean);
        }
    }
}
