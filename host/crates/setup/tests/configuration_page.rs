//! The tables of keys in `docs/configuration.md` are made of the JSON Schema that `host config schema` prints.
//!
//! A table stands between `<!-- keys: NAME -->` and `<!-- end of keys -->`. NAME is a definition of the schema, such as `Ledger`;
//! `Sink` is what all sinks have in common, and `Sink file` what one kind has besides. `BLESS=1 cargo test -p setup` writes the
//! tables, and the difference is read before it is committed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/configuration.md");
const BEGIN: &str = "<!-- keys: ";
const END: &str = "<!-- end of keys -->";
const COLUMNS: [&str; 6] = ["key", "type", "unit", "default", "range", "meaning"];

type Properties = Map<String, Value>;

/// The subject of a line of a table.
enum Row<'a> {
    /// One of several kinds, whose keys follow.
    Kind { kind: &'a str, schema: &'a Value },
    /// A key, and whether it has to be there.
    Key {
        name: &'a str,
        schema: &'a Value,
        needed: bool,
    },
}

impl<'a> Row<'a> {
    fn name(&self) -> &'a str {
        match self {
            Row::Kind { kind: name, .. } | Row::Key { name, .. } => name,
        }
    }

    fn schema(&self) -> &'a Value {
        match self {
            Row::Kind { schema, .. } | Row::Key { schema, .. } => schema,
        }
    }
}

#[test]
fn the_tables_of_the_page_are_those_of_the_schema() {
    let schema = setup::config::schema();
    let page = std::fs::read_to_string(PAGE).unwrap();
    let written = rewritten(&page, &Tables::new(&schema, &page));
    if written == page {
        return;
    }
    if std::env::var_os("BLESS").is_some() {
        return std::fs::write(PAGE, written).unwrap();
    }
    let differs = (written.lines().zip(page.lines())).find(|(written, page)| written != page);
    panic!("docs/configuration.md is not what the schema says: {differs:?}\n\nBLESS=1 accepts what the schema says");
}

#[test]
fn the_page_has_a_table_for_each_part_of_the_configuration() {
    let schema = setup::config::schema();
    let page = std::fs::read_to_string(PAGE).unwrap();
    let tables = Tables::new(&schema, &page);
    let names: BTreeSet<String> = names(&page).map(str::to_owned).collect();
    assert_eq!(names, tables.expected());
}

#[test]
fn every_key_has_a_meaning_and_every_number_a_unit() {
    let schema = setup::config::schema();
    let tables = Tables::new(&schema, "");
    for name in tables.expected() {
        for row in tables.rows(&name) {
            let key = row.name();
            let [_, kind, unit, _, _, meaning] = tables.cells(&row);
            assert!(!meaning.is_empty(), "{name}: {key} has no doc comment");
            assert!(kind != "integer" || !unit.is_empty(), "{name}: {key} has no `x-unit`");
        }
    }
}

/// The page with each of its tables written anew.
fn rewritten(page: &str, tables: &Tables) -> String {
    let mut parts = page.split(BEGIN);
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").expect("a marker ends with -->");
        let (_, after) = rest.split_once(END).expect("a table has an end");
        write!(written, "{BEGIN}{name} -->\n{}{END}{after}", tables.table(name)).unwrap();
    }
    written
}

/// The names in the markers of the page.
fn names(page: &str) -> impl Iterator<Item = &str> {
    page.split(BEGIN)
        .skip(1)
        .filter_map(|part| Some(part.split_once(" -->")?.0))
}

struct Tables<'a> {
    definitions: &'a Properties,
    page: &'a str,
}

impl<'a> Tables<'a> {
    fn new(schema: &'a Value, page: &'a str) -> Tables<'a> {
        let definitions = schema["$defs"].as_object().unwrap();
        Tables { definitions, page }
    }

    /// The names of all tables that the page is to have.
    fn expected(&self) -> BTreeSet<String> {
        let tables = self.definitions.iter().filter(|(name, definition)| {
            let union = !kinds(definition).is_empty();
            name.as_str() != "Sink" && (definition.get("properties").is_some() || union)
        });
        let sinks = kinds(&self.definitions["Sink"]);
        let sinks = sinks.into_iter().map(|(kind, _)| format!("Sink {kind}"));
        (tables.map(|(name, _)| name.clone()))
            .chain(sinks)
            .chain(["Sink".to_owned()])
            .collect()
    }

    fn table(&self, name: &str) -> String {
        let cells: Vec<[String; 6]> = self.rows(name).iter().map(|row| self.cells(row)).collect();
        let shown: Vec<usize> = (0..COLUMNS.len())
            .filter(|column| cells.iter().any(|row| !row[*column].is_empty()))
            .collect();
        let mut table = String::new();
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            writeln!(table, "| {} |", cells.collect::<Vec<_>>().join(" | ")).unwrap();
        };
        line(&mut shown.iter().map(|column| COLUMNS[*column]));
        line(&mut shown.iter().map(|_| "---"));
        for row in &cells {
            line(&mut shown.iter().map(|column| row[*column].as_str()));
        }
        table
    }

    /// The contents of a table: keys, and before those of one of several kinds the kind.
    fn rows(&self, name: &str) -> Vec<Row<'a>> {
        if name == "Sink" {
            return self.common_to_sinks();
        }
        if let Some(kind) = name.strip_prefix("Sink ") {
            return self.of_sink(kind);
        }
        let definition = self.definitions.get(name).unwrap_or_else(|| panic!("no {name}"));
        if definition.get("properties").is_some() {
            return keys_of(definition);
        }
        let mut rows = Vec::new();
        for (kind, schema) in kinds(definition) {
            rows.push(Row::Kind { kind, schema });
            if !self.is_like_a_sink(kind, schema) {
                rows.extend(keys_of(schema));
            }
        }
        rows
    }

    /// The keys that only one kind of sink has.
    fn of_sink(&self, kind: &str) -> Vec<Row<'a>> {
        let kinds = kinds(&self.definitions["Sink"]);
        let schema = kinds.iter().find(|(name, _)| *name == kind).map(|(_, schema)| *schema);
        let mut keys = schema.map(keys_of).unwrap_or_default();
        let common = self.common_to_sinks();
        keys.retain(|row| !common.iter().any(|shared| shared.name() == row.name()));
        keys
    }

    /// The keys that all kinds of sink have and mean alike.
    fn common_to_sinks(&self) -> Vec<Row<'a>> {
        let kinds = kinds(&self.definitions["Sink"]);
        let mut common = keys_of(kinds[0].1);
        common.retain(|row| {
            let schema = row.schema();
            kinds
                .iter()
                .all(|(_, kind)| kind["properties"].get(row.name()) == Some(schema))
        });
        common
    }

    /// True if something of several kinds takes for one of them what a sink of that kind takes.
    fn is_like_a_sink(&self, kind: &str, schema: &'a Value) -> bool {
        let (own, sink) = (keys_of(schema), self.of_sink(kind));
        own.len() > 1 && own.iter().map(Row::name).eq(sink.iter().map(Row::name))
    }

    fn cells(&self, row: &Row) -> [String; 6] {
        let (name, value) = (row.name(), row.schema());
        let mut meaning = text(value, "description").replace('\n', " ").replace('|', "\\|");
        let needed = match row {
            Row::Kind { kind, schema } => {
                if self.is_like_a_sink(kind, schema) {
                    write!(
                        meaning,
                        " It has the keys of [such a sink]({}).",
                        self.anchor(&format!("Sink {kind}"))
                    )
                    .unwrap();
                }
                let none = String::new;
                return [
                    format!("**`kind = \"{kind}\"`**"),
                    none(),
                    none(),
                    none(),
                    none(),
                    meaning,
                ];
            }
            Row::Key { needed, .. } => *needed,
        };
        let (kind, range) = self.kind(value);
        let unit = match text(value, "x-unit") {
            "" => text(inner(value), "x-unit").to_owned(),
            unit => unit.to_owned(),
        };
        let range = match text(value, "x-range") {
            "" => range,
            range => range.to_owned(),
        };
        let default = match (needed, text(value, "x-default"), value.get("default")) {
            (true, ..) => "needed".to_owned(),
            (_, words, _) if !words.is_empty() => words.to_owned(),
            (_, _, Some(default)) => shown(default, &unit),
            _ => String::new(),
        };
        [
            format!("`{name}`"),
            kind,
            unit,
            default,
            range.replace('|', "\\|"),
            meaning,
        ]
    }

    /// The type of a key and, where the schema says so, what values it takes.
    fn kind(&self, value: &Value) -> (String, String) {
        let value = inner(value);
        if let Some(name) = value.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            return self.kind_of_definition(name);
        }
        let words = words(value);
        if !words.is_empty() {
            return ("word".into(), words.join(", "));
        }
        match type_of(value) {
            "array" => (format!("list of {}", self.kind(&value["items"]).0), String::new()),
            "object" => match value.get("additionalProperties") {
                Some(values) if values.is_object() => (format!("table of {}", self.kind(values).0), String::new()),
                _ => ("table".into(), String::new()),
            },
            "string" => ("text".into(), pattern(value)),
            "integer" => ("integer".into(), bounds(value)),
            other => (other.into(), String::new()),
        }
    }

    fn kind_of_definition(&self, name: &str) -> (String, String) {
        let definition = &self.definitions[name];
        if name == "SecretSource" {
            return ("[secret](#secrets)".into(), String::new());
        }
        if definition.get("properties").is_some() || !kinds(definition).is_empty() {
            return (format!("[table]({})", self.anchor(name)), String::new());
        }
        self.kind(definition)
    }

    /// The heading below which a table stands, as GitHub links it.
    fn anchor(&self, name: &str) -> String {
        let marker = format!("{BEGIN}{name} -->");
        let before = self.page.split(&marker).next().unwrap_or_default();
        let heading = before
            .lines()
            .rev()
            .find(|line| line.starts_with('#'))
            .unwrap_or_default();
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        format!("#{}", kept.collect::<String>().replace(' ', "-"))
    }
}

/// The variants of a union that a `kind` tells apart.
fn kinds(definition: &Value) -> Vec<(&str, &Value)> {
    let variants = definition.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    variants
        .filter_map(|variant| Some((variant.pointer("/properties/kind/const")?.as_str()?, variant)))
        .collect()
}

/// The keys of a table, those first that have to be there; not the `kind` that tells it from others.
fn keys_of(schema: &Value) -> Vec<Row<'_>> {
    let needed = schema.get("required").and_then(Value::as_array);
    let needed: Vec<&str> = needed.into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let mut keys: Vec<Row> = properties
        .filter(|(_, value)| value.get("const").is_none())
        .map(|(name, schema)| Row::Key {
            name,
            schema,
            needed: needed.contains(&name.as_str()),
        })
        .collect();
    keys.sort_by_key(|row| !matches!(row, Row::Key { needed: true, .. }));
    keys
}

/// The schema of what a key holds where it is there.
fn inner(value: &Value) -> &Value {
    let variants = value.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    variants
        .into_iter()
        .find(|variant| type_of(variant) != "null")
        .unwrap_or(value)
}

fn type_of(value: &Value) -> &str {
    match value.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => (names.iter().filter_map(Value::as_str))
            .find(|name| *name != "null")
            .unwrap_or(""),
        _ => "",
    }
}

/// The values of an enumeration.
fn words(value: &Value) -> Vec<String> {
    let variants = value.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let all = variants.chain([value]).flat_map(|variant| {
        let listed = variant.get("enum").and_then(Value::as_array).into_iter().flatten();
        listed.chain(variant.get("const"))
    });
    all.filter_map(|word| Some(format!("`{}`", word.as_str()?))).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn pattern(value: &Value) -> String {
    match text(value, "pattern") {
        "" => String::new(),
        pattern => format!("`{pattern}`"),
    }
}

fn bounds(value: &Value) -> String {
    match (value.get("minimum").and_then(Value::as_u64), value.get("maximum")) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) if least > 0 => format!("{least} or more"),
        _ => String::new(),
    }
}

/// A default as it would stand in the file.
fn shown(default: &Value, unit: &str) -> String {
    match default {
        Value::Null => String::new(),
        Value::Object(members) if members.is_empty() => String::new(),
        Value::Number(number) if unit == "bytes" => match number.as_u64().map(in_binary_units) {
            Some(Some(words)) => format!("{number} ({words})"),
            _ => number.to_string(),
        },
        Value::Number(number) => number.to_string(),
        other => format!("`{}`", toml_text(other)),
    }
}

fn in_binary_units(bytes: u64) -> Option<String> {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let (name, size) = units
        .into_iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))?;
    Some(format!("{} {name}", bytes / size))
}

fn toml_text(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = (members.iter())
                .map(|(key, value)| format!("{key} = {}", toml_text(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
