//! Events that a sink refused for good, or could not be given in time where nobody keeps them for it.
//!
//! [`DeadLetters`] keeps each with its sink, the reason, the times of the attempts and what is true of its run, so that
//! it can be delivered later as if nothing had happened. An event is kept once for each sink; another event of the same id is
//! another letter. The store is bounded: what does not fit is refused, and whoever wanted to put it there says so.

mod claim;
mod schema;
mod store;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::counted::counted;
use crate::event::{Event, Provenance};

pub use store::DeadLetters;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Events, at most. Default 1,000,000.
    pub events: u64,
    /// Bytes of events, at most. Default 1 GiB.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            events: 1_000_000,
            bytes: 1 << 30,
        }
    }
}

/// An event and why it could not be delivered.
#[derive(Debug, Clone, Copy)]
pub struct Undelivered<'a> {
    /// The event.
    pub event: &'a Event,
    /// Why, in one line.
    pub reason: &'a str,
    /// The first attempt.
    pub first_attempt: Timestamp,
    /// The last one.
    pub last_attempt: Timestamp,
    /// How many there were; 0 where the sink was known to be down.
    pub attempts: u32,
}

/// A dead letter without its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number; not used again.
    pub number: i64,
    /// The sink's name.
    pub sink: String,
    /// The report's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// The event's id.
    pub event_id: String,
    /// Why the last attempt failed.
    pub reason: String,
    /// The first attempt.
    pub first_attempt: Timestamp,
    /// The last one.
    pub last_attempt: Timestamp,
    /// How many there were.
    pub attempts: u32,
    /// How often it was set aside: once, and once more for each vain replay.
    pub times_kept: u32,
    /// The run that it comes from.
    pub run_id: String,
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// What happened.
    pub entry: Entry,
    /// What is true of all events of its run.
    pub provenance: Provenance,
    /// The event.
    pub event: Event,
}

/// Which dead letters are meant; what is left out does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Of this sink.
    pub sink: Option<String>,
    /// Of this report.
    pub report: Option<String>,
    /// With these numbers.
    pub numbers: Vec<i64>,
}

/// Why dead letters cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterError {
    /// There is no room.
    #[error(
        "the dead letters have no room for {} of {more_bytes} bytes: they hold {events} of {}, {bytes} of {most_bytes} bytes",
        counted(.more_events, "more event", "more events"),
        counted(.most_events, "event", "events")
    )]
    Full {
        /// Events that were to be added.
        more_events: u64,
        /// Bytes that were to be added.
        more_bytes: u64,
        /// Events there.
        events: u64,
        /// Events allowed.
        most_events: u64,
        /// Bytes there.
        bytes: u64,
        /// Bytes allowed.
        most_bytes: u64,
    },
    /// No file was named, and there is none to take by default.
    #[error("there is no place for dead letters: neither HOME nor XDG_STATE_HOME names a folder")]
    Nowhere,
    /// Another process delivers them.
    #[error("the dead letters in {} are already being replayed by another process", path.display())]
    Claimed {
        /// The file.
        path: PathBuf,
    },
    /// The database cannot be used.
    #[error("cannot use the dead letters in {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Whether there are letters cannot be seen.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file or its folder cannot be made.
    #[error("cannot make {}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The database was written by a later version, or is something else.
    #[error("{} is no dead-letter store of this version: {problem}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What speaks against it.
        problem: String,
    },
}

impl DeadLetterError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            DeadLetterError::Full { .. } => {
                "fix the sink and run `host dead-letter replay`, drop letters, or raise `events` and `bytes` under [dead-letters]".into()
            }
            DeadLetterError::Database { source, .. } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy) => "another process holds it; try again".into(),
                Some(rusqlite::ErrorCode::DiskFull) => "free space on the device".into(),
                Some(rusqlite::ErrorCode::SystemIoFailure) => {
                    "see whether its device is full or failing; letters that are kept stay".into()
                }
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                    "restore it from a backup, or move it away: new letters then go to a new file".into()
                }
                _ => "choose another file with `path` under [dead-letters]".into(),
            },
            DeadLetterError::Nowhere => "name a file with `path` under [dead-letters]".into(),
            DeadLetterError::Claimed { .. } => "wait for it to end; two replays would deliver the same events".into(),
            DeadLetterError::Unreadable { .. } => {
                "ask as the user that runs `host`, or make the file and its folder readable".into()
            }
            DeadLetterError::Folder { .. } | DeadLetterError::Foreign { .. } => {
                "choose another file with `path` under [dead-letters]".into()
            }
        })
    }
}
