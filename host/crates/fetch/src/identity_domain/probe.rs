//! The harmless questions to an identity domain: the right to read its `AuditEvents`, its newest event and its oldest.
//!
//! The role of the client is that of the `AuditEvents` page.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::domain_id::DomainId;
use super::newest_event::NewestEvent;
use super::silence::SUSPICIOUS;
use crate::probe::fact::{Fact, SHOWN, limit, unknown};
use crate::probe::failure::ProbeFailure;
use crate::probe::patience::patiently;
use crate::probe::probe_report::ProbeReport;
use crate::probe::question::ask;
use base::counted::counted;
use remote::{Answer, Remote};

const DOMAIN_EVENTS: &str =
    "ask the administrator of the identity domain to give the client the application role Audit Administrator";

/// The filter for all audit events: none is older.
const EARLIEST: &str = "timestamp ge \"2000-01-01T00:00:00.000Z\"";

/// Tries a domain at the time `now`: one question for events of the future shows the rights, two more ask for its newest event and its
/// oldest.
pub(crate) async fn probe(remote: &Remote, now: Timestamp) -> Result<ProbeReport, ProbeFailure> {
    let filter = format!("timestamp ge \"{now:.3}\"");
    let query = [("count", "1"), ("filter", filter.as_str())];
    let none = audit_events(remote, &query).await?;
    let (newest, domain) = newest_audit_event(remote, now).await;
    let mut found = vec![Fact::new("last event", newest.told(now))];
    found.extend(facts(remote, now, &none).await);
    Ok(ProbeReport {
        facts: found,
        newest: Some(newest),
        domain: Some(domain),
        ..ProbeReport::of_steps(["reached", "signed in", "may read audit events"])
    })
}

/// Audit events of an identity domain.
async fn audit_events(remote: &Remote, query: &[(&str, &str)]) -> Result<Answer, ProbeFailure> {
    ask(remote, "events", &["admin", "v1", "AuditEvents"], query, DOMAIN_EVENTS).await
}

/// Asks for the newest audit event of a domain: one record. A domain that refuses to sort is asked for one of the last two days.
pub async fn newest_audit_event(remote: &Remote, now: Timestamp) -> (NewestEvent, DomainId) {
    let domain = DomainId::of_address(remote);
    let sorted = [
        ("filter", EARLIEST),
        ("sortBy", "timestamp"),
        ("sortOrder", "descending"),
        ("count", "1"),
    ];
    let answer = match patiently(audit_events(remote, &sorted)).await {
        Ok(answer) => answer,
        Err(refused) => {
            let since = now.saturating_sub(SUSPICIOUS).unwrap_or(Timestamp::MIN);
            let filter = format!("timestamp ge \"{since:.3}\"");
            let recent = [("filter", filter.as_str()), ("count", "1")];
            return match patiently(audit_events(remote, &recent)).await {
                Ok(answer) => read(&answer, domain, NewestEvent::NoneSince(since)),
                // The first question was the better one.
                Err(_) => (NewestEvent::Unknown(remote.presentable(&refused, 160)), domain),
            };
        }
    };
    read(&answer, domain, NewestEvent::Never)
}

/// The time of the one record of a list, or what it means that there is none.
fn read(answer: &Answer, domain: DomainId, nothing: NewestEvent) -> (NewestEvent, DomainId) {
    let list: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(event) = list.get("Resources").and_then(|resources| resources.get(0)) else {
        return (nothing, domain);
    };
    let time = event.get("timestamp").and_then(Value::as_str);
    let newest = match time.map(str::parse::<Timestamp>) {
        Some(Ok(time)) => NewestEvent::At(time),
        _ => NewestEvent::Unknown("the time of the newest audit event cannot be read".to_owned()),
    };
    (newest, domain.told_by(event))
}

/// The facts of an identity domain. `seen` is the answer of the probe.
async fn facts(remote: &Remote, now: Timestamp, seen: &Answer) -> Vec<Fact> {
    let query = [
        ("filter", EARLIEST),
        ("sortBy", "timestamp"),
        ("sortOrder", "ascending"),
        ("count", "1"),
    ];
    let answer = patiently(audit_events(remote, &query)).await;
    let oldest = answer.as_ref().ok().and_then(first_timestamp);
    let read = oldest.as_deref().map(str::parse::<Timestamp>);
    let retention = match (&answer, &read) {
        (Err(why), _) => unknown(&remote.presentable(why, 2 * SHOWN)),
        (Ok(_), None) => unknown("no audit event was found"),
        (Ok(_), Some(Ok(oldest))) => {
            let days = now.duration_since(*oldest).as_hours() / 24;
            format!(
                "the oldest audit event is from {}, {} ago",
                oldest.to_zoned(TimeZone::UTC).date(),
                counted(u64::try_from(days).unwrap_or_default(), "day", "days")
            )
        }
        (Ok(_), Some(Err(_))) => unknown("the time of the oldest audit event cannot be read"),
    };
    let times = match &oldest {
        Some(text) => format!("audit event times look like {:?}", remote.presentable(text, SHOWN)),
        None => unknown("no audit event was found"),
    };
    let answers = [Some(seen), answer.as_ref().ok()].into_iter().flatten();
    vec![
        Fact::new("retention", retention),
        Fact::new("times", times),
        Fact::new("rate limit", limit(remote, answers)),
    ]
}

/// The time of the first resource of a list, as it is written.
fn first_timestamp(answer: &Answer) -> Option<String> {
    let list: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = list.get("Resources")?.get(0)?.get("timestamp")?.as_str()?;
    Some(text.to_owned())
}
