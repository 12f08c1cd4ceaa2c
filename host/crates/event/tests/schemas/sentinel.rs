//! The data collection rule and the parsers of `deploy/sentinel`: they take every flat event, and read no column that is not there.

use std::collections::{BTreeMap, BTreeSet};

use event::Encoding;
use serde_json::Value;

/// The columns of a list of the template, by name.
fn columns(list: &Value) -> BTreeMap<String, String> {
    let column = |column: &Value| {
        let text = |member: &str| column[member].as_str().unwrap().to_owned();
        (text("name"), text("type"))
    };
    list.as_array().unwrap().iter().map(column).collect()
}

fn template() -> Value {
    super::deployed("sentinel/data-collection-rule.json")
}

fn stream(template: &Value) -> BTreeMap<String, String> {
    columns(&template["resources"][1]["properties"]["streamDeclarations"]["Custom-OracleIdentity"]["columns"])
}

fn table(template: &Value) -> BTreeMap<String, String> {
    columns(&template["resources"][0]["properties"]["schema"]["columns"])
}

#[test]
fn the_stream_declares_every_member_of_a_flat_event() {
    let template = template();
    let stream = stream(&template);
    super::assert_sound(Encoding::Event, |event| {
        let mut problems = Vec::new();
        for (name, value) in event.as_object().unwrap() {
            let fits = match stream.get(name).map(String::as_str) {
                None => false,
                Some("string") => value.is_string() || value.is_null(),
                Some("datetime") => {
                    value.is_null()
                        || value
                            .as_str()
                            .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok())
                }
                Some("dynamic") => value.is_array() || value.is_object(),
                Some(_) => false,
            };
            if !fits {
                problems.push(format!("{name} is not declared so: {value}"));
            }
        }
        let lacks = stream.keys().filter(|name| event.get(name.as_str()).is_none());
        problems.extend(lacks.map(|name| format!("{name} is declared, and no member")));
        problems
    });
}

/// `source | project A = a, B = ['b']`.
#[test]
fn the_rule_fills_each_column_of_the_table_from_one_of_the_stream() {
    let template = template();
    let (stream, table) = (stream(&template), table(&template));
    let flow = &template["resources"][1]["properties"]["dataFlows"][0];
    let project = flow["transformKql"]
        .as_str()
        .unwrap()
        .strip_prefix("source | project ")
        .unwrap();
    let filled: BTreeMap<&str, &str> = project
        .split(", ")
        .map(|pair| pair.split_once(" = ").unwrap())
        .map(|(to, from)| (to, from.trim_matches(['[', ']', '\''])))
        .collect();
    assert_eq!(filled.len(), stream.len());
    for (to, from) in &filled {
        assert_eq!(table.get(*to), stream.get(*from), "{to} from {from}");
    }
    assert_eq!(
        filled.keys().map(|to| (*to).to_owned()).collect::<BTreeSet<_>>(),
        table.keys().cloned().collect()
    );
    // Names that Azure Monitor keeps to itself.
    for reserved in [
        "id",
        "Title",
        "Type",
        "TenantId",
        "UniqueId",
        "_ResourceId",
        "_SubscriptionId",
    ] {
        assert!(!table.contains_key(reserved), "{reserved} cannot be a column");
    }
    assert_eq!(flow["outputStream"], "Custom-OracleIdentity_CL");
}

#[test]
fn the_parser_reads_columns_that_are_there_and_gives_what_asim_demands() {
    let template = template();
    let table = table(&template);
    let parser = super::deployed_text("sentinel/vimAuthenticationOracleIdentity.kql");
    let code: Vec<&str> = parser.lines().filter(|line| !line.starts_with("//")).collect();
    assert_eq!(code[0], "OracleIdentity_CL");
    let given: BTreeSet<&str> = code
        .iter()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("extend ")
                .unwrap_or(line.trim())
                .split_once(" = ")
        })
        .map(|(name, _)| name)
        .collect();
    // ASIM Authentication 0.1.3: the fields that are mandatory.
    for field in [
        "EventCount",
        "EventStartTime",
        "EventEndTime",
        "EventType",
        "EventResult",
        "EventProduct",
        "EventVendor",
        "EventSchema",
        "EventSchemaVersion",
        "Dvc",
    ] {
        assert!(given.contains(field), "{field} is not given");
    }
    let own = ["OracleIdentity_CL"];
    let parameters = ["EventType", "EventResult"];
    for word in code.join("\n").split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let is_name = word.starts_with(|c: char| c.is_ascii_uppercase());
        let text = format!("\"{word}");
        if is_name && !code.iter().any(|line| line.contains(&text)) && !given.contains(word) {
            assert!(
                table.contains_key(word)
                    || own.contains(&word)
                    || parameters.contains(&word)
                    || word == "Domain"
                    || word == "Cloud",
                "{word} is no column"
            );
        }
    }
}
