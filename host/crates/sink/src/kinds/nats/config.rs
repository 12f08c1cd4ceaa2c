//! `kind = "nats"`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use connection::SecretSource;
use event::Encoding;

/// A stream of NATS JetStream.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NatsConfig {
    /// `nats://HOST:PORT`, or `tls://HOST:PORT` where the connection must be encrypted.
    pub url: String,
    /// The subject to which events are published; `{report}` and `{connection}` stand for one safe token each.
    #[schemars(extend("default" = "audit.{report}.{connection}"))]
    pub subject: Option<String>,
    /// The stream that must take the events.
    #[schemars(extend("x-default" = "any that listens to the subject"))]
    pub stream: Option<String>,
    /// Create the stream where it is missing: for the subjects of all reports and connections, without limits, with a
    /// duplicate window of 24 h.
    #[serde(default)]
    pub create_stream: bool,
    /// The identity of the client.
    #[serde(default)]
    #[schemars(extend("default" = serde_json::json!({ "kind": "none" })))]
    pub auth: NatsAuth,
    /// PEM file of authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Trust the system's authorities besides those of `ca-file`.
    #[serde(default)]
    pub system_authorities: bool,
    /// PEM file: what to show a server that asks for a certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file: the key of that certificate.
    pub client_key: Option<PathBuf>,
    /// The form of an event.
    #[serde(default)]
    pub encoding: Encoding,
    /// Messages in flight at once.
    #[serde(default = "batch_events")]
    #[schemars(extend("x-unit" = "messages"))]
    pub batch_events: NonZeroUsize,
}

/// The identity of a client of a NATS server.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum NatsAuth {
    /// Nobody.
    #[default]
    None,
    /// A user.
    User {
        /// The user's name.
        username: String,
        /// The user's password.
        password: SecretSource,
    },
    /// Whoever has a token.
    Token {
        /// The token.
        token: SecretSource,
    },
    /// The user that a credentials file names.
    Credentials {
        /// The file, which only its owner may read: a JWT and the seed of its key.
        file: PathBuf,
    },
    /// Whoever has an NKey.
    Nkey {
        /// The seed of the key.
        seed: SecretSource,
    },
}

const fn batch_events() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(499)
}
