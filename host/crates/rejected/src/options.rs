//! `[rejected]`: where rows that became no events are kept, and how many.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// The options of the store of rejected rows: where it is, and how many it keeps.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Rejected")]
pub struct RejectedOptions {
    // A store whose options name none keeps nothing.
    /// The SQLite file, readable by its owner only.
    #[schemars(extend("x-default" = "`rejected.db` beside the dead letters, else beside the ledger"))]
    pub path: Option<PathBuf>,
    /// Rows, at most.
    #[schemars(extend("x-unit" = "rows"))]
    pub rows: u64,
    /// Bytes of rows, headers and reasons, at most.
    #[schemars(extend("x-unit" = "bytes"))]
    pub bytes: u64,
}

impl Default for RejectedOptions {
    fn default() -> Self {
        RejectedOptions {
            path: None,
            rows: 1_000_000,
            bytes: 1 << 30,
        }
    }
}

/// The fill of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedFill {
    /// Rows there.
    pub rows: u64,
    /// Rows allowed.
    pub most_rows: u64,
    /// Bytes there.
    pub bytes: u64,
    /// Bytes allowed.
    pub most_bytes: u64,
}
