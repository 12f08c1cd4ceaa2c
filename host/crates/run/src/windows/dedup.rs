//! Rows that a source answers with again: a day that was still open when it was asked for last.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};

use crate::late::Late;
use event::Event;
use ledger::{InFlight, KnownIds, NewIds};
use sandbox::Granularity;

/// Milliseconds.
const DAY: i64 = 86_400_000;

/// By how much a server's clock may be behind this machine's without the ids of its latest events being forgotten.
const CLOCKS: SignedDuration = SignedDuration::from_hours(24);

/// Sorts the events of one window into new ones and those delivered before.
pub(crate) struct Deduplicator {
    first: Timestamp,
    last: Timestamp,
    clock: Timestamp,
    /// Before this instant the window's period was asked for by an earlier one.
    asked_until: Option<Timestamp>,
    /// Events of this day and later ones may come again.
    again_from: Date,
    /// The day of the last row, and its number since 1970.
    day: Option<(i64, Date)>,
    /// Ids that were committed before this window.
    known: KnownIds,
    /// Ids that may come again after this window.
    pub(crate) new: NewIds,
    pub(crate) duplicates: u64,
    pub(crate) late: Late,
    /// The times of the earliest and the latest event, in ms since 1970, known ones included.
    pub(crate) times: Option<(i64, i64)>,
}

impl Deduplicator {
    /// For a window; `known` is what was committed when it began, and stays so until it is. Ids are kept so many seconds
    /// behind what is settled.
    pub(crate) fn new(window: &InFlight, granularity: Granularity, depth: u64, known: KnownIds) -> Deduplicator {
        let last = window.period.to.as_millisecond().saturating_sub(1);
        let depth = SignedDuration::from_secs(depth.try_into().unwrap_or(i64::MAX));
        let reach = match granularity {
            Granularity::Day => depth,
            Granularity::Instant | Granularity::Minutes(_) => CLOCKS.saturating_add(depth),
        };
        Deduplicator {
            first: window.period.from,
            last: Timestamp::from_millisecond(last).unwrap_or(window.period.from),
            clock: window.clock,
            asked_until: window.asked_until,
            again_from: date(window.settled.saturating_sub(reach).unwrap_or(Timestamp::MIN)),
            day: None,
            known: if window.again { KnownIds::default() } else { known },
            new: NewIds::default(),
            duplicates: 0,
            late: Late::default(),
            times: None,
        }
    }

    /// Takes out what was delivered before, and notes what may come again.
    pub(crate) fn sift(&mut self, events: &mut Vec<Event>) {
        for event in &*events {
            let (first, last) = self.times.unwrap_or((event.time, event.time));
            self.times = Some((first.min(event.time), last.max(event.time)));
        }
        let before = events.len();
        events.retain(|event| self.is_new(event));
        self.duplicates += (before - events.len()) as u64;
    }

    fn is_new(&mut self, event: &Event) -> bool {
        let Some(id) = &event.id else { return true };
        let time = Timestamp::from_millisecond(event.time).unwrap_or(self.first);
        // A row whose time lies outside the window was still answered for it.
        let of = self.day_of(time.max(self.first).min(self.last));
        let id = KnownIds::short(id);
        if self.known.knows(&id) {
            return false;
        }
        if self.asked_until.is_some_and(|asked_until| time < asked_until) {
            self.late.add(Late {
                events: 1,
                largest: self.clock.duration_since(time),
            });
        }
        if of >= self.again_from {
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
    use event::{Activity, Outcome, Principal};
    use ledger::Interval;

    fn window(again: bool) -> InFlight {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        InFlight {
            name: "w".into(),
            period: Interval::new(at("2025-03-30T00:00:00Z"), at("2025-04-01T00:00:00Z")),
            settled: at("2025-03-31T12:00:00Z"),
            clock: at("2025-03-31T12:15:00Z"),
            again,
            ..InFlight::default()
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
        let mut first = Deduplicator::new(&window(false), Granularity::Day, 0, KnownIds::default());
        let mut events = vec![
            event("a", "2025-03-30T10:00:00Z"),
            event("b", "2025-03-31T10:00:00Z"),
            event("stray", "2031-01-01T00:00:00Z"),
        ];
        first.sift(&mut events);
        assert_eq!(events.len(), 3);
        let known = first.new.collect();
        assert_eq!(known.days().map(|(_, ids)| ids.len()).collect::<Vec<_>>(), [2]);

        let mut next = Deduplicator::new(&window(false), Granularity::Day, 0, known.clone());
        let mut again = events.clone();
        again.push(event("c", "2025-03-31T13:00:00Z"));
        next.sift(&mut again);
        assert_eq!((ids(&again), next.duplicates), (vec!["a", "c"], 2));

        let mut named = Deduplicator::new(&window(true), Granularity::Day, 0, known);
        named.sift(&mut events);
        assert_eq!(events.len(), 3, "a period that the user named is delivered whole");
    }

    /// From a server that cuts days in another zone, a row may come with the window of one day or of two.
    #[test]
    fn a_row_is_known_whatever_window_it_came_with() {
        let mut first = Deduplicator::new(&window(false), Granularity::Day, 0, KnownIds::default());
        first.sift(&mut vec![event("a", "2025-04-01T02:00:00Z")]);
        let mut next = InFlight {
            settled: "2025-04-01T12:00:00Z".parse().unwrap(),
            ..window(false)
        };
        next.period.to = "2025-04-02T00:00:00Z".parse().unwrap();
        let mut next = Deduplicator::new(&next, Granularity::Day, 0, first.new.collect());
        let mut events = vec![event("a", "2025-04-01T02:00:00Z")];
        next.sift(&mut events);
        assert_eq!((events.len(), next.duplicates), (0, 1));
    }

    #[test]
    fn a_source_that_knows_instants_repeats_what_is_looked_for_again() {
        let depth = 6 * 3600;
        let mut first = Deduplicator::new(&window(true), Granularity::Instant, depth, KnownIds::default());
        let mut events = vec![event("a", "2025-03-30T01:00:00Z"), event("b", "2025-03-31T12:00:00Z")];
        first.sift(&mut events);
        assert_eq!(
            (first.late.events, events.len()),
            (0, 2),
            "nothing was asked for before"
        );
        let again = InFlight {
            asked_until: Some("2025-03-31T12:00:00Z".parse().unwrap()),
            ..window(false)
        };
        let mut next = Deduplicator::new(&again, Granularity::Instant, depth, first.new.collect());
        events.extend([
            event("late", "2025-03-31T11:00:00Z"),
            event("new", "2025-03-31T12:00:00Z"),
        ]);
        next.sift(&mut events);
        assert_eq!(ids(&events), ["late", "new"]);
        let late = Late {
            events: 1,
            largest: SignedDuration::from_mins(75),
        };
        assert_eq!((next.late, next.duplicates), (late, 2));
    }
}
