//! The whole of `host.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::evidence::EvidenceSection;
use super::ledger::LedgerSection;
use super::plugin::PluginEntry;
use super::route::RouteEntry;
use super::run::RunSection;
use super::sink::SinkEntry;
use super::stream::StreamEntry;
use connection::{ConfigSource, Connection};
use fetch::FetchLimits;
use rejected::RejectedOptions;
use run::streams::are_same;
use sandbox::PluginLimits;
use sink::dead_letters::DeadLetterOptions;

/// The whole file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Remote services by name.
    #[serde(default)]
    pub connections: BTreeMap<String, Connection>,
    /// Sinks by name.
    #[serde(default)]
    pub sinks: BTreeMap<String, SinkEntry>,
    /// Streams: reports of connections, under names of their own.
    #[serde(default)]
    pub streams: Vec<StreamEntry>,
    /// The routes of events to sinks, where `--sink` does not say.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
    /// The keeping of undeliverable events.
    #[serde(default)]
    pub dead_letters: DeadLetterOptions,
    /// The keeping of rejected rows.
    #[serde(default)]
    pub rejected: RejectedOptions,
    /// The keeping of progress.
    #[serde(default)]
    pub ledger: LedgerSection,
    /// The keeping of documents as they were received, if any are kept.
    pub evidence: Option<EvidenceSection>,
    /// Plugins by name.
    #[serde(default)]
    pub plugins: BTreeMap<String, PluginEntry>,
    /// The sandbox's limits, where they differ from the defaults.
    #[serde(default)]
    #[schemars(transform = without_default)]
    pub limits: PluginLimits,
    /// The limits of what is fetched, where they differ from the defaults.
    #[serde(default)]
    pub fetch: FetchLimits,
    /// The end of runs.
    #[serde(default)]
    pub run: RunSection,
    /// The file that it was read from.
    #[serde(skip)]
    pub file: ConfigSource,
}

impl Config {
    /// The place of a key, as `host.toml line 7: sinks.siem.endpoint.url`; elements of arrays go by their number. What of it
    /// is not known is left out.
    pub fn place(&self, key: &[&str]) -> String {
        self.file.place(key)
    }

    /// The stream of that name.
    pub fn stream(&self, name: &str) -> Option<&StreamEntry> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// The parameters of a stream by name, in the order of their names, with what its connection stands in for.
    pub fn parameters_of(&self, stream: &StreamEntry) -> Vec<(String, String)> {
        stream.with_connection(self.connections.get(&stream.connection))
    }

    /// The streams that are made of a report of a connection with parameters that choose the same events.
    pub fn streams_of(&self, report: &str, connection: &str, parameters: &[(String, String)]) -> Vec<&StreamEntry> {
        let is_meant = |stream: &&StreamEntry| {
            stream.report == report
                && stream.connection == connection
                && are_same(report, &self.parameters_of(stream), parameters)
        };
        self.streams.iter().filter(is_meant).collect()
    }
}

/// Leaves each limit to say its own default: the form in which they are written for programs is not that of the file.
fn without_default(schema: &mut schemars::Schema) {
    schema.remove("default");
}
