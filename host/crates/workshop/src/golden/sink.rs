//! A sink's case: a configuration, events and an answer, and the deliveries and verdicts that must come of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::report::fault_value;
use super::{delivery, event, input, optional, settle, unreadable};
use crate::findings::{CheckOutcome, Failed, crashed};
use sandbox::{Delivery, HttpResponse, Input, Item, JsonItem, Payload, PluginError, SinkPlugin};

/// A case, read.
pub(crate) struct SinkCase {
    /// A JSON text.
    pub(crate) config: String,
    payload: Items,
    /// Without one no delivery is answered, and there is no verdict.
    response: Option<HttpResponse>,
}

enum Items {
    Events(Vec<Item>),
    Documents(Vec<JsonItem>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseResponse {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

impl SinkCase {
    /// Reads a case's files.
    pub(crate) fn read(plugin: &SinkPlugin, folder: &Path) -> Result<SinkCase, Failed> {
        let config = optional(&folder.join("config.json"))?.unwrap_or_else(|| "{}".to_owned());
        check_config(plugin, &config)?;
        let path = folder.join("response.json");
        let answer = optional(&path)?
            .map(|text| serde_json::from_str::<CaseResponse>(&text))
            .transpose()
            .map_err(|error| unreadable(&path, error))?;
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
                    let (mut event, product) = event::read(line).map_err(at(number))?;
                    event.id.get_or_insert_with(|| (number + 1).to_string());
                    Ok(Item::of(&event, &product))
                };
                Items::Events(lines.map(item).collect::<Result<_, Failed>>()?)
            }
            Input::Documents => {
                let item = |(number, line)| document(line, number + 1).map_err(at(number));
                Items::Documents(lines.map(item).collect::<Result<_, Failed>>()?)
            }
        };
        Ok(SinkCase {
            config,
            payload,
            response: answer.map(CaseResponse::response),
        })
    }

    /// Runs it, against `expected.json` of the same folder.
    pub(crate) fn run(&self, plugin: &SinkPlugin, folder: &Path, bless: bool) -> Result<CheckOutcome, Failed> {
        let found = self.found(plugin).map_err(crashed("the events"))?;
        let text = format!("{found:#}\n");
        let path = folder.join("expected.json");
        let expected = optional(&path)?;
        let value = expected.as_deref().map(serde_json::from_str::<Value>).transpose();
        let value = match value {
            Ok(value) => value,
            Err(_) if bless => None,
            Err(error) => return Err(unreadable(&path, error)),
        };
        let same = value.as_ref() == Some(&found);
        // Shown as it would be blessed: the order of members and white space are no matter.
        let expected = value.map(|value| format!("{value:#}\n"));
        settle(&path, expected.as_deref(), &text, same, bless)
    }

    /// The deliveries, the verdicts where there are any, and the fault if there was one.
    fn found(&self, plugin: &SinkPlugin) -> Result<Value, PluginError> {
        let (mut deliveries, mut verdicts) = (Vec::new(), Vec::new());
        let outcome = self.deliver(plugin, &mut deliveries, &mut verdicts);
        let mut found = Map::from_iter([("deliveries".to_owned(), deliveries.into())]);
        if !verdicts.is_empty() {
            found.insert("verdicts".to_owned(), verdicts.into());
        }
        match outcome {
            Err(PluginError::Fault(fault)) => {
                if let Value::Object(fault) = fault_value(&fault) {
                    found.extend(fault);
                }
            }
            other => other?,
        }
        Ok(found.into())
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
            for (number, sent) in encoder.encode(&payload)?.iter().enumerate() {
                deliveries.push(delivery::written(sent));
                if let (Delivery::Http(_), Some(response)) = (sent, &self.response) {
                    let number = u32::try_from(number).unwrap_or(u32::MAX);
                    let verdict = encoder.settle(number, items, response.clone())?;
                    verdicts.push(delivery::verdict(&verdict));
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
        .map_err(|error| (error.to_string(), "fix `config-schema` in `describe`".to_owned()))?;
    match mistakes.first() {
        None => Ok(()),
        Some(mistake) => Err((
            format!("config.json does not fit the plugin's schema: {mistake}"),
            "fix config.json, or the schema in `describe`".to_owned(),
        )),
    }
}

/// With the id that its encoding has (OCSF, ECS, the flat event), else the number of its line.
fn document(line: &str, number: usize) -> Result<JsonItem, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let mut places = ["/metadata/uid", "/event/id", "/id"].into_iter();
    let id = places.find_map(|place| value.pointer(place)?.as_str());
    Ok(JsonItem {
        id: id.map_or_else(|| number.to_string(), str::to_owned),
        json: line.to_owned(),
    })
}

impl CaseResponse {
    fn response(self) -> HttpResponse {
        let headers = self.headers.into_iter();
        HttpResponse {
            status: self.status,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            body: self.body.into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documents_id_is_the_one_that_its_encoding_has() {
        assert_eq!(document(r#"{"metadata":{"uid":"u"},"id":"i"}"#, 1).unwrap().id, "u");
        assert_eq!(document(r#"{"event":{"id":"e"},"id":"i"}"#, 1).unwrap().id, "e");
        assert_eq!(document(r#"{"event":"x","id":"i"}"#, 1).unwrap().id, "i");
        assert_eq!(document("{}", 7).unwrap().id, "7");
        assert!(document("{", 1).is_err());
    }
}
