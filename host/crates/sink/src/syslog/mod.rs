//! Syslog: RFC 5424 or RFC 3164 messages over UDP, TCP or TLS.
//!
//! [`SyslogSink`] sends events, [`SyslogTransport`] the lines of a sink plugin. A message is made in `message`; how it
//! travels is told in `wire`. No syslog receiver acknowledges anything: what is lost with a connection, or on the way of
//! a datagram, nobody learns.

mod facility;
mod message;
mod transport;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use facility::Facility;
pub use transport::SyslogTransport;

use self::message::Header;
use self::wire::{DATAGRAM, Wire};
use super::state::SinkState;
use super::stream::failed;
use super::{Guarantee, Sink, SinkError, Verdict, answer};
use event::{Event, Provenance, Rendering};
use remote::Dialer;

/// What messages travel in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// RFC 5426: a datagram each. What is lost is lost.
    Udp,
    /// RFC 6587.
    #[default]
    Tcp,
    /// RFC 5425.
    Tls,
}

/// How a receiver of a stream tells where a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// By its length, which stands before it: RFC 6587 section 3.4.1, and all that RFC 5425 knows.
    #[default]
    OctetCounting,
    /// By a line feed: RFC 6587 section 3.4.2. Those within a message are escaped.
    Newline,
}

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyslogHeader {
    /// Version, time with its zone, host, program, kind of message, and structured data.
    #[default]
    Rfc5424,
    /// Time of day in UTC without a year, and host: what collectors of CEF look for it behind.
    Rfc3164,
}

/// How messages are made and sent.
#[derive(Debug, Clone)]
pub struct SyslogOptions {
    /// Where to; with TLS where [`SyslogOptions::carrier`] says so.
    pub dialer: Dialer,
    /// What in.
    pub carrier: Carrier,
    /// Where one ends, in a stream.
    pub framing: Framing,
    /// What they begin with.
    pub header: SyslogHeader,
    /// The facility.
    pub facility: Facility,
    /// APP-NAME.
    pub app_name: String,
    /// HOSTNAME; the connection's host unless set.
    pub hostname: Option<String>,
    /// Bytes in a message, at most. By default [`SyslogOptions::UDP_MESSAGE`] over UDP, and no limit elsewhere.
    pub max_message: Option<usize>,
    /// What an event looks like in the message.
    pub encoding: Rendering,
}

impl SyslogOptions {
    /// Bytes of a message over UDP, at most, unless told otherwise: what receivers take by default.
    pub const UDP_MESSAGE: usize = 8192;

    /// APP-NAME unless told otherwise.
    pub const APP_NAME: &'static str = "host";

    fn wire(&self) -> Wire {
        match self.carrier {
            Carrier::Udp => Wire::datagrams(self.dialer.clone()),
            Carrier::Tcp | Carrier::Tls => Wire::stream(self.dialer.clone(), self.framing),
        }
    }

    fn header(&self, provenance: &Provenance) -> Header {
        let hostname = self.hostname.as_deref().unwrap_or(&provenance.service);
        Header::new(self.facility, hostname, &self.app_name, self.header)
    }

    fn most(&self) -> usize {
        match self.carrier {
            Carrier::Udp => self.max_message.unwrap_or(Self::UDP_MESSAGE).min(DATAGRAM),
            Carrier::Tcp | Carrier::Tls => self.max_message.unwrap_or(usize::MAX),
        }
    }
}

/// Sends each event as one message.
#[derive(Debug)]
pub struct SyslogSink {
    name: String,
    wire: Wire,
    header: Header,
    most: usize,
    encoding: Rendering,
    provenance: Arc<Provenance>,
    life: SinkState,
}

impl SyslogSink {
    /// A sink that connects with its first delivery.
    pub fn new(name: impl Into<String>, options: &SyslogOptions, provenance: Arc<Provenance>) -> SyslogSink {
        SyslogSink {
            name: name.into(),
            wire: options.wire(),
            header: options.header(&provenance),
            most: options.most(),
            encoding: options.encoding.clone(),
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
        self.wire.probe().await.map_err(|error| failed(&self.name, error))
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.begin(&self.name)?;
        if events.is_empty() {
            self.life.answered();
            return Ok(Verdict::Accepted);
        }
        let (header, encoding, provenance) = (&self.header, &self.encoding, &self.provenance);
        let messages = events.iter().map(|event| header.event(event, encoding, provenance));
        let sent = self.wire.send(messages, self.most).await;
        self.life.answered();
        Ok(match sent {
            Ok(rejections) if rejections.is_empty() => Verdict::Accepted,
            Ok(rejections) => Verdict::Rejected(rejections),
            Err(error) => answer::unanswered(&error),
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)?;
        self.wire.finish().await.map_err(|source| SinkError::Write {
            sink: self.name.clone(),
            source,
        })
    }

    async fn abort(&mut self) {
        self.life.give_up();
        self.wire.drop_connection();
    }
}
