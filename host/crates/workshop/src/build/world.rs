use crate::{Project, WorkshopError};
use sandbox::PluginKind;

/// The world and the module that a project of a language other than Rust is built from. Only `plugin.toml` says which.
pub(super) fn world(project: &Project) -> Result<(String, &'static str), WorkshopError> {
    let kind: PluginKind = project.kind.ok_or_else(|| {
        WorkshopError::project(
            "the project does not say whether it is a report or a sink",
            "add `kind` to plugin.toml",
        )
    })?;
    Ok((format!("{}-plugin", kind.interface()), kind.interface()))
}
