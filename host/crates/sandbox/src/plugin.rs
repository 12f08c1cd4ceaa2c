//! A loaded plugin: what it is, and its two faces.

use std::sync::Arc;

use super::describe;
use super::error::PluginError;
use super::grants::Grants;
use super::inspect::Inspection;
use super::kind::PluginKind;
use super::loaded::{LoadedPlugin, PluginRole};
use super::report::ReportPlugin;
use super::sink::SinkPlugin;

/// A loaded plugin: compiled, known to fit this host, and described. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    loaded: Arc<LoadedPlugin>,
    grants: Arc<Grants>,
}

impl Plugin {
    /// A plugin that may ask for these.
    pub(super) fn new(loaded: LoadedPlugin, grants: Grants) -> Plugin {
        Plugin {
            loaded: Arc::new(loaded),
            grants: Arc::new(grants),
        }
    }

    /// The plugin, allowed to make these requests. Without this a report may ask for what [`Grants::get`] allows, and a sink
    /// for anything.
    #[must_use]
    pub fn granted(&self, grants: Grants) -> Plugin {
        Plugin {
            loaded: self.loaded.clone(),
            grants: Arc::new(grants),
        }
    }

    /// The plugin, allowed to ask for what its own description lists: for those whose word is the host's. A sink may ask
    /// for anything below its endpoint, which is there for it alone.
    #[must_use]
    pub fn granted_what_it_lists(&self) -> Plugin {
        self.granted(match &self.loaded.role {
            PluginRole::Report { about, .. } => Grants::listed(&about.requests),
            PluginRole::Sink { .. } => Grants::anything(),
        })
    }

    /// Report or sink.
    pub fn kind(&self) -> PluginKind {
        match self.loaded.role {
            PluginRole::Report { .. } => PluginKind::Report,
            PluginRole::Sink { .. } => PluginKind::Sink,
        }
    }

    /// The name that the plugin gives itself: lower-case words joined by hyphens.
    pub fn name(&self) -> &str {
        match &self.loaded.role {
            PluginRole::Report { about, .. } => &about.name,
            PluginRole::Sink { about, .. } => &about.name,
        }
    }

    /// The plugin's version, by its own word.
    pub fn version(&self) -> &str {
        match &self.loaded.role {
            PluginRole::Report { about, .. } => &about.version,
            PluginRole::Sink { about, .. } => &about.version,
        }
    }

    /// SHA-256 of the file that was loaded, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.loaded.core.digest
    }

    /// The plugin's description, rights and limits.
    pub fn inspect(&self) -> Inspection {
        Inspection::new(&self.loaded, &self.grants)
    }

    /// Asks it for its description once more, in a new instance: whether it says the same again.
    ///
    /// # Errors
    ///
    /// The errors of a call.
    pub fn describes_itself_alike(&self) -> Result<bool, PluginError> {
        let core = &self.loaded.core;
        match &self.loaded.role {
            PluginRole::Report { code, about } => Ok(describe::report(core, code)? == *about),
            PluginRole::Sink { code, about } => Ok(describe::sink(core, code)? == *about),
        }
    }

    /// The plugin as a report.
    ///
    /// # Errors
    ///
    /// [`PluginError::Kind`] if it is a sink.
    pub fn report(&self) -> Result<ReportPlugin, PluginError> {
        match &self.loaded.role {
            PluginRole::Report { code, about } => {
                let (core, grants) = (self.loaded.core.clone(), self.grants.clone());
                Ok(ReportPlugin::new(core, grants, code.clone(), about.clone()))
            }
            PluginRole::Sink { .. } => Err(self.other_kind(PluginKind::Report)),
        }
    }

    /// The plugin as a sink.
    ///
    /// # Errors
    ///
    /// [`PluginError::Kind`] if it is a report.
    pub fn sink(&self) -> Result<SinkPlugin, PluginError> {
        match &self.loaded.role {
            PluginRole::Sink { code, about } => {
                let (core, grants) = (self.loaded.core.clone(), self.grants.clone());
                Ok(SinkPlugin::new(core, grants, code.clone(), about.clone()))
            }
            PluginRole::Report { .. } => Err(self.other_kind(PluginKind::Sink)),
        }
    }

    fn other_kind(&self, wanted: PluginKind) -> PluginError {
        let label = self.loaded.core.label.to_string();
        PluginError::Kind {
            label,
            found: self.kind().interface(),
            wanted: wanted.interface(),
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name())
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}
