//! ECS 9.4.0.

use std::net::IpAddr;

use event::{Activity, Encoding, Outcome};
use serde_json::{Value, json};

/// The namespaces of the fields that ECS does not have: of Oracle's products, and of all others.
const OWN: [&str; 2] = ["oracle", "audit"];

/// Holds an event against the fields and tells all that is wrong.
fn check(schema: &Value, event: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    members(&schema["fields"], event, "", &mut problems);
    for name in ["@timestamp", "ecs", "event", "user", "service"] {
        if event.get(name).is_none() {
            problems.push(format!("{name} is missing"));
        }
    }
    if event["ecs"]["version"] != schema["version"] {
        problems.push(format!("ecs.version is not {}", schema["version"]));
    }
    let types = &schema["fields"]["event.category"]["values"][event["event"]["category"][0].as_str().unwrap_or("")];
    for kind in event["event"]["type"].as_array().into_iter().flatten() {
        if !types.as_array().is_some_and(|types| types.contains(kind)) {
            problems.push(format!("event.type {kind} does not go with its category"));
        }
    }
    problems
}

fn members(fields: &Value, value: &Value, prefix: &str, problems: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        if OWN.contains(&path.as_str()) {
            continue;
        }
        match (fields.get(&path), member) {
            (None, Value::Object(_)) => members(fields, member, &format!("{path}."), problems),
            (None, _) => problems.push(format!("{path} is unknown")),
            (Some(field), _) if field["array"] == true => match member.as_array() {
                Some(items) if !items.is_empty() => {
                    items.iter().for_each(|item| scalar(field, item, &path, problems));
                }
                _ => problems.push(format!("{path} is no array, or empty")),
            },
            (Some(field), _) => scalar(field, member, &path, problems),
        }
    }
}

fn scalar(field: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let text = value.as_str();
    let fits = match field["type"].as_str().unwrap() {
        "keyword" | "match_only_text" | "wildcard" => text.is_some(),
        "date" => text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        "ip" => text.is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        "long" => value.is_i64(),
        _ => false,
    };
    if !fits {
        problems.push(format!("{path} is no {}: {value}", field["type"]));
    }
    if let (Some(values), Some(text)) = (field["values"].as_object(), text)
        && !values.contains_key(text)
    {
        problems.push(format!("{path} has no value {text:?}"));
    }
}

#[test]
fn every_rendering_fits_the_fields() {
    let schema = super::data("ecs-9.4.0/fields.json");
    super::assert_sound(Encoding::Ecs, |event| check(&schema, event));
}

#[test]
fn the_check_finds_each_kind_of_fault() {
    let schema = super::data("ecs-9.4.0/fields.json");
    let mut line = Vec::new();
    let event = super::full(Activity::RoleAssign, Outcome::Success);
    Encoding::Ecs.write(&event, &super::provenances()[1], &mut line);
    let sound: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(check(&schema, &sound), [""; 0]);
    for (pointer, fault, problem) in [
        ("/user/uid", json!("x"), "user.uid is unknown"),
        ("/session", json!({"id": "x"}), "session.id is unknown"),
        (
            "/event/type",
            json!(["start"]),
            "event.type \"start\" does not go with its category",
        ),
        ("/event/category", json!("iam"), "event.category is no array"),
        (
            "/event/category",
            json!(["login"]),
            "event.category has no value \"login\"",
        ),
        ("/event/outcome", json!("ok"), "event.outcome has no value \"ok\""),
        ("/source/ip", json!("10.xxx"), "source.ip is no \"ip\""),
        ("/related/ip", json!(["10.xxx"]), "related.ip is no \"ip\""),
        ("/@timestamp", json!(0), "@timestamp is no \"date\": 0"),
        ("/ecs/version", json!("8.0.0"), "ecs.version is not \"9.4.0\""),
        ("/user", json!("jdoe"), "user is unknown"),
    ] {
        let mut faulty = sound.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        faulty
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .insert(name.into(), fault);
        let problems = check(&schema, &faulty);
        assert!(
            problems.iter().any(|found| found.starts_with(problem)),
            "{pointer}: {problems:?}"
        );
    }
}
