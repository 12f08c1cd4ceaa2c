use std::sync::Arc;

use wasmtime::Engine;

use super::guest::Guest;
use super::limits::PluginLimits;

/// The context of a plugin: all that each of its instances needs.
pub(super) struct PluginContext {
    pub(super) engine: Engine,
    pub(super) limits: Arc<PluginLimits>,
    pub(super) label: Arc<str>,
    pub(super) digest: String,
}

impl PluginContext {
    /// A new, empty store.
    pub(super) fn guest(&self) -> Guest {
        Guest::new(&self.engine, self.limits.clone(), self.label.clone())
    }
}
