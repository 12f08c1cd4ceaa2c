//! The index template of `deploy/elastic`: it says where every member of every ECS rendering goes.

use event::Encoding;
use serde_json::Value;

fn template() -> Value {
    super::deployed("elastic/index-template.json")
}

/// The members of a document that have no mapping, or another than ECS wants.
fn check(properties: &Value, schema: &Value, document: &Value, prefix: &str, problems: &mut Vec<String>) {
    for (name, value) in document.as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let mapping = &properties[name];
        match (&mapping["properties"], mapping["type"].as_str()) {
            (Value::Object(_), _) => check(&mapping["properties"], schema, value, &format!("{path}."), problems),
            (_, None) => problems.push(format!("{path} has no mapping")),
            (_, Some("flattened")) => {
                if !value.is_object() {
                    problems.push(format!("{path} is flattened, but no object"));
                }
            }
            (_, Some(kind)) => {
                let field = &schema["fields"][&path]["type"];
                if field.as_str().is_some_and(|field| field != kind) {
                    problems.push(format!("{path} is {kind}, and {field} in ECS"));
                }
                if value.is_object() {
                    problems.push(format!("{path} is an object, and its mapping none of one"));
                }
            }
        }
    }
}

#[test]
fn the_index_template_maps_every_member_of_an_ecs_event() {
    let (template, schema) = (template(), schemas::ecs::schema());
    super::assert_sound(Encoding::Ecs, |event| {
        let mut problems = Vec::new();
        check(
            &template["template"]["mappings"]["properties"],
            &schema,
            event,
            "",
            &mut problems,
        );
        problems
    });
}

#[test]
fn what_comes_from_the_source_gives_the_index_no_fields() {
    let mappings = &template()["template"]["mappings"];
    assert_eq!(mappings["dynamic"], false);
    assert_eq!(
        mappings["properties"]["oracle"]["properties"]["attributes"]["type"],
        "flattened"
    );
}

#[test]
fn the_template_is_for_the_data_stream_of_each_built_in_report() {
    let mut patterns: Vec<String> = serde_json::from_value(template()["index_patterns"].clone()).unwrap();
    let plugins = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../plugins");
    let folders = std::fs::read_dir(plugins).unwrap().map(|entry| entry.unwrap().path());
    let reports = folders.filter(|folder| {
        // A crate that others share exports nothing.
        std::fs::read_to_string(folder.join("src/lib.rs")).is_ok_and(|text| text.contains("\nexport_report!("))
    });
    let mut expected: Vec<String> = reports
        .map(|folder| {
            let name = folder.file_name().unwrap().to_string_lossy().replace('-', "_");
            format!("logs-oracle.{name}-*")
        })
        .collect();
    patterns.sort_unstable();
    expected.sort_unstable();
    assert_eq!(patterns, expected);
}

/// A data stream's name is `logs-DATASET-NAMESPACE`.
#[test]
fn the_template_is_for_the_data_stream_that_each_data_set_names() {
    let template = template();
    let patterns: Vec<&str> = template["index_patterns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pattern| pattern.as_str().unwrap())
        .collect();
    super::assert_sound(Encoding::Ecs, |event| {
        // Whoever brings another vendor's log writes a template for it.
        if event["event"]["module"] != "oracle" {
            return Vec::new();
        }
        let stream = format!("logs-{}-", event["event"]["dataset"].as_str().unwrap());
        match patterns.iter().any(|pattern| pattern.trim_end_matches('*') == stream) {
            true => Vec::new(),
            false => vec![format!("no pattern is for {stream}*")],
        }
    });
}
