//! `kind = "postgres"`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretSource;
use event::Encoding;
use sink::PostgresTls;

/// A table of PostgreSQL.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresSink {
    /// `postgres://USER@HOST:PORT/DATABASE`, without a password.
    pub url: String,
    /// The user's password, where the server asks for one.
    pub password: Option<SecretSource>,
    /// `disable`, `prefer` or `require`; `require` unless set, and `disable` for a server on this machine that is sent no
    /// password.
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
    /// The table, perhaps with its schema; `audit_events` unless set. Taken as written: case counts.
    pub table: Option<String>,
    /// Create the table where it is missing.
    #[serde(default)]
    pub create_table: bool,
    /// The columns by which a row is known again, as `["id", "time"]`; by default those of a unique index that the table
    /// has, and of a table that is created `["connection", "report", "id"]`.
    pub conflict: Option<Vec<String>>,
    /// What stands in the column `event`: `ocsf`, `ecs` or `event`.
    pub encoding: Option<Encoding>,
    /// The most rows in one statement; 1000 unless set.
    pub batch_events: Option<std::num::NonZeroUsize>,
}
