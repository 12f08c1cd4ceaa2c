use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{DayIds, FetchState, Kept, KnownIds};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn interval(from: &str, to: &str) -> Interval {
    Interval::new(at(from), at(to))
}

fn window(name: &str, period: Interval, settled: Timestamp) -> InFlight {
    InFlight {
        name: name.into(),
        period,
        settled,
        clock: settled,
        plugin: String::new(),
        ..InFlight::default()
    }
}

fn end(name: &str) -> WindowEnd {
    WindowEnd {
        name: name.into(),
        ..WindowEnd::default()
    }
}

fn record() -> Record {
    Record::new(Stream::new("epm", "user-login", &[]))
}

fn committed(record: &mut Record, period: Interval, settled: Timestamp) {
    record.windows.push(window("w", period, settled).into());
    record.commit(&end("w"));
}

#[test]
fn a_commit_moves_the_watermark_to_what_is_settled_and_no_further() {
    let mut record = record();
    let day = interval("2025-03-31T00:00:00Z", "2025-04-01T00:00:00Z");
    committed(&mut record, day, at("2025-03-31T15:15:00Z"));
    assert_eq!(record.watermark, Some(at("2025-03-31T15:15:00Z")));
    assert_eq!(
        record.due(at("2025-03-31T16:00:00Z")),
        [interval("2025-03-31T15:15:00Z", "2025-03-31T16:00:00Z")]
    );
    assert!(
        record.due(at("2025-03-31T15:00:00Z")).is_empty(),
        "a clock that went back"
    );
    // Just after midnight nothing of the day is settled, and the watermark does not lie before it.
    let mut record = super::tests::record();
    committed(&mut record, day, at("2025-03-30T23:50:00Z"));
    assert_eq!(record.watermark, Some(day.from));
}

#[test]
fn a_window_ahead_leaves_the_watermark_until_the_gap_is_closed() {
    let mut record = record();
    let end = at("2025-12-01T00:00:00Z");
    committed(
        &mut record,
        interval("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z"),
        end,
    );
    committed(
        &mut record,
        interval("2025-03-03T00:00:00Z", "2025-03-05T00:00:00Z"),
        end,
    );
    assert_eq!(record.watermark, Some(at("2025-03-02T00:00:00Z")));
    let gap = interval("2025-03-02T00:00:00Z", "2025-03-03T00:00:00Z");
    assert_eq!(record.gaps(), [gap]);
    assert_eq!(
        record.due(at("2025-03-06T00:00:00Z")),
        [gap, interval("2025-03-05T00:00:00Z", "2025-03-06T00:00:00Z")]
    );
    committed(&mut record, gap, end);
    assert_eq!(record.watermark, Some(at("2025-03-05T00:00:00Z")));
    assert!(record.gaps().is_empty());
}

#[test]
fn what_is_lost_is_passed_over_and_stays_a_gap() {
    let mut record = record();
    let end = at("2025-12-01T00:00:00Z");
    committed(
        &mut record,
        interval("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z"),
        end,
    );
    let gap = interval("2025-03-02T00:00:00Z", "2025-04-01T00:00:00Z");
    record.lose(gap);
    assert_eq!(record.watermark, Some(gap.to));
    assert_eq!(record.gaps(), [gap]);
}

#[test]
fn ids_are_kept_for_the_open_day_only() {
    let mut record = record();
    let period = interval("2025-03-30T00:00:00Z", "2025-04-01T00:00:00Z");
    record
        .windows
        .push(window("w", period, at("2025-03-31T12:00:00Z")).into());
    let days = [jiff::civil::date(2025, 3, 30), jiff::civil::date(2025, 3, 31)];
    record.recent = BTreeMap::from(days.map(|day| (day, DayIds::default().noted())));
    record.commit(&end("w"));
    assert_eq!(record.recent.into_keys().collect::<Vec<_>>(), [days[1]]);
}

#[test]
fn what_the_server_no_longer_had_is_lost_and_not_covered() {
    let mut record = record();
    let period = interval("2025-03-01T00:00:00Z", "2025-03-31T00:00:00Z");
    record.windows.push(window("w", period, period.to).into());
    let gap = interval("2025-03-01T00:00:00Z", "2025-03-20T00:00:00Z");
    record.commit(&WindowEnd {
        lost: Some(gap),
        ..end("w")
    });
    assert_eq!(
        record.covered,
        [interval("2025-03-20T00:00:00Z", "2025-03-31T00:00:00Z")]
    );
    assert_eq!(
        (record.lost.as_slice(), record.watermark),
        ([gap].as_slice(), Some(period.to))
    );
    assert_eq!(record.gaps(), [gap]);
}

#[test]
fn what_had_not_happened_by_the_servers_clock_is_not_covered() {
    let mut record = record();
    let period = interval("2025-03-31T00:00:00Z", "2025-03-31T12:00:00Z");
    record.windows.push(window("w", period, period.to).into());
    let server = at("2025-03-31T09:00:00Z");
    record.commit(&WindowEnd {
        happened_until: Some(server),
        ..end("w")
    });
    assert_eq!(record.watermark, Some(server));
}

#[test]
fn ids_are_kept_as_far_back_as_runs_look() {
    let mut record = record();
    record.look_back.depth = 48 * 3600;
    let day = jiff::civil::date;
    let first = interval("2025-03-20T00:00:00Z", "2025-03-27T00:00:00Z");
    committed(&mut record, first, first.to);
    assert_eq!(record.look_back.known_from, Some(at("2025-03-25T00:00:00Z")));
    let days = [day(2025, 3, 28), day(2025, 3, 29), day(2025, 3, 31)];
    record.recent = BTreeMap::from(days.map(|day| (day, DayIds::default().noted())));
    let next = interval("2025-03-27T00:00:00Z", "2025-03-31T12:00:00Z");
    committed(&mut record, next, next.to);
    assert_eq!(record.recent.keys().copied().collect::<Vec<_>>(), days[1..]);
    assert_eq!(record.look_back.known_from, Some(at("2025-03-29T00:00:00Z")));
}

#[test]
fn what_is_in_flight_waits_since_the_oldest_window_was_begun() {
    let mut record = record();
    assert_eq!(record.in_flight_since(), None);
    let day = interval("2025-03-31T00:00:00Z", "2025-04-01T00:00:00Z");
    for begun in ["2025-04-01T09:00:00Z", "2025-04-01T08:00:00Z"] {
        let begun = InFlight {
            clock: at(begun),
            ..window(begun, day, day.to)
        };
        record.windows.push(begun.into());
    }
    assert_eq!(record.in_flight_since(), Some(at("2025-04-01T08:00:00Z")));
    record.give_up("2025-04-01T08:00:00Z", "refused".into(), day.to);
    assert_eq!(record.in_flight_since(), Some(at("2025-04-01T09:00:00Z")));
}

#[test]
fn a_window_given_up_is_not_covered() {
    let mut record = record();
    let day = interval("2025-03-31T00:00:00Z", "2025-04-01T00:00:00Z");
    for number in 0..30 {
        record.windows.push(window(&number.to_string(), day, day.to).into());
        record.give_up(&number.to_string(), "refused".into(), day.to);
    }
    assert_eq!(
        (record.watermark, record.covered.len(), record.windows.len()),
        (None, 0, 0)
    );
    assert_eq!((record.dead.len(), record.dead[DEAD - 1].name.as_str()), (DEAD, "29"));
}

#[test]
fn a_record_survives_the_journey_through_json_and_a_later_form_is_refused() {
    let mut record = record();
    let day = interval("2025-03-31T00:00:00Z", "2025-04-01T00:00:00Z");
    let mut begun = window("w", day, day.to);
    begun.fetches = vec![
        FetchState::Planned,
        FetchState::Submitted { link: "/jobs/1".into() },
        FetchState::Waiting {
            link: "/jobs/1".into(),
            polls: 3,
            next: day.from,
        },
        FetchState::Spooled(Kept {
            file: "w-0".into(),
            length: 7,
            sha256: "00".into(),
            name: None,
            job: Some("1".into()),
            cleanup: None,
            served: None,
            mended: 0,
            broken: 0,
        }),
    ];
    assert_eq!(begun.state(), "planned");
    record.windows.push(begun.into());
    record
        .recent
        .insert(jiff::civil::date(2025, 3, 31), DayIds::default().noted());
    let json = record.encode().unwrap();
    assert_eq!(Record::decode("k", &json).unwrap(), record);
    let later = str::from_utf8(&json).unwrap().replacen("\"form\":4", "\"form\":5", 1);
    let error = Record::decode("k", later.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("form 5"), "{error}");
    assert!(Record::decode("k", b"{}").is_err());
}

#[test]
fn a_record_of_many_windows_is_short_and_says_the_same() {
    let mut record = record();
    let day = interval("2025-03-31T00:00:00Z", "2025-04-01T00:00:00Z");
    for number in 0..1000 {
        let mut begun = window(&format!("host-20250331T161500Z-{number}"), day, day.to);
        begun.plugin = "5".repeat(64);
        begun.fetches = vec![FetchState::Submitted {
            link: format!("/jobs/{number}"),
        }];
        record.windows.push(begun.into());
    }
    let body = record.encode().unwrap();
    assert!(body.len() < 60 * 1000, "{}", body.len());
    assert_eq!(Record::decode("k", &body).unwrap(), record);
    for bad in [&body[..body.len() / 2], &body[1..], b"".as_slice()] {
        assert!(Record::decode("k", bad).is_err());
    }
}

#[test]
fn a_record_of_the_first_form_says_the_same_and_gives_its_ids() {
    // As a program of that form wrote it.
    let first = r#"{"form":1,"stream":{"connection":"epm","report":"user-login","parameters":[]},
        "watermark":"2025-03-31T15:15:00Z","covered":[{"from":"2025-03-31T00:00:00Z","to":"2025-03-31T15:15:00Z"}],
        "lost":[],"windows":[{"name":"w","period":{"from":"2025-03-31T00:00:00Z","to":"2025-04-01T00:00:00Z"},
        "settled":"2025-03-31T16:00:00Z","clock":"2025-03-31T16:15:00Z","plugin":"00","again":false,
        "fetches":[{"state":"submitted","link":"/jobs/1"}],"delivering":false}],"dead":[],
        "recent":{"2025-03-31":"LXEWQrcmsEQBYnyp"}}"#;
    let (record, ids) = Record::decode_with_ids("k", first.as_bytes()).unwrap();
    let day = jiff::civil::date(2025, 3, 31);
    assert!(ids.knows(&KnownIds::short("x")) && !ids.knows(&KnownIds::short("y")));
    assert_eq!(record.recent, BTreeMap::from([(day, ids.of(day).unwrap().noted())]));
    assert_eq!((record.form, record.windows[0].state()), (4, "submitted"));
    let (again, none) = Record::decode_with_ids("k", &record.encode().unwrap()).unwrap();
    assert_eq!((again, none), (record, KnownIds::default()));
    for bad in ["LXEW", "****"] {
        let bad = first.replace("LXEWQrcmsEQBYnyp", bad);
        assert!(Record::decode("k", bad.as_bytes()).is_err());
    }
}

#[test]
fn a_record_of_the_second_form_looks_back_no_further_than_its_watermark() {
    // As a program of that form wrote it.
    let second = r#"{"form":2,"stream":{"connection":"epm","report":"audit-events","parameters":[]},
        "watermark":"2025-03-31T15:15:00Z","covered":[{"from":"2025-03-31T00:00:00Z","to":"2025-03-31T15:15:00Z"}],
        "lost":[],"windows":[],"dead":[],"recent":{}}"#;
    let record = Record::decode("k", second.as_bytes()).unwrap();
    assert_eq!((record.form, record.look_back.known_from), (4, record.watermark));
}

#[test]
fn a_record_of_the_third_form_says_the_same_and_knows_no_places() {
    // As a program of that form wrote it.
    let third = r#"{"form":3,"stream":{"connection":"epm","report":"user-login","parameters":[]},
        "watermark":"2025-03-31T15:15:00Z","covered":[{"from":"2025-03-31T00:00:00Z","to":"2025-03-31T15:15:00Z"}],
        "lost":[],"windows":[{"name":"w","period":{"from":"2025-03-31T00:00:00Z","to":"2025-04-01T00:00:00Z"},
        "settled":"2025-03-31T16:00:00Z","clock":"2025-03-31T16:15:00Z","plugin":"00","again":false,"asked_until":null,
        "doubtful_until":null,"looks_back":[0],"fetches":[{"state":"submitted","link":"/jobs/1"}],"delivering":true}],
        "dead":[],"recent":{},"origin":"http://x","ids_of":null,"sinks":["siem"],"last_event":null,
        "look_back":{"known_from":"2025-03-30T00:00:00Z","depth":0,"looked":{"0":"2025-03-31T15:30:00Z"}},"untold":[]}"#;
    let record = Record::decode("k", third.as_bytes()).unwrap();
    assert_eq!((record.form, record.places.len()), (4, 0));
    assert_eq!(
        (record.windows[0].state(), record.windows[0].only.len()),
        ("delivering", 0)
    );
    assert_eq!(record.sinks, ["siem"]);
    assert_eq!(Record::decode("k", &record.encode().unwrap()).unwrap(), record);
}

#[test]
fn a_stream_that_is_rewound_asks_for_what_lies_behind_again() {
    let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
    let mut record = record();
    record.watermark = Some(at(20));
    record.covered = vec![Interval::new(at(0), at(20)), Interval::new(at(30), at(40))];
    record.look_back.looked.insert(3600, at(21));
    let between = |name: &str, from: i64, to: i64| window(name, Interval::new(at(from), at(to)), at(to));
    record.windows = vec![
        between("old", 2, 4).into(),
        between("part", 20, 21).into(),
        between("ahead", 21, 22).into(),
    ];
    record.deliver_in_part(crate::PartDelivery {
        end: end("part"),
        only: vec!["a".into(), "b".into()],
        answered: vec!["a".into()],
        ..crate::PartDelivery::default()
    });
    assert_eq!(record.fetched().watermark, Some(at(21)));
    record.rewind(at(10), at(50));
    assert_eq!(
        (record.watermark, record.covered.as_slice()),
        (Some(at(10)), [Interval::new(at(0), at(10))].as_slice())
    );
    assert_eq!(record.fetched().due(at(12)), [Interval::new(at(10), at(12))]);
    assert_eq!(record.look_back.looked[&3600], at(10));
    let open: Vec<_> = record.windows.iter().map(|window| window.name.as_str()).collect();
    assert_eq!(open, ["old", "part"], "what waits for a sink waits on");
    assert_eq!(record.waiting_for("b").len(), 1);
    record.answer("part", &["b".into()]);
    record.commit(&end("part"));
    assert_eq!(record.watermark, Some(at(10)), "and counts for nobody else");
}

proptest! {
    /// Windows of whole hours, committed, given up or lost in any order: no instant before the watermark was never
    /// answered for, and what is due and what is gone are everything.
    #[test]
    fn nothing_before_the_watermark_is_forgotten(steps in vec((0_i64..50, 1_i64..10, 0_u8..4, 0_i64..60), 1..30)) {
        let hour = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        let mut record = record();
        for (number, (from, length, what, settled)) in steps.into_iter().enumerate() {
            let name = number.to_string();
            let period = Interval::new(hour(from), hour(from + length));
            record.windows.push(window(&name, period, hour(settled)).into());
            match what {
                0 => record.give_up(&name, String::new(), hour(0)),
                1 => {
                    record.give_up(&name, String::new(), hour(0));
                    record.lose(period);
                }
                _ => record.commit(&end(&name)),
            }
            let Some(mark) = record.watermark else { continue };
            let end = hour(70);
            let gone = merged([record.covered.clone(), record.lost.clone()].concat());
            let due = record.due(end);
            prop_assert!(due.iter().all(|interval| interval.from >= mark));
            let all = merged([due, gone.clone()].concat());
            prop_assert!(without(Interval::new(mark, end), &all).is_empty());
            let back = Record::decode("k", &record.encode().unwrap()).unwrap();
            prop_assert_eq!(&back, &record);
        }
    }
}
