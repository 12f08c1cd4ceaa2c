//! The keys of `[connections.NAME]`, and of a sink's endpoint.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::auth_method::AuthMethod;
use super::max_rejected::MaxRejected;
use super::secret::SecretSource;
use super::web_address;
use base::duration::{DurationText, in_words};
use remote::{Parallel, RetryPolicy, Timeouts};

/// A remote service: a connection, or the endpoint of a sink.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Connection {
    /// What it is; an endpoint has no kind.
    #[schemars(extend("x-default" = "needed; an endpoint has none"))]
    pub kind: Option<ConnectionKind>,
    /// Its base URL, `https`; may carry a path prefix, as behind a gateway.
    #[serde(deserialize_with = "web_address::deserialize")]
    #[schemars(with = "String")]
    pub url: Url,
    /// Whose service it is: a text such as a customer's name or the tenancy's OCID, which stands in every event of the
    /// connection. An endpoint has no tenant.
    #[schemars(extend("x-range" = "1 to 255 bytes"))]
    pub tenant: Option<String>,
    /// Who asks, and how that is proved.
    #[serde(default)]
    #[schemars(extend("default" = serde_json::json!({ "kind": "none" })))]
    pub auth: AuthMethod,
    /// Where OAuth 2 tokens are issued.
    #[serde(default, deserialize_with = "web_address::optional")]
    #[schemars(with = "Option<String>", extend("x-default" = "`/oauth2/v1/token` on the connection's origin"))]
    pub token_url: Option<Url>,
    /// Where a device login starts.
    #[serde(default, deserialize_with = "web_address::optional")]
    #[schemars(with = "Option<String>", extend("x-default" = "`device` beside the token URL"))]
    pub device_url: Option<Url>,
    /// Permit `http` to hosts other than loopback.
    #[serde(default)]
    pub allow_http: bool,
    /// Permit loopback, private and link-local addresses.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// The time one request may take.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(Timeouts::default().total)))]
    pub timeout: Option<Duration>,
    /// Requests a second, at most.
    #[schemars(extend("x-unit" = "requests a second", "x-default" = "no limit"))]
    pub rate_limit: Option<std::num::NonZeroU32>,
    /// Pages of lists that are asked for at once, over all lists of a run.
    #[serde(default, deserialize_with = "parallel")]
    #[schemars(with = "Option<u8>", range(min = 1, max = 32), extend("x-unit" = "requests", "default" = Parallel::default().get()))]
    pub parallel_requests: Option<Parallel>,
    /// An HTTP proxy for every request.
    pub proxy: Option<ProxyServer>,
    /// PEM file of authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Trust the system's authorities besides those of `ca-file`.
    #[serde(default)]
    pub system_authorities: bool,
    /// PEM file with the certificate to show a server that asks for one.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with the key of that certificate, a secret; may be the same file.
    pub client_key: Option<PathBuf>,
    /// When requests are repeated.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// How long the server keeps what reports are made of. What is older and comes back empty is a gap.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "`30d` for identity domains and for Invalid Login; else as long as the report goes back"))]
    pub retention: Option<Duration>,
    /// The largest share of a document's rows that may be rejected; with `100%` a document fails only where no row of it
    /// became an event. `--max-rejected` takes precedence.
    #[schemars(with = "Option<String>", extend("default" = "100%", "x-range" = "`0%` to `100%`, or `any`"))]
    pub max_rejected: Option<MaxRejected>,
}

impl Connection {
    /// A server at that URL, with the defaults for everything else.
    pub fn new(url: Url) -> Connection {
        Connection {
            kind: None,
            url,
            tenant: None,
            auth: AuthMethod::None,
            token_url: None,
            device_url: None,
            allow_http: false,
            allow_private_addresses: false,
            timeout: None,
            rate_limit: None,
            parallel_requests: None,
            proxy: None,
            ca_file: None,
            system_authorities: false,
            client_certificate: None,
            client_key: None,
            retry: RetryPolicy::default(),
            retention: None,
            max_rejected: None,
        }
    }
}

/// An HTTP proxy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Proxy")]
pub struct ProxyServer {
    /// Its address, as `http://proxy:3128`.
    #[serde(deserialize_with = "web_address::deserialize")]
    #[schemars(with = "String")]
    pub url: Url,
    /// The user, where it asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretSource>,
}

/// What a remote service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionKind {
    /// Oracle EPM Cloud.
    Epm,
    /// An OCI identity domain.
    IdentityDomain,
    /// A service of OCI, such as Audit.
    Oci,
    /// The API of anybody else, over HTTPS.
    Http,
}

impl ConnectionKind {
    /// All of them, as they are told to users.
    pub const ALL: [ConnectionKind; 4] = [
        ConnectionKind::Epm,
        ConnectionKind::IdentityDomain,
        ConnectionKind::Oci,
        ConnectionKind::Http,
    ];
}

impl std::fmt::Display for ConnectionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ConnectionKind::Epm => "epm",
            ConnectionKind::IdentityDomain => "identity-domain",
            ConnectionKind::Oci => "oci",
            ConnectionKind::Http => "http",
        })
    }
}

fn parallel<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Parallel>, D::Error> {
    let requests = u8::deserialize(deserializer)?;
    let refused = || serde::de::Error::custom(format!("{requests} is not between 1 and {}", Parallel::MOST));
    Parallel::new(requests).ok_or_else(refused).map(Some)
}
