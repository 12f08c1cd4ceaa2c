//! The keys of `[connections.NAME]`, and of a sink's endpoint.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::auth_method::AuthMethod;
use super::compartment::CompartmentId;
use super::max_rejected::MaxRejected;
use super::secret::SecretSource;
use super::web_address;
use base::SetupError;
use base::duration::{DurationText, in_words};
use remote::{OciRegion, Parallel, RemoteError, RetryPolicy, Timeouts, oci_service_url};

/// A remote service: a connection, or the endpoint of a sink.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Connection")]
pub struct Connection {
    /// The kind of service; an endpoint has none.
    #[schemars(extend("x-default" = "needed; an endpoint has none"))]
    pub kind: Option<ConnectionKind>,
    // With a region it is the address of OCI Audit there, until `for_service` says of which service it is.
    /// The base URL of the service, `https`; may carry a path prefix, as behind a gateway.
    #[serde(default = "unset", deserialize_with = "web_address::deserialize")]
    #[schemars(with = "Option<String>", extend("x-default" = "needed, unless there is a `region`"))]
    pub url: Url,
    /// The region of OCI, in place of a `url`, for connections of kind `oci`: the address of each service there is known.
    #[serde(default, deserialize_with = "region")]
    #[schemars(with = "Option<String>", extend("x-range" = "a name or a key, as `eu-frankfurt-1` or `fra`"))]
    pub region: Option<OciRegion>,
    /// The OCID of the compartment whose audit log it is for, or of the tenancy for its root compartment; for connections of kind
    /// `oci`. `oci-audit` collects that one unless `--param compartment=…` names another, and `host check` asks for it.
    #[schemars(with = "Option<String>", extend("x-default" = "for `host check` the tenancy of an API key", "x-range" = "an OCID"))]
    pub compartment: Option<CompartmentId>,
    /// The party whose service it is: a text such as a customer's name or the tenancy's OCID, which stands in every event of the
    /// connection. An endpoint has no tenant.
    #[schemars(extend("x-range" = "1 to 255 bytes"))]
    pub tenant: Option<String>,
    /// The identity of the client, and how it is proved.
    #[serde(default)]
    #[schemars(extend("default" = serde_json::json!({ "kind": "none" })))]
    pub auth: AuthMethod,
    /// The address at which tokens are issued: those of OAuth 2, and those of sessions with OCI.
    #[serde(default, deserialize_with = "web_address::optional")]
    #[schemars(
        with = "Option<String>",
        extend("x-default" = "`/oauth2/v1/token` on the connection's origin; for sessions with OCI the endpoint of the region or the cluster")
    )]
    pub token_url: Option<Url>,
    /// The URL at which a device login starts.
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
    /// The repetition of requests.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// The time for which the server keeps what reports are made of. What is older and comes back empty is a gap.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "`30d` for identity domains and for Invalid Login; else as long as the report goes back"))]
    pub retention: Option<Duration>,
    /// The largest share of a document's rows that may be rejected; with `100%` a document fails only where no row of it
    /// became an event. `--max-rejected` takes precedence.
    #[schemars(with = "Option<String>", extend("default" = "100%", "x-range" = "`0%` to `100%`, or `any`"))]
    pub max_rejected: Option<MaxRejected>,
}

/// The service whose address stands in for that of a region.
const FIRST_SERVICE: &str = "audit";

/// No server has this address, and none can be configured.
const UNSET: &str = "about:blank";

impl Connection {
    /// The connection for a report of that service of OCI: where it has a region, that decides on its address.
    ///
    /// # Errors
    ///
    /// Where the address of such a service is not known.
    pub fn for_service(&self, service: &str) -> Result<Connection, SetupError> {
        let mut connection = self.clone();
        if let Some(region) = self.region {
            connection.url = oci_service_url(service, region)?;
        }
        Ok(connection)
    }

    /// Decides between URL and region.
    fn addressed(mut self) -> Result<Connection, String> {
        if self.compartment.is_some() && self.kind != Some(ConnectionKind::Oci) {
            return Err("`compartment` is for connections of kind oci".into());
        }
        let given = self.url.as_str() != UNSET;
        let Some(region) = self.region else {
            return if given {
                Ok(self)
            } else {
                Err("missing field `url`".into())
            };
        };
        if self.kind != Some(ConnectionKind::Oci) {
            return Err("`region` is for connections of kind oci; give the `url` instead".into());
        }
        if given {
            return Err("`url` and `region` both say where the service is: leave out one of them".into());
        }
        self.url = oci_service_url(FIRST_SERVICE, region).map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// A server at that URL, with the defaults for everything else.
    pub fn new(url: Url) -> Connection {
        Connection {
            kind: None,
            url,
            region: None,
            compartment: None,
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

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Connection, D::Error> {
        let connection = Connection::deserialize(deserializer)?;
        connection.addressed().map_err(D::Error::custom)
    }
}

/// An HTTP proxy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Proxy")]
pub struct ProxyServer {
    /// The address of the proxy, as `http://proxy:3128`.
    #[serde(deserialize_with = "web_address::deserialize")]
    #[schemars(with = "String")]
    pub url: Url,
    /// The user, where it asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretSource>,
}

/// The kind of a remote service.
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

    /// True of a service whose answers may hold secrets of others: audit records of OCI show tokens and keys.
    pub fn holds_secrets_of_others(self) -> bool {
        self == ConnectionKind::Oci
    }

    /// A connection of that kind as a line of `host.toml`, for whoever has none yet.
    pub fn example(self) -> &'static str {
        match self {
            ConnectionKind::Epm => {
                "connections.epm = { kind = \"epm\", url = \"https://ENVIRONMENT.epm.REGION.ocs.oraclecloud.com\", \
                 auth = { kind = \"basic\", username = \"USER\", password = { env = \"EPM_PASSWORD\" } } }"
            }
            ConnectionKind::IdentityDomain => {
                "connections.domain = { kind = \"identity-domain\", url = \"https://idcs-ID.identity.oraclecloud.com\", \
                 auth = { kind = \"oauth2-client-credentials\", client-id = \"ID\", client-secret = { env = \"DOMAIN_SECRET\" } } }"
            }
            ConnectionKind::Oci => {
                "connections.oci = { kind = \"oci\", region = \"eu-frankfurt-1\", compartment = \"ocid1.compartment.oc1..UNIQUE\", \
                 auth = { kind = \"oci-config\" } }"
            }
            ConnectionKind::Http => {
                "connections.api = { kind = \"http\", url = \"https://api.example.com\", \
                 auth = { kind = \"bearer\", token = { env = \"API_TOKEN\" } } }"
            }
        }
    }
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

fn unset() -> Url {
    Url::parse(UNSET).unwrap_or_else(|error| unreachable!("{UNSET} is a URL: {error}"))
}

fn region<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OciRegion>, D::Error> {
    let text = String::deserialize(deserializer)?;
    // No message repeats a value of the file.
    let unknown = |error: RemoteError| {
        let hint = error.hint().unwrap_or_default();
        D::Error::custom(format!("not a region of OCI that this version knows: {hint}"))
    };
    OciRegion::parse(&text).map_err(unknown).map(Some)
}

fn parallel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Parallel>, D::Error> {
    let requests = u8::deserialize(deserializer)?;
    let refused = || D::Error::custom(format!("{requests} is not between 1 and {}", Parallel::MOST));
    Parallel::new(requests).ok_or_else(refused).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Connection, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn a_region_stands_for_the_address_of_each_service() {
        let connection = read("kind = \"oci\"\nregion = \"fra\"").unwrap();
        assert_eq!(connection.url.as_str(), "https://audit.eu-frankfurt-1.oraclecloud.com/");
        let logging = connection.for_service("logging").unwrap();
        assert_eq!(
            logging.url.as_str(),
            "https://logging.eu-frankfurt-1.oci.oraclecloud.com/"
        );
        assert!(connection.for_service("unheard-of").is_err());
        let addressed = read("kind = \"oci\"\nurl = \"https://gateway.example/audit\"").unwrap();
        assert_eq!(addressed.for_service("logging").unwrap().url, addressed.url);
    }

    #[test]
    fn the_schema_asks_for_no_address_and_shows_none_of_ours() {
        let schema = schemars::schema_for!(Connection);
        let schema = schema.as_value();
        assert_eq!(schema["title"], "Connection");
        assert!(schema.get("required").is_none(), "{schema}");
        assert!(schema["properties"]["url"].get("default").is_none(), "{schema}");
    }

    #[test]
    fn a_connection_has_an_address_and_only_one() {
        for (text, said) in [
            ("kind = \"epm\"", "missing field `url`"),
            ("kind = \"oci\"", "missing field `url`"),
            ("timeout = \"1s\"", "missing field `url`"),
            (
                "kind = \"epm\"\nregion = \"fra\"",
                "`region` is for connections of kind oci",
            ),
            ("region = \"fra\"", "`region` is for connections of kind oci"),
            (
                "kind = \"epm\"\nurl = \"https://a.example\"\ncompartment = \"ocid1.compartment.oc1..a\"",
                "`compartment` is for connections of kind oci",
            ),
            (
                "kind = \"oci\"\nregion = \"fra\"\ncompartment = \"ocid1.user.oc1..a\"",
                "not the OCID of a compartment",
            ),
            (
                "kind = \"oci\"\nregion = \"fra\"\nurl = \"https://a.example\"",
                "leave out one of them",
            ),
            (
                "kind = \"oci\"\nregion = \"mars-north-1\"",
                "not a region of OCI that this version knows: a region is written as",
            ),
            ("kind = \"oci\"\nurl = \"about:blank\"", "starts with https://"),
            ("kind = \"oci\"\nregion = \"fra\"\nregio = 1", "unknown field `regio`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
