//! `kind = "syslog"`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;

use crate::event::Encoding;
use crate::remote::HostPort;
use crate::sink::{Carrier, Facility};

/// A syslog receiver; RFC 5424.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SyslogSink {
    /// `HOST:PORT`.
    pub address: HostPort,
    /// `tcp` (default), `tls` or `udp`.
    #[serde(default)]
    pub transport: Carrier,
    /// A name of RFC 5424, `authpriv` unless set.
    #[serde(default)]
    pub facility: Facility,
    /// APP-NAME, `host` unless set.
    pub app_name: Option<String>,
    /// HOSTNAME; the host of the connection that events come from unless set.
    pub hostname: Option<String>,
    /// The most bytes in one message; over UDP 8192 unless set, elsewhere without limit.
    pub max_message: Option<NonZeroUsize>,
    /// For `tls`: PEM file of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// For `tls`: PEM file to show a receiver that asks for a certificate.
    pub client_certificate: Option<PathBuf>,
    /// For `tls`: PEM file with the key of that certificate.
    pub client_key: Option<PathBuf>,
    /// `ocsf`, `ecs` or `event`. Not for the lines of a plugin.
    pub encoding: Option<Encoding>,
}
