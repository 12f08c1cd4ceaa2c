use serde::Deserialize;

/// The configuration of the sink: see `config.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SlackConfig {
    pub title: String,
    pub top: usize,
    pub lines: usize,
    pub failures_only: bool,
}

impl Default for SlackConfig {
    fn default() -> Self {
        SlackConfig {
            title: "Identity audit".into(),
            top: 5,
            lines: 10,
            failures_only: true,
        }
    }
}
