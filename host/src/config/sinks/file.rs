//! `kind = "file"`.

use serde::Deserialize;

use crate::event::Encoding;
use crate::sink::Format;

/// A file that grows.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileSink {
    /// Its path; `{report}`, `{connection}` and `{date}` stand for one safe path segment each.
    pub path: String,
    /// `ocsf`, `ecs` or `event`.
    pub encoding: Option<Encoding>,
    /// `ndjson`, `csv`, `table` or `parquet`.
    pub format: Option<Format>,
}
