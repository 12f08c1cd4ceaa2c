//! A sink's configuration held against the schema that the plugin states.

pub(super) mod bounds;

use std::fmt;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::PluginError;
use super::SinkPlugin;
use super::error::plain;

/// Mistakes that are told.
const MISTAKES: usize = 100;

/// Something in a configuration that its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMistake {
    /// The place: a JSON pointer (RFC 6901), empty for the whole.
    pub path: String,
    /// The mistake, in words.
    pub problem: String,
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

impl SinkPlugin {
    /// The parts of `config` that the plugin's schema does not allow; the first hundred mistakes.
    ///
    /// # Errors
    ///
    /// Where the schema itself is none, or takes more than the work that is allowed for it.
    pub fn config_mistakes(&self, config: &Value) -> Result<Vec<ConfigMistake>, PluginError> {
        let about = self.describe();
        mistakes(&about.config_schema, config).map_err(|reason| PluginError::Rule {
            label: about.name.clone(),
            call: "describe",
            reason,
        })
    }
}

fn mistakes(schema: &str, config: &Value) -> Result<Vec<ConfigMistake>, String> {
    let (schema, steps) = bounds::read(schema)?;
    if steps.saturating_mul(bounds::values(config)) > bounds::EVALUATION {
        return Err(format!(
            "`config-schema` takes more than {} steps for this configuration",
            bounds::EVALUATION
        ));
    }
    let validator =
        validator(&schema).map_err(|reason| format!("`config-schema` is not a usable JSON Schema: {reason}"))?;
    let mistakes = validator.iter_errors(config).take(MISTAKES).map(|error| ConfigMistake {
        path: error.instance_path().to_string(),
        problem: plain(&error.to_string()),
    });
    Ok(mistakes.collect())
}

fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::draft202012::options()
        // The engine that takes linear time: it knows no look-around and no back-references.
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(bounds::PATTERN_BYTES)
                .dfa_size_limit(bounds::PATTERN_BYTES),
        )
        .build(schema)
        .map_err(|error| plain(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(schema: &Value, config: &Value) -> Result<Vec<ConfigMistake>, String> {
        mistakes(&schema.to_string(), config)
    }

    #[test]
    fn a_pattern_takes_linear_time_and_little_memory_or_is_refused() {
        // With a backtracking engine this one takes 2^60 steps.
        let schema = json!({"properties": {"a": {"pattern": "^(a|a)*$"}}});
        let mistakes = found(&schema, &json!({"a": "a".repeat(60) + "b"})).unwrap();
        assert_eq!(mistakes[0].path, "/a");
        for pattern in ["(?=a)b", r"(a)\1", "(((a{500}){500}){500})"] {
            let error = found(&json!({ "pattern": pattern }), &json!("a")).unwrap_err();
            assert!(error.contains("not a usable JSON Schema"), "{pattern}: {error}");
        }
    }

    #[test]
    fn the_steps_for_a_whole_configuration_are_bounded() {
        let branches: Vec<_> = (0..3000).map(|n| json!({ "const": n })).collect();
        let schema = json!({"items": {"anyOf": branches}});
        assert!(found(&schema, &json!([2999, 0])).unwrap().is_empty());
        let error = found(&schema, &json!(vec![0; 400])).unwrap_err();
        assert!(error.contains("1000000 steps"), "{error}");
    }

    #[test]
    fn no_more_mistakes_are_told_than_anybody_reads() {
        let schema = json!({"items": {"type": "string"}});
        assert_eq!(found(&schema, &json!(vec![0; 1000])).unwrap().len(), MISTAKES);
    }
}
