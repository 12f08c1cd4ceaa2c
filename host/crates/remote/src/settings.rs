//! The settings of a connection: plain values, assembled by the configuration.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::auth::Auth;
use base::duration::DurationText;

/// A connection: one remote service and how to reach it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The connection's name, for messages.
    pub name: String,
    /// The tenant whose service it is, where that is known.
    pub tenant: Option<String>,
    /// The base address; may carry a path. See [`super::BaseUrl`] for what is refused.
    pub base: Url,
    /// The identity that the connection gives itself.
    pub auth: Auth,
    /// Permit `http` to hosts other than this machine. Credentials then travel readable.
    pub allow_http: bool,
    /// Permit loopback, private, link-local and metadata addresses.
    pub allow_private_addresses: bool,
    /// The longest waits for the steps of a request.
    pub timeouts: Timeouts,
    /// An HTTP proxy for every request.
    pub proxy: Option<Proxy>,
    /// The authorities to trust, where they are not the system's.
    pub ca_file: Option<CaFile>,
    /// The certificate for a server that asks for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Requests a second, at most; none means no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// The number of requests sent at once, where there could be several.
    pub parallel: Parallel,
    /// The repetition of requests.
    pub retry: RetryPolicy,
    /// Mask the secrets of others that answers may hold, as audit records of OCI do, wherever an answer is recorded or quoted. Whoever
    /// asked gets the answer as it came.
    pub mask_answers: bool,
    /// The source of answers: the server, perhaps with a recording, or a recording alone.
    pub exchange: Exchange,
    /// The clock of this machine where it is not the real one: it stands still. Waits are real all the same.
    pub now: Option<Timestamp>,
    /// Warn, once, where the server's clock differs from this machine's by half a minute or more.
    pub watch_clock: bool,
}

impl Settings {
    /// A connection with defaults for everything but its name and address.
    pub fn new(name: impl Into<String>, base: Url) -> Settings {
        Settings {
            name: name.into(),
            tenant: None,
            base,
            auth: Auth::None,
            allow_http: false,
            allow_private_addresses: false,
            timeouts: Timeouts::default(),
            proxy: None,
            ca_file: None,
            client_certificate: None,
            rate_limit: None,
            parallel: Parallel::default(),
            retry: RetryPolicy::default(),
            mask_answers: false,
            exchange: Exchange::Live,
            now: None,
            watch_clock: false,
        }
    }
}

/// The number of requests that are sent at once where there are several: 1 to 32, 4 unless said.
///
/// An identity domain answers 20 to 90 such requests a second, depending on its type, and 429 beyond (Oracle's page "API
/// Rate Limits"); four at a time stay below the least of these once an answer takes 200 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parallel(u8);

impl Parallel {
    /// The most that may be asked for.
    pub const MOST: u8 = 32;

    /// A number of requests at once; none for no request, and for too many.
    pub fn new(requests: u8) -> Option<Parallel> {
        (1..=Self::MOST).contains(&requests).then_some(Parallel(requests))
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Parallel(4)
    }
}

/// The source of answers: the server, or a recording.
#[derive(Debug, Clone, Default)]
pub enum Exchange {
    /// From the server.
    #[default]
    Live,
    /// From the server; requests and answers are written to a folder, secrets replaced.
    Record {
        /// The folder; made, and refused where it holds a recording already.
        folder: PathBuf,
        /// Notes for whoever replays, such as the plugin and the window.
        notes: BTreeMap<String, String>,
    },
    /// From such a folder; nothing is sent, and no credential is used.
    Replay(PathBuf),
}

/// An HTTP proxy. The proxy resolves host names, so the address rules then bind the proxy's operator.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// `http://host:port` or `https://host:port`, without user information.
    pub url: Url,
    /// User name and password, where the proxy asks for them.
    pub credentials: Option<(String, SecretString)>,
}

/// A file of authorities: whoever names the one that signs a server's certificate need not trust all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaFile {
    /// PEM file: their certificates.
    pub path: PathBuf,
    /// Trust the system's authorities as well.
    pub with_system: bool,
}

impl CaFile {
    /// The authorities in the file, and no others.
    pub fn only(path: impl Into<PathBuf>) -> CaFile {
        CaFile {
            path: path.into(),
            with_system: false,
        }
    }
}

/// A client certificate and its key.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// PEM file: the certificate, then its chain.
    pub certificate: PathBuf,
    /// PEM file: PKCS #8, PKCS #1 or SEC 1 key, not encrypted. May be the same file.
    pub key: PathBuf,
}

/// The longest waits for the steps of a request.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For name resolution, TCP and TLS together. Default 15 s.
    pub connect: Duration,
    /// From sending a request to the head of its answer. Default 120 s: synchronous reports are slow.
    pub head: Duration,
    /// Between two pieces of a body. Default 60 s.
    pub idle: Duration,
    /// For one request with its whole body. Default 1 h.
    pub total: Duration,
    /// The period over which a body's throughput is judged. Default 60 s.
    pub throughput_period: Duration,
    /// Bytes that must come in each such period of waiting. Default 16 KiB.
    pub throughput_bytes: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(15),
            head: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(3600),
            throughput_period: Duration::from_secs(60),
            throughput_bytes: 16 * 1024,
        }
    }
}

/// The repetition of requests; what is left out keeps its default.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Retry")]
pub struct RetryPolicy {
    /// Attempts for one request, the first included; with 1 nothing is repeated.
    #[schemars(extend("x-unit" = "attempts"))]
    pub attempts: u32,
    /// The shortest wait before another attempt.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub min_delay: Duration,
    /// The longest wait of our own choosing.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub max_delay: Duration,
    // A longer `Retry-After` ends the request.
    /// From the first attempt to the start of the last.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub max_elapsed: Duration,
    // For all requests of one `Remote`.
    /// Repetitions for all requests of a run together.
    #[schemars(extend("x-unit" = "repetitions"))]
    pub budget: u32,
    // Requests that were turned away so count neither as attempts nor for the budget, and pauses of the whole connection are the
    // waits between them; with a single attempt there are none. A longer `Retry-After` ends the request.
    /// The time for which requests are repeated that the server turns away because there are too many (429), counted from its last
    /// other answer.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub max_throttled: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            attempts: 6,
            min_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_elapsed: Duration::from_secs(600),
            budget: 100,
            max_throttled: Duration::from_secs(600),
        }
    }
}
