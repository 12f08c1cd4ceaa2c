//! Rows that a source answers with again: a day that was still open when it was asked for last.

use jiff::{Timestamp, civil::Date, tz::Offset};

use crate::event::Event;
use crate::ledger::{Fresh, InFlight, Recent};
use crate::plugin::Granularity;

/// Milliseconds.
const DAY: i64 = 86_400_000;

/// Sorts the events of one window into new ones and those delivered before.
pub(super) struct Overlap {
    granularity: Granularity,
    first: Timestamp,
    last: Timestamp,
    settled: Timestamp,
    settled_day: Date,
    /// The day of the last row, and its number since 1970.
    day: Option<(i64, Date)>,
    /// What was committed before this window.
    known: Recent,
    /// What may come again after it.
    pub(super) new: Fresh,
    pub(super) duplicates: u64,
}

impl Overlap {
    /// For a window; `known` is what was committed when it began, and stays so until it is.
    pub(super) fn new(window: &InFlight, granularity: Granularity, known: Recent) -> Overlap {
        let last = window.period.to.as_millisecond().saturating_sub(1);
        Overlap {
            granularity,
            first: window.period.from,
            last: Timestamp::from_millisecond(last).unwrap_or(window.period.from),
            settled: window.settled,
            settled_day: date(window.settled),
            day: None,
            known: if window.again { Recent::default() } else { known },
            new: Fresh::default(),
            duplicates: 0,
        }
    }

    /// Takes out what was delivered before, and notes what may come again.
    pub(super) fn sift(&mut self, events: &mut Vec<Event>) {
        let before = events.len();
        events.retain(|event| self.is_new(event));
        self.duplicates += (before - events.len()) as u64;
    }

    fn is_new(&mut self, event: &Event) -> bool {
        let Some(id) = &event.id else { return true };
        let time = Timestamp::from_millisecond(event.time).unwrap_or(self.first);
        // A row whose time lies outside the window was still answered for it.
        let of = self.day_of(time.max(self.first).min(self.last));
        if self.known.knows(of, id) {
            return false;
        }
        let again = match self.granularity {
            Granularity::Day => of >= self.settled_day,
            Granularity::Instant => time >= self.settled,
        };
        if again {
            self.new.note(of, id);
        }
        true
    }

    /// Rows come day by day: the calendar is asked once for each.
    fn day_of(&mut self, time: Timestamp) -> Date {
        let number = time.as_millisecond().div_euclid(DAY);
        match self.day {
            Some((known, day)) if known == number => day,
            _ => self.day.insert((number, date(time))).1,
        }
    }
}

fn date(time: Timestamp) -> Date {
    Offset::UTC.to_datetime(time).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Activity, Outcome, Principal};
    use crate::ledger::Interval;

    fn window(again: bool) -> InFlight {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        InFlight {
            name: "w".into(),
            period: Interval::new(at("2025-03-30T00:00:00Z"), at("2025-04-01T00:00:00Z")),
            settled: at("2025-03-31T12:00:00Z"),
            clock: at("2025-03-31T12:15:00Z"),
            plugin: String::new(),
            again,
            fetches: Vec::new(),
            delivering: false,
        }
    }

    fn event(id: &str, time: &str) -> Event {
        let time = time.parse::<Timestamp>().unwrap().as_millisecond();
        let mut event = Event::new(time, Activity::Logon, Outcome::Success, Principal::named("x"));
        event.id = Some(id.into());
        event
    }

    fn ids(events: &[Event]) -> Vec<&str> {
        events.iter().filter_map(|event| event.id.as_deref()).collect()
    }

    #[test]
    fn only_rows_of_the_open_day_are_remembered_and_dropped_the_next_time() {
        let mut first = Overlap::new(&window(false), Granularity::Day, Recent::default());
        let mut events = vec![
            event("a", "2025-03-30T10:00:00Z"),
            event("b", "2025-03-31T10:00:00Z"),
            event("stray", "2031-01-01T00:00:00Z"),
        ];
        first.sift(&mut events);
        assert_eq!(events.len(), 3);
        let known = first.new.collect();
        assert_eq!(known.days().map(|(_, ids)| ids.len()).collect::<Vec<_>>(), [2]);

        let mut next = Overlap::new(&window(false), Granularity::Day, known.clone());
        let mut again = events.clone();
        again.push(event("c", "2025-03-31T13:00:00Z"));
        next.sift(&mut again);
        assert_eq!((ids(&again), next.duplicates), (vec!["a", "c"], 2));

        let mut named = Overlap::new(&window(true), Granularity::Day, known);
        named.sift(&mut events);
        assert_eq!(events.len(), 3, "a period that the user named is delivered whole");
    }

    #[test]
    fn a_source_that_knows_instants_repeats_only_what_was_not_settled() {
        let mut first = Overlap::new(&window(true), Granularity::Instant, Recent::default());
        let mut events = vec![event("a", "2025-03-31T11:59:59Z"), event("b", "2025-03-31T12:00:00Z")];
        first.sift(&mut events);
        let mut next = Overlap::new(&window(false), Granularity::Instant, first.new.collect());
        next.sift(&mut events);
        assert_eq!(ids(&events), ["a"]);
    }
}
