//! The origin of rows: run, plugin, document and period.

use serde::{Deserialize, Serialize};

use event::Provenance;

/// The origin of rows: the same for all rows of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowOrigin {
    /// The provenance that all events of the run share.
    pub provenance: Provenance,
    /// The connection's name in derived ids, where that is another than the provenance's: it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids_of: Option<String>,
    /// The URL that the connection leads to; unknown for rows that an earlier version kept. Configurations that share a store
    /// may name connections alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The parameters that the plugin was given.
    pub parameters: Vec<(String, String)>,
    /// The run.
    pub run_id: String,
    /// The plugin that could not read the row.
    pub plugin: PluginIdentity,
    /// The document.
    pub document: SourceDocument,
    /// The period that was asked for.
    pub window: RowPeriod,
    /// The clock that the plugin was told, in ms since 1970.
    pub now: i64,
}

/// The report plugin that a row was given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginIdentity {
    /// The plugin as the user named it: a name or a path.
    pub asked: String,
    /// The plugin's version.
    pub version: String,
    /// SHA-256 of the component, hexadecimal.
    pub sha256: String,
}

/// A document of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDocument {
    /// The fetch of the plan that it came from, counted from 0.
    pub fetch: u32,
    /// The name of its file on the server, where it came as one.
    pub file: Option<String>,
    /// The job that wrote it; none where no job did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The name that its window was given: what its file was asked for as, and what it was called in the spool.
    pub window: String,
}

/// A half-open period, in ms since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPeriod {
    /// The first instant.
    pub from: i64,
    /// The first instant after it.
    pub to: i64,
}
