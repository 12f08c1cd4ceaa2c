//! The JSON Schema of `host.toml`, for editors and for the tables of `docs/configuration.md`.
//!
//! Beside the words of JSON Schema a key may have three that validators pass over: `x-unit`, what its number counts or that
//! its text is a duration; `x-default`, in words, where the default is no single value; `x-range`, in words, what it takes.

use std::borrow::Cow;
use std::time::Duration;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Config;

/// The schema, as JSON Schema 2020-12.
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Config>()
        .to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".into(), "host.toml".into());
    }
    schema
}

/// A duration as the file has it, such as `90s`: what the schema says in place of [`Duration`].
pub(super) struct DurationText;

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-unit": "duration" })
    }
}

/// A default duration as somebody would write it in the file: in the greatest unit of which it is a multiple.
pub(super) fn in_words(duration: Duration) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let whole = duration.as_millis();
    let unit = units
        .into_iter()
        .find(|(_, size)| whole >= *size && whole.is_multiple_of(*size));
    let (name, size) = unit.unwrap_or(("ms", 1));
    format!("{}{name}", whole / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the schema and the reader of the configuration both take the text.
    fn taken(text: &str) -> (bool, bool) {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        (validator.is_valid(&value), Config::parse(text).is_ok())
    }

    #[test]
    fn a_default_duration_is_one_that_the_reader_takes() {
        for (duration, text) in [
            (Duration::from_millis(500), "500ms"),
            (Duration::from_secs(90), "90s"),
            (Duration::from_secs(3600), "1h"),
            (Duration::ZERO, "0ms"),
        ] {
            assert_eq!(in_words(duration), text);
            assert_eq!(crate::config::parse_duration(text), Ok(duration));
        }
    }

    #[test]
    fn the_schema_takes_what_the_reader_takes() {
        let connection = "[connections.epm]\nkind = \"epm\"\nurl = \"https://a.example\"\n";
        for good in [
            "",
            &format!(
                "{connection}auth = {{ kind = \"basic\", username = \"u\", password = {{ env = \"P\" }} }}\ntimeout = \"90s\""
            ),
            "[sinks.a]\nkind = \"file\"\npath = \"x\"\nrequired = false\nretry = { max-elapsed = \"1m\" }",
            "[sinks.a]\nplugin = \"cef\"\nconfig = { vendor = \"x\" }\ntransport = { kind = \"stdout\" }",
            "[sinks.a]\nkind = \"http\"\nendpoint = { url = \"https://a.example\", auth = { kind = \"path\", value = { file = \"x\" } } }",
            "[[routes]]\noutcome = \"failure\"\nwhen = \"true\"\nto = [\"stdout\"]",
            "[dead-letters]\nevents = 5\n[limits]\ntime = \"1s\"\n[plugins.mine]\npath = \"x.wasm\"",
        ] {
            assert_eq!(taken(good), (true, true), "{good}");
        }
        for bad in [
            "[sink.a]\nkind = \"stdout\"",
            &format!("{connection}urll = \"x\""),
            &format!("{connection}auth = {{ kind = \"basic\", username = \"u\", password = \"literal\" }}"),
            "[sinks.a]\nkind = \"fil\"\npath = \"x\"",
            "[sinks.a]\npath = \"x\"",
            "[sinks.a]\nkind = \"file\"\npath = \"x\"\nrequired = \"no\"",
            "[[routes]]\noutcome = \"failed\"\nto = [\"stdout\"]",
            "[[routes]]\nwhen = \"true\"",
        ] {
            assert_eq!(taken(bad), (false, false), "{bad}");
        }
    }
}
