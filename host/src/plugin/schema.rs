//! A sink's configuration held against the schema that the plugin states.

use std::fmt;

use jsonschema::Validator;
use serde_json::Value;

use super::PluginError;
use super::SinkPlugin;
use super::error::plain;

/// Something in a configuration that its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMistake {
    /// Where: a JSON pointer (RFC 6901), empty for the whole.
    pub path: String,
    /// What is wrong.
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
    /// Everything in `config` that the plugin's schema does not allow.
    ///
    /// # Errors
    ///
    /// Where the schema itself is none, or refers to another document: nothing is fetched for a plugin.
    pub fn config_mistakes(&self, config: &Value) -> Result<Vec<ConfigMistake>, PluginError> {
        let about = self.describe();
        let validator = validator(&about.config_schema).map_err(|reason| PluginError::Rule {
            label: about.name.clone(),
            call: "describe",
            reason: format!("`config-schema` is no usable JSON Schema: {reason}"),
        })?;
        let mistakes = validator.iter_errors(config).map(|error| ConfigMistake {
            path: error.instance_path().to_string(),
            problem: plain(&error.to_string()),
        });
        Ok(mistakes.collect())
    }
}

fn validator(schema: &str) -> Result<Validator, String> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    jsonschema::draft202012::options()
        .build(&schema)
        .map_err(|error| plain(&error.to_string()))
}
