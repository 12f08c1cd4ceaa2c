//! A syslog receiver as it is configured, for events and for the lines of a plugin.

use std::sync::Arc;

use super::config::{Carrier, Framing, SyslogConfig};
use super::sink::SyslogSink;
use super::transport::SyslogTransport;
use crate::Sink;
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use base::SetupError;
use event::Encoding;
use remote::Dialer;

impl SinkConfig for SyslogConfig {
    fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or_default()
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        self.dialer(context).map(drop)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        Ok(Box::new(SyslogSink::new(
            context.name(),
            self.dialer(&context.sink)?,
            self,
            context.rendering.clone(),
            context.provenance(),
        )))
    }

    fn about(&self, _: &SinkContext<'_>) -> String {
        format!("syslog {}", self.address)
    }

    fn destination(&self, _: &SinkContext<'_>) -> String {
        format!("syslog {}", self.address)
    }
}

impl SyslogConfig {
    /// The way to the receiver for the lines of a plugin.
    ///
    /// # Errors
    ///
    /// As for a sink; and where an encoding is set, which the plugin decides.
    pub fn transport(&self, context: &BuildContext<'_>) -> Result<SyslogTransport, SetupError> {
        if self.encoding.is_some() {
            return Err(SetupError::usage(format!(
                "the transport of sink {} has an encoding, which the plugin decides",
                context.name()
            ))
            .hint("leave it out"));
        }
        let dialer = self.dialer(&context.sink)?;
        Ok(SyslogTransport::new(context.name(), dialer, self, context.provenance))
    }

    fn dialer(&self, context: &SinkContext<'_>) -> Result<Dialer, SetupError> {
        let name = context.name;
        if self.transport == Carrier::Udp && self.framing == Framing::Newline {
            return Err(SetupError::usage(format!(
                "sink {name} has `framing`, and a datagram is one message anyway"
            ))
            .hint("leave out `framing`, or set transport = \"tcp\" or \"tls\""));
        }
        let files = context.tls_files(
            &self.ca_file,
            self.system_authorities,
            &self.client_certificate,
            &self.client_key,
        );
        if self.transport == Carrier::Tls {
            files.check()?;
            return Ok(Dialer::new(self.address.clone(), Some(Arc::new(files.client()?)))?);
        }
        if files.any() {
            return Err(
                SetupError::usage(format!("sink {name} has files for TLS and does not use it"))
                    .hint("set transport = \"tls\", or leave out ca-file, client-certificate and client-key"),
            );
        }
        Ok(Dialer::new(self.address.clone(), None)?)
    }
}
