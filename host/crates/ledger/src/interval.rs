//! Half-open periods and their arithmetic.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A half-open period: `from` belongs to it, `to` does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

impl Interval {
    /// From one instant to another.
    pub fn new(from: Timestamp, to: Timestamp) -> Interval {
        Interval { from, to }
    }

    /// True if no instant is in it.
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }
}

/// The same instants in as few intervals as possible, in order.
pub fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|interval| !interval.is_empty());
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match merged.last_mut() {
            Some(last) if interval.from <= last.to => last.to = last.to.max(interval.to),
            _ => merged.push(interval),
        }
    }
    merged
}

/// The parts of an interval that are in none of the others, in order.
pub fn without(whole: Interval, others: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    let mut from = whole.from;
    for other in merged(others.to_vec()) {
        if other.from > from {
            left.push(Interval::new(from, other.from.min(whole.to)));
        }
        from = from.max(other.to);
    }
    left.push(Interval::new(from, whole.to));
    merged(left)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn has(intervals: &[Interval], second: i64) -> bool {
        intervals
            .iter()
            .any(|interval| (interval.from..interval.to).contains(&at(second)))
    }

    fn intervals() -> impl Strategy<Value = Vec<Interval>> {
        vec(
            (0_i64..40, 0_i64..12).prop_map(|(from, length)| Interval::new(at(from), at(from + length))),
            0..8,
        )
    }

    proptest! {
        #[test]
        fn merging_keeps_the_instants_and_leaves_no_neighbours(some in intervals()) {
            let all = merged(some.clone());
            for second in 0..60 {
                prop_assert_eq!(has(&all, second), has(&some, second));
            }
            prop_assert!(all.windows(2).all(|pair| pair[0].to < pair[1].from));
        }

        #[test]
        fn what_is_left_and_what_was_taken_are_the_whole(from in 0_i64..40, length in 0_i64..30, others in intervals()) {
            let whole = Interval::new(at(from), at(from + length));
            let left = without(whole, &others);
            for second in 0..80 {
                prop_assert_eq!(has(&left, second), has(&[whole], second) && !has(&others, second));
            }
        }
    }
}
