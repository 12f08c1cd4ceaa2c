//! `kind = "nats"`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretSource;
use event::Encoding;

/// A stream of NATS JetStream.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NatsSink {
    /// `nats://HOST:PORT`, or `tls://HOST:PORT` where the connection must be encrypted.
    pub url: String,
    /// Where events are published; `{report}` and `{connection}` stand for one safe token each.
    #[schemars(extend("default" = "audit.{report}.{connection}"))]
    pub subject: Option<String>,
    /// The stream that must take the events.
    #[schemars(extend("x-default" = "any that listens to the subject"))]
    pub stream: Option<String>,
    /// Create the stream where it is missing: for the subjects of all reports and connections, without limits, with a
    /// duplicate window of 24 h.
    #[serde(default)]
    pub create_stream: bool,
    /// Who connects.
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
    /// What an event looks like.
    #[schemars(extend("default" = Encoding::default()))]
    pub encoding: Option<Encoding>,
    /// Messages under way at once.
    #[schemars(extend("x-unit" = "messages", "default" = 500))]
    pub batch_events: Option<std::num::NonZeroUsize>,
}

/// Who connects to a NATS server.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
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
    /// Whom a credentials file names.
    Credentials {
        /// The file, which only its owner may read: a JWT and the seed of its key.
        file: PathBuf,
    },
    /// Whoever has an NKey.
    Nkey {
        /// Its seed.
        seed: SecretSource,
    },
}
