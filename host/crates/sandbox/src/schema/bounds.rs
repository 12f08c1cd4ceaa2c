//! The work that a sink's configuration schema may be: counted before anything evaluates it.
//!
//! A `$ref` is evaluated as if its target stood in its place, so a few lines can stand for more steps than anybody waits
//! for. [`steps`] counts what stands there with every `$ref` written out, and counts each target once: as a number, it may
//! be as large as it likes. Only references within the schema are followed, and none that leads back to itself, so that the
//! count is exact and the depth known.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// Bytes of the schema's text. The largest of the built-in plugins has about 3,000.
pub(super) const BYTES: usize = 64 << 10;
/// Schemas within schemas, references followed.
pub(super) const DEPTH: usize = 32;
/// Values in the schema, with every reference written out.
pub(super) const STEPS: u64 = 20_000;
/// Steps for a whole configuration: no step looks at a value of it more than once.
pub(super) const EVALUATION: u64 = 1_000_000;
/// Bytes of a compiled pattern, and of the states that it keeps while it is at work.
pub(super) const PATTERN_BYTES: usize = 256 << 10;

/// A pattern is compiled and then run over texts: dearer than other values.
const PATTERN_STEPS: u64 = 100;
/// Keywords that need to know what else is evaluated: everything beside it is compiled and evaluated again.
const UNEVALUATED_TIMES: u64 = 4;

/// Keywords (JSON Schema 2020-12, and those of earlier drafts) whose value is a schema, or a list of schemas.
const SCHEMAS: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords whose value holds schemas by name. Not `$defs`: only a `$ref` evaluates what is there.
const SCHEMAS_BY_NAME: &[&str] = &["dependencies", "dependentSchemas", "patternProperties", "properties"];

/// Keywords by which a reference could mean something else than what stands at its place.
const ELSEWHERE: &[&str] = &["$dynamicRef", "$id", "$recursiveRef", "$schema"];

/// The schema, read, and the steps that it takes for each value of a configuration.
pub(crate) fn read(text: &str) -> Result<(Value, u64), String> {
    if text.len() > BYTES {
        return Err(format!("`config-schema` is longer than {BYTES} bytes"));
    }
    let schema = match serde_json::from_str(text) {
        Ok(schema @ (Value::Object(_) | Value::Bool(_))) => schema,
        _ => return Err("`config-schema` is not a JSON Schema".to_owned()),
    };
    let steps = steps(&schema).map_err(|reason| format!("`config-schema` {reason}"))?;
    Ok((schema, steps))
}

/// The values in a JSON document, itself included.
pub(super) fn values(document: &Value) -> u64 {
    let within = match document {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(members) => members.values().map(values).sum(),
        _ => 0,
    };
    within + 1
}

fn steps(schema: &Value) -> Result<u64, String> {
    local(schema, true)?;
    let mut count = Count {
        root: schema,
        known: HashMap::new(),
        open: HashSet::new(),
    };
    count.schema(schema, DEPTH).map(|cost| cost.steps)
}

/// Checks that a schema is local: nothing in it may change what a reference means, but the root may say its own name and draft.
fn local(value: &Value, root: bool) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| local(item, false)),
        Value::Object(members) => {
            for (name, member) in members {
                let own = root && matches!(name.as_str(), "$id" | "$schema");
                if member.is_string() && !own && ELSEWHERE.contains(&name.as_str()) {
                    return Err(format!(
                        "holds `{name}`; references in it are plain, as `{{\"$ref\": \"#/$defs/name\"}}`"
                    ));
                }
                local(member, false)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct Cost {
    steps: u64,
    /// Schemas within this one, itself included.
    depth: usize,
}

/// A schema's count under way.
struct Count<'a> {
    root: &'a Value,
    /// Targets of references that were counted, by their pointers.
    known: HashMap<String, Cost>,
    /// Pointers of the targets that are being counted.
    open: HashSet<String>,
}

impl Count<'_> {
    /// Counts a schema that has so many levels left.
    fn schema(&mut self, schema: &Value, left: usize) -> Result<Cost, String> {
        let Some(left) = left.checked_sub(1) else {
            return Err(format!("is deeper than {DEPTH} schemas"));
        };
        let mut sum = Cost { steps: 1, depth: 1 };
        let Value::Object(members) = schema else {
            // `true` and `false`; or no schema at all, which its own evaluation refuses.
            sum.steps = values(schema);
            return Ok(sum);
        };
        for (keyword, value) in members {
            let inner = self.keyword(keyword, value, left)?;
            sum.steps = sum.steps.saturating_add(inner.steps);
            sum.depth = sum.depth.max(inner.depth.saturating_add(1));
        }
        if ["unevaluatedItems", "unevaluatedProperties"]
            .iter()
            .any(|keyword| members.contains_key(*keyword))
        {
            sum.steps = sum.steps.saturating_mul(UNEVALUATED_TIMES);
        }
        if sum.steps > STEPS {
            return Err(format!(
                "stands for more than {STEPS} values with its references written out"
            ));
        }
        Ok(sum)
    }

    fn keyword(&mut self, keyword: &str, value: &Value, left: usize) -> Result<Cost, String> {
        match value {
            Value::String(target) if keyword == "$ref" => self.reference(target, left),
            Value::Array(schemas) if SCHEMAS.contains(&keyword) => self.all(schemas, left),
            Value::Object(_) if SCHEMAS.contains(&keyword) => self.schema(value, left),
            Value::Object(named) if SCHEMAS_BY_NAME.contains(&keyword) => {
                let mut sum = self.all(named.values(), left)?;
                if keyword == "patternProperties" {
                    sum.steps = sum.steps.saturating_add(patterns(named));
                }
                Ok(sum)
            }
            Value::String(_) if keyword == "pattern" => Ok(Cost {
                steps: PATTERN_STEPS,
                depth: 0,
            }),
            // Only what refers to them evaluates them.
            Value::Object(_) if matches!(keyword, "$defs" | "definitions") => Ok(Cost { steps: 0, depth: 0 }),
            _ => Ok(Cost {
                steps: values(value),
                depth: 0,
            }),
        }
    }

    fn all<'b>(&mut self, schemas: impl IntoIterator<Item = &'b Value>, left: usize) -> Result<Cost, String> {
        let mut sum = Cost { steps: 1, depth: 0 };
        for schema in schemas {
            let inner = self.schema(schema, left)?;
            sum.steps = sum.steps.saturating_add(inner.steps);
            sum.depth = sum.depth.max(inner.depth);
        }
        Ok(sum)
    }

    fn reference(&mut self, target: &str, left: usize) -> Result<Cost, String> {
        let shown = || target.chars().take(100).collect::<String>();
        let pointer = target
            .strip_prefix('#')
            .filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
            .map(|pointer| {
                percent_encoding::percent_decode_str(pointer)
                    .decode_utf8_lossy()
                    .into_owned()
            })
            .ok_or_else(|| {
                format!(
                    "refers to {:?}, which is outside of it; nothing is fetched for a plugin",
                    shown()
                )
            })?;
        if let Some(cost) = self.known.get(&pointer) {
            // It was counted at another place, which had another number of levels left.
            return match cost.depth > left {
                true => Err(format!("is deeper than {DEPTH} schemas")),
                false => Ok(*cost),
            };
        }
        let root = self.root;
        let schema = root
            .pointer(&pointer)
            .ok_or_else(|| format!("refers to {:?}, and there is nothing", shown()))?;
        if !self.open.insert(pointer.clone()) || pointer.is_empty() {
            return Err(format!(
                "refers to {:?} within what it refers to, and so never ends",
                shown()
            ));
        }
        let cost = self.schema(schema, left)?;
        self.open.remove(&pointer);
        self.known.insert(pointer, cost);
        Ok(cost)
    }
}

fn patterns(named: &Map<String, Value>) -> u64 {
    u64::try_from(named.len())
        .unwrap_or(u64::MAX)
        .saturating_mul(PATTERN_STEPS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A schema in which each of so many definitions refers to the next one twice.
    fn doubling(levels: usize) -> Value {
        let mut definitions = Map::new();
        for level in 0..levels {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
        }
        definitions.insert(format!("d{levels}"), json!({"type": "string"}));
        json!({"$defs": definitions, "properties": {"a": {"$ref": "#/$defs/d0"}}})
    }

    fn refused(schema: &Value) -> String {
        read(&schema.to_string()).expect_err(&schema.to_string())
    }

    #[test]
    fn references_count_as_often_as_they_are_followed() {
        let ten = steps(&doubling(5)).unwrap();
        let eleven = steps(&doubling(6)).unwrap();
        assert!(ten > 1 << 5 && eleven > ten * 3 / 2, "{ten} {eleven}");
        for levels in [12, 14] {
            assert!(
                refused(&doubling(levels)).contains("more than 20000 values"),
                "{levels}"
            );
        }
        // As deep as it may be, with forty doublings in 2.8 kB: deeper than the limit before it is too many.
        let schema = doubling(40);
        assert!(schema.to_string().len() < 3000);
        assert!(refused(&schema).contains("deeper than 32"));
    }

    #[test]
    fn a_schema_is_bounded_in_bytes() {
        let schema = |bytes: usize| json!({"description": "x".repeat(bytes - r#"{"description":""}"#.len())});
        assert!(read(&schema(BYTES).to_string()).is_ok());
        assert!(refused(&schema(BYTES + 1)).contains("longer than 65536 bytes"));
    }

    #[test]
    fn a_schema_is_bounded_in_depth_however_it_gets_there() {
        let nested = |levels: usize, key: &str| (1..levels).fold(json!({}), |inner, _| json!({ key: inner }));
        for key in ["not", "items", "if", "additionalProperties", "contains"] {
            assert!(steps(&nested(DEPTH, key)).is_ok(), "{key}");
            assert!(refused(&nested(DEPTH + 1, key)).contains("deeper"), "{key}");
        }
        // The second reference to a counted target stands deeper than the first.
        let target = nested(DEPTH - 4, "not");
        let deep = json!({"$defs": {"t": target}, "allOf": [{"$ref": "#/$defs/t"}, {"not": {"not": {"not": {"$ref": "#/$defs/t"}}}}]});
        assert!(refused(&deep).contains("deeper"));
    }

    #[test]
    fn patterns_and_unevaluated_members_cost_more() {
        let with = |count: usize| {
            let patterns: Map<_, _> = (0..count).map(|n| (format!("^{n}"), json!(true))).collect();
            json!({ "patternProperties": patterns })
        };
        assert!(steps(&with(190)).is_ok());
        assert!(refused(&with(200)).contains("more than"));
        let unevaluated = |levels| {
            (0..levels).fold(
                json!({}),
                |inner, _| json!({"allOf": [inner], "unevaluatedProperties": false}),
            )
        };
        assert!(steps(&unevaluated(4)).is_ok());
        assert!(refused(&unevaluated(10)).contains("more than"));
    }

    #[test]
    fn a_reference_stays_within_and_ends() {
        for (schema, part) in [
            (json!({"$ref": "https://schema.example/a"}), "outside"),
            (json!({"$ref": "other.json#/a"}), "outside"),
            (json!({"$ref": "#name"}), "outside"),
            (json!({"$ref": "#/$defs/none"}), "there is nothing"),
            (json!({"$ref": "#"}), "never ends"),
            (json!({"properties": {"a": {"$ref": "#/properties/a"}}}), "never ends"),
            (
                json!({"$defs": {"a": {"not": {"$ref": "#/%24defs/a"}}}, "$ref": "#/$defs/a"}),
                "never ends",
            ),
            (json!({"$dynamicRef": "#a"}), "`$dynamicRef`"),
            (json!({"$recursiveRef": "#"}), "`$recursiveRef`"),
            (json!({"not": {"$id": "https://schema.example/a"}}), "`$id`"),
            (
                json!({"not": {"$schema": "http://json-schema.org/draft-07/schema#"}}),
                "`$schema`",
            ),
        ] {
            let said = refused(&schema);
            assert!(said.contains(part), "{schema}: {said}");
        }
        // A property may have any name, and the root may say what it is.
        for schema in [
            json!({"properties": {"$id": {"type": "string"}, "id": true, "$ref": true}}),
            json!({"$id": "urn:x", "$schema": "https://json-schema.org/draft/2020-12/schema"}),
            json!({"$defs": {"a/b c": {"type": "string"}}, "items": {"$ref": "#/$defs/a~1b%20c"}}),
            json!(true),
        ] {
            assert!(read(&schema.to_string()).is_ok(), "{schema}");
        }
        for text in ["", "7", "[]", "{", "null"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
