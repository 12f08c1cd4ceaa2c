//! Takes secrets out of what is recorded.

use url::Url;
use url::form_urlencoded;

use crate::remote::redact::{REDACTED, Redactor};

/// Headers that are recorded without their value, or not at all, whatever they hold.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "set-cookie",
    "www-authenticate",
    "authentication-info",
];

/// Words in the names of parameters whose values are secret.
const SECRET_WORDS: &[&str] = &[
    "token",
    "secret",
    "password",
    "assertion",
    "credential",
    "signature",
    "api_key",
    "apikey",
];

/// Headers as they may be written down.
pub(super) fn headers(redactor: &Redactor, headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, value)| {
            let name = name.as_str();
            !value.is_sensitive() && !SECRET_HEADERS.contains(&name) && !name.starts_with("proxy-")
        })
        .map(|(name, value)| {
            (
                name.to_string(),
                redactor.clean(&String::from_utf8_lossy(value.as_bytes())),
            )
        })
        .collect()
}

/// Path and query as they may be written down.
pub(super) fn target(redactor: &Redactor, url: &Url) -> String {
    match url.query() {
        None => redactor.clean(url.path()),
        Some(query) => redactor.clean(&format!("{}?{}", url.path(), form(query))),
    }
}

/// A request's body as it may be written down.
pub(super) fn body(redactor: &Redactor, bytes: &[u8], is_form: bool) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(redactor.clean(&if is_form { form(text) } else { text.to_owned() }))
}

/// A query or a form without the values of secret parameters; untouched where there are none.
fn form(text: &str) -> String {
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        SECRET_WORDS.iter().any(|word| name.contains(word))
    };
    let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
    if !pairs.iter().any(|(name, _)| is_secret(name)) {
        return text.to_owned();
    }
    let mut clean = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &pairs {
        clean.append_pair(name, if is_secret(name) { REDACTED } else { value });
    }
    clean.finish()
}
