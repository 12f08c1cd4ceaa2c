//! `[dead-letters]` and `[rejected]`: where what became no delivered event is kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use rejected::RejectedBounds;
use sink::dead_letters::DeadLetterBounds;

/// Where undeliverable events are kept, and how many.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "DeadLetters")]
pub struct DeadLetterSection {
    /// The SQLite file, readable by its owner only.
    #[schemars(extend("x-default" = "`$XDG_STATE_HOME/host/dead-letters.db`"))]
    pub path: Option<PathBuf>,
    /// Events, at most.
    #[schemars(extend("x-unit" = "events", "default" = DeadLetterBounds::default().events))]
    pub events: Option<u64>,
    /// Bytes of events, ids and reasons, at most.
    #[schemars(extend("x-unit" = "bytes", "default" = DeadLetterBounds::default().bytes))]
    pub bytes: Option<u64>,
}

/// Where rows that became no events are kept, and how many.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Rejected")]
pub struct RejectedSection {
    /// The SQLite file, readable by its owner only.
    #[schemars(extend("x-default" = "`rejected.db` beside the dead letters, else beside the ledger"))]
    pub path: Option<PathBuf>,
    /// Rows, at most.
    #[schemars(extend("x-unit" = "rows", "default" = RejectedBounds::default().rows))]
    pub rows: Option<u64>,
    /// Bytes of rows, headers and reasons, at most.
    #[schemars(extend("x-unit" = "bytes", "default" = RejectedBounds::default().bytes))]
    pub bytes: Option<u64>,
}
