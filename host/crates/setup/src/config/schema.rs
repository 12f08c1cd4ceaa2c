//! The JSON Schema of `host.toml`, for editors and for the tables of `docs/configuration.md`.
//!
//! Beside the words of JSON Schema a key may have three that validators pass over: `x-unit`, what its number counts or that
//! its text is a duration; `x-default`, in words, where the default is no single value; `x-range`, in words, what it takes.

use schemars::generate::SchemaSettings;

use super::host_toml::Config;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// True if the schema and the reader of the configuration both take the text.
    fn taken(text: &str) -> (bool, bool) {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        (validator.is_valid(&value), Config::parse(text).is_ok())
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
