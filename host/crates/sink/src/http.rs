//! Any HTTP endpoint that takes JSON.

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use serde::{Deserialize, Serialize};

use super::state::SinkState;
use super::{BatchLimits, Compression, Guarantee, Sink, SinkError, Verdict, answer, idempotency_key, probe};
use event::{Event, Provenance, Rendering};
use remote::{Remote, Request};

/// Characters of a value in the query that make it a likely secret.
const SIGNATURE: usize = 8;

/// How the events of one request stand in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpBody {
    /// A JSON object a line: `application/x-ndjson`.
    #[default]
    Ndjson,
    /// One JSON array: `application/json`.
    Array,
}

/// How an [`HttpSink`] sends.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// What an event looks like.
    pub encoding: Rendering,
    /// How events stand in a body.
    pub body: HttpBody,
    /// How a body is compressed.
    pub compression: Compression,
    /// Further headers, none of them secret.
    pub headers: Vec<(String, String)>,
    /// Events in one request, at most. Default 1000.
    pub batch_events: usize,
    /// Bytes of events in one request, at most, before compression. Default 4 MiB.
    pub batch_bytes: usize,
    /// What follows the `?` in the URL, as it is written there. It may hold secrets.
    pub query: Option<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            encoding: Rendering::default(),
            body: HttpBody::default(),
            compression: Compression::default(),
            headers: Vec::new(),
            batch_events: 1000,
            batch_bytes: 4 << 20,
            query: None,
        }
    }
}

/// Posts batches of events to one URL, its query included, each with its key in `Idempotency-Key`.
pub struct HttpSink {
    name: String,
    remote: Arc<Remote>,
    options: HttpOptions,
    provenance: Arc<Provenance>,
    life: SinkState,
}

impl HttpSink {
    /// A sink that posts to the base URL of `remote`. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// Where a header may not be set: the credential's and those of the connection belong to the host.
    pub fn new(
        name: impl Into<String>,
        remote: Arc<Remote>,
        options: HttpOptions,
        provenance: Arc<Provenance>,
    ) -> Result<Self, SinkError> {
        let sink = HttpSink {
            name: name.into(),
            remote,
            options,
            provenance,
            life: SinkState::default(),
        };
        // A receiver may say the address back, and a signature in it is as good as a password. A word like `json` is none, and
        // would be taken out of every message.
        let query = sink.options.query.as_deref().unwrap_or_default();
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
        url.set_query(self.options.query.as_deref());
        url
    }

    fn request(&self, body: Vec<u8>) -> Result<Request, SinkError> {
        let settings = |source| SinkError::Remote {
            sink: self.name.clone(),
            source: Box::new(source),
        };
        let media_type = match self.options.body {
            HttpBody::Ndjson => "application/x-ndjson",
            HttpBody::Array => "application/json",
        };
        let mut request = Request::new(Method::POST, self.url())
            .status_only()
            .body(media_type, body)
            .map_err(settings)?;
        if let Some(coding) = self.options.compression.content_encoding() {
            request = request.header("content-encoding", coding).map_err(settings)?;
        }
        for (name, value) in &self.options.headers {
            request = request.header(name, value).map_err(settings)?;
        }
        Ok(request)
    }

    fn encode(&self, events: &[Event]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(events.len() * 1024);
        let (before, between, after) = match self.options.body {
            HttpBody::Ndjson => ("", "\n", "\n"),
            HttpBody::Array => ("[", ",", "]"),
        };
        bytes.extend_from_slice(before.as_bytes());
        for (place, event) in events.iter().enumerate() {
            if place > 0 {
                bytes.extend_from_slice(between.as_bytes());
            }
            self.options.encoding.write(event, &self.provenance, &mut bytes);
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
            events: self.options.batch_events,
            bytes: self.options.batch_bytes,
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
        let compressed = self.options.compression.compress(bytes);
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
