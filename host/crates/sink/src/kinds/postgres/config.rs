//! `kind = "postgres"`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use connection::SecretSource;
use event::Encoding;

/// A table of PostgreSQL.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresConfig {
    /// `postgres://USER@HOST:PORT/DATABASE`, without a password; a host such as `%2Fvar%2Frun%2Fpostgresql` is the folder of a
    /// Unix socket. Port 5432 and the user's database unless said.
    pub url: String,
    /// The user's password, where the server asks for one.
    pub password: Option<SecretSource>,
    /// The encryption of the connection: `require`: always; `prefer`: where the server can; `disable`: never. A
    /// certificate is checked in any case.
    #[schemars(extend("x-default" = "`require`; `disable` for a server on this machine that gets no password"))]
    pub tls: Option<PostgresTls>,
    /// PEM file of authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Trust the system's authorities besides those of `ca-file`.
    #[serde(default)]
    pub system_authorities: bool,
    /// PEM file: what to show a server that asks for a certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file: the key of that certificate.
    pub client_key: Option<PathBuf>,
    /// `TABLE` or `SCHEMA.TABLE`, taken as written: case counts.
    #[schemars(extend("default" = "audit_events"))]
    pub table: Option<String>,
    /// Create the table, and indexes by `time`, `subject` and `source_ip`, where it is missing.
    #[serde(default)]
    pub create_table: bool,
    /// The columns by which a row is known again: `["connection", "report", "id"]` or `["id"]`, each also with `"time"`. They
    /// must have a unique index.
    #[schemars(extend("x-default" = "those of a unique index of the table; of a table that is created `[\"connection\", \"report\", \"id\"]`"))]
    pub conflict: Option<Vec<String>>,
    /// The form of the event in the column `event`.
    #[serde(default)]
    pub encoding: Encoding,
    /// The most rows in one statement.
    #[serde(default = "batch_events")]
    #[schemars(extend("x-unit" = "rows"))]
    pub batch_events: NonZeroUsize,
}

/// The encryption of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PostgresTls {
    /// Never. A password is sent so only to a server on this machine.
    Disable,
    /// Encrypted where the server can; always, where there is a password.
    Prefer,
    /// Always, with a certificate that is checked.
    Require,
}

const fn batch_events() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(999)
}
