//! `kind = "syslog"`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;

use event::Encoding;
use remote::HostPort;
use sink::{Carrier, Facility, Framing, SyslogHeader};

/// A syslog receiver.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SyslogSink {
    /// `HOST:PORT`.
    pub address: HostPort,
    /// `tcp` (default), `tls` or `udp`.
    #[serde(default)]
    pub transport: Carrier,
    /// Over TCP and TLS, how a receiver tells where a message ends: `octet-counting` (default) or `newline`.
    #[serde(default)]
    pub framing: Framing,
    /// What stands before a message: `rfc5424` (default) or `rfc3164`.
    #[serde(default)]
    pub header: SyslogHeader,
    /// A name of RFC 5424, `authpriv` unless set.
    #[serde(default)]
    pub facility: Facility,
    /// APP-NAME, `host` unless set.
    pub app_name: Option<String>,
    /// HOSTNAME; the host of the connection that events come from unless set.
    pub hostname: Option<String>,
    /// The most bytes in one message; over UDP 8192 unless set, elsewhere without limit.
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
    /// `ocsf`, `ecs` or `event`. Not for the lines of a plugin.
    pub encoding: Option<Encoding>,
}
