//! `kind = "syslog"`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facility::Facility;
use event::Encoding;
use remote::HostPort;

/// A syslog receiver.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SyslogConfig {
    /// `HOST:PORT`.
    pub address: HostPort,
    /// The carrier of messages: `udp` (RFC 5426, a datagram each), `tcp` (RFC 6587), `tls` (RFC 5425).
    #[serde(default)]
    pub transport: Carrier,
    /// For `tcp` and `tls`, how a receiver tells where a message ends: by its length before it (RFC 6587 section 3.4.1), or by
    /// a line break behind it; line breaks, carriage returns and NUL in the message become `\n`, `\r` and `\0`.
    #[serde(default)]
    pub framing: Framing,
    /// The header of a message: `rfc5424` with structured data, or `rfc3164`, in UTC and without.
    #[serde(default)]
    pub header: SyslogHeader,
    /// The kind of system that messages come from: a name of RFC 5424.
    #[serde(default)]
    pub facility: Facility,
    /// The header's APP-NAME.
    #[serde(default = "app_name")]
    pub app_name: String,
    /// The header's HOSTNAME.
    #[schemars(extend("x-default" = "the host of the events' connection"))]
    pub hostname: Option<String>,
    /// The most bytes in one message. A longer one is refused for good, the others go.
    #[schemars(extend("x-unit" = "bytes", "x-default" = "8192 over UDP, else no limit", "x-range" = "at most 65507 over UDP"))]
    pub max_message: Option<NonZeroUsize>,
    /// For `tls`: PEM file of authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// For `tls`: trust the system's authorities besides those of `ca-file`.
    #[serde(default)]
    pub system_authorities: bool,
    /// For `tls`: PEM file to show a receiver that asks for a certificate.
    pub client_certificate: Option<PathBuf>,
    /// For `tls`: PEM file with the key of that certificate.
    pub client_key: Option<PathBuf>,
    /// The form of the event in a message, as JSON. Not for the lines of a plugin.
    #[schemars(extend("default" = Encoding::default()))]
    pub encoding: Option<Encoding>,
}

/// The carrier of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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

/// The framing by which a receiver of a stream tells where a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// By its length, which stands before it: RFC 6587 section 3.4.1, and all that RFC 5425 knows.
    #[default]
    OctetCounting,
    /// By a line feed: RFC 6587 section 3.4.2. Those within a message are escaped.
    Newline,
}

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyslogHeader {
    /// Version, time with its zone, host, program, kind of message, and structured data.
    #[default]
    Rfc5424,
    /// Time of day in UTC without a year, and host: what collectors of CEF look for it behind.
    Rfc3164,
}

impl SyslogConfig {
    /// The defaults for a receiver.
    pub fn new(address: HostPort) -> SyslogConfig {
        SyslogConfig {
            address,
            transport: Carrier::default(),
            framing: Framing::default(),
            header: SyslogHeader::default(),
            facility: Facility::default(),
            app_name: app_name(),
            hostname: None,
            max_message: None,
            ca_file: None,
            system_authorities: false,
            client_certificate: None,
            client_key: None,
            encoding: None,
        }
    }
}

fn app_name() -> String {
    "host".into()
}
