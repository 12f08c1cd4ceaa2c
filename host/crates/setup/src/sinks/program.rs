//! The things that this program gives to the sinks that it opens.

use crate::SetupError;
use crate::config::Config;
use crate::console::console;
use crate::plugins;
use sandbox::SinkPlugin;
use sink::kinds::{SinkContext, Surroundings};
use sink::{Renderer, StdoutSink};

/// The program with a configuration.
pub(crate) struct Program<'a> {
    /// The configuration, which may name plugins.
    pub(crate) config: &'a Config,
}

impl Program<'_> {
    /// A sink's entry and what is around it.
    pub(crate) fn sink<'s>(&'s self, name: &'s str) -> SinkContext<'s> {
        SinkContext {
            name,
            file: &self.config.file,
            surroundings: self,
        }
    }
}

impl Surroundings for Program<'_> {
    fn stdout_is_open(&self) -> Result<(), SetupError> {
        (console().stdout_is_open)()
    }

    fn stdout(&self, renderer: Renderer) -> StdoutSink {
        (console().stdout)(renderer)
    }

    fn plugin(&self, name: &str) -> Result<SinkPlugin, SetupError> {
        Ok(plugins::load(self.config, name)?.sink()?)
    }
}
