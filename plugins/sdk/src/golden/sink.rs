//! Golden tests of sink plugins.

use super::{case, compare, each, fault_json, item_of_json, members, optional};
use crate::{
    Body, Delivery, Fault, HttpRequest, HttpResponse, Input, ItemRejection, JsonItem, Payload, Settlement, Sink,
};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// Runs every case of the sink plugin in the folder `manifest`, which a test names as `env!("CARGO_MANIFEST_DIR")`. Two
/// instances encode each, and must agree.
///
/// # Panics
/// Where a case differs, cannot be read, or where there is none.
pub fn check_sink<S: Sink>(manifest: &str) {
    each(manifest, check_case::<S>);
}

fn check_case<S: Sink>(folder: &Path, input: &Path) -> Result<(), String> {
    let text = fs::read_to_string(input).map_err(|error| format!("{}: {error}", input.display()))?;
    let config = optional(&folder.join("config.json"))?.unwrap_or("{}".into());
    let response = members(folder, "response.json", &["status", "headers", "body"])?
        .map(response)
        .transpose()?;
    let payloads = payloads::<S>(&text)?;
    let found = found::<S>(&config, &payloads, response.as_ref())?;
    if self::found::<S>(&config, &payloads, response.as_ref())? != found {
        return Err("two instances disagree".into());
    }
    compare(&folder.join("expected.json"), &format!("{found:#}\n"))
}

/// The lines of `input.ndjson`, no more at once than the sink takes.
fn payloads<S: Sink>(text: &str) -> Result<Vec<Payload>, String> {
    let description = S::describe();
    let most = description.batch_events.and_then(|most| usize::try_from(most).ok());
    let most = most.unwrap_or(usize::MAX).max(1);
    let lines: Vec<(usize, &str)> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let at = |number: usize| move |reason: String| format!("line {number}: {reason}");
    let payload = |lines: &[(usize, &str)]| match description.input {
        Input::Events => {
            let item = |&(number, line): &(usize, &str)| item_of_json(line, number).map_err(at(number));
            lines.iter().map(item).collect::<Result<_, _>>().map(Payload::Events)
        }
        Input::Documents => {
            let item = |&(number, line): &(usize, &str)| {
                let id = id_of_document(line).map_err(at(number))?;
                Ok(JsonItem {
                    id: id.unwrap_or_else(|| number.to_string()),
                    json: line.into(),
                })
            };
            lines.iter().map(item).collect::<Result<_, _>>().map(Payload::Documents)
        }
    };
    lines.chunks(most).map(payload).collect()
}

/// The members where the encodings keep the id: OCSF, ECS, the flat event.
fn id_of_document(json: &str) -> Result<Option<String>, String> {
    let document: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut places = ["/metadata/uid", "/event/id", "/id"].iter();
    Ok(places.find_map(|place| Some(document.pointer(place)?.as_str()?.to_string())))
}

fn found<S: Sink>(config: &str, payloads: &[Payload], response: Option<&HttpResponse>) -> Result<Value, String> {
    let (mut deliveries, mut verdicts) = (Vec::new(), Vec::new());
    let outcome = deliver::<S>(config, payloads, response, &mut deliveries, &mut verdicts);
    let deliveries = deliveries.iter().map(delivery).collect::<Result<Vec<_>, _>>()?;
    let mut found = Map::from_iter([("deliveries".into(), deliveries.into())]);
    if !verdicts.is_empty() {
        let verdicts: Result<Vec<_>, _> = verdicts.iter().map(verdict).collect();
        found.insert("verdicts".into(), verdicts?.into());
    }
    if let Err(Value::Object(fault)) = outcome.map_err(|fault| fault_json(&fault)) {
        found.extend(fault);
    }
    Ok(found.into())
}

fn deliver<S: Sink>(
    config: &str,
    payloads: &[Payload],
    response: Option<&HttpResponse>,
    deliveries: &mut Vec<Delivery>,
    verdicts: &mut Vec<Settlement>,
) -> Result<(), Fault> {
    let mut sink = S::open(config)?;
    for payload in payloads {
        let sent = sink.encode(payload.clone())?;
        let requests = (0..)
            .zip(&sent)
            .filter(|(_, delivery)| matches!(delivery, Delivery::Http(_)));
        if let Some(response) = response {
            verdicts.extend(requests.map(|(number, _)| sink.settle(number, response.clone())));
        }
        deliveries.extend(sent);
    }
    Ok(())
}

fn delivery(delivery: &Delivery) -> Result<Value, String> {
    match delivery {
        Delivery::Bytes(bytes) => Ok(Map::from_iter([text("bytes", bytes)]).into()),
        Delivery::Http(request) => Ok(json!({"http": request_value(request)?})),
    }
}

fn request_value(request: &HttpRequest) -> Result<Map<String, Value>, String> {
    let mut written = Map::new();
    written.insert("method".into(), case(&request.method).to_ascii_uppercase().into());
    written.insert("path".into(), json!(request.path));
    for (name, pairs) in [("query", &request.query), ("headers", &request.headers)] {
        if !pairs.is_empty() {
            written.insert(name.into(), json!(pairs));
        }
    }
    if let Some(body) = &request.body {
        let body = match body {
            Body::Form(pairs) => json!({"form": pairs}),
            Body::Json(json) => {
                let value: Value = serde_json::from_str(json).map_err(|error| format!("a JSON body: {error}"))?;
                json!({"json": value})
            }
            Body::Other((media_type, bytes)) => {
                Map::from_iter([("type".into(), media_type.clone().into()), text("text", bytes)]).into()
            }
        };
        written.insert("body".into(), body);
    }
    Ok(written)
}

/// The member that holds the bytes: text, or `hex` where they are none.
fn text(name: &str, bytes: &[u8]) -> (String, Value) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (name.into(), text.into()),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            ("hex".into(), digits.into())
        }
    }
}

fn verdict(settlement: &Settlement) -> Result<Value, String> {
    let rejected = |items: &[ItemRejection]| -> Value {
        let items = items
            .iter()
            .map(|item| json!({"index": item.index, "reason": item.reason}));
        items.collect()
    };
    Ok(match settlement {
        Settlement::Settled(parts) => match (parts.rejected.as_slice(), parts.retried.as_slice()) {
            ([], []) => json!("accepted"),
            (items, []) => json!({"rejected": rejected(items)}),
            (items, retried) => {
                json!({"rejected": rejected(items), "retried": retried, "after": parts.after, "reason": parts.reason})
            }
        },
        Settlement::Retry(again) if again.reason.is_empty() => json!({"retry": again.after}),
        Settlement::Retry(again) => json!({"retry": again.after, "reason": again.reason}),
        Settlement::Refused(reason) => json!({"refused": reason}),
        Settlement::Unusable(reason) => json!({"unusable": reason}),
        Settlement::Ask(question) => json!({"ask": request_value(&question.request)?, "after": question.after}),
    })
}

fn response(given: Map<String, Value>) -> Result<HttpResponse, String> {
    let wrong = |what: &str| format!("response.json: {what}");
    let status = given.get("status").and_then(Value::as_u64);
    let headers = given.get("headers").cloned().unwrap_or(json!({}));
    let headers: std::collections::BTreeMap<String, String> =
        serde_json::from_value(headers).map_err(|_| wrong("`headers` is not an object of texts"))?;
    let body = given.get("body").map_or(Some(""), Value::as_str);
    Ok(HttpResponse {
        status: status
            .and_then(|status| status.try_into().ok())
            .ok_or_else(|| wrong("`status` is not a status"))?,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        body: body.ok_or_else(|| wrong("`body` is not a text"))?.into(),
    })
}
