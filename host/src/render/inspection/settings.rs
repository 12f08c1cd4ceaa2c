//! A plugin's configuration as a table: what its JSON Schema says, for people.
//!
//! Objects are taken apart, so that `tls.ca` is a row; whatever else the schema asks for, `--json` shows. The schema is a
//! plugin's, so nothing in it is trusted: rows, depth and texts are limited.

use std::iter::repeat_n;

use serde_json::{Map, Value};

use sink::terminal::printable;

const ROWS: usize = 100;
const DEPTH: usize = 4;
const CELL_CHARS: usize = 40;
const DESCRIPTION_CHARS: usize = 200;

/// One setting: name, type, default, whether it must be given, description.
type SettingRow = [String; 5];

/// The lines of the table, a heading first; without settings, one line that says so.
pub fn table(schema: &Value) -> Vec<String> {
    let mut rows = Vec::new();
    collect(schema, "", DEPTH, &mut rows);
    if rows.is_empty() {
        return vec!["nothing to set".to_owned()];
    }
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let heading = ["name", "type", "default", "required", "description"].map(str::to_owned);
    rows.insert(0, heading);
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &rows)).collect();
    if more {
        lines.push("… and more: `--json` shows the schema".to_owned());
    }
    lines
}

fn line(row: &SettingRow, rows: &[SettingRow]) -> String {
    let mut line = String::new();
    for (column, cell) in row.iter().enumerate() {
        let widest = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        let width = widest.max().unwrap_or_default();
        line.push_str(cell);
        line.extend(repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

fn collect(schema: &Value, prefix: &str, depth: usize, rows: &mut Vec<SettingRow>) {
    let required = schema.get("required").and_then(Value::as_array);
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, about) in properties.into_iter().flatten() {
        if rows.len() > ROWS {
            return;
        }
        let path = format!("{prefix}{name}");
        if depth > 0
            && about
                .get("properties")
                .and_then(Value::as_object)
                .is_some_and(|inner| !inner.is_empty())
        {
            collect(about, &format!("{path}."), depth - 1, rows);
            continue;
        }
        let must = required.is_some_and(|names| names.iter().any(|known| known == name));
        rows.push([
            cut(&path, CELL_CHARS),
            cut(&type_of(about), CELL_CHARS),
            about
                .get("default")
                .map_or("-".to_owned(), |value| cut(&bare(value), CELL_CHARS)),
            if must { "yes" } else { "no" }.to_owned(),
            cut(&description(about), DESCRIPTION_CHARS),
        ]);
    }
}

/// The values allowed, or the type with its bounds.
fn type_of(about: &Value) -> String {
    if let Some(values) = about.get("enum").and_then(Value::as_array) {
        return values.iter().map(bare).collect::<Vec<_>>().join("|");
    }
    if let Some(value) = about.get("const") {
        return bare(value);
    }
    let name = match about.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().map(bare).collect::<Vec<_>>().join("|"),
        _ => "any".to_owned(),
    };
    let name = match about.get("items") {
        Some(items) if name == "array" => format!("list of {}", type_of(items)),
        _ => name,
    };
    let bound = |key| about.get(key).filter(|bound| bound.is_number());
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("{name} {least} to {most}"),
        (Some(least), None) => format!("{name} from {least}"),
        (None, Some(most)) => format!("{name} to {most}"),
        (None, None) => name,
    }
}

fn description(about: &Value) -> String {
    let text = |key| about.as_object().and_then(|about: &Map<_, _>| about.get(key)?.as_str());
    text("description").or(text("title")).unwrap_or_default().to_owned()
}

/// A text without its quotes, anything else as JSON.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(text: &str, most: usize) -> String {
    let text = printable(text);
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_becomes_a_table() {
        let schema = json!({
            "type": "object",
            "required": ["index"],
            "properties": {
                "index": {"type": "string", "description": "Where documents go"},
                "level": {"enum": ["low", "high"], "default": "low"},
                "lines": {"type": "integer", "minimum": 0, "maximum": 50, "default": 10, "title": "Lines"},
                "tls": {"type": "object", "properties": {"ca": {"type": ["string", "null"]}}},
                "words": {"type": "array", "items": {"type": "string"}},
            }
        });
        insta::assert_snapshot!(table(&schema).join("\n"), @r"
        name    type             default  required  description
        index   string           -        yes       Where documents go
        level   low|high         low      no
        lines   integer 0 to 50  10       no        Lines
        tls.ca  string|null      -        no
        words   list of string   -        no
        ");
    }

    #[test]
    fn a_hostile_schema_is_cut_and_harmless() {
        for schema in [
            json!(true),
            json!({}),
            json!({"properties": 7}),
            json!({"properties": {}}),
        ] {
            assert_eq!(table(&schema), ["nothing to set"]);
        }
        let many: Map<_, _> = (0..1000)
            .map(|n| (format!("{n}\u{1b}[2J\n"), json!({"type": 1})))
            .collect();
        let lines = table(&json!({"properties": many}));
        assert_eq!(lines.len(), ROWS + 2);
        assert!(!lines.concat().contains(['\u{1b}', '\n']));
        let mut deep = json!({"type": "string"});
        for _ in 0..50 {
            deep = json!({"properties": {"x": deep}});
        }
        assert_eq!(table(&deep).len(), 2);
    }
}
