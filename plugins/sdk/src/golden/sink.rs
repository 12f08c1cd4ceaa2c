//! Golden tests of sink plugins.

use super::{case, compare, each, event_of_json, fault_json};
use crate::{Body, Delivery, Fault, HttpResponse, Input, Item, JsonItem, Payload, Sink, Verdict};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Runs every case of the sink plugin in the folder `manifest`, which a test names as `env!("CARGO_MANIFEST_DIR")`.
///
/// # Panics
/// Where a case differs, cannot be read, or where there is none.
pub fn check_sink<S: Sink>(manifest: &str) {
    each(manifest, check_case::<S>);
}

fn check_case<S: Sink>(folder: &Path, input: &Path) -> Result<(), String> {
    let text = fs::read_to_string(input).map_err(|error| format!("{}: {error}", input.display()))?;
    let config = optional(&folder.join("config.json"))?.unwrap_or("{}".into());
    let response = optional(&folder.join("response.json"))?
        .map(|text| response(&text))
        .transpose()?;
    let payload = payload(S::describe().input, &text)?;
    let found = encode::<S>(&config, payload.clone(), response.as_ref());
    if encode::<S>(&config, payload, response.as_ref()) != found {
        return Err("two instances disagree".into());
    }
    let found = found.unwrap_or_else(|fault| fault_json(&fault));
    let path = folder.join("expected.json");
    // The order of members, and white space, say nothing.
    let expected = optional(&path)?.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if expected.as_ref() == Some(&found) {
        return Ok(());
    }
    let found = serde_json::to_string_pretty(&found).map_err(|error| error.to_string())?;
    compare(&path, &format!("{found}\n"))
}

fn optional(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn payload(input: Input, text: &str) -> Result<Payload, String> {
    let lines = || (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    match input {
        Input::Events => lines()
            .map(|(number, line)| {
                let event = event_of_json(line).map_err(|error| format!("line {number}: {error}"))?;
                let id = event.id.clone().ok_or(format!("line {number}: there is no `id`"))?;
                Ok(Item { id, event })
            })
            .collect::<Result<_, _>>()
            .map(Payload::Events),
        Input::Documents => lines()
            .map(|(number, line)| {
                let id = id_of_document(line).ok_or(format!("line {number}: no object with an id"))?;
                Ok(JsonItem { id, json: line.into() })
            })
            .collect::<Result<_, _>>()
            .map(Payload::Documents),
    }
}

/// Where the encodings keep it: OCSF, ECS, the flat event.
fn id_of_document(json: &str) -> Option<String> {
    let document: Value = serde_json::from_str(json).ok()?;
    let id = ["/metadata/uid", "/event/id", "/id"]
        .iter()
        .find_map(|place| document.pointer(place)?.as_str())?;
    Some(id.into())
}

fn encode<S: Sink>(config: &str, payload: Payload, response: Option<&HttpResponse>) -> Result<Value, Fault> {
    let mut sink = S::open(config)?;
    let deliveries = sink.encode(payload)?;
    let written: Vec<Value> = deliveries.iter().map(delivery).collect();
    let Some(response) = response else {
        return Ok(written.into());
    };
    let verdicts: Vec<Value> = (0..)
        .zip(&deliveries)
        .filter(|(_, delivery)| matches!(delivery, Delivery::Http(_)))
        .map(|(number, _)| verdict(&sink.verdict(number, response.clone())))
        .collect();
    Ok(json!({"deliveries": written, "verdicts": verdicts}))
}

fn delivery(delivery: &Delivery) -> Value {
    let request = match delivery {
        Delivery::Bytes(bytes) => return json!({"bytes": text(bytes)}),
        Delivery::Http(request) => request,
    };
    let body = request.body.as_ref().map(|body| match body {
        Body::Form(pairs) => json!({"form": pairs}),
        Body::Json(json) => json!({"json": json}),
        Body::Other((media_type, bytes)) => json!({"other": [media_type, text(bytes)]}),
    });
    json!({"http": {
        "method": case(&request.method).to_ascii_uppercase(),
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body": body,
    }})
}

fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or(json!(bytes), Value::from)
}

fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Accepted => json!("accepted"),
        Verdict::Retry(wait) => json!({"retry": wait}),
        Verdict::Rejected(items) => {
            let items = items
                .iter()
                .map(|item| json!({"index": item.index, "reason": item.reason}));
            json!({"rejected": items.collect::<Vec<_>>()})
        }
        Verdict::Refused(reason) => json!({"refused": reason}),
    }
}

fn response(json: &str) -> Result<HttpResponse, String> {
    let wrong = |what: &str| format!("response.json: {what}");
    let given: Value = serde_json::from_str(json).map_err(|error| wrong(&error.to_string()))?;
    let status = given.get("status").and_then(Value::as_u64);
    let headers = given.get("headers").and_then(Value::as_object).into_iter().flatten();
    let header = |(name, value): (&String, &Value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_string()));
    Ok(HttpResponse {
        status: status
            .and_then(|status| status.try_into().ok())
            .ok_or_else(|| wrong("no `status`"))?,
        headers: headers.filter_map(header).collect(),
        body: given.get("body").and_then(Value::as_str).unwrap_or_default().into(),
    })
}
