//! A sink's case: a configuration, events and an answer, and the deliveries and verdicts that must come of them.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::report::fault_value;
use super::{event, input, optional, settle, unreadable};
use crate::plugin::{
    Body, Delivery, HttpRequest, HttpResponse, Input, Item, JsonItem, Method, Payload, PluginError, SinkPlugin, Verdict,
};
use crate::workshop::findings::{Failed, Found, crashed};

/// A case, read.
pub(in crate::workshop) struct Case {
    /// A JSON text.
    pub(in crate::workshop) config: String,
    payload: Items,
    response: HttpResponse,
}

enum Items {
    Events(Vec<Item>),
    Documents(Vec<JsonItem>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: String,
}

impl Case {
    /// Reads a case's files.
    pub(in crate::workshop) fn read(plugin: &SinkPlugin, folder: &Path) -> Result<Case, Failed> {
        let config = optional(&folder.join("config.json"))?.unwrap_or_else(|| "{}".to_owned());
        check_config(plugin, &config)?;
        let path = folder.join("response.json");
        let answer = match optional(&path)? {
            Some(text) => serde_json::from_str(&text).map_err(|error| unreadable(&path, error))?,
            None => Answer {
                status: 200,
                headers: Map::new(),
                body: String::new(),
            },
        };
        let path = input(folder).ok_or_else(|| unreadable(&folder.join("input.ndjson"), "it is gone"))?;
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let at = |number: usize| {
            let path = &path;
            move |reason: String| unreadable(path, format!("line {}: {reason}", number + 1))
        };
        let payload = match plugin.describe().input {
            Input::Events => {
                let item = |(number, line): (usize, &str)| {
                    let mut event = event::read(line).map_err(at(number))?;
                    event.id.get_or_insert_with(|| (number + 1).to_string());
                    Ok(Item::from(&event))
                };
                Items::Events(lines.map(item).collect::<Result<_, Failed>>()?)
            }
            Input::Documents => {
                let item = |(number, line)| document(line, number + 1).map_err(at(number));
                Items::Documents(lines.map(item).collect::<Result<_, Failed>>()?)
            }
        };
        Ok(Case {
            config,
            payload,
            response: answer.response(),
        })
    }

    /// Runs it, against `expected.json` of the same folder.
    pub(in crate::workshop) fn run(&self, plugin: &SinkPlugin, folder: &Path, bless: bool) -> Result<Found, Failed> {
        let found = self.found(plugin).map_err(crashed("the events"))?;
        let text = format!("{found:#}\n");
        let path = folder.join("expected.json");
        let expected = optional(&path)?;
        let value = expected.as_deref().map(serde_json::from_str::<Value>).transpose();
        let value = match value {
            Ok(value) => value.map(uniform),
            Err(_) if bless => None,
            Err(error) => return Err(unreadable(&path, error)),
        };
        let same = value.as_ref() == Some(&uniform(found));
        // Shown as it would be blessed: the order of members and white space are no matter.
        let expected = value.map(|value| format!("{value:#}\n"));
        settle(&path, expected.as_deref(), &text, same, bless)
    }

    /// The deliveries, and a verdict on each that is a request.
    fn found(&self, plugin: &SinkPlugin) -> Result<Value, PluginError> {
        let (mut deliveries, mut verdicts) = (Vec::new(), Vec::new());
        let outcome = self.deliver(plugin, &mut deliveries, &mut verdicts);
        let mut found = json!({"deliveries": deliveries, "verdicts": verdicts});
        match outcome {
            Err(PluginError::Fault(fault)) => {
                if let (Some(found), Value::Object(fault)) = (found.as_object_mut(), fault_value(&fault)) {
                    found.extend(fault);
                }
            }
            other => other?,
        }
        Ok(found)
    }

    fn deliver(
        &self,
        plugin: &SinkPlugin,
        deliveries: &mut Vec<Value>,
        verdicts: &mut Vec<Value>,
    ) -> Result<(), PluginError> {
        let most = plugin
            .describe()
            .batch_events
            .and_then(|most| usize::try_from(most).ok());
        let most = most.unwrap_or(usize::MAX).max(1);
        let payloads: Vec<(usize, Payload)> = match &self.payload {
            Items::Events(items) => {
                let cut = items.chunks(most.min(items.len().max(1)));
                cut.map(|items| (items.len(), Payload::Events(items.to_vec())))
                    .collect()
            }
            Items::Documents(items) => {
                let cut = items.chunks(most.min(items.len().max(1)));
                cut.map(|items| (items.len(), Payload::Documents(items.to_vec())))
                    .collect()
            }
        };
        let mut encoder = plugin.open(&self.config)?;
        for (items, payload) in payloads {
            for (number, delivery) in encoder.encode(&payload)?.iter().enumerate() {
                deliveries.push(delivery_value(delivery));
                if let Delivery::Http(_) = delivery {
                    let number = u32::try_from(number).unwrap_or(u32::MAX);
                    let verdict = encoder.verdict(number, items, self.response.clone())?;
                    verdicts.push(verdict_value(&verdict));
                }
            }
        }
        encoder.close()
    }
}

/// The host opens no encoder with a configuration that does not fit the schema.
fn check_config(plugin: &SinkPlugin, config: &str) -> Result<(), Failed> {
    let name = Path::new("config.json");
    let value: Value = serde_json::from_str(config).map_err(|error| unreadable(name, error))?;
    let mistakes = plugin
        .config_mistakes(&value)
        .map_err(|error| (error.to_string(), "mend `config-schema` in `describe`".to_owned()))?;
    match mistakes.first() {
        None => Ok(()),
        Some(mistake) => Err((
            format!("config.json does not fit the plugin's schema: {mistake}"),
            "mend config.json, or the schema in `describe`".to_owned(),
        )),
    }
}

fn document(line: &str, number: usize) -> Result<JsonItem, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let id = value
        .pointer("/metadata/uid")
        .or_else(|| value.get("id"))
        .and_then(Value::as_str);
    Ok(JsonItem {
        id: id.map_or_else(|| number.to_string(), str::to_owned),
        json: line.to_owned(),
    })
}

impl Answer {
    fn response(self) -> HttpResponse {
        let headers = self.headers.into_iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name, text)
        });
        HttpResponse {
            status: self.status,
            headers: headers.collect(),
            body: self.body.into_bytes(),
        }
    }
}

/// How a delivery is written down.
fn delivery_value(delivery: &Delivery) -> Value {
    match delivery {
        Delivery::Http(request) => json!({"http": request_value(request)}),
        Delivery::Bytes(bytes) => bytes_value(bytes, "bytes"),
    }
}

fn request_value(request: &HttpRequest) -> Value {
    let method = match request.method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
    };
    let body = match &request.body {
        None => Value::Null,
        Some(Body::Form(fields)) => json!({"form": fields}),
        // The host has checked that it is one; a reader sees its members.
        Some(Body::Json(text)) => json!({"json": serde_json::from_str(text).unwrap_or(Value::Null)}),
        Some(Body::Other((kind, bytes))) => {
            let mut value = bytes_value(bytes, "text");
            if let Some(members) = value.as_object_mut() {
                members.insert("type".to_owned(), kind.clone().into());
            }
            value
        }
    };
    json!({
        "method": method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body": body,
    })
}

/// Text where it is some, else base64.
fn bytes_value(bytes: &[u8], name: &str) -> Value {
    let (name, text) = match std::str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), text.to_owned()),
        Err(_) => (
            "base64".to_owned(),
            base64::engine::general_purpose::STANDARD.encode(bytes),
        ),
    };
    Value::Object(Map::from_iter([(name, text.into())]))
}

fn verdict_value(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Accepted => json!("accepted"),
        Verdict::Retry(wait) => json!({"retry": wait}),
        Verdict::Rejected(rejections) => {
            let rejections = rejections.iter();
            let list = rejections.map(|rejection| json!({"index": rejection.index, "reason": rejection.reason}));
            json!({"rejected": list.collect::<Vec<_>>()})
        }
        Verdict::Refused(reason) => json!({"refused": reason}),
    }
}

/// One spelling of what may be written in several: query and headers as an object, a method in capitals, and members of a
/// request left out that hold nothing.
fn uniform(mut value: Value) -> Value {
    let deliveries = value.get_mut("deliveries").and_then(Value::as_array_mut);
    for request in deliveries
        .into_iter()
        .flatten()
        .filter_map(|delivery| delivery.get_mut("http"))
    {
        let Some(request) = request.as_object_mut() else {
            continue;
        };
        for name in ["query", "headers"] {
            let pairs = request.entry(name).or_insert_with(|| json!([]));
            if let Value::Object(members) = pairs {
                *pairs = members.iter().map(|(name, value)| json!([name, value])).collect();
            }
        }
        request.entry("body").or_insert(Value::Null);
        if let Some(Value::String(method)) = request.get_mut("method") {
            method.make_ascii_lowercase();
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delivery_and_verdict_has_one_way_to_be_written() {
        let request = |body| {
            Delivery::Http(HttpRequest {
                method: Method::Post,
                path: vec!["a".into(), "b c".into()],
                query: vec![("q".into(), "1".into())],
                headers: vec![],
                body,
            })
        };
        assert_eq!(
            delivery_value(&request(Some(Body::Json("{\"a\":1}".into())))),
            json!({"http": {"method": "post", "path": ["a", "b c"], "query": [["q", "1"]], "headers": [],
                "body": {"json": {"a": 1}}}})
        );
        let body = |body| delivery_value(&request(body))["http"]["body"].clone();
        assert_eq!(body(None), Value::Null);
        assert_eq!(
            body(Some(Body::Form(vec![("k".into(), "v".into())]))),
            json!({"form": [["k", "v"]]})
        );
        assert_eq!(
            body(Some(Body::Other(("text/plain".into(), b"x".to_vec())))),
            json!({"type": "text/plain", "text": "x"})
        );
        assert_eq!(
            delivery_value(&Delivery::Bytes(b"x\n".to_vec())),
            json!({"bytes": "x\n"})
        );
        assert_eq!(delivery_value(&Delivery::Bytes(vec![0xff])), json!({"base64": "/w=="}));
        assert_eq!(verdict_value(&Verdict::Accepted), json!("accepted"));
        assert_eq!(verdict_value(&Verdict::Retry(None)), json!({"retry": null}));
        assert_eq!(verdict_value(&Verdict::Refused("no".into())), json!({"refused": "no"}));
    }

    #[test]
    fn an_expectation_may_leave_out_what_is_empty_and_write_pairs_as_an_object() {
        let short = json!({"deliveries": [{"http": {"method": "POST", "path": ["a"], "query": {"q": "1"}}}]});
        let whole = json!({"deliveries": [{"http":
            {"method": "post", "path": ["a"], "query": [["q", "1"]], "headers": [], "body": null}}]});
        assert_eq!(uniform(short), uniform(whole));
    }

    #[test]
    fn a_documents_id_is_the_one_that_its_encoding_has() {
        assert_eq!(document(r#"{"metadata":{"uid":"u"},"id":"i"}"#, 1).unwrap().id, "u");
        assert_eq!(document(r#"{"id":"i"}"#, 1).unwrap().id, "i");
        assert_eq!(document("{}", 7).unwrap().id, "7");
        assert!(document("{", 1).is_err());
    }
}
