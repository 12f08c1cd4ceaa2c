use super::*;
use crate::{DayIds, Stream};

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 / 3600 * 3600 + hour * 3600).unwrap()
}

fn hours(from: i64, to: i64) -> Interval {
    Interval::new(at(from), at(to))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A record complete up to hour 10, with three windows of an hour behind it.
fn record() -> Record {
    let mut record = Record::new(Stream::new("epm", "user-login", &[]));
    record.watermark = Some(at(10));
    record.covered = vec![hours(0, 10)];
    for sink in ["siem", "archive"] {
        record.places.insert(sink.into(), SinkPlace::default());
    }
    record.windows = (10..13).map(|hour| window(&format!("w{hour}"), hour).into()).collect();
    record
}

fn window(name: &str, hour: i64) -> InFlight {
    InFlight {
        name: name.into(),
        period: hours(hour, hour + 1),
        settled: at(hour + 1),
        clock: at(hour + 2),
        delivering: true,
        ..InFlight::default()
    }
}

fn end(name: &str) -> WindowEnd {
    WindowEnd {
        name: name.into(),
        ..WindowEnd::default()
    }
}

fn part(name: &str) -> PartDelivery {
    PartDelivery {
        end: end(name),
        only: names(&["archive", "siem"]),
        answered: names(&["archive"]),
        known: BTreeMap::new(),
    }
}

#[test]
fn what_waits_for_a_sink_holds_the_watermark_and_is_not_asked_for_again() {
    let mut record = record();
    record.deliver_in_part(part("w10"));
    record.deliver_in_part(part("w11"));
    assert_eq!((record.watermark, record.windows.len()), (Some(at(10)), 3));
    assert_eq!(record.windows[0].state(), "delivered in part");
    let fetched = record.fetched();
    assert_eq!((fetched.watermark, fetched.windows.len()), (Some(at(12)), 1));
    assert_eq!(fetched.due(at(14)), [hours(12, 14)]);
    assert!(record.gaps().is_empty());
    assert_eq!(
        (record.place_of("siem"), record.place_of("archive")),
        (Some(at(10)), Some(at(12)))
    );
    assert_eq!(record.waiting_for("siem").len(), 2);
    assert!(record.waiting_for("archive").is_empty());
    let status = record.sink_status();
    let siem = status.iter().find(|status| status.name == "siem").unwrap();
    assert_eq!(
        (siem.place, siem.waiting, siem.waiting_since),
        (Some(at(10)), 2, Some(at(12)))
    );

    record.answer("w10", &names(&["siem"]));
    record.commit(&end("w10"));
    assert_eq!(
        (record.watermark, record.place_of("siem")),
        (Some(at(11)), Some(at(11)))
    );
    let back = Record::decode("k", &record.encode().unwrap()).unwrap();
    assert_eq!(back, record);
}

#[test]
fn a_look_back_covers_nothing_that_waits_for_a_sink() {
    let mut record = record();
    record.deliver_in_part(part("w10"));
    record.windows.truncate(1);
    let looks_back = InFlight {
        period: hours(8, 12),
        asked_until: Some(at(11)),
        ..window("later", 11)
    };
    record.windows.push(looks_back.into());
    record.commit(&end("later"));
    assert_eq!((record.watermark, record.covered.len()), (Some(at(10)), 2));
    assert_eq!(record.fetched().watermark, Some(at(12)));
    record.commit(&end("w10"));
    assert_eq!((record.watermark, record.covered.len()), (Some(at(12)), 1));
}

#[test]
fn facts_of_a_window_count_once_whoever_has_it() {
    let mut record = record();
    record.windows.clear();
    let looking = InFlight {
        looks_back: vec![3600],
        ..window("w", 10)
    };
    record.windows.push(looking.into());
    let mut first = part("w");
    first.end.last_event = Some(at(10));
    first.end.lost = Some(hours(9, 11));
    record.deliver_in_part(first);
    assert_eq!(record.last_event, Some(at(10)));
    assert_eq!(record.look_back.looked[&3600], at(12));
    assert_eq!(
        record.untold,
        [hours(10, 11)],
        "it is told at once, and only what nobody had"
    );
    record.untold.clear();
    record.commit(&end("w"));
    assert_eq!((record.untold.len(), record.watermark), (0, Some(at(11))));
    assert_eq!(record.gaps(), [hours(10, 11)]);
}

#[test]
fn ids_that_only_a_waiting_window_needs_are_named_by_it_alone() {
    let mut record = record();
    let day = |hour| crate::record::day_of(at(hour));
    let noted = DayIds::default().noted();
    record.recent.insert(day(0), noted.clone());
    record.windows = vec![window("w", 10).into(), window("later", 59).into()];
    record.covered = vec![hours(0, 10), hours(11, 59)];
    record.deliver_in_part(PartDelivery {
        known: record.recent.clone(),
        ..part("w")
    });
    record.commit(&end("later"));
    record.windows.push(window("last", 60).into());
    record.deliver_in_part(part("last"));
    assert!(record.recent.is_empty());
    assert_eq!(
        record.window("w").unwrap().known,
        Some(BTreeMap::from([(day(0), noted)]))
    );
}

#[test]
fn a_sink_that_is_dropped_is_waited_for_no_longer() {
    let mut record = record();
    record.sinks = names(&["archive", "siem"]);
    record.deliver_in_part(part("w10"));
    record.deliver_in_part(part("w11"));
    let fills = InFlight {
        only: names(&["siem"]),
        fills: true,
        ..window("f", 3)
    };
    record.windows.push(fills.into());
    assert_eq!(record.drop_sink("siem", at(20)), names(&["w10", "w11", "f"]));
    assert_eq!((record.watermark, record.windows.len()), (Some(at(12)), 1));
    assert_eq!(record.sinks, ["archive"]);
    assert!(!record.places.contains_key("siem") && record.sink_status().len() == 1);
    assert_eq!(record.dead.len(), 1);
    assert!(record.drop_sink("siem", at(20)).is_empty());
}

#[test]
fn what_was_filled_in_counts_for_the_sink_alone() {
    let mut record = record();
    record.windows.clear();
    let place = SinkPlace {
        since: Some(at(10)),
        ..SinkPlace::default()
    };
    record.places.insert("new".into(), place);
    let lacks = |record: &Record| record.places["new"].lacks(hours(2, 20));
    assert_eq!(lacks(&record), [hours(2, 10)]);
    for hour in [4, 9] {
        let fills = InFlight {
            only: names(&["new"]),
            fills: true,
            ..window("f", hour)
        };
        record.windows.push(fills.into());
        record.commit(&end("f"));
    }
    assert_eq!(
        (record.watermark, record.covered.as_slice()),
        (Some(at(10)), [hours(0, 10)].as_slice())
    );
    assert_eq!(lacks(&record), [hours(2, 4), hours(5, 9)]);
    assert_eq!(
        record.places["new"].since,
        Some(at(9)),
        "it reaches up to its beginning"
    );
    let place = &record.places["new"];
    assert!(place.holds(at(4)) && place.holds(at(9)) && !place.holds(at(3)) && !place.holds(at(5)));
    assert!(record.places["siem"].holds(at(0)) && record.places["siem"].lacks(hours(0, 20)).is_empty());
}

#[test]
fn a_window_that_is_gone_for_a_sink_is_a_gap_of_that_sink() {
    let mut record = record();
    record.deliver_in_part(part("w10"));
    record.lose_for("w10", &names(&["siem"]));
    assert_eq!((record.watermark, record.windows.len()), (Some(at(11)), 2));
    let place = &record.places["siem"];
    assert!(place.holds(at(9)) && !place.holds(at(10)) && place.holds(at(11)));
    assert_eq!(place.lacks(hours(0, 20)), [hours(10, 11)]);
    assert!(record.places["archive"].holds(at(10)));
}
