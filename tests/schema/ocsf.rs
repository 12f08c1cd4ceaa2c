//! OCSF 1.8.0.

use std::net::IpAddr;

use serde_json::{Map, Value};

/// The schema, as it is published but for what no event here has.
pub fn schema() -> Value {
    crate::data("ocsf-1.8.0/schema.json")
}

/// The problems of an event, all of them.
pub fn problems(schema: &Value, event: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let classes = schema["classes"].as_object().unwrap();
    let Some(class) = classes.values().find(|class| class["uid"] == event["class_uid"]) else {
        return vec![format!("no class {}", event["class_uid"])];
    };
    object(schema, class, event, "", &mut problems);
    if event["category_uid"] != class["category_uid"] {
        problems.push(format!("category_uid is not {}", class["category_uid"]));
    }
    if event["class_name"] != class["caption"] {
        problems.push(format!("class_name is not {}", class["caption"]));
    }
    let expected = event["class_uid"].as_i64().zip(event["activity_id"].as_i64());
    if event["type_uid"].as_i64() != expected.map(|(class, activity)| class * 100 + activity) {
        problems.push("type_uid is not class_uid * 100 + activity_id".into());
    }
    if event["metadata"]["version"] != schema["version"] {
        problems.push(format!("metadata.version is not {}", schema["version"]));
    }
    problems
}

fn object(schema: &Value, kind: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let Some(members) = value.as_object() else {
        return problems.push(format!("{path} is no object"));
    };
    let attributes = kind["attributes"].as_object().unwrap();
    if attributes.is_empty() {
        // The type "object" admits anything.
        return;
    }
    for (name, attribute) in attributes {
        let applies = attribute.get("profiles").is_none();
        if applies && attribute["requirement"] == "required" && !members.contains_key(name) {
            problems.push(format!("{path}{name} is required"));
        }
    }
    for (name, member) in members {
        let path = format!("{path}{name}");
        match attributes.get(name) {
            None => problems.push(format!("{path} is unknown")),
            Some(attribute) if attribute.get("profiles").is_some() => {
                problems.push(format!("{path} belongs to a profile"));
            }
            Some(attribute) if attribute.get("@deprecated").is_some() => problems.push(format!("{path} is deprecated")),
            Some(attribute) => {
                match (attribute["is_array"] == true, member.as_array()) {
                    (true, Some(items)) => {
                        for item in items {
                            self::attribute(schema, attribute, item, &path, problems);
                        }
                    }
                    (false, None) => self::attribute(schema, attribute, member, &path, problems),
                    _ => problems.push(format!("{path} is an array or should be one")),
                }
                sibling(attribute, member, members, &path, problems);
            }
        }
    }
    if let Some(list) = kind["constraints"]["at_least_one"].as_array()
        && !list.iter().any(|name| members.contains_key(name.as_str().unwrap()))
    {
        problems.push(format!("{path} has none of {list:?}"));
    }
}

fn attribute(schema: &Value, attribute: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let name = attribute["type"].as_str().unwrap();
    if name == "object_t" {
        let object_type = attribute["object_type"].as_str().unwrap();
        return match schema["objects"].get(object_type) {
            Some(kind) => object(schema, kind, value, &format!("{path}."), problems),
            None => problems.push(format!("{path}: the object {object_type} is not in the data")),
        };
    }
    let kind = &schema["types"][name];
    let fits = match kind["type"].as_str().unwrap_or(name) {
        "boolean_t" => value.is_boolean(),
        "float_t" => value.is_number(),
        "integer_t" | "long_t" => value.is_i64(),
        "string_t" => value.is_string(),
        "json_t" => true,
        base => panic!("unknown type {base}"),
    };
    if !fits {
        problems.push(format!("{path} is no {name}: {value}"));
    }
    if let (Some(text), Some(longest)) = (value.as_str(), kind["max_len"].as_u64())
        && text.len() as u64 > longest
    {
        problems.push(format!("{path} is longer than {longest}"));
    }
    if name == "ip_t" && value.as_str().is_none_or(|text| text.parse::<IpAddr>().is_err()) {
        problems.push(format!("{path} is no address: {value}"));
    }
    if let Some(cases) = attribute["enum"].as_object() {
        let case = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !cases.contains_key(&case) {
            problems.push(format!("{path} has no case {case}"));
        }
    }
}

/// An enumeration's text must be the caption of its number, unless the number says Other.
fn sibling(attribute: &Value, value: &Value, members: &Map<String, Value>, path: &str, problems: &mut Vec<String>) {
    let Some(text) = attribute["sibling"].as_str().and_then(|name| members.get(name)) else {
        return;
    };
    let caption = &attribute["enum"][value.to_string()];
    if value != 99 && caption != text && attribute["enum"].as_object().is_some_and(|cases| cases.len() > 1) {
        problems.push(format!("{path} is {caption}, its text {text}"));
    }
}
