//! Events that a sink refused for good, or could not be given in time where nobody keeps them for it.
//!
//! [`DeadLetters`] keeps each with its sink, the reason, the times of the attempts and what is true of its run, so that
//! it can be delivered later as if nothing had happened. An event is kept once for each sink; another event of the same id is
//! another letter, and so is one whose sink leads elsewhere: configurations that share a store may name receivers alike. The store is bounded: what does not fit is refused, and whoever wanted to put it there says so.

mod options;
mod schema;
mod store;

use jiff::Timestamp;
use serde::Serialize;

use base::counted::counted;
use base::store::StoreError;
use base::{ErrorKind, SetupError};
use event::{Event, Provenance};

pub use options::DeadLetterOptions;
pub use store::DeadLetters;

/// The fill of the store, and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterFill {
    /// Events there.
    pub events: u64,
    /// Events allowed.
    pub most_events: u64,
    /// Bytes there.
    pub bytes: u64,
    /// Bytes allowed.
    pub most_bytes: u64,
}

/// An event and why it could not be delivered.
#[derive(Debug, Clone)]
pub struct Undelivered {
    /// The event.
    pub event: Event,
    /// The reason, in one line.
    pub reason: String,
    /// The first attempt.
    pub first_attempt: Timestamp,
    /// The last one.
    pub last_attempt: Timestamp,
    /// The number of attempts; 0 where the sink was known to be down.
    pub attempts: u32,
}

/// A dead letter without its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterEntry {
    /// The letter's number; not used again.
    pub number: i64,
    /// The sink's name.
    pub sink: String,
    /// The place that the sink led to; unknown for one that an earlier version kept.
    pub destination: Option<String>,
    /// The report's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// The event's id.
    pub event_id: String,
    /// The reason why the last attempt failed.
    pub reason: String,
    /// The first attempt.
    pub first_attempt: Timestamp,
    /// The last one.
    pub last_attempt: Timestamp,
    /// The number of attempts.
    pub attempts: u32,
    /// The number of times that the event was set aside: once, and once more for each vain replay.
    pub times_kept: u32,
    /// The run that it comes from.
    pub run_id: String,
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The letter without its event.
    pub entry: DeadLetterEntry,
    /// The facts that all events of the letter's run share.
    pub provenance: Provenance,
    /// The event.
    pub event: Event,
}

/// A selection of dead letters; what is left out does not restrict.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterSelection {
    /// Of this sink.
    pub sink: Option<String>,
    /// Of this report.
    pub report: Option<String>,
    /// With these numbers.
    pub numbers: Vec<i64>,
    /// Not those of these sinks that led there.
    pub except: Vec<DeadLetterGroup>,
}

/// Letters of one sink that led to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterGroup {
    /// The sink's name.
    pub sink: String,
    /// The place that it led to; unknown for those that an earlier version kept.
    pub destination: Option<String>,
    /// The number of letters.
    pub letters: u64,
    /// The first attempt to deliver the oldest of them.
    pub since: Timestamp,
}

/// The reason why dead letters cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterError {
    /// The store has no room.
    #[error(
        "the dead-letter store has no room for {} of {more_bytes} bytes: it holds {events} of at most {}, {bytes} of at most \
         {most_bytes} bytes",
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
    /// The file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeadLetterError {
    /// The advice for the user.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            DeadLetterError::Full { .. } => {
                "fix the sink and run `host dead-letter replay`, drop letters, or raise `events` and `bytes` under [dead-letters]".into()
            }
            DeadLetterError::Store(error) => error.hint(),
        })
    }
}

impl From<DeadLetterError> for SetupError {
    fn from(error: DeadLetterError) -> Self {
        match &error {
            DeadLetterError::Store(StoreError::Claimed { .. }) => {
                SetupError::told(ErrorKind::Busy, &error, error.hint())
            }
            // Said by a command before anything was sent; a run that cannot keep a letter counts it as undelivered.
            _ => SetupError::told(ErrorKind::Usage, &error, error.hint()).code("dead-letters"),
        }
    }
}
