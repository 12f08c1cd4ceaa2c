//! What a run with a ledger asks for.

/// The periods that a run with a ledger asks for, besides the windows in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// The period that is due since the watermark.
    Incremental,
    /// The period of the run, whatever was committed of it.
    Period,
    /// The parts of the run's period that were never committed, in windows of at most so many days.
    Backfill {
        /// Days.
        days: u32,
    },
}
