//! What can be seen of a connection with requests that change nothing: how far back its data reaches, how it writes times,
//! which limit of requests it speaks of. A fact that cannot be seen says so, and fails nothing.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::Value;

use super::domain::{EARLIEST, patiently};
use super::questions;
use base::counted::counted;
use remote::{Answer, Remote};

/// Days that EPM Cloud keeps sign-ins, as the page of the User Login Report says.
const EPM_DAYS: i32 = 120;

/// The headers by which servers speak of a limit: the IETF draft `RateLimit` in its two forms, what came before it, and
/// RFC 9110.
const LIMITS: [&str; 10] = [
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "retry-after",
];

/// Characters of what a server said that are shown.
const SHOWN: usize = 80;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The fact's name: `last event`, `fed`, `retention`, `times`, `rate limit`, `compartment`, `search`, `list events`,
    /// `plugin NAME`.
    pub name: Cow<'static, str>,
    /// The finding, in one line for people.
    pub text: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Fact {
        Fact {
            name: name.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

/// The facts of an EPM environment. `seen` are the answers of the probe, the last one the sign-ins of `today`.
pub(super) async fn of_epm(remote: &Remote, today: Date, seen: [&Answer; 2]) -> Vec<Fact> {
    // The oldest day that is kept in whole, whatever zone the server counts its days in.
    let days = EPM_DAYS - 1;
    let old = match today.checked_sub(days.days()) {
        Ok(day) => Some((day, patiently(questions::sign_ins(remote, day)).await)),
        Err(_) => None,
    };
    let retention = match &old {
        Some((day, Ok(answer))) => match sign_ins(answer).len() {
            0 => format!("{days} days can be asked for, but there are no sign-ins on {day}"),
            some => format!("sign-ins reach back at least {days} days: {some} on {day}"),
        },
        Some((day, Err(why))) => unknown(&format!("asked for {day}, {}", remote.presentable(why, 2 * SHOWN))),
        None => unknown("there is no such day"),
    };
    let [_, last] = seen;
    let old = old.as_ref().and_then(|(_, answer)| answer.as_ref().ok());
    let newest = [Some(last), old].into_iter().flatten().find_map(|answer| {
        let rows = sign_ins(answer);
        let text = rows.last()?.get("accessdateandtime")?.as_str()?;
        Some(remote.presentable(text, SHOWN))
    });
    let times = match newest {
        Some(text) => format!("sign-in times look like {text:?}"),
        None => unknown("no sign-in was found"),
    };
    let answers = seen.into_iter().chain(old);
    vec![
        Fact::new("retention", retention),
        Fact::new("times", times),
        Fact::new("rate limit", limit(remote, answers)),
    ]
}

/// The facts of an identity domain. `seen` is the answer of the probe.
pub(super) async fn of_domain(remote: &Remote, now: Timestamp, seen: &Answer) -> Vec<Fact> {
    let query = [
        ("filter", EARLIEST),
        ("sortBy", "timestamp"),
        ("sortOrder", "ascending"),
        ("count", "1"),
    ];
    let answer = patiently(questions::audit_events(remote, &query)).await;
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

/// The facts of a service that only its reports know. `seen` are its answers to them.
pub(super) fn of_reports(remote: &Remote, seen: &[Answer]) -> Vec<Fact> {
    vec![Fact::new("rate limit", limit(remote, seen.iter()))]
}

fn unknown(why: &str) -> String {
    format!("not known: {why}")
}

/// The rows of a User Login Report in an answer.
fn sign_ins(answer: &Answer) -> Vec<Value> {
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(Value::Object(mut members)) => match members.remove("details") {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The time of the first resource of a list, as it is written.
fn first_timestamp(answer: &Answer) -> Option<String> {
    let list: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = list.get("Resources")?.get(0)?.get("timestamp")?.as_str()?;
    Some(text.to_owned())
}

/// The limit of requests, as the last answer says that speaks of one.
fn limit<'a>(remote: &Remote, answers: impl Iterator<Item = &'a Answer>) -> String {
    let spoken = answers.filter_map(|answer| {
        let headers: Vec<_> = (LIMITS.iter())
            .filter_map(|name| Some((name, answer.headers.get(*name)?.to_str().ok()?)))
            .map(|(name, value)| format!("{name}: {}", remote.presentable(value, SHOWN)))
            .collect();
        (!headers.is_empty()).then(|| headers.join(", "))
    });
    match spoken.last() {
        Some(headers) => format!("the server says {headers}"),
        None => "the server states none".into(),
    }
}
