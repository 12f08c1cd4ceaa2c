//! Counts of the events that a sink has taken, and what became of the others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Counts of a sink's events; readable while they are under way.
#[derive(Debug, Default)]
pub struct DeliveryCounters {
    pub(super) delivered: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) dead_lettered: AtomicU64,
    pub(super) undelivered: AtomicU64,
    pub(super) closed: AtomicBool,
    keeping: TaskTracker,
}

impl DeliveryCounters {
    /// Events that the receiver has taken.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Deliveries that were repeated.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Events set aside.
    pub fn dead_lettered(&self) -> u64 {
        self.dead_lettered.load(Ordering::Relaxed)
    }

    /// Events neither taken nor set aside.
    pub fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    /// True if the reader of the output has gone, as `head` does.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Waits until the events are stored and counted that were on their way to the dead letters. Whoever gives a delivery up
    /// asks for it: the store is written to on another thread, which goes on.
    pub async fn kept(&self) {
        self.keeping.close();
        self.keeping.wait().await;
    }

    /// Marks that events are on their way to the dead letters, for as long as the token lives.
    pub(super) fn keeping(&self) -> TaskTrackerToken {
        self.keeping.token()
    }

    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}
