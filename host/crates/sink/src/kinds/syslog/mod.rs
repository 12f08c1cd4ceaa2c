//! `kind = "syslog"`: RFC 5424 or RFC 3164 messages over UDP, TCP or TLS.
//!
//! [`SyslogSink`] sends events, [`SyslogTransport`] the lines of a sink plugin. A message is made in `message`; how it
//! travels is told in `wire`. No syslog receiver acknowledges anything: what is lost with a connection, or on the way of
//! a datagram, nobody learns.

mod build;
mod config;
mod facility;
mod message;
mod sender;
mod sink;
mod transport;
mod wire;

pub use config::{Carrier, Framing, SyslogConfig, SyslogHeader};
pub use facility::Facility;
pub use sink::SyslogSink;
pub use transport::SyslogTransport;
