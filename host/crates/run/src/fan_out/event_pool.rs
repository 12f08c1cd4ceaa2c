//! Events that all sinks are done with, on their way back to the parser, which fills them again: an event is half a dozen
//! strings, and to allocate them on one thread and free them on another costs as much as to write the event out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use event::Event;

/// Batches kept, at most: as many as are under way where sinks keep up.
const BATCHES: usize = 4;

/// The most events of a batch that is kept: a chunk of short rows has half as many.
const EVENTS: usize = 8192;

/// Batches of used events. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventPool(Arc<Mutex<VecDeque<Vec<Event>>>>);

impl EventPool {
    /// Keeps the events, unless there are enough already or somebody else still has them.
    pub(crate) fn give(&self, events: Arc<Vec<Event>>) {
        let Some(events) = Arc::into_inner(events) else { return };
        if events.capacity() > EVENTS {
            return;
        }
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if batches.len() < BATCHES {
            batches.push_back(events);
        }
    }

    /// The events given first: so each is filled again before long, and gives up what it no longer needs.
    pub(crate) fn take(&self) -> Option<Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Activity, Outcome, samples};

    fn batch(events: usize) -> Arc<Vec<Event>> {
        Arc::new(vec![samples::sparse(Activity::Logon, Outcome::Success); events])
    }

    #[test]
    fn what_comes_back_first_is_used_first_and_little_is_kept() {
        let used = EventPool::default();
        for events in 1..=BATCHES + 1 {
            used.give(batch(events));
        }
        let taken = std::iter::from_fn(|| used.take()).map(|events| events.len());
        assert_eq!(taken.collect::<Vec<_>>(), [1, 2, 3, 4]);
        used.give(batch(EVENTS + 1));
        assert_eq!(used.take(), None);
    }

    #[test]
    fn events_that_a_sink_still_has_stay_as_they_are() {
        let used = EventPool::default();
        let events = batch(1);
        used.give(Arc::clone(&events));
        assert_eq!(used.take(), None);
        used.give(events);
        assert_eq!(used.take().map(|events| events.len()), Some(1));
    }
}
