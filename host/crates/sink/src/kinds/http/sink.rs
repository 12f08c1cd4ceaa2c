//! Any HTTP endpoint that takes JSON.

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;

use super::config::{HttpBody, HttpConfig};
use crate::state::SinkState;
use crate::{BatchLimits, Guarantee, Sink, SinkError, Verdict, answer, idempotency_key, probe};
use event::{Event, Provenance, Rendering};
use remote::{Remote, Request};

/// Characters of a value in the query that make it a likely secret.
const SIGNATURE: usize = 8;

/// Posts batches of events to one URL, its query included, each with its key in `Idempotency-Key`.
pub struct HttpSink {
    name: String,
    remote: Arc<Remote>,
    config: HttpConfig,
    rendering: Rendering,
    provenance: Arc<Provenance>,
    life: SinkState,
}

impl HttpSink {
    /// A sink that posts to the base URL of `remote` with the query of the configured URL. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// Where a header may not be set: the credential's and those of the connection belong to the host.
    pub fn new(
        name: impl Into<String>,
        remote: Arc<Remote>,
        config: HttpConfig,
        rendering: Rendering,
        provenance: Arc<Provenance>,
    ) -> Result<Self, SinkError> {
        let sink = HttpSink {
            name: name.into(),
            remote,
            config,
            rendering,
            provenance,
            life: SinkState::default(),
        };
        // A receiver may say the address back, and a signature in it is as good as a password. A word like `json` is none, and
        // would be taken out of every message.
        let query = sink.config.endpoint.url.query().unwrap_or_default();
        let decoded = url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value);
        let written = query
            .split('&')
            .map(|part| part.split_once('=').map_or(part, |(_, value)| value).into());
        for value in decoded.chain(written).filter(|value| value.len() >= SIGNATURE) {
            sink.remote.keep_secret(&value);
        }
        sink.request(Vec::new())?;
        Ok(sink)
    }

    /// The whole address.
    fn url(&self) -> url::Url {
        let mut url = self.remote.base().itself().clone();
        url.set_query(self.config.endpoint.url.query());
        url
    }

    fn request(&self, body: Vec<u8>) -> Result<Request, SinkError> {
        let settings = |source| SinkError::Remote {
            sink: self.name.clone(),
            source: Box::new(source),
        };
        let media_type = match self.config.body {
            HttpBody::Ndjson => "application/x-ndjson",
            HttpBody::Array => "application/json",
        };
        let mut request = Request::new(Method::POST, self.url())
            .status_only()
            .body(media_type, body)
            .map_err(settings)?;
        if let Some(coding) = self.config.compression.content_encoding() {
            request = request.header("content-encoding", coding).map_err(settings)?;
        }
        for (name, value) in &self.config.headers {
            request = request.header(name, value).map_err(settings)?;
        }
        Ok(request)
    }

    fn encode(&self, events: &[Event]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(events.len() * 1024);
        let (before, between, after) = match self.config.body {
            HttpBody::Ndjson => ("", "\n", "\n"),
            HttpBody::Array => ("[", ",", "]"),
        };
        bytes.extend_from_slice(before.as_bytes());
        for (place, event) in events.iter().enumerate() {
            if place > 0 {
                bytes.extend_from_slice(between.as_bytes());
            }
            self.rendering.write(event, &self.provenance, &mut bytes);
        }
        bytes.extend_from_slice(after.as_bytes());
        bytes
    }
}

#[async_trait]
impl Sink for HttpSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            events: self.config.batch_events.get(),
            bytes: self.config.batch_bytes.get(),
            gather: true,
        }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::IdempotentByBatch
    }

    fn is_durable(&self) -> bool {
        true
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        probe::options(&self.name, &self.remote, self.url(), probe::Url::Receiver).await
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.begin(&self.name)?;
        if events.is_empty() {
            self.life.answered();
            return Ok(Verdict::Accepted);
        }
        let bytes = self.encode(events);
        let compressed = self.config.compression.compress(bytes);
        let body = compressed.map_err(|error| SinkError::write(&self.name, error))?;
        let request = self
            .request(body)?
            .header("idempotency-key", &idempotency_key(events, &self.provenance));
        let request = request.map_err(|source| SinkError::Remote {
            sink: self.name.clone(),
            source: Box::new(source),
        })?;
        let verdict = match self.remote.exchange(request).await {
            Ok(answer) => answer::verdict(&self.remote, &answer),
            Err(error) => answer::unanswered(&error),
        };
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
