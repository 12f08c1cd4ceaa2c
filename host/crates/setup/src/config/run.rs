//! `[run]`: how runs end.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use base::duration::DurationText;

/// The end of runs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Run")]
pub struct RunSection {
    /// The longest time that a run may take; `--deadline` takes precedence. Then the run ends as if stopped, with exit 4, and the next one
    /// continues.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "no limit"))]
    pub deadline: Option<Duration>,
}
