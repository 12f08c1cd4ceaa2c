//! The context of a sink: what its kind cannot know from its own keys.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use super::stdout::StdoutSink;
use crate::Renderer;
use base::SetupError;
use connection::{ConfigSource, ConfiguredServer, Connection, Owner, SecretSource, TlsFiles};
use event::{Provenance, Rendering};
use sandbox::SinkPlugin;

/// The program around, for the sinks that it opens.
pub trait Surroundings {
    /// Fails where there is no standard output.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn stdout_is_open(&self) -> Result<(), SetupError>;

    /// Standard output as a sink.
    fn stdout(&self, renderer: Renderer) -> StdoutSink;

    /// The sink plugin of a built-in name, a configured name, or a path.
    ///
    /// # Errors
    ///
    /// Where there is none, or it cannot be loaded.
    fn plugin(&self, name: &str) -> Result<SinkPlugin, SetupError>;
}

/// A sink's entry in the configuration, and what is around it.
#[derive(Clone, Copy)]
pub struct SinkContext<'a> {
    /// The sink's name, or the specification that was typed.
    pub name: &'a str,
    /// The file that the entry stands in.
    pub file: &'a ConfigSource,
    /// The program around.
    pub surroundings: &'a dyn Surroundings,
}

/// Everything that a sink is built with besides its keys.
#[derive(Clone, Copy)]
pub struct BuildContext<'a> {
    /// The sink's entry.
    pub sink: SinkContext<'a>,
    /// The facts that are true of all events that the sink will get.
    pub provenance: &'a Arc<Provenance>,
    /// The form in which the sink writes its events.
    pub rendering: &'a Rendering,
    /// Only to look whether the sink could be used: nothing may stay behind.
    pub checking: bool,
}

impl<'a> SinkContext<'a> {
    /// The place of a key of the sink, as `host.toml line 7: sinks.siem.path`.
    pub fn place(&self, key: &[&str]) -> String {
        self.file.place(&[&["sinks", self.name], key].concat())
    }

    /// A path of the configuration, which starts from the configuration's folder.
    pub fn path(&self, path: impl AsRef<std::path::Path>) -> PathBuf {
        self.file.folder.join(path)
    }

    /// An error that the sink cannot be meant as it is configured.
    pub fn usage(&self, problem: impl std::fmt::Display) -> SetupError {
        SetupError::usage(format!("sink {}: {problem}", self.name))
    }

    /// Gets a secret of the sink; `what` says in errors which one. Blocks.
    ///
    /// # Errors
    ///
    /// Where it cannot be had.
    pub fn secret(&self, source: &SecretSource, what: &str) -> Result<SecretString, SetupError> {
        source.resolve(&format!("sink {} needs its {what}", self.name), &self.file.folder)
    }

    /// The server at the sink's endpoint.
    pub fn server<'c>(&'c self, endpoint: &'c Connection) -> ConfiguredServer<'c> {
        ConfiguredServer {
            owner: self.owner(),
            connection: endpoint,
            file: self.file,
        }
    }

    /// The files of the sink's connection with TLS, as its keys of these names say.
    pub fn tls_files(
        &self,
        ca_file: &'a Option<PathBuf>,
        system_authorities: bool,
        client_certificate: &'a Option<PathBuf>,
        client_key: &'a Option<PathBuf>,
    ) -> TlsFiles<'a> {
        TlsFiles {
            owner: self.owner(),
            file: self.file,
            ca_file: ca_file.as_deref(),
            system_authorities,
            client_certificate: client_certificate.as_deref(),
            client_key: client_key.as_deref(),
        }
    }

    /// The sink as the owner of keys about connections.
    pub fn owner(&self) -> Owner<'a> {
        Owner::Sink(self.name)
    }
}

impl BuildContext<'_> {
    /// The sink's name.
    pub fn name(&self) -> &str {
        self.sink.name
    }

    /// The facts that are true of all events that the sink will get.
    pub fn provenance(&self) -> Arc<Provenance> {
        Arc::clone(self.provenance)
    }
}

#[cfg(test)]
pub(crate) use tests::with_test_context;

#[cfg(test)]
mod tests {
    use super::*;

    /// A program without a standard output and without plugins.
    struct Nothing;

    impl Surroundings for Nothing {
        fn stdout_is_open(&self) -> Result<(), SetupError> {
            Err(SetupError::usage("standard output is closed"))
        }

        fn stdout(&self, renderer: Renderer) -> StdoutSink {
            StdoutSink::new(renderer)
        }

        fn plugin(&self, name: &str) -> Result<SinkPlugin, SetupError> {
            Err(SetupError::usage(format!("there is no plugin {name:?}")))
        }
    }

    /// Does something with a sink `x` of a configuration without a file.
    pub(crate) fn with_test_context<T>(work: impl FnOnce(&SinkContext<'_>) -> T) -> T {
        work(&SinkContext {
            name: "x",
            file: &ConfigSource::default(),
            surroundings: &Nothing,
        })
    }
}
