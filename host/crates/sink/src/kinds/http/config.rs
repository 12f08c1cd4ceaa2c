//! The keys of `kind = "http"`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Compression;
use connection::Connection;
use event::Encoding;

/// Any HTTP endpoint that takes JSON.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpConfig {
    /// The server, and the identity of the client: the keys of a connection without `kind`.
    pub endpoint: Connection,
    /// The form of an event.
    #[serde(default)]
    pub encoding: Encoding,
    /// `ndjson`: a JSON object a line. `array`: one JSON array.
    #[serde(default)]
    pub body: HttpBody,
    /// The compression of the body.
    #[serde(default)]
    pub compression: Compression,
    /// Further headers, none of them secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The most events in one request.
    #[serde(default = "batch_events")]
    #[schemars(extend("x-unit" = "events"))]
    pub batch_events: NonZeroUsize,
    /// The most bytes of events in one request, before compression.
    #[serde(default = "batch_bytes")]
    #[schemars(extend("x-unit" = "bytes"))]
    pub batch_bytes: NonZeroUsize,
}

/// The layout of one request's events in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpBody {
    /// A JSON object a line: `application/x-ndjson`.
    #[default]
    Ndjson,
    /// One JSON array: `application/json`.
    Array,
}

impl HttpConfig {
    /// The defaults for an endpoint.
    pub fn new(endpoint: Connection) -> HttpConfig {
        HttpConfig {
            endpoint,
            encoding: Encoding::default(),
            body: HttpBody::default(),
            compression: Compression::default(),
            headers: BTreeMap::new(),
            batch_events: batch_events(),
            batch_bytes: batch_bytes(),
        }
    }
}

const fn batch_events() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(999)
}

const fn batch_bytes() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add((4 << 20) - 1)
}
