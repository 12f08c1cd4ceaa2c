//! Events as OpenTelemetry log records.
//!
//! The body is the event as a string of JSON, so that nothing is lost between two systems of names; the attributes are
//! what people search for, named by the semantic conventions 1.37 where these have a name. The user is who acted; the
//! account acted upon, where that is somebody else's, is `user.target`, as in the Elastic Common Schema, which the
//! conventions took `user` from.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;

use event::{Event, Outcome, Principal, Provenance, Rendering};

/// The request for a batch; without events it is one that a collector takes and forgets.
pub(super) fn request(events: &[Event], encoding: &Rendering, provenance: &Provenance) -> ExportLogsServiceRequest {
    if events.is_empty() {
        return ExportLogsServiceRequest::default();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let observed = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    // Names of this program's own, in the namespace that ECS has them in.
    let own = |name: &str| match provenance.product.is_oracle_s() {
        true => format!("oracle.{name}"),
        false => format!("audit.{name}"),
    };
    let records = events
        .iter()
        .map(|event| record(event, observed, encoding, provenance))
        .collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![
                    attribute("service.name", &provenance.service),
                    attribute(&own("product"), &provenance.product.name),
                ],
                ..Resource::default()
            }),
            scope_logs: vec![ScopeLogs {
                scope: Some(InstrumentationScope {
                    name: "host".into(),
                    version: env!("CARGO_PKG_VERSION").into(),
                    attributes: vec![
                        attribute(&own("report"), &provenance.report),
                        attribute(&own("connection"), &provenance.connection),
                    ],
                    dropped_attributes_count: 0,
                }),
                log_records: records,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn record(event: &Event, observed: u64, encoding: &Rendering, provenance: &Provenance) -> LogRecord {
    let (severity, text) = match event.outcome {
        Outcome::Failure => (SeverityNumber::Warn, "WARN"),
        Outcome::Success | Outcome::Unknown => (SeverityNumber::Info, "INFO"),
    };
    let mut body = Vec::new();
    encoding.write(event, provenance, &mut body);
    LogRecord {
        // Before 1970 there is no time here; 0 says that it is not known, and the body knows it.
        time_unix_nano: nanoseconds(event.time).unwrap_or(0),
        // A batch that is sent again says the same.
        observed_time_unix_nano: event.collected.and_then(|at| nanoseconds(at.ms())).unwrap_or(observed),
        severity_number: severity.into(),
        severity_text: text.into(),
        event_name: format!("audit.{}", event.activity.name()),
        body: Some(text_value(String::from_utf8_lossy(&body).into_owned())),
        attributes: attributes(&encoding.trim(event), event.actor.is_some()),
        ..LogRecord::default()
    }
}

/// Since 1970, of milliseconds.
fn nanoseconds(ms: i64) -> Option<u64> {
    u64::try_from(ms).ok()?.checked_mul(1_000_000)
}

/// No key comes twice. Who acted is the subject only where nobody else did, whether or not that one is left out.
fn attributes(event: &Event, another_acted: bool) -> Vec<KeyValue> {
    let mut all = vec![
        attribute("event.action", event.activity.name()),
        attribute("event.outcome", event.outcome.name()),
    ];
    let mut optional = |key: &str, value: Option<&String>| {
        all.extend(value.map(|value| attribute(key, value)));
    };
    optional("event.id", event.id.as_ref());
    optional("log.record.uid", event.id.as_ref());
    optional("client.address", event.source_ip.as_ref());
    optional("session.id", event.session.as_ref());
    optional("user_agent.original", event.user_agent.as_ref());
    let itself = Some(&event.subject).filter(|_| !another_acted);
    if let Some(user) = event.actor.as_ref().or(itself) {
        principal(&mut all, "user", user);
    }
    if another_acted {
        principal(&mut all, "user.target", &event.subject);
    }
    all
}

fn principal(all: &mut Vec<KeyValue>, prefix: &str, principal: &Principal) {
    let members = [
        ("name", Some(&principal.name)),
        ("id", principal.id.as_ref()),
        ("full_name", principal.display_name.as_ref()),
    ];
    for (member, value) in members {
        all.extend(value.map(|value| attribute(&format!("{prefix}.{member}"), value)));
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(text_value(value.to_owned())),
        ..KeyValue::default()
    }
}

fn text_value(text: String) -> AnyValue {
    AnyValue {
        value: Some(any_value::Value::StringValue(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use event::{Activity, Encoding, samples};

    fn text(value: &Option<AnyValue>) -> String {
        match value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(any_value::Value::StringValue(text)) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn members(attributes: &[KeyValue]) -> BTreeMap<String, String> {
        let map: BTreeMap<String, String> = attributes
            .iter()
            .map(|attribute| (attribute.key.clone(), text(&attribute.value)))
            .collect();
        assert_eq!(map.len(), attributes.len(), "a key comes twice");
        map
    }

    #[test]
    fn a_full_event_fills_every_place() {
        let event = samples::full(Activity::RoleAssign, Outcome::Failure);
        let request = request(&[event], &Encoding::Ocsf.into(), &samples::domain());
        let logs = &request.resource_logs[0];
        let resource = members(&logs.resource.as_ref().unwrap().attributes);
        assert_eq!(resource["service.name"], "idcs-0123.example.com");
        let scope = logs.scope_logs[0].scope.as_ref().unwrap();
        assert_eq!(
            (scope.name.as_str(), scope.version.as_str()),
            ("host", env!("CARGO_PKG_VERSION"))
        );
        let record = &logs.scope_logs[0].log_records[0];
        assert_eq!(record.time_unix_nano, 1_525_902_954_890_000_000);
        assert!(record.observed_time_unix_nano > record.time_unix_nano);
        assert_eq!(record.severity_number(), SeverityNumber::Warn);
        assert_eq!(record.event_name, "audit.role-assign");
        let body: serde_json::Value = serde_json::from_str(&text(&record.body)).unwrap();
        assert_eq!(body["metadata"]["uid"], "ecaae86c21fc4df69cfaa80448fc9478");
        let attributes: Vec<(String, String)> = members(&record.attributes).into_iter().collect();
        let attributes: Vec<(&str, &str)> = attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            attributes,
            [
                ("client.address", "203.0.113.7"),
                ("event.action", "role-assign"),
                ("event.id", "ecaae86c21fc4df69cfaa80448fc9478"),
                ("event.outcome", "failure"),
                ("log.record.uid", "ecaae86c21fc4df69cfaa80448fc9478"),
                ("session.id", "s-42"),
                ("user.full_name", "Al Admin"),
                ("user.name", "admin@example.com"),
                ("user.target.full_name", "Jane Doe"),
                ("user.target.id", "u-17"),
                ("user.target.name", "jdoe@example.com"),
                ("user_agent.original", "Mozilla/5.0"),
            ]
        );
    }

    #[test]
    fn what_a_sink_leaves_out_is_no_attribute_either() {
        let event = samples::full(Activity::RoleAssign, Outcome::Failure);
        let paths = ["actor", "src_endpoint", "http_request"].map(str::to_owned);
        let rendering = event::Rendering::without(Encoding::Ocsf, &paths).unwrap();
        let record = record(&event, 1, &rendering, &samples::domain());
        let attributes = members(&record.attributes);
        for gone in [
            "client.address",
            "user_agent.original",
            "session.id",
            "user.name",
            "user.full_name",
        ] {
            assert!(!attributes.contains_key(gone), "{gone}");
        }
        assert_eq!(attributes["user.target.name"], "jdoe@example.com");
    }

    #[test]
    fn a_time_before_1970_is_not_known() {
        let mut event = samples::sparse(Activity::Logon, Outcome::Success);
        for time in [-1, i64::MIN, i64::MAX] {
            event.time = time;
            let record = record(&event, 1, &Encoding::Event.into(), &samples::epm());
            assert_eq!(record.time_unix_nano, 0, "{time}");
            assert_eq!(record.severity_number(), SeverityNumber::Info);
        }
    }

    proptest! {
        #[test]
        fn whatever_an_event_holds_comes_back(event in samples::event(), provenance in samples::provenance()) {
            let bytes = request(std::slice::from_ref(&event), &Encoding::Event.into(), &provenance).encode_to_vec();
            let request = ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap();
            let record = &request.resource_logs[0].scope_logs[0].log_records[0];
            let user = event.actor.as_ref().unwrap_or(&event.subject);
            prop_assert_eq!(&members(&record.attributes)["user.name"], &user.name);
            let body: serde_json::Value = serde_json::from_str(&text(&record.body)).unwrap();
            let mut texts = Vec::new();
            samples::texts_of(&body, &mut texts);
            for text in samples::texts_in(&event) {
                prop_assert!(texts.contains(&text), "lost {text:?}");
            }
        }
    }
}
