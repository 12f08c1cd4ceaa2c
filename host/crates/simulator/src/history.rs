//! The history of the identity domain, made up on the fly.
//!
//! A day holds the same number of *groups*, and a group four *occurrences*: one login, one failed login, one thing that
//! happens in a session, and one change made by an administrator. [`SimulatedPast`] computes any of them from its position
//! alone, so a report of ten million rows costs no memory, a page in the middle costs no more than the first, and an
//! occurrence is the same one whichever report shows it and whenever the simulator was started.
//!
//! Positions count from 1970-01-01 and are in order of time.

use std::net::IpAddr;

use super::chance::mix;
use super::people::{self, Person};

/// Milliseconds in a day.
pub(super) const DAY: i64 = 86_400_000;

/// The share of events in each hour of a UTC day, in 24ths of what happens on average. Sums to 24 * 24.
const HOURS: [i64; 24] = [
    4, 3, 2, 2, 4, 8, 18, 34, 50, 56, 54, 48, 40, 46, 52, 48, 38, 26, 16, 10, 6, 4, 4, 3,
];
const DAY_WEIGHT: i64 = 576;
const HOUR: i64 = 3_600_000;

/// The four occurrences of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventPart {
    /// Somebody logged in.
    Login,
    /// Somebody failed to.
    Failure,
    /// A session ended, or an application was opened in one.
    Session,
    /// An administrator, or a user for himself, changed something.
    Change,
}

/// The orders that the four may come in.
const ORDERS: [[EventPart; 4]; 6] = [
    [
        EventPart::Login,
        EventPart::Failure,
        EventPart::Session,
        EventPart::Change,
    ],
    [
        EventPart::Failure,
        EventPart::Login,
        EventPart::Change,
        EventPart::Session,
    ],
    [
        EventPart::Change,
        EventPart::Login,
        EventPart::Failure,
        EventPart::Session,
    ],
    [
        EventPart::Login,
        EventPart::Session,
        EventPart::Failure,
        EventPart::Change,
    ],
    [
        EventPart::Session,
        EventPart::Failure,
        EventPart::Login,
        EventPart::Change,
    ],
    [
        EventPart::Failure,
        EventPart::Change,
        EventPart::Session,
        EventPart::Login,
    ],
];

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PastEvent {
    /// Counts from 1970-01-01, in order of time.
    pub(super) position: i64,
    pub(super) part: EventPart,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(super) time: i64,
    /// A number of its own, the same on every machine.
    pub(super) chance: u64,
}

/// A login, successful or not, as the reports show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Login {
    /// The text that was typed as the user name.
    pub(super) user: &'static str,
    /// The person whose account that is.
    pub(super) person: Option<Person>,
    pub(super) address: IpAddr,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(super) time: i64,
}

/// The past, by position.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedPast {
    seed: u64,
    /// Groups a day; never 0.
    per_day: i64,
    hostile: bool,
}

impl SimulatedPast {
    /// `per_day` groups, so as many logins and as many failed ones, on every day.
    pub(super) fn new(seed: u64, per_day: u64, hostile: bool) -> Self {
        // 50 million groups a day are 2 a millisecond; positions stay far inside 64 bits.
        let per_day = i64::try_from(per_day).unwrap_or(i64::MAX).clamp(1, 50_000_000);
        Self { seed, per_day, hostile }
    }

    /// The first position that happened at `time` or later.
    pub(super) fn position_at(&self, time: i64) -> i64 {
        let day = time.div_euclid(DAY);
        let first = day.saturating_mul(self.day_length());
        let (mut low, mut high) = (first, first.saturating_add(self.day_length()));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(middle) < time {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    }

    /// The event at a position.
    pub(super) fn at(&self, position: i64) -> PastEvent {
        let group = position.div_euclid(4);
        let order = self.order(group);
        let part = usize::try_from(position.rem_euclid(4))
            .ok()
            .and_then(|i| order.get(i))
            .copied()
            .unwrap_or(EventPart::Login);
        PastEvent {
            position,
            part,
            time: self.time(position),
            chance: self.number(position, 3),
        }
    }

    /// The occurrence of one kind in a group.
    pub(super) fn in_group(&self, group: i64, part: EventPart) -> PastEvent {
        let offset = self.order(group).iter().position(|p| *p == part).unwrap_or(0);
        self.at(group
            .saturating_mul(4)
            .saturating_add(i64::try_from(offset).unwrap_or(0)))
    }

    /// Every occurrence of one kind from position `from` up to but without `to`.
    pub(super) fn parts(self, part: EventPart, from: i64, to: i64) -> impl Iterator<Item = PastEvent> + Send + 'static {
        let groups = from.div_euclid(4)..to.saturating_add(3).div_euclid(4);
        groups
            .map(move |group| self.in_group(group, part))
            .filter(move |o| o.position >= from && o.position < to)
    }

    /// Logins or failed logins from `from` up to but without `to`, in ms.
    pub(super) fn logins(self, part: EventPart, from: i64, to: i64) -> impl Iterator<Item = Login> + Send + 'static {
        self.parts(part, self.position_at(from), self.position_at(to))
            .map(move |occurrence| self.login(&occurrence))
    }

    /// The number of events of one kind from `from` up to but without `to`, in ms. Off by at most two.
    pub(super) fn about(&self, from: i64, to: i64) -> u64 {
        u64::try_from((self.position_at(to) - self.position_at(from)) / 4).unwrap_or(0)
    }

    /// The login: who logged in, or failed to, and from where.
    pub(super) fn login(&self, occurrence: &PastEvent) -> Login {
        let chance = occurrence.chance;
        let person = people::person(chance >> 8);
        let own = Login {
            user: person.login,
            person: Some(person),
            address: person.address(chance >> 24),
            time: occurrence.time,
        };
        if occurrence.part != EventPart::Failure {
            return own;
        }
        match chance % 10 {
            0..=5 => own,
            6 | 7 => Login {
                address: people::attacker(chance >> 24),
                ..own
            },
            _ => Login {
                user: people::stranger(chance >> 8, self.hostile),
                person: None,
                address: people::attacker(chance >> 24),
                ..own
            },
        }
    }

    fn day_length(&self) -> i64 {
        self.per_day.saturating_mul(4)
    }

    fn number(&self, position: i64, purpose: u64) -> u64 {
        mix(&[self.seed, position.cast_unsigned(), purpose])
    }

    fn order(&self, group: i64) -> [EventPart; 4] {
        super::chance::pick(&ORDERS, self.number(group, 1), ORDERS[0])
    }

    /// The time at which a position happened, in ms. Each owns an equal share of the day's weight and happens somewhere inside it, so times
    /// never decrease.
    pub(super) fn time(&self, position: i64) -> i64 {
        let day = position.div_euclid(self.day_length());
        let slot = i128::from(position.rem_euclid(self.day_length()));
        let within = i128::from(self.number(position, 2) & 0xFFFF);
        let weight_ms =
            (slot * 0x1_0000 + within) * i128::from(DAY_WEIGHT * HOUR) / (i128::from(self.day_length()) * 0x1_0000);
        let mut left = i64::try_from(weight_ms).unwrap_or(0);
        let mut start = 0;
        for weight in HOURS {
            let hour = weight * HOUR;
            if left < hour {
                return day * DAY + start + left / weight;
            }
            left -= hour;
            start += HOUR;
        }
        day * DAY + DAY - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_272 * DAY;

    #[test]
    fn hours_share_out_the_whole_day() {
        assert_eq!(HOURS.iter().sum::<i64>(), DAY_WEIGHT);
    }

    #[test]
    fn time_never_runs_backwards() {
        let history = SimulatedPast::new(7, 500, true);
        let first = history.position_at(TODAY - 3 * DAY);
        let mut last = i64::MIN;
        for position in first..first + 6000 {
            let time = history.at(position).time;
            assert!(time >= last, "{position}");
            last = time;
        }
    }

    #[test]
    fn a_full_day_holds_as_many_logins_as_were_asked_for() {
        let history = SimulatedPast::new(1, 17, true);
        for day in 0..10 {
            let from = TODAY - day * DAY;
            assert_eq!(history.logins(EventPart::Failure, from, from + DAY).count(), 17);
            assert_eq!(history.logins(EventPart::Login, from, from + DAY).count(), 17);
        }
    }

    #[test]
    fn a_window_cut_in_two_holds_the_same_rows() {
        let history = SimulatedPast::new(3, 40, true);
        let whole: Vec<_> = history.logins(EventPart::Failure, TODAY, TODAY + 2 * DAY).collect();
        for cut in [TODAY + 1, TODAY + DAY / 3, TODAY + DAY, TODAY + DAY + 12_345_678] {
            let mut parts: Vec<_> = history.logins(EventPart::Failure, TODAY, cut).collect();
            parts.extend(history.logins(EventPart::Failure, cut, TODAY + 2 * DAY));
            assert_eq!(parts, whole);
        }
        assert!(whole.iter().all(|row| row.time >= TODAY && row.time < TODAY + 2 * DAY));
    }

    #[test]
    fn another_seed_is_another_past() {
        let rows = |seed| {
            SimulatedPast::new(seed, 20, true)
                .logins(EventPart::Login, TODAY, TODAY + DAY)
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
    }

    #[test]
    fn ten_million_rows_a_day_stay_in_order() {
        let history = SimulatedPast::new(1, 10_000_000, true);
        let middle = history.position_at(TODAY + DAY / 2);
        assert!(history.at(middle).time >= TODAY + DAY / 2);
        assert!(history.at(middle - 1).time < TODAY + DAY / 2);
    }
}
