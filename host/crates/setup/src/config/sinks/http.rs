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
    /// Where, and who asks: the keys of a connection without `kind`.
    pub endpoint: Connection,
    /// What an event looks like.
    #[schemars(extend("default" = Encoding::default()))]
    pub encoding: Option<Encoding>,
    /// `ndjson`: a JSON object a line. `array`: one JSON array.
    #[serde(default)]
    pub body: HttpBody,
    /// How the body is compressed.
    #[serde(default)]
    pub compression: Compression,
    /// Further headers, none of them secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The most events in one request.
    #[schemars(extend("x-unit" = "events", "default" = sink::HttpOptions::default().batch_events))]
    pub batch_events: Option<std::num::NonZeroUsize>,
    /// The most bytes of events in one request, before compression.
    #[schemars(extend("x-unit" = "bytes", "default" = sink::HttpOptions::default().batch_bytes))]
    pub batch_bytes: Option<std::num::NonZeroUsize>,
}
