//! How far the past was asked for again, for records that a source stores late.
//!
//! A source that is asked for instants may store a record long after its time: the run that covered that time did not
//! see it. So runs ask for the past again, in steps that cost little: a [`Tier`] asks for everything up to an age, and does
//! so every so often. [`LookBack`] is what a stream's record remembers of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A step of the look-back: the past up to an age is asked for again, every so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// How old a record may be when it is looked for once more.
    pub age: Duration,
    /// How long after the last look the next one is due; zero is at each run.
    pub every: Duration,
}

/// The part of a stream's record about the past that was asked for again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookBack {
    /// The ids of events are known from here on: what is older is never asked for again, since nobody could tell what of
    /// it was delivered. None where no event was ever delivered.
    pub known_from: Option<Timestamp>,
    /// How long ids are kept behind the watermark, in seconds: the greatest age of the tiers.
    pub depth: u64,
    /// By a tier's age in seconds, the clock of the last look that went so far.
    pub looked: BTreeMap<u64, Timestamp>,
}

impl LookBack {
    /// The instant from which on records are to be looked for again, and the ages in seconds of the tiers that such a look
    /// satisfies. None where nothing is due.
    pub fn due(&self, tiers: &[Tier], now: Timestamp, watermark: Timestamp) -> Option<(Timestamp, Vec<u64>)> {
        let known_from = self.known_from?;
        let (mut from, mut ages) = (watermark, Vec::new());
        for tier in tiers {
            let looked = self.looked.get(&tier.age.as_secs());
            if looked.is_some_and(|looked| now < after(*looked, tier.every)) {
                continue;
            }
            // Everything before was looked for when it had that age, or older.
            from = from.min(before(*looked.unwrap_or(&watermark), tier.age));
            ages.push(tier.age.as_secs());
        }
        let from = from.max(known_from);
        (from < watermark).then_some((from, ages))
    }

    /// Notes a look that was carried out at that clock.
    pub fn note(&mut self, ages: &[u64], clock: Timestamp) {
        for age in ages {
            let looked = self.looked.entry(*age).or_insert(clock);
            *looked = clock.max(*looked);
        }
    }

    /// Notes that the ids of a period's events are known, as far as they are kept.
    pub(super) fn delivered(&mut self, from: Timestamp, to: Timestamp) {
        let known_from = self.known_from.get_or_insert(from);
        if from < *known_from && *known_from <= to {
            *known_from = from;
        }
    }

    /// Forgets what lies before an instant.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.known_from = self.known_from.map(|known_from| known_from.max(before));
    }

    /// The first instant whose ids have to be kept while everything before the watermark is answered for.
    pub fn keeps_from(&self, watermark: Timestamp) -> Timestamp {
        before(watermark, Duration::from_secs(self.depth))
    }
}

fn after(instant: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    instant.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

fn before(instant: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    instant.saturating_sub(duration).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const TIERS: [Tier; 3] = [
        Tier {
            age: Duration::from_secs(HOUR),
            every: Duration::ZERO,
        },
        Tier {
            age: Duration::from_secs(6 * HOUR),
            every: Duration::from_secs(HOUR),
        },
        Tier {
            age: Duration::from_secs(48 * HOUR),
            every: Duration::from_secs(24 * HOUR),
        },
    ];

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + (minutes * MINUTE) as i64).unwrap()
    }

    /// Runs at these minutes, each of which looks as far back as is due; answers with how far, in minutes behind its clock.
    fn looks(look_back: &mut LookBack, runs: &[u64]) -> Vec<u64> {
        let mut far = Vec::new();
        for minute in runs {
            let (now, watermark) = (at(*minute), at(minute - 15));
            let due = look_back.due(&TIERS, now, watermark);
            far.push(
                due.as_ref()
                    .map_or(0, |(from, _)| now.duration_since(*from).as_secs() as u64 / MINUTE),
            );
            if let Some((_, ages)) = due {
                look_back.note(&ages, now);
            }
        }
        far
    }

    #[test]
    fn each_run_looks_back_an_hour_some_six_and_one_a_day_two_days() {
        let mut look_back = LookBack {
            known_from: Some(at(0)),
            ..LookBack::default()
        };
        let days = 4 * 24 * 60;
        assert_eq!(looks(&mut look_back, &[days]), [15 + 48 * 60]);
        let quarters: Vec<u64> = (1..=8).map(|quarter| days + 15 * quarter).collect();
        let (short, long) = (15 + 60, 60 + 6 * 60);
        assert_eq!(
            looks(&mut look_back, &quarters),
            [short, short, short, long, short, short, short, long]
        );
        assert_eq!(looks(&mut look_back, &[days + 24 * 60]), [24 * 60 + 48 * 60]);
    }

    #[test]
    fn after_a_pause_everything_that_was_young_then_is_looked_for_again() {
        let mut look_back = LookBack {
            known_from: Some(at(0)),
            ..LookBack::default()
        };
        let begin = 10 * 24 * 60;
        looks(&mut look_back, &[begin, begin + 60]);
        let later = begin + 5 * 24 * 60;
        assert_eq!(looks(&mut look_back, &[later]), [5 * 24 * 60 + 48 * 60]);
    }

    #[test]
    fn nothing_is_looked_for_where_nobody_knows_what_was_delivered() {
        let mut look_back = LookBack::default();
        assert_eq!(looks(&mut look_back, &[5000]), [0]);
        look_back.known_from = Some(at(5000 - 20));
        assert_eq!(looks(&mut look_back, &[5000]), [20]);
    }
}
