//! ECS 9.4.0.

use std::net::IpAddr;

use serde_json::Value;

/// The namespaces of the fields that ECS does not have: of Oracle's products, and of all others.
const OWN: [&str; 2] = ["oracle", "audit"];

/// The fields, as they are published but for what no event here has.
pub fn schema() -> Value {
    crate::data("ecs-9.4.0/fields.json")
}

/// The problems of an event, all of them.
pub fn problems(schema: &Value, event: &Value) -> Vec<String> {
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
