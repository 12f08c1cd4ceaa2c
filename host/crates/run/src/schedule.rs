//! Which windows a run asks for: what is due since the watermark, or the period that was named, cut to what the server
//! takes at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::retention::oldest;
use super::window::{Window, WindowError, after, day_of, end_of_day, start_of};
use ledger::{Interval, Record, Tier, merged, without};
use sandbox::Granularity;

/// A server may cut its days in any zone, and the last one ends a day twelve hours after UTC: until then rows may come
/// for a day.
const LAST_ZONE: SignedDuration = SignedDuration::from_hours(12);

/// How long ids are kept behind the watermark, in seconds. A server that cuts its days in another zone gives a row of the
/// evening before with a day that is still open.
pub fn depth(granularity: Granularity, look_back: &[Tier]) -> u64 {
    match granularity {
        Granularity::Day => 24 * 3600,
        Granularity::Instant => look_back.iter().map(|tier| tier.age.as_secs()).max().unwrap_or(0),
    }
}

/// What decides about windows besides the record.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The host's clock.
    pub(super) now: Timestamp,
    /// How long after an event it may still be missing at the source.
    pub(super) lag: Duration,
    pub(super) granularity: Granularity,
    /// How many days back the server can be asked.
    pub(super) retention_days: Option<u32>,
    /// How long the server is known to keep events, where that is less.
    pub(super) kept: Option<Duration>,
    /// The longest window of one request, in days.
    pub(super) window_days: Option<u32>,
    /// How far runs look back for events that are stored late, where the source is asked for instants.
    pub(super) look_back: Vec<Tier>,
}

/// A window to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) window: Window,
    /// Up to here it counts as covered once committed.
    pub(super) settled: Timestamp,
    /// Up to here it was asked for before.
    pub(super) asked_until: Option<Timestamp>,
    /// Up to here the server may have deleted events.
    pub(super) doubtful_until: Option<Timestamp>,
    /// The look-backs that it carries out, by their ages in seconds.
    pub(super) looks_back: Vec<u64>,
}

/// What a run is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Where a stream begins that has no watermark yet.
    pub(super) begin: Option<Timestamp>,
    /// In order.
    pub(super) windows: Vec<Planned>,
    /// What was due and is no longer kept by the server.
    pub(super) lost: Vec<Interval>,
}

impl Rules {
    /// What is due since the watermark, and what is looked for again behind it. A stream without one begins with today.
    pub(super) fn due(&self, record: &Record) -> Result<Schedule, WindowError> {
        let end = self.reported()?;
        let today = start_of(day_of(self.now))?;
        let due = match record.watermark {
            // The open days are asked for again and again, but not twice at the same time.
            Some(_) if self.granularity == Granularity::Day && self.was_asked(record) => Vec::new(),
            Some(_) => record.due(end),
            None => {
                let end = match self.granularity {
                    Granularity::Day => end_of_day(self.now.max(after(today)?))?,
                    Granularity::Instant => end,
                };
                merged(vec![Interval::new(today, end)])
            }
        };
        let oldest = self.oldest()?;
        let mut schedule = Schedule {
            begin: record.watermark.is_none().then_some(today),
            ..Schedule::default()
        };
        let mut wanted = Vec::new();
        for interval in due {
            let from = oldest.map_or(interval.from, |oldest| interval.from.max(oldest));
            let gone = Interval::new(interval.from, from.min(interval.to));
            if !gone.is_empty() {
                schedule.lost.push(gone);
            }
            wanted.push(Interval::new(from, interval.to));
        }
        let looks_back = match self.granularity {
            Granularity::Day => vec![0],
            Granularity::Instant => self.looks_back(record, end, &mut wanted)?,
        };
        schedule.windows = self.cut(wanted)?;
        for planned in &mut schedule.windows {
            let asked_until = record.watermark.filter(|watermark| planned.window.from < *watermark);
            // An open day is asked for again because it is open: what is new of it is not late.
            planned.asked_until = asked_until.filter(|_| self.granularity == Granularity::Instant);
        }
        if let Some(last) = schedule.windows.last_mut() {
            last.looks_back = looks_back;
        }
        Ok(schedule)
    }

    /// Adds what is to be looked for again behind the watermark, where anything is asked for at all.
    fn looks_back(&self, record: &Record, end: Timestamp, wanted: &mut Vec<Interval>) -> Result<Vec<u64>, WindowError> {
        let Some(watermark) = record.watermark.filter(|watermark| *watermark < end) else {
            return Ok(Vec::new());
        };
        let Some((from, ages)) = record.look_back.due(&self.look_back, self.now, watermark) else {
            return Ok(Vec::new());
        };
        let oldest = self.oldest()?;
        let from = oldest.map_or(from, |oldest| from.max(oldest));
        wanted.push(Interval::new(from, watermark));
        Ok(ages)
    }

    /// Whether the open days were asked for by a run of this clock, or of a later one.
    fn was_asked(&self, record: &Record) -> bool {
        record.look_back.looked.get(&0).is_some_and(|asked| self.now <= *asked)
    }

    /// The windows of a period that was named.
    pub(super) fn period(&self, period: Window) -> Result<Schedule, WindowError> {
        let windows = self.cut(vec![Interval::new(period.from, period.to)])?;
        Ok(Schedule {
            windows,
            ..Schedule::default()
        })
    }

    /// What of a period was never committed, in windows of at most so many days. What of it the server no longer has is
    /// lost, unless that is known already.
    pub(super) fn missing(&self, record: &Record, period: Window, days: u32) -> Result<Schedule, WindowError> {
        let rules = Rules {
            window_days: Some(self.window_days.map_or(days, |most| most.min(days))),
            ..self.clone()
        };
        let (mut lost, mut wanted) = (Vec::new(), Vec::new());
        let oldest = self.oldest()?.unwrap_or(period.from);
        for missing in record.missing(Interval::new(period.from, period.to)) {
            let from = missing.from.max(oldest).min(missing.to);
            let gone = Interval::new(missing.from, from);
            lost.extend(without(gone, &record.lost).into_iter().filter(|part| !part.is_empty()));
            wanted.push(Interval::new(from, missing.to));
        }
        Ok(Schedule {
            windows: rules.cut(wanted)?,
            lost,
            ..Schedule::default()
        })
    }

    /// Whether the server still has all of a period.
    pub(super) fn reaches(&self, period: Interval) -> Result<bool, WindowError> {
        Ok(self.oldest()?.is_none_or(|oldest| oldest <= period.from))
    }

    /// The first instant that the server can be asked for.
    fn oldest(&self) -> Result<Option<Timestamp>, WindowError> {
        oldest(self.now, self.granularity, self.retention_days)
    }

    /// Events before this instant can have been stored by now.
    fn reported(&self) -> Result<Timestamp, WindowError> {
        let lag = SignedDuration::try_from(self.lag).map_err(|_| WindowError::OutOfRange)?;
        self.now.checked_sub(lag).map_err(|_| WindowError::OutOfRange)
    }

    /// Before this instant a period that was asked for is complete, whatever zone the server cuts its days in.
    pub(super) fn settled(&self) -> Result<Timestamp, WindowError> {
        let reported = self.reported()?;
        match self.granularity {
            Granularity::Instant => Ok(reported),
            Granularity::Day => reported.checked_sub(LAST_ZONE).map_err(|_| WindowError::OutOfRange),
        }
    }

    /// Before this instant the server may have deleted events.
    fn doubtful(&self) -> Result<Option<Timestamp>, WindowError> {
        let Some(kept) = self.kept else { return Ok(None) };
        let kept = SignedDuration::try_from(kept).map_err(|_| WindowError::OutOfRange)?;
        let oldest = self.now.checked_sub(kept).map_err(|_| WindowError::OutOfRange)?;
        Ok(Some(match self.granularity {
            Granularity::Day => start_of(day_of(oldest))?,
            Granularity::Instant => oldest,
        }))
    }

    /// Moves intervals out to what the source can be asked for, and cuts them to what it takes at once.
    fn cut(&self, wanted: Vec<Interval>) -> Result<Vec<Planned>, WindowError> {
        let (settled, doubtful) = (self.settled()?, self.doubtful()?);
        let wanted = merged(wanted);
        let whole = match self.granularity {
            Granularity::Instant => wanted,
            Granularity::Day => {
                let days = wanted.into_iter().map(|interval| {
                    Ok(Interval::new(
                        start_of(day_of(interval.from))?,
                        end_of_day(interval.to)?,
                    ))
                });
                merged(days.collect::<Result<_, WindowError>>()?)
            }
        };
        let mut windows = Vec::new();
        for interval in whole {
            let mut from = interval.from;
            while from < interval.to {
                let to = match self.window_days {
                    Some(days) => forth(from, days)?.min(interval.to),
                    None => interval.to,
                };
                windows.push(Planned {
                    window: Window { from, to },
                    settled: settled.clamp(from, to),
                    asked_until: None,
                    doubtful_until: doubtful
                        .map(|doubtful| doubtful.min(to))
                        .filter(|doubtful| from < *doubtful),
                    looks_back: Vec::new(),
                });
                from = to;
            }
        }
        Ok(windows)
    }
}

/// A UTC day has 24 hours.
fn days(count: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(count))
}

fn forth(from: Timestamp, count: u32) -> Result<Timestamp, WindowError> {
    from.checked_add(days(count.max(1)))
        .map_err(|_| WindowError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::calendar::{notable_day, time_of_day};
    use crate::window::{Bound, Period};
    use ledger::{InFlight, Stream, WindowEnd};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rules(now: Timestamp, granularity: Granularity) -> Rules {
        Rules {
            now,
            lag: Duration::from_secs(900),
            granularity,
            retention_days: Some(90),
            kept: None,
            window_days: Some(30),
            look_back: Vec::new(),
        }
    }

    fn record() -> Record {
        Record::new(Stream::new("epm", "user-login", &[]))
    }

    fn commit(record: &mut Record, now: Timestamp, planned: Planned) {
        let window = InFlight {
            name: "w".into(),
            period: Interval::new(planned.window.from, planned.window.to),
            settled: planned.settled,
            clock: now,
            looks_back: planned.looks_back,
            ..InFlight::default()
        };
        record.windows.push(window.into());
        let end = WindowEnd {
            name: "w".into(),
            ..WindowEnd::default()
        };
        record.commit(&end);
    }

    fn commit_all(record: &mut Record, rules: &Rules) {
        let schedule = rules.due(record).unwrap();
        record.watermark = record.watermark.or(schedule.begin);
        for planned in schedule.windows {
            commit(record, rules.now, planned);
        }
    }

    #[test]
    fn the_first_run_covers_today() {
        let now = at("2025-03-31T15:30:00Z");
        let first = |granularity| rules(now, granularity).due(&record()).unwrap().windows;
        let day = first(Granularity::Day);
        assert_eq!(
            (day[0].window.from, day[0].window.to, day[0].settled),
            (
                at("2025-03-31T00:00:00Z"),
                at("2025-04-01T00:00:00Z"),
                at("2025-03-31T03:15:00Z")
            )
        );
        let instant = first(Granularity::Instant);
        assert_eq!(
            (instant[0].window.from, instant[0].window.to),
            (at("2025-03-31T00:00:00Z"), at("2025-03-31T15:15:00Z"))
        );
        // So shortly after midnight nothing is settled, but the day that begins is the one to ask for.
        let midnight = rules(at("2025-03-31T00:00:00Z"), Granularity::Day);
        assert_eq!(
            midnight.due(&record()).unwrap().windows[0].window.from,
            at("2025-03-31T00:00:00Z")
        );
        let early = rules(at("2025-03-31T00:05:00Z"), Granularity::Instant);
        assert!(early.due(&record()).unwrap().windows.is_empty());
    }

    #[test]
    fn a_source_that_knows_only_days_is_asked_for_the_open_day_again() {
        let mut record = record();
        let morning = rules(at("2025-03-31T15:30:00Z"), Granularity::Day);
        commit_all(&mut record, &morning);
        assert_eq!(
            morning.due(&record).unwrap(),
            Schedule::default(),
            "not twice at the same time"
        );
        let evening = rules(at("2025-03-31T20:00:00Z"), Granularity::Day);
        let again = evening.due(&record).unwrap().windows;
        assert_eq!(again.len(), 1);
        assert_eq!(
            (again[0].window.from, again[0].window.to),
            (at("2025-03-31T00:00:00Z"), at("2025-04-01T00:00:00Z"))
        );
        commit_all(&mut record, &evening);
        // Until the lag is over, the day that has ended is asked for once more.
        let next = rules(at("2025-04-01T00:05:00Z"), Granularity::Day)
            .due(&record)
            .unwrap();
        assert_eq!(next.windows[0].window.to, at("2025-04-01T00:00:00Z"));
    }

    /// A server in another zone may put rows of 02:00 UTC into the day before.
    #[test]
    fn a_day_is_asked_for_until_it_is_over_everywhere() {
        let mut record = record();
        commit_all(&mut record, &rules(at("2025-03-31T15:30:00Z"), Granularity::Day));
        for (now, first) in [
            ("2025-04-01T02:30:00Z", "2025-03-31T00:00:00Z"),
            ("2025-04-01T12:14:00Z", "2025-03-31T00:00:00Z"),
            ("2025-04-01T12:16:00Z", "2025-03-31T00:00:00Z"),
            ("2025-04-01T12:17:00Z", "2025-04-01T00:00:00Z"),
        ] {
            let rules = rules(at(now), Granularity::Day);
            let windows = rules.due(&record).unwrap().windows;
            assert_eq!(windows.len(), 1);
            assert_eq!(
                (windows[0].window.from, windows[0].asked_until),
                (at(first), None),
                "{now}"
            );
            assert_eq!(windows[0].window.to, at("2025-04-02T00:00:00Z"));
            commit_all(&mut record, &rules);
        }
    }

    #[test]
    fn a_source_that_knows_instants_is_asked_for_the_past_again() {
        let mut record = record();
        let hour = Duration::from_secs(3600);
        record.look_back.depth = 6 * 3600;
        let looking = |now: &str| Rules {
            look_back: vec![
                Tier {
                    age: hour,
                    every: Duration::ZERO,
                },
                Tier {
                    age: 6 * hour,
                    every: hour,
                },
            ],
            ..rules(at(now), Granularity::Instant)
        };
        commit_all(&mut record, &looking("2025-03-31T12:00:00Z"));
        for (now, from) in [
            ("2025-03-31T12:15:00Z", "2025-03-31T05:45:00Z"),
            ("2025-03-31T12:30:00Z", "2025-03-31T11:15:00Z"),
            ("2025-03-31T13:15:00Z", "2025-03-31T06:15:00Z"),
        ] {
            let windows = looking(now).due(&record).unwrap().windows;
            assert_eq!(windows.len(), 1);
            assert_eq!(
                (windows[0].window.from, windows[0].asked_until),
                (at(from), record.watermark),
                "{now}"
            );
            commit_all(&mut record, &looking(now));
        }
        // Nothing is asked for where nothing is new, nor what a server no longer has.
        assert!(looking("2025-03-31T13:15:00Z").due(&record).unwrap().windows.is_empty());
        let later = Rules {
            retention_days: Some(1),
            ..looking("2025-04-01T19:00:00Z")
        };
        assert_eq!(
            later.due(&record).unwrap().windows[0].window.from,
            at("2025-03-31T19:00:00Z")
        );
    }

    #[test]
    fn what_lies_before_what_the_server_keeps_is_in_doubt() {
        let kept = |granularity| Rules {
            kept: Some(Duration::from_secs(30 * 86_400)),
            ..rules(at("2025-03-31T12:00:00Z"), granularity)
        };
        let period = Window {
            from: at("2025-02-01T00:00:00Z"),
            to: at("2025-03-31T00:00:00Z"),
        };
        let doubts = |granularity| {
            let windows = kept(granularity).period(period).unwrap().windows;
            windows
                .into_iter()
                .map(|planned| planned.doubtful_until)
                .collect::<Vec<_>>()
        };
        assert_eq!(doubts(Granularity::Day), [Some(at("2025-03-01T00:00:00Z")), None]);
        assert_eq!(doubts(Granularity::Instant), [Some(at("2025-03-01T12:00:00Z")), None]);
    }

    #[test]
    fn a_watermark_that_the_server_no_longer_reaches_is_a_gap() {
        let mut record = record();
        let first = rules(at("2025-01-01T12:00:00Z"), Granularity::Day);
        commit_all(&mut record, &first);
        let late = rules(at("2025-06-01T12:00:00Z"), Granularity::Day)
            .due(&record)
            .unwrap();
        let oldest = at("2025-03-03T00:00:00Z");
        assert_eq!(late.lost, [Interval::new(at("2025-01-01T00:00:00Z"), oldest)]);
        assert_eq!(late.windows[0].window.from, oldest);
        assert_eq!(late.windows.len(), 4, "91 days in windows of 30");
    }

    #[test]
    fn a_period_is_reached_as_long_as_the_server_keeps_all_of_it() {
        let now = at("2025-06-01T12:00:00Z");
        let period = |from: &str| Interval::new(at(from), at("2025-04-01T00:00:00Z"));
        let day = rules(now, Granularity::Day);
        assert!(day.reaches(period("2025-03-03T00:00:00Z")).unwrap());
        assert!(!day.reaches(period("2025-03-02T00:00:00Z")).unwrap());
        let instant = rules(now, Granularity::Instant);
        assert!(instant.reaches(period("2025-03-03T12:00:00Z")).unwrap());
        assert!(!instant.reaches(period("2025-03-03T11:59:59.999Z")).unwrap());
        let forever = Rules {
            retention_days: None,
            ..day
        };
        assert!(forever.reaches(period("1970-01-01T00:00:00Z")).unwrap());
    }

    #[test]
    fn a_backfill_asks_only_for_what_is_missing_in_windows_of_its_own() {
        let mut record = record();
        let rules = rules(at("2025-06-01T12:00:00Z"), Granularity::Day);
        let window = |from: &str, to: &str| Window {
            from: at(from),
            to: at(to),
        };
        let covered = rules
            .period(window("2025-05-03T00:00:00Z", "2025-05-06T00:00:00Z"))
            .unwrap();
        commit(&mut record, rules.now, covered.windows[0].clone());
        let period = window("2025-05-01T00:00:00Z", "2025-05-09T00:00:00Z");
        let planned = rules.missing(&record, period, 2).unwrap().windows;
        let days: Vec<_> = planned.iter().map(|planned| planned.window).collect();
        assert_eq!(
            days,
            [
                window("2025-05-01T00:00:00Z", "2025-05-03T00:00:00Z"),
                window("2025-05-06T00:00:00Z", "2025-05-08T00:00:00Z"),
                window("2025-05-08T00:00:00Z", "2025-05-09T00:00:00Z"),
            ]
        );
        planned
            .into_iter()
            .for_each(|planned| commit(&mut record, rules.now, planned));
        assert!(rules.missing(&record, period, 2).unwrap().windows.is_empty());
    }

    #[test]
    fn a_clock_that_goes_back_asks_for_nothing() {
        let mut record = record();
        let now = rules(at("2025-03-31T15:30:00Z"), Granularity::Instant);
        commit_all(&mut record, &now);
        for earlier in ["2025-03-31T15:30:00Z", "2025-03-31T12:00:00Z", "2024-01-01T00:00:00Z"] {
            let back = rules(at(earlier), Granularity::Instant).due(&record).unwrap();
            assert_eq!(back, Schedule::default(), "{earlier}");
        }
    }

    /// Instants in ms: any in those years, and those at which calendars go wrong, or shortly before.
    fn instant() -> impl Strategy<Value = i64> {
        prop_oneof![
            1 => 1_700_000_000_000_i64..1_800_000_000_000,
            4 => (notable_day(), time_of_day(), -2_i64..=0).prop_map(|(day, time, days)| day + time + days * 86_400_000),
        ]
    }

    /// Ms until the next run.
    fn step() -> impl Strategy<Value = i64> {
        prop_oneof![
            2 => 1_i64..4_000_000_000,
            1 => Just(1),
            2 => (0_i64..4, time_of_day()).prop_map(|(days, time)| days * 86_400_000 + time.max(1)),
            2 => (1_i64..32).prop_map(|days| days * 86_400_000),
        ]
    }

    proptest! {
        /// Runs at any times, over leap days, month ends and changes of DST elsewhere: no gap, no overlap but of whole
        /// days, no window longer than allowed, nothing from the future counted as covered.
        #[test]
        fn runs_leave_no_gap(
            start in instant(),
            steps in vec(step(), 1..12),
            day in any::<bool>(),
            window_days in proptest::option::of(1_u32..40),
        ) {
            let granularity = if day { Granularity::Day } else { Granularity::Instant };
            let mut record = record();
            let mut now = Timestamp::from_millisecond(start).unwrap();
            let first = start_of(day_of(now)).unwrap();
            for step in steps {
                let rules = Rules { retention_days: None, window_days, ..rules(now, granularity) };
                let schedule = rules.due(&record).unwrap();
                record.watermark = record.watermark.or(schedule.begin);
                prop_assert!(schedule.lost.is_empty());
                for pair in schedule.windows.windows(2) {
                    prop_assert!(pair[0].window.to <= pair[1].window.from);
                }
                for planned in schedule.windows {
                    let Window { from, to } = planned.window;
                    prop_assert!(from < to && planned.settled <= to);
                    if let Some(days) = window_days {
                        prop_assert!(to.duration_since(from) <= super::days(days));
                    }
                    if day {
                        prop_assert_eq!((start_of(day_of(from)).unwrap(), end_of_day(to).unwrap()), (from, to));
                    }
                    commit(&mut record, now, planned);
                }
                let end = rules.settled().unwrap();
                if end > first {
                    prop_assert!(without(Interval::new(first, end), &record.covered).is_empty());
                    prop_assert_eq!(record.watermark, Some(end));
                }
                prop_assert!(record.covered.iter().all(|covered| covered.to <= end.max(first)));
                now = now.checked_add(SignedDuration::from_millis(step)).unwrap();
            }
        }

        /// A period that is named in days or instants, over the same dates: its windows are the period, one after the
        /// other, none longer than allowed; a backfill's are what of it is missing.
        #[test]
        fn a_period_is_cut_without_gap_or_overlap(
            start in instant(),
            length in step(),
            hole in (0_i64..40, 1_i64..10),
            in_days in any::<bool>(),
            day in any::<bool>(),
            window_days in proptest::option::of(1_u32..40),
        ) {
            let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
            let granularity = if day { Granularity::Day } else { Granularity::Instant };
            let now = at(start + length + 1);
            let bound = |ms: i64| if in_days { Bound::Day(day_of(at(ms))) } else { Bound::Instant(at(ms)) };
            let period = Period::Between(bound(start), Some(bound(start + length))).window(now, granularity).unwrap();
            prop_assert!(period.from <= at(start) && period.to >= at(start + length));
            if in_days {
                let last = day_of(at(start + length));
                prop_assert_eq!(period.to, start_of(last.tomorrow().unwrap()).unwrap());
                prop_assert_eq!(day_of(period.from), day_of(at(start)));
            }
            let rules = Rules { window_days, ..rules(now, granularity) };
            let mut next = period.from;
            for planned in rules.period(period).unwrap().windows {
                prop_assert_eq!(planned.window.from, next);
                prop_assert!(planned.window.to > next);
                if let Some(days) = window_days {
                    prop_assert!(planned.window.to.duration_since(next) <= super::days(days));
                }
                next = planned.window.to;
            }
            prop_assert_eq!(next, period.to);

            let mut record = record();
            let from = period.from.checked_add(days(hole.0 as u32)).unwrap();
            let covered = Window { from, to: from.checked_add(days(hole.1 as u32)).unwrap() };
            commit(&mut record, now, rules.period(covered).unwrap().windows.remove(0));
            let missing = rules.missing(&record, period, 3).unwrap().windows;
            for planned in &missing {
                prop_assert!(planned.window.to.duration_since(planned.window.from) <= super::days(3));
                commit(&mut record, now, planned.clone());
            }
            let end = rules.settled().unwrap().min(period.to);
            prop_assert!(end <= period.from || record.missing(Interval::new(period.from, end)).is_empty());
            prop_assert!(missing.windows(2).all(|pair| pair[0].window.to <= pair[1].window.from));
        }
    }
}
