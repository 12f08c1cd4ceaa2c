//! An event is the same whatever way it came: from ListEvents, from Logging Search, and from `AuditEvents`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use audit_events::AuditEvents;
use oci_audit::OciAudit;
use plugin_sdk::{Batch, Document, Event, Parse, Report, Window, golden};
use serde_json::{Map, Value, json};
use std::path::Path;

fn read<R: Report>(records: &[Value], parameters: &[(&str, &str)]) -> Batch {
    let document = Document {
        fetch: 0,
        request: golden::request(Window { from: 0, to: 1 }, 1, parameters),
        file_name: None,
        length: None,
    };
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let (mut parser, mut batch) = (R::parser(document).unwrap(), Batch::default());
    parser.push(lines.as_bytes(), &mut batch).unwrap();
    parser.finish(&mut batch).unwrap();
    batch
}

fn inputs(plugin: &str) -> Vec<Value> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(plugin)
        .join("tests");
    let folders = std::fs::read_dir(tests).unwrap().map(|entry| entry.unwrap().path());
    let files = folders
        .map(|folder| folder.join("input.json"))
        .filter(|file| file.is_file());
    files
        .map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
        .collect()
}

/// The events of the cases that come as ListEvents gives them.
fn listed() -> Vec<Value> {
    let arrays = inputs("oci-audit").into_iter().filter_map(|input| match input {
        Value::Array(records) => Some(records),
        _ => None,
    });
    arrays
        .flatten()
        .filter(|record| record["eventType"].is_string())
        .collect()
}

/// The event as Logging has it.
fn logged(event: &Value) -> Value {
    let mut data = event["data"].clone();
    if let Some(members) = data.as_object_mut() {
        let said = members.get("response").map(|response| response["message"].clone());
        if let Some(said) =
            said.filter(|said| said.is_string() && !members.get("message").is_some_and(Value::is_string))
        {
            members.insert("message".into(), json!(format!(" {}", said.as_str().unwrap())));
            members["response"]["message"] = Value::Null;
        }
        // Members that the other way leaves out, and an order of their own.
        members.retain(|_, value| !value.is_null());
        let sorted: std::collections::BTreeMap<_, _> = members.clone().into_iter().collect();
        *members = sorted.into_iter().collect();
    }
    json!({
        "data": data,
        "dataschema": event["eventTypeVersion"],
        "id": event["eventId"],
        "oracle": {"compartmentid": "ocid1.compartment.oc1..log", "ingestedtime": "2025-07-21T00:00:09Z", "loggroupid": "_Audit", "tenantid": "ocid1.tenancy.oc1..log"},
        "source": event["source"],
        "specversion": "1.0",
        "time": event["eventTime"],
        "type": event["eventType"],
    })
}

fn events(batch: &Batch) -> Vec<Event<'_>> {
    batch.events().collect()
}

#[test]
fn list_events_and_logging_search_give_the_same_events() {
    let listed = listed();
    let wrapped = |event: &Value| json!({"data": {"datetime": 1_753_092_000_500_i64, "logContent": event}});
    let logged: Vec<Value> = listed.iter().map(logged).collect();
    let searched: Vec<Value> = logged.iter().map(wrapped).collect();
    for parameters in [vec![("all", "true")], vec![]] {
        // A record without a time is none from ListEvents, and has the one beside it from Logging Search.
        let timed = |records: &[Value]| -> Vec<Value> {
            let has_time = |record: &&Value| record["eventTime"].is_string();
            listed
                .iter()
                .zip(records)
                .filter(|(event, _)| has_time(event))
                .map(|(_, record)| record.clone())
                .collect()
        };
        let batches =
            [timed(&listed), timed(&logged), timed(&searched)].map(|records| read::<OciAudit>(&records, &parameters));
        let [one, other, third] = &batches;
        assert!(one.len() > 10, "{}", one.len());
        assert_eq!(events(one), events(other));
        assert_eq!(events(one), events(third));
    }
}

/// A resource of `AuditEvents` as OCI Audit has it.
fn audited(resource: &Map<String, Value>) -> Value {
    let mut details = resource.clone();
    let id = details.remove("id");
    let time = details.remove("timestamp");
    json!({
        "type": "com.oraclecloud.IdentityDomains.Event",
        "id": id,
        "time": time,
        "data": {"additionalDetails": details},
    })
}

#[test]
fn audit_events_and_oci_audit_agree_on_an_event_of_a_domain() {
    let lists = inputs("audit-events")
        .into_iter()
        .filter_map(|input| match &input["Resources"] {
            Value::Array(resources) => Some(resources.clone()),
            _ => None,
        });
    let resources: Vec<Value> = lists
        .flatten()
        .filter(|resource| resource["eventId"].is_string())
        .collect();
    let mut compared = 0;
    for resource in &resources {
        let one = read::<AuditEvents>(std::slice::from_ref(resource), &[]);
        let other = read::<OciAudit>(&[audited(resource.as_object().unwrap())], &[]);
        let (one, other) = (events(&one), events(&other));
        assert_eq!(one.len(), other.len(), "{resource}");
        for (one, other) in one.iter().zip(&other) {
            compared += 1;
            assert_eq!(one.id, other.id, "{resource}");
            assert_eq!(one.time, other.time, "{resource}");
            assert_eq!(one.activity, other.activity, "{resource}");
            assert_eq!(one.outcome, other.outcome, "{resource}");
            assert_eq!(one.subject, other.subject, "{resource}");
            assert_eq!(one.actor, other.actor, "{resource}");
            assert_eq!(one.target, other.target, "{resource}");
            assert_eq!(one.source_ip, other.source_ip, "{resource}");
            assert_eq!(one.user_agent, other.user_agent, "{resource}");
            assert_eq!(one.session, other.session, "{resource}");
            assert_eq!(one.action, other.action, "{resource}");
            assert_eq!(one.code, other.code, "{resource}");
            assert_eq!(one.message, other.message, "{resource}");
            assert_eq!(one.labels, other.labels, "{resource}");
        }
    }
    assert!(compared > 100, "{compared}");
}
