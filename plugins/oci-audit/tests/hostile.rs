//! Records that nobody would send, and secrets in places where nobody would look.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use oci_audit::OciAudit;
use plugin_sdk::{Batch, Document, Parse, Report, Window, golden};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const SECRET: &str = "hunter2-of-this-test";

fn document(all: bool) -> Document {
    Document {
        fetch: 0,
        request: golden::request(Window { from: 0, to: 1 }, 1, &[("all", &all.to_string())]),
        file_name: None,
        length: None,
    }
}

fn read(bytes: &[u8], size: usize) -> Batch {
    let (mut parser, mut batch) = (OciAudit::parser(document(true)).unwrap(), Batch::default());
    for chunk in bytes.chunks(size) {
        parser.push(chunk, &mut batch).unwrap();
    }
    parser.finish(&mut batch).unwrap();
    batch
}

/// All texts of all events and rejects.
fn said(batch: &Batch) -> String {
    let events = batch.events().map(|event| format!("{event:?}"));
    let rejects = batch.rejects.iter().map(|reject| format!("{reject:?}"));
    events.chain(rejects).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_page_of_twenty_thousand_events_gives_each_once() {
    let line = |number: usize| {
        format!(
            "{}\n",
            json!({"eventType": "com.oraclecloud.Audit.ListEvents", "eventId": number.to_string(), "eventTime": "2025-07-21T10:00:00Z", "data": null})
        )
    };
    let lines: String = (0..20_000).map(line).collect();
    let batch = read(lines.as_bytes(), 65_536);
    assert_eq!((batch.len(), batch.rejects.len()), (20_000, 0));
    let ids: std::collections::HashSet<_> = batch
        .events()
        .filter_map(|event| event.id.map(|id| id.into_owned()))
        .collect();
    assert_eq!(ids.len(), 20_000);
}

#[test]
fn a_record_that_is_too_large_is_rejected_and_the_next_is_read() {
    let many: Map<String, Value> = (0..3000).map(|n| (format!("m{n}"), json!(n))).collect();
    let event = |details: Value| json!({"type": "com.oraclecloud.a.B", "id": "1", "time": "2025-07-21T10:00:00Z", "data": {"additionalDetails": details}});
    let lines = [
        event(json!(many)).to_string(),
        event(json!({"n".repeat(600): 1})).to_string(),
        event(json!({"text": "x".repeat(1 << 20)})).to_string(),
        // Who did it is whom it is about, so that the name comes twice.
        json!({"type": "com.oraclecloud.identityControlPlane.CreateGroup", "id": "1", "time": "2025-07-21T10:00:00Z", "data": {"identity": {"principalName": "x".repeat(600_000)}}}).to_string(),
        event(json!({"text": "x"})).to_string(),
        "[".repeat(100_000),
        format!("{{\"data\":{}{}}}", "{\"data\":".repeat(5000), "}".repeat(5000)),
        format!("{{\"data\":{}", "{\"logContent\":".repeat(5000)),
    ]
    .join("\n");
    let batch = read(lines.as_bytes(), usize::MAX);
    let reasons: Vec<_> = batch
        .rejects
        .iter()
        .map(|reject| (reject.line, reject.reason.as_str()))
        .collect();
    let broken = "the record is not a JSON object";
    assert_eq!(
        reasons,
        [
            (1, "the record has more than 2048 members"),
            (2, "the name of a member has more than 512 bytes"),
            (3, "the record is longer than 1 MiB"),
            (4, "the event would have more than 1 MiB"),
            (6, broken),
            (7, broken),
            (8, broken),
        ]
    );
    assert_eq!(batch.len(), 1);
    assert!(batch.rejects.iter().all(|reject| reject.raw.len() <= 4096));
    assert_eq!(read(lines.as_bytes(), 65_537), batch);
}

/// A value that holds the secret, at some depth, perhaps as JSON within a text.
fn hiding() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("password"),
        Just("Authorization"),
        Just("opc-principal"),
        Just("OPC-OBO-Principal"),
        Just("X-OCI-LB-PrivateAccessMetadata"),
        Just("x-oci-lb-anything"),
        Just("credentials"),
        Just("client_secret"),
        Just("accessToken"),
    ];
    let held = prop_oneof![
        Just(json!(SECRET)),
        Just(json!([SECRET])),
        Just(json!({"value": SECRET})),
        Just(json!(format!("Signature keyId=\"a\",signature=\"{SECRET}\""))),
    ];
    let hidden = (name, held).prop_map(|(name, held)| json!({ name: held }));
    hidden.prop_recursive(5, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), "[a-z]{1,5}").prop_map(|(inner, name)| json!({ name: inner, "n": null })),
            inner.clone().prop_map(|inner| json!([1, inner, "x"])),
            inner.clone().prop_map(|inner| Value::from(inner.to_string())),
            (inner.clone(), inner).prop_map(|(one, other)| json!({"one": one, "other": other})),
        ]
    })
}

/// An event with a value in one of its places.
fn event_with(place: usize, value: Value) -> Value {
    let mut event = json!({
        "eventType": "com.oraclecloud.identityControlPlane.UpdateUser", "eventId": "1", "eventTime": "2025-07-21T10:00:00Z",
        "data": {"identity": {}, "request": {}, "response": {}, "stateChange": {}, "additionalDetails": {}}
    });
    let data = &mut event["data"];
    match place {
        0 => data["additionalDetails"]["adminValuesAdded"] = value,
        1 => data["additionalDetails"] = value,
        2 => data["request"]["headers"] = value,
        3 => data["request"]["parameters"] = value,
        4 => data["request"] = value,
        5 => data["response"]["headers"] = value,
        6 => data["response"]["payload"] = value,
        7 => data["stateChange"]["current"] = value,
        8 => data["identity"] = value,
        9 => data["definedTags"] = value,
        10 => event["other"] = value,
        _ => event["data"] = value,
    }
    event
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let name = prop_oneof![
            Just("data".to_string()),
            Just("logContent".to_string()),
            Just("identity".to_string()),
            Just("additionalDetails".to_string()),
            Just("eventId".to_string()),
            Just("type".to_string()),
            Just("time".to_string()),
            any::<String>(),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn the_answer_of_a_call_that_makes_a_secret_is_never_shown() {
    let answers = [
        (
            "com.oraclecloud.identityControlPlane.CreateCustomerSecretKey",
            json!({"key": SECRET}),
        ),
        (
            "com.oraclecloud.identityControlPlane.CreateCustomerSecretKey.end",
            json!(SECRET),
        ),
        (
            "com.oraclecloud.identityControlPlane.GenerateTotpSeed",
            json!({"totp": [SECRET]}),
        ),
        (
            "com.oraclecloud.objectstorage.CreatePreauthenticatedRequest",
            json!({"fullPath": SECRET}),
        ),
        ("com.oraclecloud.x.Y", json!({"seed": SECRET, "accessUri": SECRET})),
    ];
    for (kind, payload) in answers {
        for by_name in [false, true] {
            let mut event = json!({
                "eventType": kind, "eventId": "1", "eventTime": "2025-07-21T10:00:00Z",
                "data": {"response": {"status": "200", "payload": payload}, "additionalDetails": {}},
            });
            if by_name {
                event["eventType"] = json!("com.oraclecloud.identityControlPlane");
                event["data"]["eventName"] = json!(kind.split('.').nth(3).unwrap());
            }
            let mut of_domain = event.clone();
            of_domain["data"]["additionalDetails"]["eventId"] = json!("admin.user.update.success");
            let mut twice = event.to_string();
            twice = twice.replacen("\"payload\":", "\"payload\":{\"id\":\"1\"},\"payload\":", 1);
            let mut rejected = event.clone();
            rejected["eventTime"] = json!("yesterday");
            let mut bare = event.clone();
            bare["data"]["response"] = json!([{"payload": payload}]);
            for line in [
                event.to_string(),
                of_domain.to_string(),
                twice,
                rejected.to_string(),
                json!({ "text": rejected.to_string() }).to_string(),
                bare.to_string(),
            ] {
                let batch = read(line.as_bytes(), usize::MAX);
                assert_eq!(batch.len() + batch.rejects.len(), 1);
                assert!(!said(&batch).contains("hunter2"), "{line}\n{}", said(&batch));
            }
        }
    }
}

#[test]
fn a_pair_of_name_and_value_that_is_a_part_itself_shows_no_secret() {
    for pair in [
        json!({"name": "password", "value": SECRET}),
        json!({"path": "urn:x:User:password", "op": "replace", "value": [SECRET]}),
        json!({"attributeName": "clientSecret", "oldValue": {"a": SECRET}, "newValue": SECRET}),
        json!({"name": ["Host", "password"], "value": ["x", SECRET]}),
        json!({"attributeNames": ["password"], "newValues": [SECRET]}),
        json!({"key": "password", "changes": [{"values": [SECRET]}]}),
    ] {
        for place in 0..12 {
            let batch = read(event_with(place, pair.clone()).to_string().as_bytes(), usize::MAX);
            assert_eq!(batch.len() + batch.rejects.len(), 1);
            assert!(!said(&batch).contains("hunter2"), "{place} {pair} {}", said(&batch));
        }
    }
}

#[test]
fn a_pair_whose_name_stands_far_behind_its_value_shows_no_secret() {
    let pair = |filler: usize| {
        format!(
            r#"{{"value":"{SECRET}","x":"{}","name":"password"}}"#,
            "x".repeat(filler)
        )
    };
    let record = |changes: &str| {
        format!(r#"{{"type":"com.oraclecloud.a.B","time":"yesterday","data":{{"changes":[{changes}]}}}}"#)
    };
    for line in [
        record(&pair(20_000)),
        // Beyond what is read of a record at all.
        record(&pair(2 << 20)),
        record(&pair(20_000))[..15_000].to_owned(),
    ] {
        let batch = read(line.as_bytes(), usize::MAX);
        assert_eq!((batch.len(), batch.rejects.len()), (0, 1));
        assert!(!said(&batch).contains("hunter2"), "{}", said(&batch));
        assert!(said(&batch).contains("***"), "{}", said(&batch));
        assert_eq!(read(line.as_bytes(), 65_537), batch);
    }
}

#[test]
fn a_message_that_speaks_of_a_token_is_told() {
    let event = json!({
        "eventType": "com.oraclecloud.a.B", "eventId": "1", "eventTime": "2025-07-21T10:00:00Z",
        "data": {"message": "Invalid token: expired", "response": {"status": "401"}},
    });
    let batch = read(event.to_string().as_bytes(), usize::MAX);
    assert!(said(&batch).contains("Invalid token: expired"), "{}", said(&batch));
}

proptest! {
    #[test]
    fn no_secret_leaves_wherever_it_stands(place in 0_usize..12, value in hiding(), has_time: bool, wrapped: bool) {
        let mut event = event_with(place, value);
        if !has_time {
            event["eventTime"] = Value::Null;
        }
        if wrapped {
            event = json!({"data": {"logContent": event}});
        }
        let batch = read(event.to_string().as_bytes(), usize::MAX);
        prop_assert_eq!(batch.len() + batch.rejects.len(), 1);
        let said = said(&batch);
        prop_assert!(!said.contains("hunter2"), "{}\n{}", event, said);
    }

    #[test]
    fn a_record_that_is_cut_off_shows_no_secret(place in 0_usize..12, value in hiding(), cut: usize) {
        let text = event_with(place, value).to_string();
        let cut = text.floor_char_boundary(cut % text.len());
        let said = said(&read(&text.as_bytes()[..cut], usize::MAX));
        prop_assert!(!said.contains("hunter2"), "{}\n{}", &text[..cut], said);
    }

    #[test]
    fn every_record_is_an_event_or_a_reject(records in proptest::collection::vec(any_json(), 1..6), size in 1_usize..300) {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let batch = read(lines.as_bytes(), usize::MAX);
        prop_assert_eq!(batch.len() + batch.rejects.len(), records.len());
        prop_assert_eq!(read(lines.as_bytes(), size), batch);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, size in 1_usize..64) {
        let whole = read(&bytes, usize::MAX);
        prop_assert_eq!(read(&bytes, size), whole);
    }
}
