//! The warning of a stream whose source goes silent while it still answers 200.
//!
//! The warning reads the stream's record and names the connection to write, so it stands here and not in `fetch`, which knows neither:
//! only the length of a silence that is suspicious stands there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Window;
use connection::ConnectionKind;
use fetch::SUSPICIOUS_SILENCE;
use ledger::Record;

/// The OCID in the example of a connection.
const PLACEHOLDER: &str = "ocid1.compartment.oc1..UNIQUE";

/// A configured connection to OCI that says which compartment it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLogConnection {
    /// The connection's name.
    pub name: String,
    /// The OCID of the compartment.
    pub compartment: String,
}

/// The period in which a stream's events are waited for: from its last one, or its beginning, to what is collected, whichever sinks
/// still wait for it. A run's own windows say little: they may be minutes long.
pub(super) fn watched(record: &Record) -> Option<Window> {
    let record = &record.fetched();
    let to = record.watermark?;
    let begin = record.covered.iter().map(|covered| covered.from).min()?;
    let from = record.last_event.unwrap_or(begin).min(to);
    Some(Window { from, to })
}

/// The instant since which a stream is silent, where that is longer than its events may be apart: that of its last event, or its
/// beginning. What is not collected yet says nothing.
pub fn silent_since(record: &Record, every: Duration) -> Option<Timestamp> {
    let Window { from, to } = watched(record)?;
    // Longer than time itself is never.
    let every = SignedDuration::try_from(every).ok()?;
    (to.duration_since(from) > every).then_some(from)
}

/// The warning for the user where a stream is silent for longer than its events may be apart.
pub(super) fn silent(record: &Record, every: Duration) -> Option<String> {
    let since = silent_since(record, every)?;
    let to = record.fetched().watermark?;
    let what = match record.last_event {
        Some(_) => format!("no event since {since}"),
        None => format!("no event at all since it begins at {since}"),
    };
    Some(format!(
        "{what}, and it is collected up to {to}: its events are expected more often (`expect-events-every`). See whether the source still \
         records them; `host check` asks it"
    ))
}

/// The fact behind a domain that is silent.
const WHY: &str = "Oracle lets AuditEvents go silent while it still answers 200, and keeps such events in OCI Audit for 365 days: collect \
                   them with";

/// The reason why a domain is silent, and the source that has its events, with the line to write for it and the day to begin with.
pub fn instead_of_audit_events(compartment: Option<&str>, from: Option<Timestamp>) -> String {
    let example = ConnectionKind::Oci.example();
    let example = match compartment {
        Some(ocid) => example.replace(PLACEHOLDER, ocid),
        None => example.to_owned(),
    };
    let from = since(from);
    format!(
        "{WHY} `host run oci-audit{from}`, once there is a connection to the compartment that holds the domain, such as this line in \
         host.toml: {example}"
    )
}

/// The same where a connection to OCI is configured, and names its compartment.
fn instead_through(log: &AuditLogConnection, from: Option<Timestamp>) -> String {
    let AuditLogConnection { name, compartment } = log;
    let from = since(from);
    format!(
        "{WHY} `host run oci-audit{from} --connection {name}`, if its compartment, {compartment}, is the one that holds the domain"
    )
}

/// The option for the day to begin with.
fn since(from: Option<Timestamp>) -> String {
    from.map(|day| format!(" --from {}", day.strftime("%F")))
        .unwrap_or_default()
}

/// The warning for the user where the end of the window holds no event for suspiciously long; with the connection to OCI that is
/// configured, if one is.
pub(super) fn notice(last_event: Option<i64>, window: Window, log: Option<&AuditLogConnection>) -> Option<String> {
    let last = last_event.and_then(|time| Timestamp::from_millisecond(time).ok());
    if window.to.duration_since(last.unwrap_or(window.from)) < SUSPICIOUS_SILENCE {
        return None;
    }
    let since = match last {
        Some(last) => format!("the last event is of {last}, the window ends at {}", window.to),
        None => format!("no event from {} to {}", window.from, window.to),
    };
    let once = last.map_or(String::new(), |last| {
        format!(
            "; a route of its own, with `when = 'timestamp(time) > timestamp(\"{last}\")'`, keeps back what was \
             delivered before"
        )
    });
    let from = Some(last.unwrap_or(window.from));
    let instead = match log {
        Some(log) => instead_through(log, from),
        None => instead_of_audit_events(None, from),
    };
    Some(format!(
        "{since}: {instead}{once}; `host check` tells which of the two the domain still feeds"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{Interval, Stream};

    #[test]
    fn silence_is_measured_from_the_last_event_of_the_stream() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut record = Record::new(Stream::new("domain", "audit-events", &[]));
        assert_eq!(watched(&record), None);
        record.watermark = Some(at("2025-03-08T00:00:00Z"));
        record.covered = vec![Interval::new(at("2025-03-01T00:00:00Z"), at("2025-03-08T00:00:00Z"))];
        assert_eq!(watched(&record).unwrap().from, at("2025-03-01T00:00:00Z"));
        record.last_event = Some(at("2025-03-02T00:00:00Z"));
        assert_eq!(watched(&record).unwrap().from, at("2025-03-02T00:00:00Z"));
    }

    #[test]
    fn a_stream_is_silent_once_its_events_are_further_apart_than_they_may_be() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let mut record = Record::new(Stream::new("epm", "invalid-login", &[]));
        assert_eq!(silent_since(&record, days(0)), None);
        record.watermark = Some(at("2025-03-08T00:00:00Z"));
        record.covered = vec![Interval::new(at("2025-03-01T00:00:00Z"), at("2025-03-08T00:00:00Z"))];
        assert_eq!(silent_since(&record, days(2)), Some(at("2025-03-01T00:00:00Z")));
        assert!(silent(&record, days(2)).is_some_and(|text| text.contains("no event at all")));
        record.last_event = Some(at("2025-03-05T12:00:00Z"));
        assert_eq!(silent_since(&record, days(2)), Some(at("2025-03-05T12:00:00Z")));
        assert!(silent(&record, days(2)).is_some_and(|text| text.contains("no event since 2025-03-05T12:00:00Z")));
        assert_eq!(silent_since(&record, days(3)), None);
        assert_eq!(silent_since(&record, Duration::MAX), None);
    }

    #[test]
    fn the_source_that_has_the_events_is_named_with_the_line_to_write() {
        assert!(ConnectionKind::Oci.example().contains(PLACEHOLDER));
        let text = instead_of_audit_events(Some("ocid1.compartment.oc1..acme"), None);
        assert!(
            text.contains("`host run oci-audit`") && text.contains("compartment = \"ocid1.compartment.oc1..acme\"")
        );
    }

    #[test]
    fn two_days_without_an_event_at_the_end_are_worth_a_warning() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = Window {
            from: at("2025-03-01T00:00:00Z"),
            to: at("2025-03-08T00:00:00Z"),
        };
        let notice_after = |last: Option<&str>| notice(last.map(|last| at(last).as_millisecond()), window, None);
        assert!(notice_after(None).is_some());
        assert!(notice_after(Some("2025-03-05T12:00:00Z")).is_some_and(|text| text.contains("2025-03-05T12:00:00Z")));
        assert_eq!(notice_after(Some("2025-03-07T12:00:00Z")), None);
        // The day to begin with, and what keeps events from coming twice.
        assert!(notice_after(None).is_some_and(|text| text.contains("--from 2025-03-01`") && !text.contains("route")));
        assert!(notice_after(Some("2025-03-05T12:00:00.25Z")).is_some_and(|text| {
            text.contains("--from 2025-03-05`")
                && text.contains(r#"timestamp(time) > timestamp("2025-03-05T12:00:00.25Z")"#)
        }));
        let day = Window {
            from: at("2025-03-07T00:00:00Z"),
            ..window
        };
        assert_eq!(notice(None, day, None), None);
        // A connection that is there need not be written.
        let log = AuditLogConnection {
            name: "tenancy".into(),
            compartment: "ocid1.compartment.oc1..acme".into(),
        };
        let through = notice(None, window, Some(&log)).unwrap();
        assert!(
            through.contains("`host run oci-audit --from 2025-03-01 --connection tenancy`")
                && through.contains("ocid1.compartment.oc1..acme")
                && !through.contains("host.toml"),
            "{through}"
        );
    }
}
