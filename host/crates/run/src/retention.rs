//! The time for which a server keeps what a report is made of, where that is less than the report can be asked back for.
//!
//! Oracle's identity domains keep audit events for 30 days unless an administrator sets more, 90 at most
//! (`auditEventRetentionPeriod` of the domain's settings: "overrides default of 30 days"), and the Invalid Login Report of
//! EPM Cloud is made of them; so are the changes of predefined roles and of the domain's groups in its reports on these. What lies further back and comes back empty may have been deleted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::window::{WindowError, day_of, minutes_after, start_of};
use sandbox::{ConnectionKind, Granularity};

/// The default of an identity domain.
const DOMAIN: Duration = Duration::from_secs(30 * 86_400);

/// Reports of EPM Cloud that are made of what the identity domain keeps, at least in part.
const OF_DOMAIN: [&str; 3] = ["group-assignment-audit", "invalid-login", "role-assignment-audit"];

/// The time for which the server of a report keeps its events: what the connection says, else Oracle's default. None where it is as
/// long as the report can be asked back for.
pub fn kept(report: &str, kind: ConnectionKind, configured: Option<Duration>) -> Option<Duration> {
    configured.or(match kind {
        ConnectionKind::IdentityDomain => Some(DOMAIN),
        ConnectionKind::Epm if OF_DOMAIN.contains(&report) => Some(DOMAIN),
        ConnectionKind::Epm | ConnectionKind::Http | ConnectionKind::Oci => None,
    })
}
/// The first instant that a server can be asked for, where it keeps so many days; none where it keeps all.
///
/// # Errors
///
/// Where that lies outside the calendar.
pub fn oldest(now: Timestamp, granularity: Granularity, days: Option<u32>) -> Result<Option<Timestamp>, WindowError> {
    let Some(days) = days else { return Ok(None) };
    let end = match granularity {
        Granularity::Day => start_of(day_of(now))?,
        Granularity::Instant | Granularity::Minutes(_) => now,
    };
    // A UTC day has 24 hours.
    let kept = SignedDuration::from_hours(24 * i64::from(days));
    let first = end.checked_sub(kept).map_err(|_| WindowError::OutOfRange)?;
    Ok(Some(match granularity {
        // A window begins with a whole span, and none that begins before can be asked for.
        Granularity::Minutes(minutes) => minutes_after(first, minutes)?,
        Granularity::Day | Granularity::Instant => first,
    }))
}
