//! The errors that end a run early.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use crate::fan_out::{Loss, SinkBehind};
use crate::pipeline::TooManyRejected;
use crate::window::WindowError;
use base::WorkerDied;
use base::counted::counted;
use base::store::StoreError;
use event::id::IdError;
use evidence::EvidenceError;
use fetch::FetchError;
use ledger::{Interval, LedgerError};
use sandbox::PluginError;
use sink::SinkError;

/// The error that ended a run early.
#[derive(Debug, Error)]
pub enum RunError {
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The plugin refused to plan, or planned what is not allowed.
    #[error(transparent)]
    Plan(PluginError),
    /// The progress cannot be read or kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A sink was given other events than those it has answered for.
    #[error("sink {name}: the window's events are not those of the run that was cut short")]
    Changed {
        /// The sink's name.
        name: String,
    },
    /// A window's document is lost, and the server no longer has all of its period.
    #[error("a spooled document is lost, and the server no longer has all of its period: the window is given up")]
    Gone,
    /// The watermark lies in the future, so nothing would be due for long.
    #[error("{stream} is marked complete up to {watermark}, but by this machine's clock it is only {now}")]
    Ahead {
        /// The stream.
        stream: String,
        /// The arguments that name the stream on the command line.
        arguments: String,
        /// The watermark.
        watermark: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// The server no longer had periods that were never collected.
    #[error(
        "DATA LOST: {stream}: {} was never collected, and the server has deleted it",
        periods(gaps)
    )]
    Gap {
        /// The stream.
        stream: String,
        /// The arguments with which `host gaps` lists them.
        arguments: String,
        /// The periods.
        gaps: Vec<Interval>,
        /// True where a backfill asked for what is missing: running more often would have changed nothing of that.
        backfill: bool,
    },
    /// The windows cannot be computed.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Fetching failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A sink failed.
    #[error("sink {name}")]
    Sink {
        /// The sink's name.
        name: String,
        /// The sink's error.
        source: SinkError,
    },
    /// Events of a required sink were neither delivered nor set aside.
    #[error(
        "sink {name}: {} neither delivered nor stored: {reason}",
        counted(.events, "event was", "events were")
    )]
    Undelivered {
        /// The sink's name.
        name: String,
        /// The number of events.
        events: u64,
        /// The reason why the events could not be kept.
        reason: String,
    },
    /// Required sinks have answered for everything, and optional ones have not: what was for them is lost.
    #[error("{}", crate::fan_out::told(.sinks))]
    Lost {
        /// The sinks.
        sinks: Vec<Loss>,
    },
    /// Sinks have not got what others have: it waits for them.
    #[error("{}", crate::fan_out::lagging(.sinks, .others, *.up_to))]
    Behind {
        /// The sinks.
        sinks: Vec<SinkBehind>,
        /// Sinks of the stream that have everything.
        others: Vec<String>,
        /// Everything before was fetched.
        up_to: Option<Timestamp>,
        /// The arguments that name the stream on the command line.
        arguments: String,
    },
    /// A window that waited for sinks cannot be delivered to them any more: its document is lost, and the server has deleted its period.
    #[error(
        "DATA LOST for {}: the spooled document of {from} to {to} is lost, and the server no longer has all of it",
        .sinks.join(", ")
    )]
    GoneFor {
        /// The sinks' names.
        sinks: Vec<String>,
        /// The beginning of the period.
        from: Timestamp,
        /// The end of the period.
        to: Timestamp,
        /// The arguments that name the stream on the command line.
        arguments: String,
    },
    /// Everything was delivered but for dead letters of required sinks.
    #[error("{}", dead_lettered(sinks))]
    DeadLettered {
        /// The sinks, and how many events of each.
        sinks: Vec<(String, u64)>,
    },
    /// Too many rows of a document are no events: it does not count as delivered.
    #[error(transparent)]
    TooManyRejected(Box<TooManyRejected>),
    /// Rejected rows cannot be kept, for a reason that may pass.
    #[error(transparent)]
    Rejects(#[from] StoreError),
    /// Rejected rows cannot be set aside until their document is read.
    #[error("cannot set rejected rows aside in a temporary file")]
    SetAside(#[source] std::io::Error),
    /// Everything was delivered, but rejected rows are neither delivered nor kept.
    #[error("{} not kept: {reason}", counted(*.rows, "rejected row was", "rejected rows were"))]
    RowsLost {
        /// The number of rows.
        rows: u64,
        /// The reason.
        reason: String,
    },
    /// A document cannot be kept until its window is committed.
    #[error("cannot keep the document in {}", folder.display())]
    Keep {
        /// The spool beside the ledger.
        folder: PathBuf,
        /// The error of this machine.
        source: std::io::Error,
    },
    /// A document cannot be kept as evidence, so its events are not delivered.
    #[error(transparent)]
    Evidence(Box<EvidenceError>),
    /// As many bytes as may wait already for their windows to be committed.
    #[error(
        "{} has no room for a document of {more} bytes: documents waiting there use {bytes} of {most} bytes{}",
        folder.display(),
        waiting_for(.sinks)
    )]
    SpoolFull {
        /// The spool beside the ledger.
        folder: PathBuf,
        /// Bytes there.
        bytes: u64,
        /// Bytes of the document.
        more: u64,
        /// Bytes allowed.
        most: u64,
        /// The sinks of the stream that documents wait for.
        sinks: Vec<String>,
        /// The arguments that name the stream on the command line.
        arguments: String,
    },
    /// Windows wait for a sink longer than they may, and nothing more is fetched.
    #[error(
        "nothing more is fetched: windows wait for {} since {since}, longer than {} days",
        .sinks.join(", "),
        .most.as_secs() / 86_400
    )]
    SpoolAge {
        /// The sinks' names.
        sinks: Vec<String>,
        /// The clock of the run that began the oldest of them.
        since: Timestamp,
        /// The longest that a window may wait.
        most: Duration,
        /// The arguments that name the stream on the command line.
        arguments: String,
    },
    /// The spooled document could not be read back.
    #[error("cannot read the spooled document: {0}")]
    Spool(#[from] std::io::Error),
    /// The reader of stdout went away. Not a failure.
    #[error("standard output was closed")]
    Closed,
    /// The user or the system asked to stop.
    #[error("stopped before the end")]
    Stopped,
    /// The rows already seen cannot be kept.
    #[error(transparent)]
    Ids(#[from] IdError),
    /// A thread of ours died.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RunError {
    /// The message in this program's own words. It quotes no server, report, plugin or receiver: what is kept for long shall name
    /// nobody. A kind of error that is new says here what may be kept of it.
    pub fn own_words(&self) -> String {
        match self {
            RunError::Plugin(error) | RunError::Plan(error) => error.own_words(),
            RunError::Ledger(error) => error.own_words(),
            RunError::Fetch(error) => error.own_words(),
            RunError::Sink { name, source } => format!("sink {name}: {}", source.own_words()),
            RunError::Behind {
                sinks, others, up_to, ..
            } => {
                let quiet = |sink: &SinkBehind| SinkBehind {
                    reason: None,
                    ..sink.clone()
                };
                let sinks: Vec<SinkBehind> = sinks.iter().map(quiet).collect();
                crate::fan_out::lagging(&sinks, others, *up_to)
            }
            RunError::Undelivered { name, events, .. } => not_delivered(name, *events),
            RunError::Lost { sinks } => {
                let each = sinks.iter().map(|loss| not_delivered(&loss.name, loss.events));
                each.collect::<Vec<_>>().join("; ")
            }
            RunError::TooManyRejected(error) => error.own_words(),
            RunError::Evidence(_) => "a document cannot be kept as evidence".to_owned(),
            RunError::Rejects(_) => "rejected rows cannot be kept".to_owned(),
            RunError::RowsLost { rows, .. } => {
                format!("{} not kept", counted(*rows, "rejected row was", "rejected rows were"))
            }
            RunError::Spool(error) => format!("cannot read the spooled document: {}", error.kind()),
            RunError::Ids(_) => "the rows already seen cannot be kept".to_owned(),
            RunError::Internal(_) => "internal error".to_owned(),
            RunError::Changed { .. }
            | RunError::Gone
            | RunError::Ahead { .. }
            | RunError::Gap { .. }
            | RunError::Window(_)
            | RunError::DeadLettered { .. }
            | RunError::SetAside(_)
            | RunError::Keep { .. }
            | RunError::SpoolFull { .. }
            | RunError::SpoolAge { .. }
            | RunError::GoneFor { .. }
            | RunError::Closed
            | RunError::Stopped => self.to_string(),
        }
    }
}

impl From<WorkerDied> for RunError {
    fn from(error: WorkerDied) -> RunError {
        RunError::Internal(error.to_string())
    }
}

fn not_delivered(sink: &str, events: u64) -> String {
    let events = counted(events, "event was", "events were");
    format!("sink {sink}: {events} neither delivered nor stored")
}

/// The end of the message about a spool without room, where sinks are the reason.
fn waiting_for(sinks: &[String]) -> String {
    match sinks {
        [] => String::new(),
        sinks => format!(", and nothing more is fetched while they wait for {}", sinks.join(", ")),
    }
}

/// Dead letters by sink, for people.
fn dead_lettered(sinks: &[(String, u64)]) -> String {
    let events = sinks.iter().map(|(_, events)| events).sum::<u64>();
    let each: Vec<_> = sinks.iter().map(|(name, events)| format!("{name} {events}")).collect();
    let told = counted(
        events,
        "event was not delivered and is kept as a dead letter",
        "events were not delivered and are kept as dead letters",
    );
    format!("{told}: {}", each.join(", "))
}

/// Periods for people.
fn periods(gaps: &[Interval]) -> String {
    let period = |gap: &Interval| {
        let [from, to] = [gap.from, gap.to].map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
        let days = gap.to.duration_since(gap.from).as_hours() / 24;
        format!("{from} to {to} UTC ({})", counted(days.unsigned_abs(), "day", "days"))
    };
    gaps.iter().map(period).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
