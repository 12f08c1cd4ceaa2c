//! OpenTelemetry: events as log records, to a collector over OTLP 1.x, with HTTP or gRPC.
//!
//! [`OtlpSink`] makes a request of a batch (`record`), sends it (`http`, `grpc`) and reads the answer (`outcome`).

mod grpc;
mod http;
mod outcome;
mod receipt;
mod record;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use self::grpc::Grpc;
use self::http::Http;
use super::state::SinkState;
use super::{BatchLimits, Guarantee, Sink, SinkError, Verdict};
use event::{Event, Provenance, Rendering};
use remote::{Remote, Settings};

/// How much of a collector's explanation is kept.
const DETAIL_CHARS: usize = 300;

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// Protobuf in a POST to `/v1/logs` below the URL.
    #[default]
    Http,
    /// gRPC.
    Grpc,
}

/// How requests are compressed: what every collector understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpCompression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
}

/// How an [`OtlpSink`] sends.
#[derive(Debug, Clone)]
pub struct OtlpOptions {
    /// How requests travel.
    pub protocol: OtlpProtocol,
    /// How they are compressed.
    pub compression: OtlpCompression,
    /// What an event looks like in the body of its record.
    pub encoding: Rendering,
    /// Events in one request, at most. Default 512, as OpenTelemetry's own exporters have it.
    pub batch_events: usize,
}

impl Default for OtlpOptions {
    fn default() -> Self {
        OtlpOptions {
            protocol: OtlpProtocol::default(),
            compression: OtlpCompression::default(),
            encoding: Rendering::default(),
            batch_events: 512,
        }
    }
}

/// Bytes of events in one request. gRPC servers take messages of 4 MiB unless told otherwise, and a text stands in the
/// body and perhaps in an attribute.
const BATCH_BYTES: usize = 1 << 20;

/// Sends each event as one log record.
pub struct OtlpSink {
    name: String,
    wire: Wire,
    encoding: Rendering,
    batch_events: usize,
    provenance: Arc<Provenance>,
    life: SinkState,
}

enum Wire {
    Http(Http),
    Grpc(Box<Grpc>),
}

impl Wire {
    async fn export(&mut self, events: &[Event], encoding: &Rendering, provenance: &Provenance) -> Verdict {
        let request = record::request(events, encoding, provenance);
        match self {
            Wire::Http(http) => http.export(&request, events.len()).await,
            Wire::Grpc(grpc) => grpc.export(request, events.len()).await,
        }
    }
}

impl OtlpSink {
    /// A sink for the collector that the settings name. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// Where the settings cannot be used, or ask of gRPC what only HTTP can do.
    pub fn new(
        name: impl Into<String>,
        settings: Settings,
        options: OtlpOptions,
        provenance: Arc<Provenance>,
    ) -> Result<Self, SinkError> {
        let name = name.into();
        let wire = match options.protocol {
            OtlpProtocol::Http => Remote::new(settings)
                .and_then(|remote| Http::new(Arc::new(remote), options.compression))
                .map(Wire::Http),
            OtlpProtocol::Grpc => Grpc::new(&settings, options.compression == OtlpCompression::Gzip)
                .map(|grpc| Wire::Grpc(Box::new(grpc))),
        };
        Ok(OtlpSink {
            wire: wire.map_err(|source| super::stream::failed(&name, source))?,
            name,
            encoding: options.encoding,
            batch_events: options.batch_events,
            provenance,
            life: SinkState::default(),
        })
    }
}

#[async_trait]
impl Sink for OtlpSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            events: self.batch_events,
            bytes: BATCH_BYTES,
            gather: true,
        }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    /// A collector that answers with success has accepted the records for good (OTLP, "Full Success"): a client must not send them
    /// again.
    fn is_durable(&self) -> bool {
        true
    }

    /// Sends a request without records, which the specification has collectors take.
    async fn probe(&mut self) -> Result<String, SinkError> {
        match self.wire.export(&[], &self.encoding, &self.provenance).await {
            Verdict::Accepted | Verdict::Rejected(_) | Verdict::Partial { .. } => Ok("the collector answers".into()),
            Verdict::Retry { reason, .. }
            | Verdict::Unacknowledged { reason, .. }
            | Verdict::TooLarge { reason }
            | Verdict::Unusable { reason }
            | Verdict::Refused { reason } => Err(SinkError::Unusable {
                sink: self.name.clone(),
                problem: reason,
                hint: Some("check `url`, `auth` and `protocol` of the sink".into()),
            }),
        }
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.begin(&self.name)?;
        if events.is_empty() {
            self.life.answered();
            return Ok(Verdict::Accepted);
        }
        let verdict = self.wire.export(events, &self.encoding, &self.provenance).await;
        self.life.answered();
        Ok(verdict)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)
    }

    async fn abort(&mut self) {
        self.life.give_up();
    }
}
