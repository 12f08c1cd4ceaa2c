//! How a run keeps its progress, and what it asks for.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::run_mode::RunMode;
use crate::stream_ledger::StreamLedger;
use ledger::{Stream, Tier};

/// The progress that a run begins with, and the rules by which it is kept.
pub struct LedgerOptions {
    /// The stream's record.
    pub book: Arc<StreamLedger>,
    /// How long after an event it may still be missing at the source.
    pub lag: Duration,
    /// How far runs look back for events that are stored late.
    pub look_back: Vec<Tier>,
    /// How long the server is known to keep events.
    pub kept: Option<Duration>,
    /// The beginning of a stream that has collected nothing yet, where that is not today's.
    pub start: Option<Timestamp>,
    /// The longest time between two events of the stream, where somebody said so.
    pub expect_events_every: Option<Duration>,
    /// Windows that are begun and not delivered, at most; those in flight before the run come on top.
    pub windows_ahead: usize,
    /// The periods that are asked for besides the windows in flight.
    pub wanted: RunMode,
    /// The sinks that a backfill is for, where these alone lack what others have; empty where it is for all.
    pub only: Vec<String>,
}

impl LedgerOptions {
    /// Keeps nothing: the run is one window over a ledger that is forgotten when the process ends.
    pub(crate) fn nothing(stream: Stream) -> LedgerOptions {
        LedgerOptions {
            book: Arc::new(StreamLedger::in_memory(stream)),
            lag: Duration::ZERO,
            look_back: Vec::new(),
            kept: None,
            start: None,
            expect_events_every: None,
            windows_ahead: 1,
            wanted: RunMode::Period,
            only: Vec::new(),
        }
    }
}
