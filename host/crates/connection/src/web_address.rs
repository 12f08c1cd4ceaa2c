//! Absolute URLs of a configuration.

use serde::{Deserialize, Deserializer};
use url::Url;

/// Reads an absolute URL; the message does not repeat it, for it may carry a password.
pub fn parse_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("not an absolute URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        scheme => Err(format!("a URL here starts with https://, not {scheme}:")),
    }
}

/// For `#[serde(deserialize_with = "…")]`: reads a URL.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_url(&text).map_err(serde::de::Error::custom)
}

/// For `#[serde(default, deserialize_with = "…")]`: reads a URL that may be left out.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    deserialize(deserializer).map(Some)
}
