//! The JSON Schema of `host.toml`, for editors.

use schemars::generate::SchemaSettings;

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
