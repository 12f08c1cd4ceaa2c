//! The owner of the keys, or options, that say how a server is reached.

use std::fmt;

use super::config_source::ConfigSource;

/// The connection or sink of the configuration whose remote service is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// `[connections.NAME]`.
    Connection(&'a str),
    /// `[sinks.NAME]`.
    Sink(&'a str),
    /// The server at `--url`, which is called by its host.
    CommandLine(&'a str),
}

impl<'a> Owner<'a> {
    /// The name, which is the remote service's as well.
    pub fn name(self) -> &'a str {
        match self {
            Owner::Connection(name) | Owner::Sink(name) | Owner::CommandLine(name) => name,
        }
    }

    /// The place of a key of a connection or of a sink's endpoint, as `host.toml line 7: sinks.siem.endpoint.url`; or the option that
    /// takes its place.
    pub fn place(self, key: &str, file: &ConfigSource) -> String {
        match self {
            Owner::Connection(name) => file.place(&["connections", name, key]),
            Owner::Sink(name) => file.place(&["sinks", name, "endpoint", key]),
            Owner::CommandLine(_) => format!("--{key}"),
        }
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Connection(name) => write!(f, "connection {name}"),
            Owner::Sink(name) => write!(f, "sink {name}"),
            Owner::CommandLine(name) => write!(f, "the server {name}"),
        }
    }
}
