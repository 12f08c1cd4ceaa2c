//! A run as the history of its stream has it.
//!
//! No promise stands on these: progress is in the [`Record`](super::Record). Of a run that was killed there is only the
//! beginning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Interval, Stream};

/// A run that began, or was refused before it could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// The stream that it was to collect.
    pub stream: Stream,
    /// The run's name.
    pub run_id: String,
    /// All else that is kept of it.
    pub facts: RunFacts,
}

/// The facts that are kept of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The periods that it was to collect: `incremental`, `period` or `backfill`.
    #[serde(default)]
    pub mode: String,
    /// The process's number, as its own machine or container counts.
    #[serde(default)]
    pub pid: u32,
    /// The time at which the run began, by its own clock.
    pub started: Timestamp,
    /// The report plugin.
    #[serde(default)]
    pub plugin: RunPlugin,
    /// The period that it asked for; none where that is not known yet.
    #[serde(default)]
    pub window: Option<Interval>,
    /// The end; none of a run that is at work, or was killed.
    #[serde(default)]
    pub end: Option<RunEnd>,
    /// The name that the stream had, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

impl RunFacts {
    /// The exit of a run that came to its end.
    pub fn exit(&self) -> Option<u8> {
        self.end.as_ref().map(|end| end.exit)
    }
}

/// The plugin that read a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunPlugin {
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// SHA-256 of the component, hexadecimal.
    pub sha256: String,
}

/// The end of a run, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When, by the run's own clock.
    pub ended: Timestamp,
    /// The process's exit code.
    pub exit: u8,
    /// A stable word: `done`, or the error's.
    pub code: String,
    /// The error's text, in our own words; none of a run that went well.
    #[serde(default)]
    pub message: Option<String>,
    /// Events that came out of the parser.
    #[serde(default)]
    pub events: u64,
    /// Of these, events that an earlier run had delivered.
    #[serde(default)]
    pub duplicates: u64,
    /// Rows that were no events.
    #[serde(default)]
    pub rejected: u64,
    /// Of the events, those that the server stored late.
    #[serde(default)]
    pub late: u64,
    /// Windows worked on.
    #[serde(default)]
    pub windows: u64,
    /// Each sink.
    #[serde(default)]
    pub sinks: Vec<SinkTotals>,
}

/// The counts of one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkTotals {
    /// The sink's name.
    pub name: String,
    /// Events it has acknowledged.
    #[serde(default)]
    pub delivered: u64,
    /// Events set aside as dead letters.
    #[serde(default)]
    pub dead_lettered: u64,
    /// Events neither acknowledged nor set aside.
    #[serde(default)]
    pub undelivered: u64,
}

/// The state of a run, as it is seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Its process is at work.
    Running,
    /// There is no end of it, and no process: it was killed.
    Unfinished,
    /// The run came to an end, whatever that was.
    Ended,
}

/// A test of whether a stream is meant by parameters.
pub type StreamTest = fn(&Stream, &[(String, String)]) -> bool;

/// The runs that somebody asks for; by default none.
#[derive(Debug, Clone, Default)]
pub struct RunSelection {
    /// Only of the stream of this name.
    pub name: Option<String>,
    /// The key of the record of the stream of that name, where it has one: its runs of before it was called so are there too.
    pub key: Option<String>,
    /// Only of this report.
    pub report: Option<String>,
    /// Only of this connection.
    pub connection: Option<String>,
    /// Only with these parameters, in the order of their names; where there are none, with any.
    pub parameters: Vec<(String, String)>,
    /// True where a stream is meant by parameters; without it those of the stream are the same.
    pub is_meant: Option<StreamTest>,
    /// Only runs that did not end well: with another exit than 0, or not at all.
    pub failed: bool,
    /// At most so many, the latest.
    pub last: usize,
}

impl RunSelection {
    /// True where the stream of a run, with that key, is the one that was named.
    pub(crate) fn is_of_name(&self, stream: &Stream, key: &str) -> bool {
        let Some(name) = &self.name else { return true };
        stream.name.as_ref() == Some(name) || self.key.as_deref() == Some(key)
    }

    /// True where a stream has the parameters.
    pub(crate) fn has_parameters(&self, stream: &Stream) -> bool {
        let same = || match self.is_meant {
            Some(is_meant) => is_meant(stream, &self.parameters),
            None => stream.parameters == self.parameters,
        };
        self.parameters.is_empty() || same()
    }
}
