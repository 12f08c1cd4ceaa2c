//! The errors of the workshop, other than a plugin that fails a check: that is a [`Finding`](super::Finding).

use std::path::{Path, PathBuf};

use sandbox::PluginError;

/// The reason why there is no project, no component or no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkshopError {
    /// The folder, its manifest or the name cannot be meant.
    #[error("{reason}")]
    Project {
        /// The mistake, in words.
        reason: String,
        /// Advice for the user.
        hint: String,
    },
    /// A tool that the language needs is not there.
    #[error("{tool} is needed to build {language} plugins, and is not there")]
    Toolchain {
        /// The tool.
        tool: &'static str,
        /// For which language.
        language: &'static str,
        /// The way to install it.
        install: String,
    },
    /// The tool ran, and made no component.
    #[error("{tool} could not build {name}")]
    Build {
        /// The tool.
        tool: &'static str,
        /// The project.
        name: String,
        /// The tool's own output.
        output: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// Changes cannot be watched.
    #[error("cannot watch for changes: {reason}")]
    Watch {
        /// The reason.
        reason: String,
    },
    /// The component does not load.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

impl WorkshopError {
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> WorkshopError + '_ {
        move |source| WorkshopError::File {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn project(reason: impl Into<String>, hint: impl Into<String>) -> WorkshopError {
        WorkshopError::Project {
            reason: reason.into(),
            hint: hint.into(),
        }
    }

    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            WorkshopError::Project { hint, .. } => Some(hint.clone()),
            WorkshopError::Toolchain { install, .. } => Some(install.clone()),
            WorkshopError::Build { .. } => Some("the tool's messages above say why".to_owned()),
            WorkshopError::Plugin(error) => error.hint(),
            _ => None,
        }
    }

    /// True where the user has to act, before any plugin is at fault.
    pub fn is_usage(&self) -> bool {
        !matches!(self, WorkshopError::Build { .. } | WorkshopError::Plugin(_))
    }
}
