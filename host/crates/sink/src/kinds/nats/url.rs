//! The address of a NATS server.

use std::fmt;
use std::net::IpAddr;

use url::Url;

/// The address of a server: `nats://HOST:PORT` or `tls://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsUrl(Url);

impl NatsUrl {
    /// Takes a URL that is an address and nothing more.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without quoting it: it may hold a password.
    pub fn parse(text: &str) -> Result<NatsUrl, &'static str> {
        let url: Url = text.parse().map_err(|_| "the url is not a URL")?;
        if !matches!(url.scheme(), "nats" | "tls") {
            return Err("the url does not begin with nats:// or tls://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the url contains user information; give `auth` beside it");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the url has no host");
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("the url has more than a host and a port");
        }
        Ok(NatsUrl(url))
    }

    /// The whole URL.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// True if the URL leads to this machine.
    pub(super) fn is_local(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
