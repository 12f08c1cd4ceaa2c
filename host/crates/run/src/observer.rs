//! The messages of a run while it goes on.

use std::time::Duration;

/// The progress of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkProgress {
    /// The sink's name.
    pub name: String,
    /// Events sent its way so far.
    pub routed: u64,
    /// Of these, delivered or set aside.
    pub settled: u64,
}

/// Listens to the course of a run. All methods may be called from any thread and must return at once.
pub trait RunObserver: Send + Sync {
    /// So many events and rejected rows have come out of the parser in all.
    fn parsed(&self, _events: u64, _rejected: u64) {}
    /// The progress of each sink, while there is more than one or they are all that is left to wait for.
    fn delivering(&self, _sinks: &[SinkProgress]) {}

    /// Something that an earlier run did not end is taken up again.
    fn resuming(&self, _what: &str) {}

    /// So many windows are in flight.
    fn under_way(&self, _windows: usize) {}

    /// So many windows of so many are done, after so long.
    fn windows(&self, _done: usize, _of: usize, _elapsed: Duration) {}
}
