//! The keys of a sink with `plugin = "…"`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::kinds::syslog::SyslogConfig;
use connection::Connection;
use event::Encoding;
use remote::HostPort;

/// A sink plugin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PluginConfig {
    /// A built-in sink plugin, a name under `[plugins]`, or a path.
    pub plugin: String,
    /// The one endpoint that its requests go to, with the keys of a connection without `kind`; needed where it sends any. The
    /// plugin sees neither URL nor credential.
    pub endpoint: Option<Connection>,
    /// The transport of the bytes, for a plugin that writes bytes.
    #[schemars(extend("default" = serde_json::json!({ "kind": "stdout" })))]
    pub transport: Option<PluginTransport>,
    /// The settings that the plugin can be given; `host plugin inspect NAME` shows it as a table.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub config: toml::Table,
    /// The form of the documents that the plugin gets, where it wants documents.
    #[serde(default)]
    pub encoding: Encoding,
}

/// The transport of a plugin's bytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Transport")]
pub enum PluginTransport {
    /// Standard output.
    Stdout,
    /// A file that grows.
    File {
        /// The path of the file; `{report}`, `{connection}` and `{date}` stand for one safe path segment each.
        path: String,
    },
    /// A TCP connection.
    Tcp {
        /// `HOST:PORT`.
        address: HostPort,
    },
    /// A TCP connection with TLS.
    #[serde(rename_all = "kebab-case")]
    Tls {
        /// `HOST:PORT`.
        address: HostPort,
        /// PEM file of authorities to trust instead of the system's.
        ca_file: Option<PathBuf>,
        /// Trust the system's authorities besides those of `ca-file`.
        #[serde(default)]
        system_authorities: bool,
        /// PEM file to show a receiver that asks for a certificate.
        client_certificate: Option<PathBuf>,
        /// PEM file with the key of that certificate.
        client_key: Option<PathBuf>,
    },
    /// A syslog receiver: each line of the plugin is one message.
    Syslog(Box<SyslogConfig>),
}
