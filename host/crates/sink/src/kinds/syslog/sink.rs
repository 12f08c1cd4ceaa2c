//! Events as syslog messages.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use super::config::SyslogConfig;
use super::sender::Sender;
use crate::state::SinkState;
use crate::{Guarantee, Sink, SinkError, Verdict, answer};
use event::{Event, Provenance, Rendering};
use remote::Dialer;

/// Sends each event as one message.
#[derive(Debug)]
pub struct SyslogSink {
    name: String,
    sender: Sender,
    rendering: Rendering,
    provenance: Arc<Provenance>,
    life: SinkState,
}

impl SyslogSink {
    /// A sink that connects with its first delivery.
    pub fn new(
        name: impl Into<String>,
        dialer: Dialer,
        config: &SyslogConfig,
        rendering: Rendering,
        provenance: Arc<Provenance>,
    ) -> SyslogSink {
        SyslogSink {
            name: name.into(),
            sender: Sender::new(dialer, config, &provenance),
            rendering,
            provenance,
            life: SinkState::default(),
        }
    }
}

#[async_trait]
impl Sink for SyslogSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        let probed = self.sender.wire.probe().await;
        probed.map_err(|error| SinkError::remote(&self.name, error))
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.begin(&self.name)?;
        if events.is_empty() {
            self.life.answered();
            return Ok(Verdict::Accepted);
        }
        let (rendering, provenance) = (&self.rendering, &self.provenance);
        let Sender { wire, header, most } = &mut self.sender;
        let messages = events.iter().map(|event| header.event(event, rendering, provenance));
        let sent = wire.send(messages, *most).await;
        self.life.answered();
        Ok(match sent {
            Ok(rejections) if rejections.is_empty() => Verdict::Accepted,
            Ok(rejections) => Verdict::Rejected(rejections),
            Err(error) => answer::unanswered(&error),
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)?;
        self.sender.wire.finish().await.map_err(|source| SinkError::Write {
            sink: self.name.clone(),
            source,
        })
    }

    async fn abort(&mut self) {
        self.life.give_up();
        self.sender.wire.drop_connection();
    }
}
