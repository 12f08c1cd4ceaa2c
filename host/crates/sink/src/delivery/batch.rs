//! One batch on its way: which events fit into it, and which of them are left.

use std::borrow::Cow;

use crate::verdict::{BatchLimits, Rejection};
use event::Event;

/// The end of a batch after all attempts.
pub(super) enum BatchOutcome {
    /// The receiver took what is left.
    Accepted,
    /// The receiver refused what is left for good, or it was given up.
    Refused(String),
    /// The rest is too much at once.
    TooLarge(String),
}

/// A batch on its way, of which some events may have been dealt with. Nothing of that is kept or counted before the batch
/// is at its end: one that is given back to whoever has its events comes again as a whole.
pub(super) struct UnsettledBatch<'a> {
    pub(super) left: Cow<'a, [Event]>,
    pub(super) taken: usize,
    pub(super) refused: Vec<(Event, String)>,
}

impl<'a> UnsettledBatch<'a> {
    pub(super) fn new(batch: impl Into<Cow<'a, [Event]>>) -> Self {
        UnsettledBatch {
            left: batch.into(),
            taken: 0,
            refused: Vec::new(),
        }
    }

    /// Takes note of what became of some of what is left; the events at the places `retried` stay. Says whether there
    /// was any progress.
    pub(super) fn narrow(&mut self, rejected: Vec<Rejection>, retried: &[usize]) -> bool {
        let before = self.left.len();
        let rejected = rejected
            .into_iter()
            .filter_map(|rejection| Some((self.left.get(rejection.index)?.clone(), rejection.reason)));
        let rejected: Vec<_> = rejected.collect();
        let left: Vec<Event> = retried
            .iter()
            .filter_map(|place| self.left.get(*place).cloned())
            .collect();
        self.taken += before.saturating_sub(rejected.len() + left.len());
        self.refused.extend(rejected);
        let progress = left.len() < before;
        self.left = Cow::Owned(left);
        progress
    }

    /// The events that are left, in halves.
    pub(super) fn halves(self) -> (Cow<'a, [Event]>, Cow<'a, [Event]>) {
        let half = self.left.len() / 2;
        match self.left {
            Cow::Borrowed(left) => {
                let (first, second) = left.split_at(half);
                (first.into(), second.into())
            }
            Cow::Owned(mut first) => {
                let second = first.split_off(half);
                (first.into(), second.into())
            }
        }
    }
}

/// The number of the events that fit into a batch that already holds so many; at least one where it is empty.
pub(super) fn fitting(events: &[Event], limits: BatchLimits, held: usize, held_bytes: usize) -> usize {
    if limits.bytes == usize::MAX {
        return limits.events.max(1).saturating_sub(held).min(events.len());
    }
    let mut bytes = held_bytes;
    let mut count = 0;
    for event in events {
        bytes = bytes.saturating_add(event.bytes());
        let total = held + count;
        if total >= limits.events.max(1) || (total > 0 && bytes > limits.bytes) {
            break;
        }
        count += 1;
    }
    count
}
