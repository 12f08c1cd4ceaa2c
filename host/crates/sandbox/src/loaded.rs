use std::sync::Arc;

use super::bindings::{Description, sink};
use super::offer::PackageVersion;
use super::plugin_context::PluginContext;
use super::report::ReportExports;
use super::sink::SinkExports;

/// The linked component, and its own word on what it is, checked.
pub(super) enum PluginRole {
    Report {
        code: ReportExports,
        about: Description,
    },
    Sink {
        code: SinkExports,
        about: sink::Description,
    },
}

/// A plugin, compiled, linked and described.
pub(super) struct LoadedPlugin {
    pub(super) core: Arc<PluginContext>,
    pub(super) role: PluginRole,
    /// The version of the WIT package that it was built for.
    pub(super) version: PackageVersion,
    /// The functions that the component imports.
    pub(super) imports: Vec<String>,
    /// Bytes of the file.
    pub(super) size: usize,
}
