//! The audit log of a tenancy, computed entry by entry from the past: each event of the identity domain, and behind it other API
//! calls.
//!
//! Entries are numbered in order of their time, so that a page anywhere costs no more than the first. OCI *processes* an entry
//! some seconds later, and that is the time that ListEvents goes by.

use std::ops::Range;

use crate::chance::mix;
use crate::history::{PastEvent, SimulatedPast};
use crate::lateness::{LATEST, lateness};

/// Milliseconds between an event and its being processed, at least and at most, unless it is stored late.
const PROCESSING: Range<i64> = 5_000..9_001;

/// The log, by index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TenancyLog {
    history: SimulatedPast,
    seed: u64,
    /// Entries for each event of the identity domain, itself included.
    share: i64,
    /// Every Nth is processed late.
    stored_late: Option<u64>,
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(super) index: i64,
    /// The kind of thing that the entry tells of.
    pub(super) kind: EntryKind,
    /// Milliseconds since 1970-01-01T00:00:00Z, as is the time that it was processed.
    pub(super) time: i64,
    pub(super) processed: i64,
    /// True where the time is written without a fraction.
    pub(super) whole_second: bool,
    /// A number of its own, the same on every machine.
    pub(super) chance: u64,
}

/// The kind of thing that an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// Something in the identity domain.
    Domain(PastEvent),
    /// Another API call, of the kind that this number stands for.
    ApiCall(u64),
}

impl TenancyLog {
    pub(crate) fn new(history: SimulatedPast, seed: u64, api_calls: u32, stored_late: Option<u64>) -> Self {
        Self {
            history,
            seed,
            share: i64::from(api_calls) + 1,
            stored_late,
        }
    }

    /// The entry at an index.
    pub(super) fn entry(&self, index: i64) -> LogEntry {
        let (position, turn) = (index.div_euclid(self.share), index.rem_euclid(self.share));
        let chance = mix(&[self.seed, 31, index.cast_unsigned()]);
        let (kind, time, whole_second) = if turn == 0 {
            let event = self.history.at(position);
            (EntryKind::Domain(event), event.time, false)
        } else {
            let begins = self.history.time(position);
            let gap = self.history.time(position + 1) - begins;
            let time = begins + gap * turn / self.share;
            let second = time.div_euclid(1000) * 1000;
            // Not before the entry that it follows.
            let whole = chance & 1 == 1 && second >= begins + gap * (turn - 1) / self.share;
            (
                EntryKind::ApiCall(chance >> 8),
                if whole { second } else { time },
                whole,
            )
        };
        let takes = PROCESSING.start + i64::try_from(chance >> 40).unwrap_or(0) % (PROCESSING.end - PROCESSING.start);
        let late = self.stored_late.and_then(|every| lateness(time, every)).unwrap_or(0);
        LogEntry {
            index,
            kind,
            time,
            processed: time + takes + late,
            whole_second,
            chance,
        }
    }

    /// Indexes among which are all entries that happened from `from` up to but without `to`, in ms, and few others.
    pub(super) fn happened(&self, from: i64, to: i64) -> Range<i64> {
        let first = (self.history.position_at(from) - 1).saturating_mul(self.share);
        let last = self.history.position_at(to).saturating_mul(self.share);
        first..last.max(first)
    }

    /// The range of records that were processed then.
    pub(super) fn processed(&self, from: i64, to: i64) -> Range<i64> {
        let late = self.stored_late.map_or(0, |_| LATEST);
        self.happened(from - PROCESSING.end - late, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::DAY;

    const TODAY: i64 = 20_272 * DAY;

    #[test]
    fn entries_are_in_order_of_their_times() {
        for (calls, rows) in [(0, 40), (1, 6), (1, 5000), (5, 40)] {
            let log = TenancyLog::new(SimulatedPast::new(3, rows, true), 3, calls, None);
            let range = log.happened(TODAY, TODAY + DAY / 4);
            let times: Vec<_> = range.map(|index| log.entry(index).time).collect();
            assert!(times.is_sorted(), "{calls} {rows}");
        }
    }

    #[test]
    fn an_entry_is_processed_five_to_nine_seconds_later_or_late() {
        let delays = |late| {
            let log = TenancyLog::new(SimulatedPast::new(1, 40, true), 1, 1, late);
            let entries = log.happened(TODAY, TODAY + 5 * DAY).map(move |index| log.entry(index));
            entries.map(|entry| entry.processed - entry.time).collect::<Vec<_>>()
        };
        assert!(delays(None).iter().all(|delay| PROCESSING.contains(delay)));
        let late = delays(Some(7));
        let count = late.iter().filter(|delay| **delay > 60_000).count();
        assert!(count > late.len() / 14 && count < late.len() / 4, "{count}");
        assert!(late.iter().all(|delay| *delay < LATEST + PROCESSING.end));
    }

    #[test]
    fn a_range_holds_whatever_was_processed_in_it() {
        let log = TenancyLog::new(SimulatedPast::new(1, 40, true), 1, 2, Some(5));
        let (from, to) = (TODAY + DAY / 3, TODAY + DAY / 2);
        let within = |entry: &LogEntry| (from..to).contains(&entry.processed);
        let all = log.happened(TODAY - DAY, TODAY + DAY).map(|index| log.entry(index));
        let all: Vec<_> = all.filter(within).collect();
        let range = log.processed(from, to).map(|index| log.entry(index));
        assert_eq!(range.filter(within).collect::<Vec<_>>(), all);
        assert!(all.len() > 20);
    }
}
