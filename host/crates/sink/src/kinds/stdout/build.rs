//! Standard output as a sink, as it is configured or typed.

use std::io::IsTerminal;

use super::config::StdoutConfig;
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use crate::{Format, Renderer, Sink};
use base::SetupError;
use event::Encoding;

impl SinkConfig for StdoutConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn check(&self, _: &SinkContext<'_>) -> Result<(), SetupError> {
        Ok(())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let surroundings = context.sink.surroundings;
        surroundings.stdout_is_open()?;
        let terminal = std::io::stdout().is_terminal();
        let usual = if terminal { Format::Table } else { Format::Ndjson };
        let format = self.format.unwrap_or(usual);
        format.need_built()?;
        if terminal && format == Format::Parquet {
            return Err(SetupError::usage("Parquet is not for a terminal")
                .hint("redirect standard output, or write --sink file:PATH.parquet"));
        }
        let renderer = Renderer::new(format, context.rendering.clone(), context.provenance());
        Ok(Box::new(surroundings.stdout(renderer)))
    }

    fn about(&self, _: &SinkContext<'_>) -> String {
        "standard output".into()
    }

    fn destination(&self, _: &SinkContext<'_>) -> String {
        "stdout".into()
    }
}
