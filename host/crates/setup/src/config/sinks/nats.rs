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
    /// `audit.{report}.{connection}` unless set.
    pub subject: Option<String>,
    /// The stream that must take them; without one any stream that listens to the subject.
    pub stream: Option<String>,
    /// Create that stream where it is missing.
    #[serde(default)]
    pub create_stream: bool,
    /// Who connects.
    #[serde(default)]
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
    /// `ocsf`, `ecs` or `event`.
    pub encoding: Option<Encoding>,
    /// Messages under way at once; 500 unless set.
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
