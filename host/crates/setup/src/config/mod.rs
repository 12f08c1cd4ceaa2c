//! `host.toml`: what a user configured, read and validated.
//!
//! [`Config::load`] finds and reads the file; [`Connection`], [`Sink`] and [`Plugin`] are its entries. A secret is never a
//! value here but a [`SecretSource`], resolved when a run needs it.
//!
//! ```toml
//! [connections.epm]
//! kind = "epm"
//! url = "https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com"
//! auth = { kind = "basic", username = "acme.jdoe", password = { env = "EPM_PASSWORD" } }
//! ```

mod error;
mod found;
mod place;
mod remark;
mod route;
mod schema;
mod secret;
mod sinks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use remote::Parallel;
use run::MaxRejected;
use sandbox::Grant;

use schema::{DurationText, in_words};

pub use error::{ConfigError, nearest};
pub use route::Route;
pub use schema::schema;
pub use secret::SecretSource;
pub use sinks::{
    CredentialSource, FileSink, HttpSink, NatsAuth, NatsSink, ObjectStoreSink, OtlpSink, PluginSink, PostgresSink,
    Rotate, Sink, SinkKind, SinkRetry, StdoutSink, SyslogSink, Transport,
};

/// The whole file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Remote services by name.
    #[serde(default)]
    pub connections: BTreeMap<String, Connection>,
    /// Sinks by name.
    #[serde(default)]
    pub sinks: BTreeMap<String, Sink>,
    /// Which events go to which sinks, where `--sink` does not say.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Where undeliverable events are kept.
    #[serde(default)]
    pub dead_letters: DeadLetters,
    /// Where rejected rows are kept.
    #[serde(default)]
    pub rejected: Rejected,
    /// Where progress is kept.
    #[serde(default)]
    pub ledger: Ledger,
    /// Plugins by name.
    #[serde(default)]
    pub plugins: BTreeMap<String, Plugin>,
    /// The sandbox's limits, where they differ from the defaults.
    #[serde(default)]
    pub limits: Limits,
    /// The limits of what is fetched, where they differ from the defaults.
    #[serde(default)]
    pub fetch: Fetch,
    /// How runs end.
    #[serde(default)]
    pub run: Run,
    /// The folder that relative paths start from: the file's own.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The file, where there is one.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// The text that it was read from, for the places of what is found out later.
    #[serde(skip)]
    text: String,
}

/// A remote service: a connection, or the endpoint of a sink.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Connection {
    /// What it is; an endpoint has no kind.
    #[schemars(extend("x-default" = "needed; an endpoint has none"))]
    pub kind: Option<ConnectionKind>,
    /// Its base URL, `https`; may carry a path prefix, as behind a gateway.
    #[serde(deserialize_with = "url")]
    #[schemars(with = "String")]
    pub url: Url,
    /// Whose service it is: a text such as a customer's name or the tenancy's OCID, which stands in every event of the
    /// connection. An endpoint has no tenant.
    #[schemars(extend("x-range" = "1 to 255 bytes"))]
    pub tenant: Option<String>,
    /// Who asks, and how that is proved.
    #[serde(default)]
    #[schemars(extend("default" = serde_json::json!({ "kind": "none" })))]
    pub auth: Auth,
    /// Where OAuth 2 tokens are issued.
    #[serde(default, deserialize_with = "optional_url")]
    #[schemars(with = "Option<String>", extend("x-default" = "`/oauth2/v1/token` on the connection's origin"))]
    pub token_url: Option<Url>,
    /// Where a device login starts.
    #[serde(default, deserialize_with = "optional_url")]
    #[schemars(with = "Option<String>", extend("x-default" = "`device` beside the token URL"))]
    pub device_url: Option<Url>,
    /// Permit `http` to hosts other than loopback.
    #[serde(default)]
    pub allow_http: bool,
    /// Permit loopback, private and link-local addresses.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// The time one request may take.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(remote::Timeouts::default().total)))]
    pub timeout: Option<std::time::Duration>,
    /// Requests a second, at most.
    #[schemars(extend("x-unit" = "requests a second", "x-default" = "no limit"))]
    pub rate_limit: Option<std::num::NonZeroU32>,
    /// Pages of lists that are asked for at once, over all lists of a run.
    #[serde(default, deserialize_with = "parallel")]
    #[schemars(with = "Option<u8>", range(min = 1, max = 32), extend("x-unit" = "requests", "default" = Parallel::default().get()))]
    pub parallel_requests: Option<Parallel>,
    /// An HTTP proxy for every request.
    pub proxy: Option<Proxy>,
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
    pub retry: Retry,
    /// How long the server keeps what reports are made of. What is older and comes back empty is a gap.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "`30d` for identity domains and for Invalid Login; else as long as the report goes back"))]
    pub retention: Option<std::time::Duration>,
    /// The largest share of a document's rows that may be rejected; with `100%` a document fails only where no row of it
    /// became an event. `--max-rejected` goes before.
    #[schemars(with = "Option<String>", extend("default" = "100%", "x-range" = "`0%` to `100%`, or `any`"))]
    pub max_rejected: Option<MaxRejected>,
}

/// An HTTP proxy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Proxy {
    /// Its address, as `http://proxy:3128`.
    #[serde(deserialize_with = "url")]
    #[schemars(with = "String")]
    pub url: Url,
    /// The user, where it asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretSource>,
}

/// When to ask again; what is left out keeps its default.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Retry {
    /// Attempts for one request, the first included; with 1 nothing is repeated.
    #[schemars(extend("x-unit" = "attempts", "default" = remote::RetryPolicy::default().attempts))]
    pub attempts: Option<u32>,
    /// The shortest wait before another attempt.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(remote::RetryPolicy::default().min_delay)))]
    pub min_delay: Option<std::time::Duration>,
    /// The longest wait of our own choosing.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(remote::RetryPolicy::default().max_delay)))]
    pub max_delay: Option<std::time::Duration>,
    /// From the first attempt to the start of the last.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(remote::RetryPolicy::default().max_elapsed)))]
    pub max_elapsed: Option<std::time::Duration>,
    /// Repetitions for all requests of a run together.
    #[schemars(extend("x-unit" = "repetitions", "default" = remote::RetryPolicy::default().budget))]
    pub budget: Option<u32>,
    /// How long requests are repeated that the server turns away because there are too many (429), counted from its last
    /// other answer.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(remote::RetryPolicy::default().max_throttled)))]
    pub max_throttled: Option<std::time::Duration>,
}

/// What a remote service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionKind {
    /// Oracle EPM Cloud.
    Epm,
    /// An OCI identity domain.
    IdentityDomain,
}

impl std::fmt::Display for ConnectionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ConnectionKind::Epm => "epm",
            ConnectionKind::IdentityDomain => "identity-domain",
        })
    }
}

/// Who asks, and how that is proved.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum Auth {
    /// Nobody.
    #[default]
    None,
    /// HTTP Basic.
    Basic {
        /// The user, with or without the identity domain in front.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// A token that somebody else got.
    Bearer {
        /// The token.
        token: SecretSource,
    },
    /// A secret in a header of the receiver's own.
    Header {
        /// The header's name.
        name: String,
        /// What stands before the secret, such as `Splunk `.
        #[serde(default)]
        prefix: String,
        /// The secret.
        value: SecretSource,
    },
    /// A secret path below the URL, as incoming webhooks have it.
    Path {
        /// The path.
        value: SecretSource,
    },
    /// A secret in the query, as `sig` and `code` are in the URLs of serverless functions.
    Query {
        /// The field's name.
        name: String,
        /// The secret, not encoded.
        value: SecretSource,
    },
    /// OAuth 2, for the client itself.
    #[serde(rename = "oauth2-client-credentials", rename_all = "kebab-case")]
    ClientCredentials {
        /// The client's id.
        client_id: String,
        /// The client's secret; without one, `private-key` proves the client.
        client_secret: Option<SecretSource>,
        /// How the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The key that signs the client's assertion, PEM.
        private_key: Option<SecretSource>,
        /// The alias of that key's certificate on the server (`kid`).
        key_id: Option<String>,
        /// The certificate's SHA-1 thumbprint (`x5t`), in place of the alias.
        thumbprint: Option<String>,
        /// Whom assertions are meant for.
        audience: Option<String>,
        /// What the token may do, verbatim.
        scope: Option<String>,
    },
    /// OAuth 2, for the user who signed in with `host login`.
    #[serde(rename = "oauth2-refresh-token", rename_all = "kebab-case")]
    RefreshToken {
        /// The client's id.
        client_id: String,
        /// The client's secret; a public client has none.
        client_secret: Option<SecretSource>,
        /// How the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The first refresh token, where it does not come from `host login`.
        refresh_token: Option<SecretSource>,
        /// What the token may do, verbatim.
        scope: Option<String>,
    },
    /// OAuth 2, for a user whom the client vouches for with a signed assertion.
    #[serde(rename = "oauth2-user-assertion", rename_all = "kebab-case")]
    UserAssertion {
        /// The client's id.
        client_id: String,
        /// The client's secret; without one, the key proves the client too.
        client_secret: Option<SecretSource>,
        /// How the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The user's login name.
        username: String,
        /// The key that signs the assertion, PEM.
        private_key: SecretSource,
        /// The alias of that key's certificate on the server (`kid`).
        key_id: Option<String>,
        /// The certificate's SHA-1 thumbprint (`x5t`), in place of the alias.
        thumbprint: Option<String>,
        /// Whom assertions are meant for.
        audience: Option<String>,
        /// What the token may do, verbatim.
        scope: Option<String>,
    },
}

/// How a client secret is sent: RFC 6749 section 2.3.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthentication {
    /// In the `Authorization` header.
    #[default]
    Basic,
    /// In the body.
    Post,
}

/// Where undeliverable events are kept, and how many.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeadLetters {
    /// The SQLite file, readable by its owner only.
    #[schemars(extend("x-default" = "`$XDG_STATE_HOME/host/dead-letters.db`"))]
    pub path: Option<PathBuf>,
    /// Events, at most.
    #[schemars(extend("x-unit" = "events", "default" = sink::dead_letters::DeadLetterBounds::default().events))]
    pub events: Option<u64>,
    /// Bytes of events, ids and reasons, at most.
    #[schemars(extend("x-unit" = "bytes", "default" = sink::dead_letters::DeadLetterBounds::default().bytes))]
    pub bytes: Option<u64>,
}

/// Where rows that became no events are kept, and how many.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rejected {
    /// The SQLite file, readable by its owner only.
    #[schemars(extend("x-default" = "`rejected.db` beside the dead letters, else beside the ledger"))]
    pub path: Option<PathBuf>,
    /// Rows, at most.
    #[schemars(extend("x-unit" = "rows", "default" = rejected::RejectedBounds::default().rows))]
    pub rows: Option<u64>,
    /// Bytes of rows, headers and reasons, at most.
    #[schemars(extend("x-unit" = "bytes", "default" = rejected::RejectedBounds::default().bytes))]
    pub bytes: Option<u64>,
}

/// Where progress is kept, and how late a source may be.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ledger {
    /// The SQLite file in which progress is kept.
    #[schemars(extend("x-default" = "`$XDG_STATE_HOME/host/ledger.db`"))]
    pub path: Option<PathBuf>,
    /// How long after an event it may still be missing at the source: runs that go on from the watermark stop so long before
    /// now.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = "15m", "x-range" = "at most `30d`"))]
    pub lag: Option<std::time::Duration>,
    /// Windows in flight at once; they are delivered one after another. `--windows-ahead` goes before.
    #[serde(default, deserialize_with = "windows")]
    #[schemars(with = "Option<u16>", range(min = 1, max = 10_000), extend("x-unit" = "windows", "default" = 4))]
    pub windows_ahead: Option<u16>,
    /// Bytes of all documents, of whatever stream, that wait beside the ledger until their windows are delivered.
    #[schemars(extend("x-unit" = "bytes", "default" = 32_u64 << 30))]
    pub spool_bytes: Option<u64>,
    /// How far runs look back for events that are stored late, where a source is asked for instants; `[]` looks back never.
    #[schemars(extend("default" = serde_json::json!([
            { "age": "1h" },
            { "age": "6h", "every": "1h" },
            { "age": "48h", "every": "24h" }
        ])))]
    pub look_back: Option<Vec<LookBackStep>>,
}

/// A step of the look-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LookBackStep {
    /// How far back.
    #[serde(deserialize_with = "needed_duration")]
    #[schemars(with = "DurationText", extend("x-range" = "at most `30d`"))]
    pub age: std::time::Duration,
    /// How often.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "each run"))]
    pub every: Option<std::time::Duration>,
}

/// A plugin of the user's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plugin {
    /// The component or core module, relative to the configuration's folder.
    pub path: PathBuf,
    /// Requests that the plugin may ask for besides `GET`, as `POST /interop/rest/v1/reports`; `*` stands for one segment,
    /// `/**` at the end for any number. A sink with this key may ask for `GET` and these alone.
    #[schemars(with = "Option<Vec<String>>", extend("x-default" = "a report: `GET` of any path; a sink: anything"))]
    pub allow: Option<Vec<Grant>>,
    /// The file's SHA-256 in hexadecimal, as `host plugin inspect` prints it: another file is refused before anything of it
    /// is loaded.
    #[serde(default, deserialize_with = "sha256")]
    #[schemars(with = "Option<String>", regex(pattern = "^[0-9A-Fa-f]{64}$"), extend("x-default" = "any file"))]
    pub sha256: Option<String>,
}

/// Limits of what is fetched; what is left out keeps its default.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fetch {
    /// The largest downloaded file, or answer that is a document.
    #[schemars(extend("x-unit" = "bytes", "default" = fetch::FetchLimits::default().document_bytes))]
    pub document_bytes: Option<u64>,
    /// The largest JSON record; a larger one becomes a rejected row.
    #[schemars(extend("x-unit" = "bytes", "default" = fetch::FetchLimits::default().record_bytes))]
    pub record_bytes: Option<u64>,
    /// Entries of an archive, at most.
    #[schemars(extend("x-unit" = "entries", "default" = fetch::ArchiveLimits::default().entries))]
    pub archive_entries: Option<u16>,
    /// The largest file in an archive.
    #[schemars(extend("x-unit" = "bytes", "default" = fetch::ArchiveLimits::default().total_bytes))]
    pub archive_bytes: Option<u64>,
    /// How far an archive may expand.
    #[schemars(extend("x-unit" = "bytes out per byte in", "default" = fetch::ArchiveLimits::default().ratio))]
    pub archive_ratio: Option<u64>,
    /// How long reading an archive may take.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(fetch::ArchiveLimits::default().time)))]
    pub archive_timeout: Option<std::time::Duration>,
    /// Bytes of all documents of a run that wait for their parser in the folder for temporary files, archives and what came
    /// out of them together; beyond, the run ends with exit 1.
    #[schemars(extend("x-unit" = "bytes", "default" = fetch::FetchLimits::default().spool_bytes))]
    pub spool_bytes: Option<u64>,
    /// How long a run waits for a job on the server; with a ledger the next run goes on with it.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(fetch::Polling::default().total)))]
    pub job_timeout: Option<std::time::Duration>,
    /// How long the file of a job is looked for whose submission got no answer, before another job is submitted; at least as
    /// long as jobs take.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(fetch::Polling::default().search)))]
    pub job_search: Option<std::time::Duration>,
    /// How long the server may refuse to give the file of a job that is done ("Invalid file"), or give it empty although it
    /// lists a size, before that is believed; the job is then given up.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(fetch::Polling::default().file)))]
    pub file_wait: Option<std::time::Duration>,
}

/// How runs end.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// How long a run may take; `--deadline` goes before. Then the run ends as if stopped, with exit 4, and the next one goes
    /// on.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "no limit"))]
    pub deadline: Option<std::time::Duration>,
}

/// Limits of the sandbox; each is explained by `host plugin inspect`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Wall-clock time of one call into a plugin.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("x-range" = "more than 0, at most `24h`", "default" = in_words(sandbox::PluginLimits::default().time)))]
    pub time: Option<std::time::Duration>,
    /// Bytes of all memories and tables of an instance.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().memory))]
    pub memory: Option<usize>,
    /// Bytes of the call stack.
    #[schemars(extend("x-range" = "16384 to 1048576", "x-unit" = "bytes", "default" = sandbox::PluginLimits::default().stack))]
    pub stack: Option<usize>,
    /// Bytes that one answer may take.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().returned))]
    pub returned: Option<usize>,
    /// Events and rejected rows that one call may return.
    #[schemars(extend("x-unit" = "records", "default" = sandbox::PluginLimits::default().records))]
    pub records: Option<usize>,
    /// Bytes in the strings of one event.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().event))]
    pub event: Option<usize>,
    /// Bytes of an attribute's name, or of a label.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().attribute_name))]
    pub attribute_name: Option<usize>,
    /// Attributes of one event, and labels of one.
    #[schemars(extend("x-unit" = "attributes", "default" = sandbox::PluginLimits::default().attributes))]
    pub attributes: Option<usize>,
    /// Bytes of events and rejected rows for each byte of a run's documents.
    #[schemars(extend("x-unit" = "bytes per byte", "default" = sandbox::PluginLimits::default().output))]
    pub output: Option<usize>,
    /// Memories of an instance.
    #[schemars(extend("x-unit" = "memories", "default" = sandbox::PluginLimits::default().memories))]
    pub memories: Option<u32>,
    /// Tables of an instance.
    #[schemars(extend("x-unit" = "tables", "default" = sandbox::PluginLimits::default().tables))]
    pub tables: Option<u32>,
    /// Live resources of an instance.
    #[schemars(extend("x-unit" = "handles", "default" = sandbox::PluginLimits::default().handles))]
    pub handles: Option<usize>,
    /// Fetches in a plan, deliveries of a payload.
    #[schemars(extend("x-unit" = "fetches", "default" = sandbox::PluginLimits::default().fetches))]
    pub fetches: Option<usize>,
    /// Bytes of one request or delivery that the plugin describes.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().request))]
    pub request: Option<usize>,
    /// Bytes of the component's file.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().component))]
    pub component: Option<usize>,
    /// Processor time that compiling a plugin may take; 5 s more for each MiB of its functions, 110 s more at most.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<DurationText>", extend("x-range" = "`1s` to `24h`", "default" = in_words(sandbox::PluginLimits::default().compile_time)))]
    pub compile_time: Option<std::time::Duration>,
    /// Bytes of memory that compiling a plugin may take.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().compile_memory))]
    pub compile_memory: Option<usize>,
    /// Bytes that an instance may log.
    #[schemars(extend("x-unit" = "bytes", "default" = sandbox::PluginLimits::default().log))]
    pub log: Option<usize>,
    /// Lines that an instance may log.
    #[schemars(extend("x-unit" = "lines", "default" = sandbox::PluginLimits::default().log_lines))]
    pub log_lines: Option<usize>,
}

impl Config {
    /// Reads the configuration: the file named, else `./host.toml`, else `$XDG_CONFIG_HOME/host/host.toml`; where there
    /// is none, an empty one.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or meant, and where nobody named it and others can write it.
    pub fn load(named: Option<&Path>) -> Result<Config, ConfigError> {
        match named {
            Some(path) => Config::read(path),
            None => match found::first(found::places())? {
                Some(path) => Config::read(&path),
                None => {
                    tracing::info!("there is no configuration file");
                    Ok(Config::default())
                }
            },
        }
    }

    fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_path_buf(),
            source,
        })?;
        let mut config = Config::parse(&text).map_err(|error| error.in_file(path))?;
        config.folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        config.path = Some(path.to_path_buf());
        let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        tracing::info!(file = %full.display(), "read the configuration");
        Ok(config)
    }

    /// Parses the text of a configuration.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let mut config: Config = toml::from_str(text).map_err(|error| ConfigError::syntax(text, &error))?;
        config.text = text.to_owned();
        for (what, name) in (config.connections.keys().map(|name| ("connection", name)))
            .chain(config.sinks.keys().map(|name| ("sink", name)))
            .chain(config.plugins.keys().map(|name| ("plugin", name)))
        {
            check_name(what, name)?;
        }
        config.check_kinds()?;
        config.check_values(text)?;
        config.check_routes(text)?;
        Ok(config)
    }
}

impl Config {
    /// Where a key stands, as `host.toml line 7: sinks.siem.endpoint.url`; elements of arrays go by their number. What of it
    /// is not known is left out.
    pub fn place(&self, key: &[&str]) -> String {
        let file = self.path.as_ref().map(|path| path.display().to_string());
        let line = place::line_of(&self.text, key).map(|line| format!("line {line}"));
        let before: Vec<String> = [file, line].into_iter().flatten().collect();
        let key = key.join(".");
        match before.is_empty() {
            true => key,
            false => format!("{}: {key}", before.join(" ")),
        }
    }

    /// A connection has a kind, an endpoint has none.
    fn check_kinds(&self) -> Result<(), ConfigError> {
        let wrong = |message: String| ConfigError::Syntax {
            file: None,
            line: None,
            message,
            nearest: None,
        };
        if let Some((name, _)) = self
            .connections
            .iter()
            .find(|(_, connection)| connection.kind.is_none())
        {
            return Err(wrong(format!(
                "connection {name} has no kind, which is epm or identity-domain"
            )));
        }
        let endpoints = self
            .sinks
            .iter()
            .filter_map(|(name, sink)| Some((name, sink.endpoint()?)));
        for (name, endpoint) in endpoints {
            if endpoint.kind.is_some() {
                return Err(wrong(format!(
                    "the endpoint of sink {name} has a kind, which only connections have"
                )));
            }
            if endpoint.tenant.is_some() {
                return Err(wrong(format!(
                    "the endpoint of sink {name} has a tenant, which only connections have"
                )));
            }
        }
        Ok(())
    }
}

/// A source that is later than this loses its events' place in any report.
const LONGEST_LAG: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

/// Bytes: an OCID has at most 255.
const LONGEST_TENANT: usize = 255;

impl Config {
    /// What can be read and still not be meant.
    fn check_values(&self, text: &str) -> Result<(), ConfigError> {
        let wrong = |path: &[&str], message: &str| ConfigError::Syntax {
            file: None,
            line: place::line_of(text, path),
            message: format!("{}: {message}", path.join(".")),
            nearest: None,
        };
        if self.ledger.lag.is_some_and(|lag| lag > LONGEST_LAG) {
            return Err(wrong(&["ledger", "lag"], "a lag is at most 30 days"));
        }
        let steps = self.ledger.look_back.iter().flatten();
        if steps.into_iter().any(|step| step.age > LONGEST_LAG) {
            return Err(wrong(&["ledger", "look-back"], "runs look back 30 days at most"));
        }
        for (name, connection) in &self.connections {
            let meant = |tenant: &str| {
                !tenant.trim().is_empty() && tenant.len() <= LONGEST_TENANT && !tenant.contains(char::is_control)
            };
            if connection.tenant.as_deref().is_some_and(|tenant| !meant(tenant)) {
                let message = "a tenant is a text of 1 to 255 bytes without control characters";
                return Err(wrong(&["connections", name, "tenant"], message));
            }
        }
        if self.sinks.contains_key("stdout") {
            return Err(wrong(
                &["sinks", "stdout"],
                "`stdout` is a sink already; give this one another name",
            ));
        }
        Ok(())
    }
}

/// Names stand in paths, ids and log lines, so they are plain words.
fn check_name(what: &'static str, name: &str) -> Result<(), ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        return Ok(());
    }
    Err(ConfigError::Name {
        file: None,
        what,
        name: name.escape_default().to_string(),
    })
}

/// `90s`, `5m`, `12h`, `7d`: jiff's friendly durations, with a day of 24 hours.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let span: jiff::Span = text
        .parse()
        .map_err(|_| "this is no duration such as 90s, 12h or 7d".to_string())?;
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| "this is no duration in days or less".to_string())?;
    std::time::Duration::try_from(duration).map_err(|_| "a duration here is not negative".to_string())
}

/// Reads an absolute URL; the message does not repeat it, for it may carry a password.
pub fn parse_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("this is no absolute URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        scheme => Err(format!("a URL here starts with https://, not {scheme}:")),
    }
}

fn url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_url(&text).map_err(serde::de::Error::custom)
}

fn optional_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    url(deserializer).map(Some)
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<std::time::Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

fn needed_duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<std::time::Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(serde::de::Error::custom)
}

fn windows<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(deserializer)? {
        windows @ 1..=10_000 => Ok(Some(windows)),
        _ => Err(serde::de::Error::custom("windows-ahead is a number from 1 to 10000")),
    }
}

/// A digest in lower case.
fn sha256<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(Some(text.to_ascii_lowercase())),
        false => Err(serde::de::Error::custom("sha256 is 64 hexadecimal digits")),
    }
}

fn parallel<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Parallel>, D::Error> {
    let requests = u8::deserialize(deserializer)?;
    let refused = || serde::de::Error::custom(format!("{requests} is not between 1 and {}", Parallel::MOST));
    Parallel::new(requests).ok_or_else(refused).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_configuration_is_read() {
        let config = Config::parse(
            r#"
            [connections.epm]
            kind = "epm"
            url = "https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com"
            auth = { kind = "basic", username = "acme.jdoe", password = { env = "EPM_PASSWORD" } }
            timeout = "90s"
            [sinks.archive]
            kind = "file"
            path = "archive/{report}/{date}.ndjson"
            encoding = "ocsf"
            "#,
        )
        .unwrap();
        let epm = config.connections.get("epm").unwrap();
        assert_eq!(epm.kind, Some(ConnectionKind::Epm));
        assert_eq!(epm.timeout, Some(std::time::Duration::from_secs(90)));
        assert!(matches!(
            &epm.auth,
            Auth::Basic {
                password: SecretSource::Env { .. },
                ..
            }
        ));
        assert!(matches!(config.sinks.get("archive").unwrap().kind, SinkKind::File(_)));
    }

    #[test]
    fn a_literal_secret_is_refused_without_being_repeated() {
        let error = Config::parse(
            "[connections.epm]\nkind = \"epm\"\nurl = \"https://a.example\"\n\
             auth = { kind = \"basic\", username = \"u\", password = \"hunter2-canary\" }\n",
        )
        .unwrap_err();
        let said = format!("{error} {:?} {error:?}", error.hint());
        assert!(said.contains("literal secret"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for auth in [
            "auth = { kind = \"basic\", username = \"u\", password = 7312345678 }",
            "auth = { kind = \"basic\", username = \"u\", password = { command = \"echo 7312345678\" } }",
            "auth = \"7312345678\"",
            "proxy = \"http://u:7312345678@proxy:3128\"",
            "timeout = \"7312345678\"",
        ] {
            let text = format!("[connections.epm]\nkind = \"epm\"\nurl = \"https://a.example\"\n{auth}\n");
            let error = Config::parse(&text).unwrap_err();
            let said = format!("{error} {:?}", error.hint());
            assert!(!said.contains("7312345678"), "{auth}: {said}");
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = Config::parse("[connections.epm]\nkind = \"epm\"\nulr = \"https://a.example\"\n").unwrap_err();
        assert!(error.to_string().contains("`ulr`"), "{error}");
        assert!(error.to_string().contains("line 3"), "{error}");
        assert_eq!(error.hint().as_deref(), Some("did you mean `url`?"));
    }

    #[test]
    fn a_name_that_is_no_plain_word_is_refused() {
        assert!(matches!(
            Config::parse("[plugins.\"../x\"]\npath = \"a\"\n"),
            Err(ConfigError::Name { .. })
        ));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_at_its_line() {
        for (text, line, part) in [
            ("[ledger]\nlag = \"900000000000s\"\n", 2, "at most 30 days"),
            ("[ledger]\nlook-back = [{ age = \"31d\" }]\n", 2, "30 days at most"),
            ("[sinks.stdout]\nkind = \"file\"\npath = \"x\"\n", 1, "another name"),
        ] {
            let said = Config::parse(text).unwrap_err().to_string();
            assert!(said.contains(part) && said.contains(&format!("line {line}")), "{said}");
        }
    }

    #[test]
    fn a_tenant_is_a_text_that_can_stand_in_an_event() {
        let parse = |tenant: &str| {
            Config::parse(&format!(
                "[connections.epm]\nkind = \"epm\"\nurl = \"https://epm.example.com\"\ntenant = {tenant}\n"
            ))
        };
        let tenant = |tenant| parse(tenant).unwrap().connections["epm"].tenant.clone();
        assert_eq!(
            tenant("\"ocid1.tenancy.oc1..aaaa\"").as_deref(),
            Some("ocid1.tenancy.oc1..aaaa")
        );
        let long = format!("\"{}\"", "x".repeat(256));
        for wrong in ["\"\"", "\" \"", "\"a\\nb\"", &long] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains("connections.epm.tenant"), "{error}");
        }
        let endpoint =
            "[sinks.siem]\nkind = \"http\"\nendpoint = { url = \"https://siem.example.com\", tenant = \"x\" }";
        let error = Config::parse(endpoint).unwrap_err().to_string();
        assert!(error.contains("only connections have"), "{error}");
    }

    #[test]
    fn what_a_plugin_may_ask_for_is_read_and_a_wrong_grant_told_at_its_line() {
        let read = |rest: &str| Config::parse(&format!("[plugins.mine]\npath = \"mine.wasm\"\n{rest}\n"));
        let allow = read("allow = [\"POST /interop/rest/v1/reports\"]").unwrap().plugins["mine"]
            .allow
            .clone();
        assert_eq!(allow.unwrap()[0].to_string(), "POST /interop/rest/v1/reports");
        let digest = "AB".repeat(32);
        let pinned = read(&format!("sha256 = \"{digest}\"")).unwrap().plugins["mine"]
            .sha256
            .clone();
        assert_eq!(pinned, Some("ab".repeat(32)));
        for (wrong, why) in [
            ("allow = [\"POST interop\"]", "the path begins with /"),
            ("allow = [\"POST /a\", \"FETCH /a\"]", "the method is one of"),
            ("allow = \"POST /a\"", "a value of the wrong kind"),
            ("sha256 = \"abc\"", "64 hexadecimal digits"),
            ("sha256 = \"zz\"", "64 hexadecimal digits"),
        ] {
            let said = read(wrong).unwrap_err().to_string();
            assert!(said.contains(why) && said.contains("line 3"), "{wrong}: {said}");
        }
    }

    #[test]
    fn windows_ahead_are_one_to_ten_thousand() {
        let ledger = |windows: &str| Config::parse(&format!("[ledger]\nwindows-ahead = {windows}\n"));
        assert_eq!(ledger("5000").unwrap().ledger.windows_ahead, Some(5000));
        for wrong in ["0", "10001", "70000", "-1", "\"4\""] {
            assert!(ledger(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_share_of_rejected_rows_is_a_percentage_or_any() {
        let read = |share: &str| {
            let text =
                format!("[connections.d]\nkind = \"epm\"\nurl = \"https://d.example\"\nmax-rejected = {share}\n");
            Config::parse(&text).map(|config| config.connections["d"].max_rejected)
        };
        assert_eq!(read("\"5%\"").unwrap(), Some(MaxRejected::Share(50_000)));
        assert_eq!(read("\"any\"").unwrap(), Some(MaxRejected::Any));
        for wrong in ["\"5\"", "0.05", "5", "\"none\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_at_once_are_bounded() {
        let read = |number: &str| {
            let text =
                format!("[connections.d]\nkind = \"epm\"\nurl = \"https://d.example\"\nparallel-requests = {number}\n");
            Config::parse(&text).map(|config| config.connections["d"].parallel_requests)
        };
        assert_eq!(read("32").unwrap(), Parallel::new(32));
        for wrong in ["0", "33", "1000", "-1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_jiff_spans_of_days_or_less() {
        assert_eq!(parse_duration("7d").unwrap().as_secs(), 7 * 86_400);
        assert_eq!(parse_duration("90m").unwrap().as_secs(), 5_400);
        for bad in ["", "7", "seven days", "-1h", "2mo"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
