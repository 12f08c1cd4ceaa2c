//! OpenTelemetry: events as log records, to a collector over OTLP 1.x, with HTTP or gRPC.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use super::config::{OtlpCompression, OtlpConfig, OtlpProtocol};
use super::grpc::Grpc;
use super::http::Http;
use super::record;
use crate::state::SinkState;
use crate::{BatchLimits, Guarantee, Sink, SinkError, Verdict};
use event::{Event, Provenance, Rendering};
use remote::{Remote, Settings};

/// Bytes of events in one request. gRPC servers take messages of 4 MiB unless told otherwise, and a text stands in the
/// body and perhaps in an attribute.
const BATCH_BYTES: usize = 1 << 20;

/// Sends each event as one log record.
pub struct OtlpSink {
    name: String,
    exporter: Exporter,
    rendering: Rendering,
    batch_events: usize,
    provenance: Arc<Provenance>,
    life: SinkState,
}

enum Exporter {
    Http(Http),
    Grpc(Box<Grpc>),
}

impl Exporter {
    async fn export(&mut self, events: &[Event], encoding: &Rendering, provenance: &Provenance) -> Verdict {
        let request = record::request(events, encoding, provenance);
        match self {
            Exporter::Http(http) => http.export(&request, events.len()).await,
            Exporter::Grpc(grpc) => grpc.export(request, events.len()).await,
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
        config: &OtlpConfig,
        rendering: Rendering,
        provenance: Arc<Provenance>,
    ) -> Result<Self, SinkError> {
        let name = name.into();
        let exporter = match config.protocol {
            OtlpProtocol::Http => Remote::new(settings)
                .and_then(|remote| Http::new(Arc::new(remote), config.compression))
                .map(Exporter::Http),
            OtlpProtocol::Grpc => Grpc::new(&settings, config.compression == OtlpCompression::Gzip)
                .map(|grpc| Exporter::Grpc(Box::new(grpc))),
        };
        Ok(OtlpSink {
            exporter: exporter.map_err(|source| SinkError::remote(&name, source))?,
            name,
            rendering,
            batch_events: config.batch_events.get(),
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
        match self.exporter.export(&[], &self.rendering, &self.provenance).await {
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
        let verdict = self.exporter.export(events, &self.rendering, &self.provenance).await;
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
