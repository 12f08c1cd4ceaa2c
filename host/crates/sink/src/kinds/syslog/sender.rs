//! The sender of messages: the way to the receiver, and what all messages have in common.

use super::config::{Carrier, SyslogConfig};
use super::message::Header;
use super::wire::{DATAGRAM, Wire};
use event::Provenance;
use remote::Dialer;

/// Bytes of a message over UDP, at most, unless told otherwise: what receivers take by default.
const UDP_MESSAGE: usize = 8192;

/// The way to a receiver, and the shape of the messages that go there.
#[derive(Debug)]
pub(super) struct Sender {
    /// The way to the receiver.
    pub(super) wire: Wire,
    /// The beginning of messages.
    pub(super) header: Header,
    /// Bytes in a message, at most.
    pub(super) most: usize,
}

impl Sender {
    /// Connects with the first message. The dialer speaks TLS where the configuration says so.
    pub(super) fn new(dialer: Dialer, config: &SyslogConfig, provenance: &Provenance) -> Sender {
        let hostname = config.hostname.as_deref().unwrap_or(&provenance.service);
        let most = config.max_message.map(usize::from);
        Sender {
            header: Header::new(config.facility, hostname, &config.app_name, config.header),
            wire: match config.transport {
                Carrier::Udp => Wire::datagrams(dialer),
                Carrier::Tcp | Carrier::Tls => Wire::stream(dialer, config.framing),
            },
            most: match config.transport {
                Carrier::Udp => most.unwrap_or(UDP_MESSAGE).min(DATAGRAM),
                Carrier::Tcp | Carrier::Tls => most.unwrap_or(usize::MAX),
            },
        }
    }
}
