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
    /// Where, and who asks. For `http` the URL that `/v1/logs` is below.
    pub endpoint: Connection,
    /// `http` (default) or `grpc`.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// `none` (default) or `gzip`.
    #[serde(default)]
    pub compression: OtlpCompression,
    /// The most events in one request; 512 unless set.
    pub batch_events: Option<NonZeroUsize>,
    /// `ocsf`, `ecs` or `event`: what stands in the body of a record.
    pub encoding: Option<Encoding>,
}
