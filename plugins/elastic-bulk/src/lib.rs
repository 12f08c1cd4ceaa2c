//! Elasticsearch and OpenSearch: one `POST _bulk` a batch, a `create` action for each document.
//!
//! `create` is the only action that a data stream takes, and with the event's id as `_id` it makes a delivery idempotent
//! within one backing index: what is there already answers 409 and counts as taken. Source: "Bulk API" and "Use a data
//! stream" in the Elasticsearch reference.
//!
//! Documents are what the sink's `encoding` says. `encoding = "ecs"` suits the indices that Elastic's own dashboards read;
//! an OCSF document works too and is given the `@timestamp` that a data stream asks for, from its `time`.

mod answer;
mod document;

use plugin_sdk::*;
use serde::{Deserialize, Serialize};

/// What of the answer is read; the rest need not be sent.
const FILTER: &str = "errors,items.*.status,items.*.error.type,items.*.error.reason";

/// The sink.
pub struct ElasticBulk {
    config: Config,
    /// How many documents the last request held.
    sent: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "default_index")]
    index: String,
    pipeline: Option<String>,
}

fn default_index() -> String {
    "logs-audit-default".into()
}

#[derive(Serialize)]
struct Action<'a> {
    create: Target<'a>,
}

#[derive(Serialize)]
struct Target<'a> {
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
        Ok(ElasticBulk {
            config: plugin_sdk::config(config)?,
            sent: 0,
        })
    }

    fn encode(&mut self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
        let items = payload.documents()?;
        self.sent = items.len();
        let mut body = String::new();
        for item in &items {
            let action = Action {
                create: Target {
                    _index: &self.config.index,
                    _id: document::id(&item.id),
                },
            };
            let action = serde_json::to_string(&action).map_err(|error| Fault::internal(error.to_string()))?;
            body.push_str(&action);
            body.push('\n');
            body.push_str(&document::with_timestamp(&item.json)?);
            body.push('\n');
        }
        let body = Body::Other(("application/x-ndjson".into(), body.into_bytes()));
        let mut request = HttpRequest::post(["_bulk"]).query("filter_path", FILTER).body(body);
        if let Some(pipeline) = &self.config.pipeline {
            request = request.query("pipeline", pipeline);
        }
        Ok(vec![Delivery::Http(request)])
    }

    fn verdict(&mut self, _delivery: u32, response: HttpResponse) -> Verdict {
        answer::verdict(&response, self.sent)
    }
}

export_sink!(ElasticBulk);
