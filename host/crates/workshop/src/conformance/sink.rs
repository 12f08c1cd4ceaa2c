//! The duties of any sink plugin.

use serde_json::{Value, json};

use super::hostile;
use super::material::Material;
use crate::findings::{CheckOutcome, Failed, Finding, crashed, failed, fine};
use event::{Encoding, Event, Product, Provenance};
use sandbox::{Body, Delivery, Encoder, HttpResponse, Input, Item, JsonItem, Payload, PluginError, SinkPlugin};

/// Statuses that servers answer with; events may count as delivered only below the first error.
const STATUSES: &[u16] = &[200, 202, 400, 401, 403, 404, 413, 429, 500, 503];
const FIRST_ERROR: u16 = 400;
const BODIES: &[&[u8]] = &[
    b"",
    b"{}",
    b"[]",
    b"null",
    b"<html>\xff</html>",
    b"{\"errors\":true,\"items\":[{}]}",
];

pub(super) fn run(plugin: &SinkPlugin, material: &Material, tell: &mut dyn FnMut(Finding)) {
    let config = material.config.clone().unwrap_or_else(|| "{}".to_owned());
    let tried = Tried { plugin, config };
    tell(Finding::new("describe: the schema", tried.schema()));
    tell(Finding::new("open: a wrong configuration", tried.wrong_config()));
    if let Some(reason) = tried.unusable() {
        tell(Finding::new("encode and verdict", Ok(CheckOutcome::Skipped(reason))));
        return;
    }
    tell(Finding::new("encode: the same twice", tried.twice()));
    tell(Finding::new("encode: no events", tried.no_events()));
    tell(Finding::new("encode: one event alone", tried.one_event()));
    tell(Finding::new("encode: order", tried.order()));
    tell(Finding::new("encode: hostile text", tried.hostile_text()));
    tell(Finding::new("encode: a line stays a line", tried.one_line()));
    tell(Finding::new("verdict: every status", tried.statuses()));
}

struct Tried<'a> {
    plugin: &'a SinkPlugin,
    config: String,
}

impl Tried<'_> {
    /// The reason why no encoder can be opened: most configurations have a member that only the author knows.
    fn unusable(&self) -> Option<String> {
        let value = serde_json::from_str(&self.config).unwrap_or(Value::Null);
        match self.plugin.config_mistakes(&value) {
            Ok(mistakes) if mistakes.is_empty() => None,
            _ => Some("add a case with a config.json that fits the schema: `{}` does not".to_owned()),
        }
    }

    fn open(&self) -> Result<Encoder, Failed> {
        self.plugin.open(&self.config).map_err(crashed("open"))
    }

    fn encode(&self, what: &str, events: &[Event]) -> Result<Vec<Delivery>, Failed> {
        self.open()?.encode(&self.payload(events)).map_err(crashed(what))
    }

    fn payload(&self, events: &[Event]) -> Payload {
        match self.plugin.describe().input {
            Input::Events => {
                let product = Product::epm_cloud();
                Payload::Events(events.iter().map(|event| Item::of(event, &product)).collect())
            }
            Input::Documents => Payload::Documents(events.iter().map(document).collect()),
        }
    }

    /// Ordinary events, as many as the sink takes at once.
    fn ordinary(&self) -> Vec<Event> {
        let most = self
            .plugin
            .describe()
            .batch_events
            .and_then(|most| usize::try_from(most).ok());
        let mut events = hostile::ordinary();
        events.truncate(most.unwrap_or(usize::MAX));
        events
    }

    fn schema(&self) -> Result<CheckOutcome, Failed> {
        let hint = "`config-schema` is a JSON Schema (2020-12) that refers to no other document";
        self.plugin
            .config_mistakes(&json!({}))
            .map_err(|error| (error.to_string(), hint.to_owned()))?;
        fine()
    }

    fn wrong_config(&self) -> Result<CheckOutcome, Failed> {
        for wrong in ["", "{", "[1]", "null", "\"x\"", "{\"no-such-key\":{\"a\":[1]}}"] {
            let fits = |value| matches!(self.plugin.config_mistakes(&value), Ok(mistakes) if mistakes.is_empty());
            match self.plugin.open(wrong) {
                Err(PluginError::Fault(_)) => {}
                Err(error) => return Err(crashed(&format!("open, with {wrong:?}"))(error)),
                // What the schema lets through is no wrong configuration, and what it refuses the plugin never sees.
                Ok(_)
                    if serde_json::from_str(wrong)
                        .is_ok_and(|value: Value| fits(value.clone()) || value.is_object()) => {}
                Ok(_) => {
                    return failed(
                        format!("open takes {wrong:?} for a configuration"),
                        "answer with a fault of kind invalid-request where the configuration cannot be read",
                    );
                }
            }
        }
        fine()
    }

    fn twice(&self) -> Result<CheckOutcome, Failed> {
        let events = self.ordinary();
        if self.encode("encode", &events)? == self.encode("encode", &events)? {
            return fine();
        }
        failed(
            "two encoders gave two answers for the same events",
            "the same arguments must give the same answer: use no global state, and no order that changes (hash maps)",
        )
    }

    fn no_events(&self) -> Result<CheckOutcome, Failed> {
        self.encode("encode, no events", &[])?;
        fine()
    }

    fn one_event(&self) -> Result<CheckOutcome, Failed> {
        for event in self.ordinary() {
            if self
                .encode("encode, one event", std::slice::from_ref(&event))?
                .is_empty()
            {
                return failed(
                    format!(
                        "nothing is sent for an event with the activity {}",
                        event.activity.name()
                    ),
                    "every event must be delivered: routes are for leaving some out",
                );
            }
        }
        fine()
    }

    /// Looks for the ids, or else the names, in what is sent.
    fn order(&self) -> Result<CheckOutcome, Failed> {
        let events = self.ordinary();
        let sent = self.encode("encode", &events)?;
        let text: String = sent
            .iter()
            .map(|delivery| String::from_utf8_lossy(content(delivery)).into_owned())
            .collect();
        for suffix in ["id", "name"] {
            let place = |number: usize| text.find(&format!("order-{number:03}-{suffix}"));
            let places: Vec<Option<usize>> = (0..events.len()).map(place).collect();
            if places.iter().all(Option::is_none) {
                continue;
            }
            let mut digest = false;
            for (missing, _) in places.iter().enumerate().filter(|(_, place)| place.is_none()) {
                let mut others = events.clone();
                others.remove(missing);
                // A digest counts what it does not name: without the event it says something else.
                if self.encode("encode", &others)? == sent {
                    return failed(
                        format!("event {missing} of a payload is not sent"),
                        "send every event of a payload",
                    );
                }
                digest = true;
            }
            if digest {
                return Ok(CheckOutcome::Skipped(
                    "it counts events that it does not name".to_owned(),
                ));
            }
            if !places.is_sorted() {
                return failed(
                    "events are not sent in the order they came",
                    "keep the order of the payload",
                );
            }
            return fine();
        }
        Ok(CheckOutcome::Skipped(
            "neither ids nor names can be seen in what is sent".to_owned(),
        ))
    }

    fn hostile_text(&self) -> Result<CheckOutcome, Failed> {
        for text in hostile::TEXTS {
            self.encode(
                &format!("encode, {text:?} in every field"),
                &[hostile::everywhere(text)],
            )?;
        }
        for event in hostile::at_the_edge() {
            let what = format!("encode, an event of {} bytes at the time {}", event.bytes(), event.time);
            self.encode(&what, &[event])?;
        }
        fine()
    }

    /// Checks one rule: where an ordinary event makes a number of lines of text, no text in its fields may make it another.
    fn one_line(&self) -> Result<CheckOutcome, Failed> {
        let lines = |text: &str| -> Result<Option<usize>, Failed> {
            let sent = self.encode("encode", &[hostile::everywhere(text)])?;
            let mut lines = 0;
            for bytes in sent.iter().map(content) {
                match std::str::from_utf8(bytes) {
                    Ok(text) if text.ends_with('\n') => lines += text.matches('\n').count(),
                    _ => return Ok(None),
                }
            }
            Ok(Some(lines))
        };
        let Some(usual) = lines("x")? else {
            return Ok(CheckOutcome::Skipped(
                "what is sent is not a text that ends with a line".to_owned(),
            ));
        };
        for text in hostile::TEXTS.iter().filter(|text| !text.is_empty()) {
            if lines(text)? != Some(usual) {
                return failed(
                    format!("{text:?} in an event's fields changes the number of lines"),
                    "escape or replace line breaks: whoever fills a field could forge an event",
                );
            }
        }
        fine()
    }

    fn statuses(&self) -> Result<CheckOutcome, Failed> {
        let events = self.ordinary();
        let payload = self.payload(&events);
        let mut asked = false;
        for status in STATUSES {
            for body in BODIES {
                let mut encoder = self.open()?;
                let sent = encoder.encode(&payload).map_err(crashed("encode"))?;
                for (number, _) in sent
                    .iter()
                    .enumerate()
                    .filter(|(_, delivery)| matches!(delivery, Delivery::Http(_)))
                {
                    asked = true;
                    let response = HttpResponse {
                        status: *status,
                        headers: vec![("retry-after".to_owned(), "soon".to_owned())],
                        body: body.to_vec(),
                    };
                    let number = u32::try_from(number).unwrap_or(u32::MAX);
                    let what = format!(
                        "verdict on status {status} with the body {:?}",
                        String::from_utf8_lossy(body)
                    );
                    let verdict = encoder.settle(number, events.len(), response).map_err(crashed(&what))?;
                    if *status >= FIRST_ERROR && verdict.is_accepted() {
                        return failed(
                            format!("{what}: accepted"),
                            "the events would be lost: answer `retry` where another try may help, else `refused` or `rejected`",
                        );
                    }
                }
            }
        }
        if asked {
            return fine();
        }
        Ok(CheckOutcome::Skipped(
            "it sends bytes, and nobody answers those".to_owned(),
        ))
    }
}

/// The bytes of a delivery, whatever they are sent in.
fn content(delivery: &Delivery) -> &[u8] {
    match delivery {
        Delivery::Bytes(bytes) => bytes,
        Delivery::Http(request) => match &request.body {
            Some(Body::Json(text)) => text.as_bytes(),
            Some(Body::Other((_, bytes))) => bytes,
            Some(Body::Form(_)) | None => &[],
        },
    }
}

fn document(event: &Event) -> JsonItem {
    let provenance = Provenance::new("user-login", "epm", "epm.example", Product::epm_cloud());
    let mut json = Vec::new();
    Encoding::Ocsf.write(event, &provenance, &mut json);
    JsonItem {
        id: event.id.clone().unwrap_or_default(),
        json: String::from_utf8_lossy(&json).trim_end().to_owned(),
    }
}
