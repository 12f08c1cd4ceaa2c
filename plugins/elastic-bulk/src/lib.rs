//! Elasticsearch and OpenSearch: one `POST _bulk` a batch, a `create` action for each document.
//!
//! `create` is the only action that a data stream takes, and with the event's id as `_id` it makes a delivery idempotent
//! within one backing index: what is there already answers 409 and counts as taken. A receiver that takes no ids of others
//! is spared them by `id = false`. Source: "Bulk API" and "Use a data stream" in the Elasticsearch reference.
//!
//! Documents are what the sink's `encoding` says. `encoding = "ecs"` suits the indices that Elastic's own dashboards read;
//! an OCSF document works too and is given the `@timestamp` that a data stream asks for, from its `time`.

mod answer;
mod document;
mod names;
mod shortened;

use document::BulkDocument;
use names::AttributeShape;
use plugin_sdk::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The placeholder in the index's name for the event's data set.
const DATASET: &str = "{dataset}";

/// The members of the answer that are read; the rest need not be sent.
const FILTER: &str = "errors,items.*.status,items.*.error.type,items.*.error.reason";

/// The sink.
pub struct ElasticBulk {
    config: BulkConfig,
    /// The number of documents that the last request held.
    sent: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BulkConfig {
    index: String,
    pipeline: Option<String>,
    id: bool,
    attributes: AttributeShape,
}

impl Default for BulkConfig {
    fn default() -> Self {
        BulkConfig {
            index: "logs-audit-default".into(),
            pipeline: None,
            id: true,
            attributes: AttributeShape::default(),
        }
    }
}

impl BulkConfig {
    /// The index of a document.
    fn index(&self, document: &BulkDocument<'_>) -> Cow<'_, str> {
        match self.index.contains(DATASET) {
            true => self.index.replace(DATASET, &document.dataset()).into(),
            false => self.index.as_str().into(),
        }
    }

    /// The first placeholder that nobody fills: words in braces, as they stand in paths elsewhere.
    fn unknown_placeholder(&self) -> Option<&str> {
        let mut parts = self.index.split('{').skip(1).filter_map(|part| part.split_once('}'));
        parts.find_map(|(word, _)| {
            let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            (is_word && word != "dataset").then_some(word)
        })
    }
}

#[derive(Serialize)]
struct Action<'a> {
    create: BulkTarget<'a>,
}

#[derive(Serialize)]
struct BulkTarget<'a> {
    _index: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    _id: Option<String>,
}

impl Sink for ElasticBulk {
    fn describe() -> SinkDescription {
        SinkDescription {
            name: "elastic-bulk".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Elasticsearch or OpenSearch, through the bulk API; encoding ecs suits".into(),
            config_schema: include_str!("../config.schema.json").into(),
            input: Input::Documents,
            batch_events: Some(1000),
            // Elastic's advice is to stay in the single-digit megabytes.
            batch_bytes: Some(4 << 20),
        }
    }

    fn open(config: &str) -> Result<Self, Fault> {
        let config: BulkConfig = plugin_sdk::config(config)?;
        if let Some(word) = config.unknown_placeholder() {
            let message = format!("index: {{{word}}} is not a placeholder; the only one is {DATASET}");
            return Err(Fault::invalid_request(message));
        }
        Ok(ElasticBulk { config, sent: 0 })
    }

    fn encode(&mut self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
        let items = payload.documents()?;
        self.sent = items.len();
        let mut body = String::new();
        for item in &items {
            let compact = json_lines::compact(&item.json);
            let document = BulkDocument::read(&compact)?;
            let action = Action {
                create: BulkTarget {
                    _index: &self.config.index(&document),
                    _id: document::id(&item.id).filter(|_| self.config.id),
                },
            };
            let action = serde_json::to_string(&action).map_err(|error| Fault::internal(error.to_string()))?;
            body.push_str(&action);
            body.push('\n');
            document.write(self.config.attributes, &mut body);
            body.push('\n');
        }
        let body = Body::Other(("application/x-ndjson".into(), body.into_bytes()));
        let mut request = HttpRequest::post(["_bulk"]).query("filter_path", FILTER).body(body);
        if let Some(pipeline) = &self.config.pipeline {
            request = request.query("pipeline", pipeline);
        }
        Ok(vec![Delivery::Http(request)])
    }

    fn settle(&mut self, _delivery: u32, response: HttpResponse) -> Settlement {
        answer::settle(&response, self.sent)
    }

    fn guarantee(&self) -> Guarantee {
        match self.config.id {
            true => Guarantee::IdempotentById,
            false => Guarantee::AtLeastOnce,
        }
    }
}

export_sink!(ElasticBulk);
