use serde::{Deserialize, Serialize};

/// The two kinds of plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// A plugin that reads a report.
    Report,
    /// A plugin that delivers to a sink.
    Sink,
}

impl PluginKind {
    /// The interface that such a plugin exports, `report` or `sink`.
    pub fn interface(self) -> &'static str {
        match self {
            PluginKind::Report => "report",
            PluginKind::Sink => "sink",
        }
    }
}
