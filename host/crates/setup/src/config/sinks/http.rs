//! `kind = "http"`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::Connection;
use event::Encoding;
use sink::{Compression, HttpBody};

/// Any HTTP endpoint that takes JSON.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpSink {
    /// Where, and who asks.
    pub endpoint: Connection,
    /// `ocsf`, `ecs` or `event`.
    pub encoding: Option<Encoding>,
    /// `ndjson` (default): a JSON object a line. `array`: one JSON array.
    #[serde(default)]
    pub body: HttpBody,
    /// `none` (default), `gzip` or `zstd`.
    #[serde(default)]
    pub compression: Compression,
    /// Further headers, none of them secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The most events in one request; 1000 unless set.
    pub batch_events: Option<std::num::NonZeroUsize>,
    /// The most bytes of events in one request, before compression; 4 MiB unless set.
    pub batch_bytes: Option<std::num::NonZeroUsize>,
}
