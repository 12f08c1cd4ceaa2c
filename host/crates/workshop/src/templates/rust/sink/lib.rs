//! A sink: each event becomes one line of JSON.

wit_bindgen::generate!({ path: "wit", world: "sink-plugin" });

use audit::plugin::events::{Fault, FaultKind, Outcome};
use audit::plugin::http::HttpResponse;
use exports::audit::plugin::sink::{
    Delivery, Description, Encoder, Guest, GuestEncoder, Input, Payload, Verdict,
};
use serde_json::{Value, json};

struct Plugin;

/// The configuration of the sink.
struct Lines {
    source: String,
}

impl Guest for Plugin {
    type Encoder = Lines;

    fn describe() -> Description {
        let schema = json!({
            "type": "object",
            "properties": {
                "source": { "type": "string", "description": "Stands in every line" },
            },
            "additionalProperties": false,
        });
        Description {
            name: "@name@".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Events as lines of JSON".into(),
            config_schema: schema.to_string(),
            input: Input::Events,
            batch_events: None,
            batch_bytes: None,
        }
    }
}

impl GuestEncoder for Lines {
    fn open(config: String) -> Result<Encoder, Fault> {
        let Ok(Value::Object(config)) = serde_json::from_str(&config) else {
            return Err(Fault {
                kind: FaultKind::InvalidRequest,
                message: "the configuration is not a JSON object".into(),
                hint: None,
                code: None,
            });
        };
        let source = config.get("source").and_then(Value::as_str).unwrap_or("@name@");
        Ok(Encoder::new(Lines { source: source.into() }))
    }

    fn encode(&self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
        let Payload::Events(items) = payload else {
            return Ok(vec![]); // the host gives what `describe` asked for
        };
        let mut lines = String::new();
        for item in &items {
            let event = &item.event;
            let line = json!({
                "action": event.action,
                "id": item.id,
                "ip": event.source_ip,
                "message": event.message,
                "outcome": match event.outcome {
                    Outcome::Success => "success",
                    Outcome::Failure => "failure",
                    Outcome::Unknown => "unknown",
                },
                "source": self.source,
                "time": event.time,
                "user": event.subject.name,
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        if lines.is_empty() {
            return Ok(vec![]);
        }
        Ok(vec![Delivery::Bytes(lines.into_bytes())])
    }

    /// Asked for `Delivery::Http` only: says how to read the answer.
    fn verdict(&self, _delivery: u32, response: HttpResponse) -> Verdict {
        match response.status {
            200..=299 => Verdict::Accepted,
            408 | 429 | 500.. => Verdict::Retry(None),
            status => Verdict::Refused(format!("status {status}")),
        }
    }
}

export!(Plugin);
