//! `[plugins.NAME]`: a plugin of the user's own.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use sandbox::Grant;

/// A plugin of the user's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Plugin")]
pub struct PluginEntry {
    /// The component or core module, relative to the configuration's folder.
    pub path: PathBuf,
    /// Requests that the plugin may ask for besides `GET`, as `POST /interop/rest/v1/reports`; `*` stands for one segment,
    /// `/**` at the end for any number. A sink with this key may ask for `GET` and these alone.
    #[schemars(with = "Option<Vec<String>>", extend("x-default" = "a report: `GET` of any path; a sink: anything"))]
    pub allow: Option<Vec<Grant>>,
    /// The file's SHA-256 in hexadecimal, as `host plugin inspect` prints it: another file is refused before anything of it
    /// is loaded.
    #[serde(default, deserialize_with = "sha256")]
    #[schemars(with = "Option<String>", regex(pattern = "^[0-9A-Fa-f]{64}$"), extend("x-default" = "any file"))]
    pub sha256: Option<String>,
}

/// A digest in lower case.
fn sha256<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(Some(text.to_ascii_lowercase())),
        false => Err(serde::de::Error::custom("sha256 is 64 hexadecimal digits")),
    }
}
