//! The places where a document says when its event happened and where it comes from: OCSF, ECS, the flat event.

use plugin_sdk::{Timestamp, time};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of a document that become metadata of its event.
#[derive(Debug, PartialEq)]
pub struct HecOrigin {
    /// The time of the event; without it Splunk takes the time of arrival.
    pub time: Option<Timestamp>,
    /// The connection that it came by.
    pub connection: Option<String>,
    /// The report that told of it.
    pub report: Option<String>,
}

#[derive(Deserialize)]
struct OriginMembers<'a> {
    time: Option<Value>,
    #[serde(rename = "@timestamp")]
    timestamp: Option<Value>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    /// Another vendor's are `audit`.
    #[serde(borrow, alias = "audit")]
    oracle: Option<&'a RawValue>,
    connection: Option<Value>,
    report: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OriginMetadata {
    log_source: Option<Value>,
    log_name: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OracleMembers {
    connection: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EcsEventMembers {
    dataset: Option<Value>,
}

impl HecOrigin {
    /// Of a JSON text. What is not there, or is something else than it should be, is left out.
    pub fn of(document: &str) -> HecOrigin {
        let Ok(members) = serde_json::from_str::<OriginMembers<'_>>(document) else {
            return HecOrigin {
                time: None,
                connection: None,
                report: None,
            };
        };
        let metadata: OriginMetadata = object(members.metadata);
        let own: OracleMembers = object(members.oracle);
        let event: EcsEventMembers = object(members.event);
        let time = members.time.or(members.timestamp).and_then(|time| match time {
            Value::String(text) => time::parse(&text).ok(),
            number => number.as_i64(),
        });
        let connections = [metadata.log_source, own.connection, members.connection];
        let reports = [metadata.log_name, members.report];
        // As ECS has it, in the words of the data stream conventions.
        let of_dataset = || Some(text(event.dataset)?.split_once('.')?.1.replace('_', "-"));
        HecOrigin {
            time,
            connection: connections.into_iter().find_map(text),
            report: reports.into_iter().find_map(text).or_else(of_dataset),
        }
    }
}

fn object<'a, T: Deserialize<'a> + Default>(json: Option<&'a RawValue>) -> T {
    json.and_then(|json| serde_json::from_str(json.get()).ok())
        .unwrap_or_default()
}

fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_every_encoding_is_found() {
        for document in [
            r#"{"time":1525902954890}"#,
            r#"{"time":"2018-05-09T21:55:54.890Z"}"#,
            r#"{"@timestamp":"2018-05-09T21:55:54.890Z"}"#,
        ] {
            assert_eq!(HecOrigin::of(document).time, Some(1_525_902_954_890), "{document}");
        }
        for document in [r#"{"time":true}"#, r#"{"time":"soon"}"#, "{}", "[]"] {
            assert_eq!(HecOrigin::of(document).time, None, "{document}");
        }
    }

    #[test]
    fn connection_and_report_of_every_encoding_are_found() {
        for document in [
            r#"{"metadata":{"log_name":"user-login","log_source":"epm"},"unmapped":{"report":"x"}}"#,
            r#"{"event":{"dataset":"oracle.user_login"},"oracle":{"connection":"epm"}}"#,
            r#"{"event":{"dataset":"okta.user_login"},"audit":{"connection":"epm"}}"#,
            r#"{"report":"user-login","connection":"epm"}"#,
        ] {
            let origin = HecOrigin::of(document);
            let found = (origin.connection.as_deref(), origin.report.as_deref());
            assert_eq!(found, (Some("epm"), Some("user-login")), "{document}");
        }
        for document in [
            r#"{"metadata":7,"event":"x","oracle":[],"report":null,"connection":""}"#,
            "7",
        ] {
            let origin = HecOrigin::of(document);
            assert_eq!((origin.connection, origin.report), (None, None), "{document}");
        }
    }
}
