//! The keys of `kind = "stdout"`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Format;
use event::Encoding;

/// Standard output.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StdoutConfig {
    /// The form of an event.
    #[serde(default)]
    pub encoding: Encoding,
    /// The layout of events.
    #[schemars(extend("default" = Format::default(), "x-default" = "`ndjson`; on a terminal `table`"))]
    pub format: Option<Format>,
}
