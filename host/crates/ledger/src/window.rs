//! A window begun and not ended.
//!
//! A window's life: it is *planned*; each of its fetches goes through the arrows of [`FetchState`] until its document is
//! *spooled*; then the window is *delivering*, and in the end *committed*, that is gone from the windows in flight and
//! part of what is covered, or *dead*, gone without being covered. Each arrow is one change of the record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{IdSetRef, Interval};

/// A window begun and not ended. What is fixed here makes the plugin plan the same again: same files, same requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Unique; files on the server are called so.
    pub name: String,
    /// The period that is asked for.
    pub period: Interval,
    /// Up to here it counts as covered once committed; what is later may still change at the source.
    pub settled: Timestamp,
    /// The host's clock when it was planned.
    pub clock: Timestamp,
    /// SHA-256 of the plugin that planned it.
    pub plugin: String,
    /// True if events that were delivered before are to be delivered again: the user named the period.
    #[serde(default)]
    pub again: bool,
    /// Where some of the period was asked for before: up to here. An event of that part that nobody knows came late.
    #[serde(default)]
    pub asked_until: Option<Timestamp>,
    /// Where the period begins before what the server is known to keep: up to here it may have deleted events.
    #[serde(default)]
    pub doubtful_until: Option<Timestamp>,
    /// The look-backs that the window carries out, by their ages in seconds.
    #[serde(default)]
    pub looks_back: Vec<u64>,
    /// The fetches that the plugin planned, in order; empty until it has.
    pub fetches: Vec<FetchState>,
    /// True once sinks may have got some of its events.
    pub delivering: bool,
    /// The sinks that the window is for, where that is fixed: those of a window that is delivered in part, and those that a
    /// backfill is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The sinks in `only` that have answered durably for all of the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<String>,
    /// The ids that were known when its events were first delivered whole: whoever reads it again for a sink that waits takes
    /// out the same events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<BTreeMap<Date, IdSetRef>>,
    /// The facts with which it is committed, once every sink that could take it has it: then it is delivered in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<WindowEnd>,
    /// True where its period counts for the sinks in `only` alone: they lacked what others have.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fills: bool,
    /// True where its period was named, and every sink gets all of it, wherever the sink begins.
    #[serde(default, skip_serializing_if = "is_false")]
    pub named: bool,
}

/// The progress of one fetch of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum FetchState {
    /// Nothing was sent.
    Planned,
    /// The request that creates the job is about to be sent, or was. The file's name is fixed.
    Submitting,
    /// The job exists.
    Submitted {
        /// Where its status can be asked, relative to the origin.
        link: String,
    },
    /// The job was still running when it was asked last.
    Waiting {
        /// Where its status can be asked.
        link: String,
        /// Requests for the status of the job so far.
        polls: u64,
        /// When it is asked next.
        next: Timestamp,
    },
    /// The job ended well: its file is on the server.
    Ready {
        /// The job's id.
        job: Option<String>,
        /// Requests for the status of the job so far.
        polls: u64,
        /// The files that its last answer named.
        files: Vec<String>,
    },
    /// The document is here.
    Spooled(Kept),
}

impl FetchState {
    /// The state's name.
    pub fn word(&self) -> &'static str {
        match self {
            FetchState::Planned => "planned",
            FetchState::Submitting => "submitting",
            FetchState::Submitted { .. } => "submitted",
            FetchState::Waiting { .. } => "waiting",
            FetchState::Ready { .. } => "ready",
            FetchState::Spooled(_) => "spooled",
        }
    }
}

/// A document in the ledger's spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The file in the spool folder.
    pub file: String,
    /// Bytes.
    pub length: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// The name of the file on the server, where it came as one.
    pub name: Option<String>,
    /// The job that wrote it.
    pub job: Option<String>,
    /// The file to be removed from the server after the commit.
    pub cleanup: Option<String>,
    /// The server's clock when it was asked, where the answers told it.
    #[serde(default)]
    pub served: Option<Timestamp>,
    /// Records of the document that had to be mended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mended: u64,
    /// Records of the document that are not valid JSON, and could not be mended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub broken: u64,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The end of a window whose events are all answered for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowEnd {
    /// The window's name.
    pub name: String,
    /// The server's clock when it was asked, where that was behind this machine's.
    pub served: Option<Timestamp>,
    /// Events behind this instant had not happened by that clock, or their time was still open, and it is not covered.
    pub happened_until: Option<Timestamp>,
    /// The part of the period that the server no longer had.
    pub lost: Option<Interval>,
    /// The time of the window's latest event.
    pub last_event: Option<Timestamp>,
}

/// A window given up. Its period is not covered, so it is asked for again under another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dead {
    /// The window's name.
    pub name: String,
    /// The period that was asked for.
    pub period: Interval,
    /// When it was given up.
    pub at: Timestamp,
    /// Why, in one line.
    pub reason: String,
}

impl InFlight {
    /// True if all its documents are on the spool.
    pub fn is_here(&self) -> bool {
        let here = |fetch: &FetchState| matches!(fetch, FetchState::Spooled(_));
        !self.fetches.is_empty() && self.fetches.iter().all(here)
    }

    /// The sinks that it waits for: others have it already, and these have not. None of a window that is for all and that no sink has yet.
    pub fn waits_for(&self) -> impl Iterator<Item = &String> {
        let waits = self.end.is_some() || self.fills;
        self.only
            .iter()
            .filter(move |sink| waits && !self.answered.contains(sink))
    }

    /// The first instant that was never asked for before this window.
    pub fn begins(&self) -> Timestamp {
        self.asked_until
            .map_or(self.period.from, |asked| asked.max(self.period.from))
    }

    /// The part of its period that is covered once the sinks that it waits for have it.
    pub(super) fn waiting_part(&self) -> Option<Interval> {
        let end = self.end.as_ref().filter(|_| !self.fills)?;
        Some(self.settled_part(end))
    }

    /// The part of its period that counts as covered with this end.
    pub(super) fn settled_part(&self, end: &WindowEnd) -> Interval {
        let Interval { from, to } = self.period;
        let happened = end.happened_until.unwrap_or(Timestamp::MAX);
        Interval::new(from, self.settled.min(happened).clamp(from, to))
    }

    /// The name of its state: that of its least advanced fetch, until events are on their way.
    pub fn state(&self) -> &'static str {
        if self.end.is_some() {
            return "delivered in part";
        }
        if self.delivering {
            return "delivering";
        }
        let rank = |state: &FetchState| match state {
            FetchState::Planned => 0,
            FetchState::Submitting => 1,
            FetchState::Submitted { .. } => 2,
            FetchState::Waiting { .. } => 3,
            FetchState::Ready { .. } => 4,
            FetchState::Spooled(_) => 5,
        };
        let behind = self.fetches.iter().min_by_key(|state| rank(state));
        behind.map_or("planned", FetchState::word)
    }
}

/// The form of windows that copies of a record share: each copy writes all of them.
pub(super) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::InFlight;

    pub(crate) fn serialize<S: Serializer>(windows: &[Arc<InFlight>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(windows.iter().map(|window| &**window))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<InFlight>>, D::Error> {
        let windows = Vec::<InFlight>::deserialize(deserializer)?;
        Ok(windows.into_iter().map(Arc::new).collect())
    }
}
