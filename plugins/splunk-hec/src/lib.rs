//! Splunk's HTTP Event Collector (HEC): one request a batch, with one event object after the other, one a line.
//!
//! The request is that of "Format events for HTTP Event Collector" in Splunk's *Getting Data In*: `POST
//! services/collector/event`, metadata beside `event`, `time` in seconds since 1970 with milliseconds as decimals. The
//! token is an `Authorization: Splunk …` header, which the sink's endpoint adds and this plugin never sees.
//!
//! HEC knows no ids, so a batch whose answer was lost is there twice after the retry; each event still carries its id.
//! How answers are read stands in [`answer`].

mod answer;

use plugin_sdk::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// HEC itself allows far more, Splunk Cloud recommends at most 1 MB a request.
const BATCH_BYTES: u64 = 1 << 20;

/// The sink.
pub struct SplunkHec {
    config: Config,
    /// How many events the last request held.
    sent: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    index: Option<String>,
    source: Option<String>,
    #[serde(default = "default_sourcetype")]
    sourcetype: String,
    host: Option<String>,
}

fn default_sourcetype() -> String {
    "ocsf:iam".into()
}

/// One event of a request.
#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    sourcetype: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    event: &'a RawValue,
}

/// Where the encodings keep the time: OCSF and the flat event, ECS.
#[derive(Deserialize)]
struct Times {
    time: Option<serde_json::Value>,
    #[serde(rename = "@timestamp")]
    timestamp: Option<serde_json::Value>,
}

impl Sink for SplunkHec {
    fn describe() -> SinkDescription {
        SinkDescription {
            name: "splunk-hec".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Splunk, through its HTTP Event Collector".into(),
            config_schema: include_str!("../config.schema.json").into(),
            input: Input::Documents,
            batch_events: Some(1000),
            batch_bytes: Some(BATCH_BYTES),
        }
    }

    fn open(config: &str) -> Result<Self, Fault> {
        Ok(SplunkHec {
            config: plugin_sdk::config(config)?,
            sent: 0,
        })
    }

    fn encode(&mut self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
        let items = payload.documents()?;
        self.sent = items.len();
        let mut body = String::new();
        for item in &items {
            body.push_str(&self.event(&item.json)?);
            body.push('\n');
        }
        // Not one JSON text but many, which HEC takes under the same type.
        let body = Body::Other(("application/json".into(), body.into_bytes()));
        let request = HttpRequest::post(["services", "collector", "event"]).body(body);
        Ok(vec![Delivery::Http(request)])
    }

    fn verdict(&mut self, _delivery: u32, response: HttpResponse) -> Verdict {
        answer::verdict(&response, self.sent)
    }
}

impl SplunkHec {
    fn event(&self, document: &str) -> Result<String, Fault> {
        let unreadable = |error: serde_json::Error| Fault::internal(format!("a document is no JSON: {error}"));
        let compact = json_lines::compact(document);
        let event = serde_json::from_str(&compact).map_err(unreadable)?;
        let envelope = Envelope {
            time: time_of(&compact).and_then(seconds),
            host: self.config.host.as_deref(),
            source: self.config.source.as_deref(),
            sourcetype: &self.config.sourcetype,
            index: self.config.index.as_deref(),
            event,
        };
        serde_json::to_string(&envelope).map_err(unreadable)
    }
}

/// When the event of a document happened; without it Splunk takes the time of arrival.
fn time_of(document: &str) -> Option<Timestamp> {
    let times: Times = serde_json::from_str(document).ok()?;
    times.time.or(times.timestamp).and_then(|time| match time {
        serde_json::Value::String(text) => time::parse(&text).ok(),
        number => number.as_i64(),
    })
}

/// Seconds with three decimals, as a JSON number that no rounding has touched.
fn seconds(time: Timestamp) -> Option<Box<RawValue>> {
    let (sign, ms) = (if time < 0 { "-" } else { "" }, time.unsigned_abs());
    RawValue::from_string(format!("{sign}{}.{:03}", ms / 1000, ms % 1000)).ok()
}

export_sink!(SplunkHec);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_milliseconds() {
        for (ms, text) in [
            (0, "0.000"),
            (1_751_542_473_007, "1751542473.007"),
            (-1, "-0.001"),
            (-1500, "-1.500"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(seconds(ms).unwrap().get(), text);
        }
    }

    #[test]
    fn the_time_of_every_encoding_is_found() {
        for document in [
            r#"{"time":1525902954890}"#,
            r#"{"time":"2018-05-09T21:55:54.890Z"}"#,
            r#"{"@timestamp":"2018-05-09T21:55:54.890Z"}"#,
        ] {
            assert_eq!(time_of(document), Some(1_525_902_954_890), "{document}");
        }
        for document in [r#"{"time":true}"#, r#"{"time":"soon"}"#, "{}", "[]"] {
            assert_eq!(time_of(document), None, "{document}");
        }
    }
}
