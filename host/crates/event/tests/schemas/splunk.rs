//! The Splunk add-on of `deploy/splunk`: it has a place for every OCSF rendering, and names no field that none has.

use std::collections::BTreeSet;

use event::Encoding;
use serde_json::Value;

const ADD_ON: &str = "splunk/host_identity";

/// Values that the Common Information Model knows, besides `unknown`, which is for what the source does not say.
const OUTCOMES: [&str; 3] = ["success", "failure", "unknown"];
const ACTIONS: [&str; 5] = ["created", "modified", "deleted", "lockout", "unlocked"];
/// The actions of calls of an API: what a call does that nobody can name is unknown.
const API_ACTIONS: [&str; 5] = ["created", "read", "modified", "deleted", "unknown"];

/// The rows of the lookup: class, activity and status; then action, status, type and category of a change.
fn rows() -> Vec<[String; 7]> {
    let text = super::deployed_text(&format!("{ADD_ON}/lookups/host_identity_activities.csv"));
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("class_uid,activity_id,status_id,action,status,change_type,object_category")
    );
    lines
        .map(|line| {
            let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            cells.try_into().unwrap()
        })
        .collect()
}

#[test]
fn every_event_has_one_row_of_the_lookup() {
    let rows = rows();
    super::assert_sound(Encoding::Ocsf, |event| {
        let key = ["class_uid", "activity_id", "status_id"].map(|name| event[name].to_string());
        let found: Vec<_> = rows.iter().filter(|row| row[..3] == key).collect();
        let [row] = found.as_slice() else {
            return vec![format!("{key:?} has {} rows", found.len())];
        };
        let (is_sign_in, is_call) = (row[0] == "3002", row[0] == "6003");
        let outcome = event["status"].as_str().unwrap().to_lowercase();
        let sound = match is_sign_in {
            true => row[3] == outcome && row[4] == outcome,
            false if is_call => API_ACTIONS.contains(&row[3].as_str()) && row[4] == outcome && row[5] == "cloud",
            false => ACTIONS.contains(&row[3].as_str()) && row[4] == outcome && row[5] == "AAA" && !row[6].is_empty(),
        };
        match sound && OUTCOMES.contains(&row[4].as_str()) {
            true => Vec::new(),
            false => vec![format!("{row:?} does not say what the event does")],
        }
    });
}

/// The names of all members, as Splunk extracts them: `a.b`, and `c{}` for what an array holds.
fn names(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                names(member, &path, found);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| names(item, &format!("{prefix}{{}}"), found)),
        _ => drop(found.insert(prefix.to_owned())),
    }
}

#[test]
fn every_field_that_the_add_on_reads_is_one_of_an_event() {
    let mut known = BTreeSet::new();
    for line in super::lines(Encoding::Ocsf) {
        names(&serde_json::from_slice(&line).unwrap(), "", &mut known);
    }
    let props = super::deployed_text(&format!("{ADD_ON}/default/props.conf"));
    let mut read = 0;
    for line in props.lines().filter(|line| line.starts_with("EVAL-")) {
        // What stands between single quotes is a field.
        for field in line.split('\'').skip(1).step_by(2) {
            assert!(known.contains(field), "no event has {field}: {line}");
            read += 1;
        }
    }
    assert!(read > 20, "only {read} fields are read");
}

#[test]
fn the_add_on_is_for_the_source_type_of_the_sink() {
    let schema = include_str!("../../../../../plugins/splunk-hec/config.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let source_type = schema["properties"]["sourcetype"]["default"].as_str().unwrap();
    let props = super::deployed_text(&format!("{ADD_ON}/default/props.conf"));
    assert!(props.lines().any(|line| line == format!("[{source_type}]")));
    let types = super::deployed_text(&format!("{ADD_ON}/default/eventtypes.conf"));
    let searches: Vec<&str> = types.lines().filter(|line| line.starts_with("search = ")).collect();
    assert!(
        searches
            .iter()
            .all(|search| search.contains(&format!("sourcetype=\"{source_type}\"")))
    );
    // Each class has an event type, and each event type that is tagged exists.
    for class in ["3001", "3002", "3004", "3005", "3006"] {
        assert!(
            searches.iter().any(|search| search.contains(class)),
            "{class} has no event type"
        );
    }
    let tags = super::deployed_text(&format!("{ADD_ON}/default/tags.conf"));
    for tagged in tags.lines().filter_map(|line| line.strip_prefix("[eventtype=")) {
        assert!(
            types.contains(&format!("[{tagged}")),
            "{tagged} is tagged and does not exist"
        );
    }
}
