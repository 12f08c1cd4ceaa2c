//! An HTTP endpoint as it is configured.

use std::sync::Arc;

use super::config::HttpConfig;
use super::sink::HttpSink;
use crate::Sink;
use crate::kinds::destination::{addressed, shown};
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use base::SetupError;
use connection::Connection;
use event::Encoding;
use remote::Remote;

impl SinkConfig for HttpConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn endpoint(&self) -> Option<&Connection> {
        Some(&self.endpoint)
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        context.server(&self.without_query()).check()
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let mut settings = context.sink.server(&self.without_query()).settings()?;
        if context.checking {
            // Whoever asks whether it is there wants to know now.
            settings.retry.attempts = 1;
        }
        let remote = Arc::new(Remote::new(settings)?);
        Ok(Box::new(HttpSink::new(
            context.name(),
            remote,
            self.clone(),
            context.rendering.clone(),
            context.provenance(),
        )?))
    }

    fn about(&self, _: &SinkContext<'_>) -> String {
        format!("http {}", shown(&self.endpoint.url))
    }

    fn destination(&self, _: &SinkContext<'_>) -> String {
        let headers = self.headers.iter().flat_map(|(name, value)| [name.as_str(), value]);
        addressed("http", &self.endpoint.url, headers)
    }
}

impl HttpConfig {
    /// The endpoint apart from the query of its URL, which goes with every request as it is written.
    fn without_query(&self) -> Connection {
        let mut endpoint = self.endpoint.clone();
        endpoint.url.set_query(None);
        endpoint
    }
}
