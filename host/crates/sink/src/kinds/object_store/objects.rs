//! The objects that a batch becomes, and their names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use object_store::path::Path;

use crate::idempotency_key;
use crate::template::segment;
use event::{Event, Provenance};

/// The partition of what no calendar has.
const UNKNOWN: &str = "unknown";

/// The events of one UTC day, in order, by day.
pub(super) fn by_day(events: &[Event]) -> Vec<(String, Cow<'_, [Event]>)> {
    let mut days: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in events {
        days.entry(day(event.time)).or_default().push(event);
    }
    if days.len() == 1 {
        return days.into_keys().map(|day| (day, Cow::Borrowed(events))).collect();
    }
    days.into_iter()
        .map(|(day, events)| (day, Cow::Owned(events.into_iter().cloned().collect())))
        .collect()
}

/// The name of the object that holds these events of one day, the same for the same events.
pub(super) fn key(prefix: &Path, provenance: &Provenance, day: &str, events: &[Event], suffix: &str) -> Path {
    let first = events.iter().map(|event| event.time).min().unwrap_or_default();
    let name = format!("{}-{}{suffix}", moment(first), idempotency_key(events, provenance));
    let folders = [
        format!("report={}", segment(&provenance.report)),
        format!("connection={}", segment(&provenance.connection)),
        format!("date={day}"),
    ];
    folders
        .into_iter()
        .chain([name])
        .fold(prefix.clone(), |path, part| path.join(part))
}

fn day(time: i64) -> String {
    Timestamp::from_millisecond(time).map_or(UNKNOWN.into(), |time| {
        time.to_zoned(TimeZone::UTC).date().strftime("%Y-%m-%d").to_string()
    })
}

fn moment(time: i64) -> String {
    Timestamp::from_millisecond(time).map_or(UNKNOWN.into(), |time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use event::{Activity, Outcome, Principal, Product, samples};

    fn event(time: i64) -> Event {
        let mut event = Event::new(time, Activity::Logon, Outcome::Success, Principal::named("jdoe"));
        event.id = Some(format!("evt-{time}"));
        event
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_batch_is_cut_at_midnight_utc() {
        let events: Vec<_> = [0, DAY - 1, DAY, 5, i64::MAX, -1].map(event).into();
        let days = by_day(&events);
        let shape: Vec<_> = days
            .iter()
            .map(|(day, events)| (day.as_str(), events.iter().map(|event| event.time).collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            shape,
            [
                ("1969-12-31", vec![-1]),
                ("1970-01-01", vec![0, DAY - 1, 5]),
                ("1970-01-02", vec![DAY]),
                ("unknown", vec![i64::MAX]),
            ]
        );
        assert!(matches!(by_day(&events[..2])[..], [(_, Cow::Borrowed(_))]));
        assert!(by_day(&[]).is_empty());
    }

    #[test]
    fn a_name_says_what_is_in_it() {
        let events = [event(1_741_608_000_000), event(1_741_600_000_000)];
        let prefix = Path::from("archive/audit");
        let name = key(&prefix, &samples::epm(), "2025-03-10", &events, ".ndjson.gz").to_string();
        let start = "archive/audit/report=invalid-login/connection=epm/date=2025-03-10/20250310T094640Z-";
        assert!(name.starts_with(start) && name.ends_with(".ndjson.gz"), "{name}");
        let again = key(&prefix, &samples::epm(), "2025-03-10", &events, ".ndjson.gz");
        assert_eq!(name, again.to_string());
        let fewer = key(&prefix, &samples::epm(), "2025-03-10", &events[..1], ".ndjson.gz");
        assert_ne!(name, fewer.to_string());
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_prefix(report in any::<String>(), connection in any::<String>(), time in any::<i64>()) {
            let provenance = Provenance::new(report, connection, "epm.example.com", Product::epm_cloud());
            let events = [event(time)];
            let (day, _) = &by_day(&events)[0];
            let path = key(&Path::from("a/b"), &provenance, day, &events, ".csv").to_string();
            let parts: Vec<_> = path.split('/').collect();
            prop_assert_eq!(parts.len(), 6);
            prop_assert_eq!(&parts[..2], &["a", "b"]);
            prop_assert!(parts[2].starts_with("report=") && parts[3].starts_with("connection="));
            prop_assert!(parts.iter().all(|part| !part.is_empty() && *part != ".." && *part != "."));
        }
    }
}
