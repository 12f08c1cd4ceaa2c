//! A collector as it is configured.

use super::config::OtlpConfig;
use super::sink::OtlpSink;
use crate::Sink;
use crate::kinds::destination::{addressed, shown};
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use base::SetupError;
use connection::Connection;
use event::Encoding;

impl SinkConfig for OtlpConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn endpoint(&self) -> Option<&Connection> {
        Some(&self.endpoint)
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        context.server(&self.endpoint).check()
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let settings = context.sink.server(&self.endpoint).settings()?;
        let (rendering, provenance) = (context.rendering.clone(), context.provenance());
        Ok(Box::new(OtlpSink::new(
            context.name(),
            settings,
            self,
            rendering,
            provenance,
        )?))
    }

    fn about(&self, _: &SinkContext<'_>) -> String {
        format!("otlp {}", shown(&self.endpoint.url))
    }

    fn destination(&self, _: &SinkContext<'_>) -> String {
        addressed("otlp", &self.endpoint.url, [])
    }
}
