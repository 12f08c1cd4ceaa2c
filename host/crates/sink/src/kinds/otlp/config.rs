//! The keys of `kind = "otlp"`.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use connection::Connection;
use event::Encoding;

/// An OpenTelemetry collector.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OtlpConfig {
    /// The server, and the identity of the client: the keys of a connection without `kind`. Records go to `/v1/logs` below the URL, over gRPC to its
    /// origin.
    pub endpoint: Connection,
    /// HTTP with protobuf, or gRPC; with gRPC there is no proxy, no rate limit, no OAuth 2 and no secret in the URL.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// The compression of requests.
    #[serde(default)]
    pub compression: OtlpCompression,
    /// The most events in one request.
    #[serde(default = "batch_events")]
    #[schemars(extend("x-unit" = "events"))]
    pub batch_events: NonZeroUsize,
    /// The form of the event in a record's body, a string of JSON.
    #[serde(default)]
    pub encoding: Encoding,
}

/// The protocol of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// Protobuf in a POST to `/v1/logs` below the URL.
    #[default]
    Http,
    /// gRPC.
    Grpc,
}

/// The compression of requests: what every collector understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpCompression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
}

impl OtlpConfig {
    /// The defaults for an endpoint.
    pub fn new(endpoint: Connection) -> OtlpConfig {
        OtlpConfig {
            endpoint,
            protocol: OtlpProtocol::default(),
            compression: OtlpCompression::default(),
            batch_events: batch_events(),
            encoding: Encoding::default(),
        }
    }
}

/// The events of a batch as OpenTelemetry's own exporters have them.
const fn batch_events() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(511)
}
