//! `[ledger]`: where progress is kept, and how late a source may be.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use base::duration::DurationText;

/// The place where progress is kept, and how late a source may be.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Ledger")]
pub struct LedgerSection {
    /// The SQLite file in which progress is kept.
    #[schemars(extend("x-default" = "`$XDG_STATE_HOME/host/ledger.db`"))]
    pub path: Option<PathBuf>,
    /// The time after an event for which it may still be missing at the source: runs that continue from the watermark stop so long
    /// before now.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("default" = "15m", "x-range" = "at most `30d`"))]
    pub lag: Option<Duration>,
    /// Windows in flight at once; they are delivered one after another. `--windows-ahead` takes precedence.
    #[serde(default, deserialize_with = "windows")]
    #[schemars(with = "Option<u16>", range(min = 1, max = 10_000), extend("x-unit" = "windows", "default" = 4))]
    pub windows_ahead: Option<u16>,
    /// Bytes of all documents, of whatever stream, that wait beside the ledger until their windows are delivered.
    #[schemars(extend("x-unit" = "bytes", "default" = 32_u64 << 30))]
    pub spool_bytes: Option<u64>,
    /// The longest that a document may wait for a sink that is down. Then nothing more is fetched, and nothing is thrown away.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("default" = "30d"))]
    pub spool_age: Option<Duration>,
    /// The time that runs look back for events that are stored late, where a source is asked for instants; `[]` looks back never.
    #[schemars(extend("default" = serde_json::json!([
            { "age": "1h" },
            { "age": "6h", "every": "1h" },
            { "age": "48h", "every": "24h" }
        ])))]
    pub look_back: Option<Vec<LookBackStep>>,
}

/// A step of the look-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LookBackStep {
    /// The time to look back.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText", extend("x-range" = "at most `30d`"))]
    pub age: Duration,
    /// The interval between looks.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "each run"))]
    pub every: Option<Duration>,
}

fn windows<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(deserializer)? {
        windows @ 1..=10_000 => Ok(Some(windows)),
        _ => Err(serde::de::Error::custom("windows-ahead is a number from 1 to 10000")),
    }
}
