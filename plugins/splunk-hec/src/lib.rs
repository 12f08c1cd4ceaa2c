//! Splunk's HTTP Event Collector (HEC): one request a batch, with one event object after the other, one a line.
//!
//! The request is that of "Format events for HTTP Event Collector" in Splunk's *Getting Data In*: `POST
//! services/collector/event`, metadata beside `event`, `time` in seconds since 1970 with milliseconds as decimals. The
//! token is an `Authorization: Splunk …` header, which the sink's endpoint adds and this plugin never sees.
//!
//! HEC knows no ids, so a batch whose answer was lost is there twice after the retry; each event still carries its id.
//! How answers are read stands in `answer`. Every request names its `channel`; with `acknowledge = true` events count
//! as delivered when the indexer says that it has them ("About HTTP Event Collector Indexer Acknowledgment").

mod answer;
mod channel;
mod origin;

use answer::AnswerReading;
use origin::HecOrigin;
use plugin_sdk::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

/// HEC itself allows far more, Splunk Cloud recommends at most 1 MB a request.
const BATCH_BYTES: u64 = 1 << 20;
const CHANNEL: &str = "X-Splunk-Request-Channel";

/// The sink.
pub struct SplunkHec {
    config: HecConfig,
    channel: String,
    /// The number of events that the last request held.
    sent: usize,
    /// The number by which its acknowledgement is asked for.
    ack: u64,
    /// The number of requests in a row that stopped at an invalid event.
    stops: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HecConfig {
    index: Option<String>,
    source: Option<String>,
    #[serde(default = "default_sourcetype")]
    sourcetype: String,
    host: Option<String>,
    channel: Option<String>,
    #[serde(default)]
    acknowledge: bool,
}

fn default_sourcetype() -> String {
    "ocsf:iam".into()
}

/// One event of a request.
#[derive(Serialize)]
struct HecEnvelope<'a> {
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

    fn open(text: &str) -> Result<Self, Fault> {
        let config: HecConfig = config(text)?;
        Ok(SplunkHec {
            channel: config
                .channel
                .clone()
                .unwrap_or_else(|| channel::of(&json_lines::compact(text))),
            config,
            sent: 0,
            ack: 0,
            stops: 0,
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
        let request = HttpRequest::post(["services", "collector", "event"])
            .header(CHANNEL, &self.channel)
            .body(body);
        Ok(vec![Delivery::Http(request)])
    }

    fn settle(&mut self, _delivery: u32, response: HttpResponse) -> Settlement {
        let acknowledge = self.config.acknowledge;
        let stops = std::mem::take(&mut self.stops);
        match answer::read(&response, self.sent) {
            AnswerReading::Taken(_) if !acknowledge => Settlement::accepted(),
            AnswerReading::Taken(Some(ack)) => {
                self.ack = ack;
                self.question()
            }
            AnswerReading::Taken(None) => Settlement::Unusable(
                "acknowledge = true, and the answer has no ackId: enable indexer acknowledgement for the token".into(),
            ),
            AnswerReading::Stopped(invalid, text) => {
                self.stops = (stops + 1) % answer::STOPS;
                answer::stopped(invalid, self.sent, &text, stops + 1, acknowledge)
            }
            AnswerReading::Other(settlement) => {
                if matches!(settlement, Settlement::Retry(_)) {
                    self.stops = stops;
                }
                settlement
            }
        }
    }

    fn answered(&mut self, _delivery: u32, response: HttpResponse) -> Settlement {
        match answer::acknowledged(&response, self.ack) {
            Ok(true) => Settlement::accepted(),
            Ok(false) => self.question(),
            Err(reason) => Settlement::Unusable(reason),
        }
    }
}

impl SplunkHec {
    /// True where the indexer has what the last request brought.
    fn question(&self) -> Settlement {
        let body = json!({"acks": [self.ack]}).to_string();
        let request = HttpRequest::post(["services", "collector", "ack"])
            .header(CHANNEL, &self.channel)
            .body(Body::Json(body));
        Settlement::Ask(Question { request, after: None })
    }

    fn event(&self, document: &str) -> Result<String, Fault> {
        let unreadable = |error: serde_json::Error| Fault::internal(format!("a document is not JSON: {error}"));
        let compact = json_lines::compact(document);
        let event = serde_json::from_str(&compact).map_err(unreadable)?;
        let origin = HecOrigin::of(&compact);
        let envelope = HecEnvelope {
            time: origin.time.and_then(seconds),
            host: self.config.host.as_deref().or(origin.connection.as_deref()),
            source: self.config.source.as_deref().or(origin.report.as_deref()),
            sourcetype: &self.config.sourcetype,
            index: self.config.index.as_deref(),
            event,
        };
        serde_json::to_string(&envelope).map_err(unreadable)
    }
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
}
