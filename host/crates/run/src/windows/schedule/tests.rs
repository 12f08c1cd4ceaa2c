//! What is due, when and in which windows.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::calendar::{notable_day, time_of_day};
use crate::window::{Bound, Period};
use ledger::{InFlight, Stream, WindowEnd};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rules(now: Timestamp, granularity: Granularity) -> ScheduleRules {
    ScheduleRules {
        now,
        lag: Duration::from_secs(900),
        granularity,
        retention_days: Some(90),
        kept: None,
        start: None,
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

fn commit_all(record: &mut Record, rules: &ScheduleRules) {
    let schedule = rules.due(record).unwrap();
    record.watermark = record.watermark.or(schedule.begin);
    for planned in schedule.windows {
        commit(record, rules.now, planned);
    }
}

#[test]
fn the_first_run_begins_with_the_start_of_its_stream() {
    let now = at("2025-03-31T15:30:00Z");
    let from = |start: &str, granularity| ScheduleRules {
        start: Some(at(start)),
        ..rules(now, granularity)
    };
    for granularity in [Granularity::Day, Granularity::Instant, Granularity::Minutes(1)] {
        let schedule = from("2025-03-10T00:00:00Z", granularity).due(&record()).unwrap();
        assert_eq!(schedule.begin, Some(at("2025-03-10T00:00:00Z")), "{granularity:?}");
        assert_eq!(schedule.windows[0].window.from, at("2025-03-10T00:00:00Z"));
        assert_eq!(schedule.lost, []);
        // What the server no longer has of it is said to be lost.
        let schedule = from("2024-12-01T00:00:00Z", granularity).due(&record()).unwrap();
        let oldest = schedule.windows[0].window.from;
        assert_eq!(schedule.lost, [Interval::new(at("2024-12-01T00:00:00Z"), oldest)]);
        assert_eq!(schedule.begin, Some(at("2024-12-01T00:00:00Z")));
        // Where it has not come yet there is nothing to ask for, and nothing is begun.
        let schedule = from("2025-04-02T00:00:00Z", granularity).due(&record()).unwrap();
        assert_eq!(schedule, Schedule::default());
    }
    // Of a stream that has collected something it says nothing.
    let mut begun = record();
    begun.watermark = Some(at("2025-03-30T00:00:00Z"));
    let schedule = from("2025-03-10T00:00:00Z", Granularity::Instant).due(&begun).unwrap();
    assert_eq!(
        (schedule.begin, schedule.windows[0].window.from),
        (None, at("2025-03-30T00:00:00Z"))
    );
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
    let looking = |now: &str| ScheduleRules {
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
    let later = ScheduleRules {
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
    let kept = |granularity| ScheduleRules {
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
    let forever = ScheduleRules {
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
            let rules = ScheduleRules { retention_days: None, window_days, ..rules(now, granularity) };
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
            let end = rules.stable_until().unwrap();
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
        let rules = ScheduleRules { window_days, ..rules(now, granularity) };
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
        let end = rules.stable_until().unwrap().min(period.to);
        prop_assert!(end <= period.from || record.missing(Interval::new(period.from, end)).is_empty());
        prop_assert!(missing.windows(2).all(|pair| pair[0].window.to <= pair[1].window.from));
    }
}
