//! `kind = "otlp"`.

use std::num::NonZeroUsize;

use serde::Deserialize;

use crate::config::Connection;
use event::Encoding;
use sink::{OtlpCompression, OtlpProtocol};

/// An OpenTelemetry collector.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OtlpSink {
    /// Where, and who asks: the keys of a connection without `kind`. Records go to `/v1/logs` below the URL, over gRPC to its
    /// origin.
    pub endpoint: Connection,
    /// HTTP with protobuf, or gRPC; with gRPC there is no proxy, no rate limit, no OAuth 2 and no secret in the URL.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// How requests are compressed.
    #[serde(default)]
    pub compression: OtlpCompression,
    /// The most events in one request.
    #[schemars(extend("x-unit" = "events", "default" = sink::OtlpOptions::default().batch_events))]
    pub batch_events: Option<NonZeroUsize>,
    /// What the event is in a record's body, a string of JSON.
    #[schemars(extend("default" = Encoding::default()))]
    pub encoding: Option<Encoding>,
}
