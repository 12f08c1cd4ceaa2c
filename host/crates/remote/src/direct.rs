//! [`RawConnection`]: a connection whose protocol a library speaks, under the same rules as a [`Remote`](super::Remote).

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::address::GuardedResolver;
use super::admission::admit;
use super::auth::Auth;
use super::authorizer::Authorizer;
use super::client_tls;
use super::credential::Credential;
use super::dial::{ByteStream, Dialer, HostPort};
use super::error::RemoteError;
use super::origin::BaseUrl;
use super::redact::Redactor;
use super::settings::Settings;

/// A connection for a library that speaks its own protocol to one service: where to, through which certificates, as whom.
pub struct RawConnection {
    name: String,
    base: BaseUrl,
    dialer: Dialer,
    credential: Option<Credential>,
    redactor: Redactor,
    patience: Duration,
}

impl std::fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct")
            .field("name", &self.name)
            .field("origin", self.base.origin())
            .finish_non_exhaustive()
    }
}

impl RawConnection {
    /// Checks the settings; sends nothing. With `https` it offers the protocol `alpn` (RFC 7301).
    ///
    /// # Errors
    ///
    /// Where the settings ask for what only HTTP requests can do: a proxy, a rate limit, OAuth 2, a secret in the URL.
    pub fn new(settings: &Settings, alpn: &[u8]) -> Result<RawConnection, RemoteError> {
        let base = BaseUrl::new(settings.base.clone())?;
        admit(settings, &base)?;
        let beyond = [
            (settings.proxy.is_some(), "a proxy"),
            (settings.rate_limit.is_some(), "a rate limit"),
            (matches!(settings.auth, Auth::OAuth2(_)), "OAuth 2"),
            (matches!(settings.auth, Auth::Oci(_)), "signing for OCI"),
            (matches!(settings.auth, Auth::Path(_)), "a secret path"),
            (matches!(settings.auth, Auth::Query { .. }), "a secret in the query"),
        ];
        if let Some((_, what)) = beyond.into_iter().find(|(wanted, _)| *wanted) {
            return Err(RemoteError::settings_hint(
                format!("{}: {what} is not supported with this protocol", settings.name),
                "use HTTP, or leave it out",
            ));
        }
        let redactor = Redactor::default();
        let credential = match Authorizer::fixed(&settings.auth, &redactor)? {
            Authorizer::Fixed(credential) => Some(credential),
            Authorizer::Anonymous | Authorizer::Query(_) | Authorizer::Token(_) | Authorizer::Signed(_) => None,
        };
        let tls = match base.url().scheme() {
            "https" => {
                let mut tls = client_tls(settings.ca_file.as_ref(), settings.client_certificate.as_ref())?;
                tls.alpn_protocols = vec![alpn.to_vec()];
                Some(Arc::new(tls))
            }
            _ => None,
        };
        let host = base.url().host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = base.url().port_or_known_default().unwrap_or_default();
        let resolver = GuardedResolver::new(settings.allow_private_addresses, Default::default());
        let dialer = Dialer::guarded(HostPort::new(host, port), tls, resolver, settings.timeouts.connect)?;
        Ok(RawConnection {
            name: settings.name.clone(),
            base,
            dialer,
            credential,
            redactor,
            patience: settings.timeouts.head.min(settings.timeouts.total),
        })
    }

    /// The URL that the connection leads to.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<ByteStream, RemoteError> {
        self.dialer.connect().await
    }

    /// The header that says who asks, marked so that no log shows its value.
    pub fn credential(&self) -> Option<(HeaderName, HeaderValue)> {
        let credential = self.credential.as_ref()?;
        Some((credential.name.clone(), credential.value.clone()))
    }

    /// The longest time that an answer may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The text without the connection's secrets, on one line, cut to so many characters.
    pub fn presentable(&self, text: &str, most: usize) -> String {
        self.redactor.line(text, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        let mut settings = Settings::new("s", url.parse().unwrap());
        settings.allow_private_addresses = true;
        settings
    }

    #[test]
    fn the_credential_is_marked_and_never_presented() {
        let mut settings = settings("http://127.0.0.1:4317");
        settings.auth = Auth::Bearer("canary-77".to_owned().into());
        let direct = RawConnection::new(&settings, b"h2").unwrap();
        let (name, value) = direct.credential().unwrap();
        assert_eq!(
            (name.as_str(), value.to_str().unwrap()),
            ("authorization", "Bearer canary-77")
        );
        assert!(value.is_sensitive());
        assert_eq!(direct.presentable("no canary-77\nhere", 100), "no [redacted] here");
        assert!(!format!("{direct:?}").contains("canary"));
    }

    #[test]
    fn the_rules_for_addresses_hold() {
        let mut strict = settings("http://127.0.0.1:4317");
        strict.allow_private_addresses = false;
        assert!(matches!(
            RawConnection::new(&strict, b"h2"),
            Err(RemoteError::AddressRefused { .. })
        ));
        let plain = RawConnection::new(&settings("http://collector.example:4317"), b"h2").unwrap_err();
        assert!(plain.to_string().contains("uses http"), "{plain}");
    }

    #[test]
    fn what_only_http_requests_can_do_is_refused() {
        let mut limited = settings("http://127.0.0.1:4317");
        limited.rate_limit = std::num::NonZeroU32::new(1);
        let error = RawConnection::new(&limited, b"h2").unwrap_err();
        assert!(error.to_string().contains("a rate limit is not supported"), "{error}");
        assert!(error.hint().is_some());
        let value = || "canary-77".to_owned().into();
        for (auth, said) in [
            (Auth::Path(value()), "a secret path is not supported"),
            (
                Auth::Query {
                    name: "sig".into(),
                    value: value(),
                },
                "a secret in the query is not supported",
            ),
        ] {
            let mut in_the_url = settings("http://127.0.0.1:4317");
            in_the_url.auth = auth;
            let error = RawConnection::new(&in_the_url, b"h2").unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
