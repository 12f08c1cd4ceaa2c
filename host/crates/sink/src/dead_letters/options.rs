//! `[dead-letters]`: where events that could not be delivered are kept, and how many.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// The options of the store of dead letters: where it is, and how many it keeps.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "DeadLetters")]
pub struct DeadLetterOptions {
    // A store whose options name none keeps nothing.
    /// The SQLite file, readable by its owner only.
    #[schemars(extend("x-default" = "`$XDG_STATE_HOME/host/dead-letters.db`"))]
    pub path: Option<PathBuf>,
    /// Events, at most.
    #[schemars(extend("x-unit" = "events"))]
    pub events: u64,
    /// Bytes of events, ids and reasons, at most.
    #[schemars(extend("x-unit" = "bytes"))]
    pub bytes: u64,
}

impl Default for DeadLetterOptions {
    fn default() -> Self {
        DeadLetterOptions {
            path: None,
            events: 1_000_000,
            bytes: 1 << 30,
        }
    }
}
