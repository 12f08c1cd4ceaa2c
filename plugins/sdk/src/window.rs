//! The window of a report that is asked for by whole UTC days.
//!
//! The host asks for half-open windows in milliseconds; such a report takes a first and a last day, both included, and
//! refuses dates outside its retention. [`Days::of`] turns the one into the other and refuses first, with dates in the
//! message that the user can act on.

use crate::{Fault, Request, Timestamp};
use jiff::tz::Offset;

/// A UTC day has no other length: jiff, like Unix time, has no leap seconds.
const DAY_MS: i64 = 86_400_000;

/// A first and a last day, both included, as `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
}

impl Days {
    /// The days of a request's window, for a report that goes back at most `retention` days. The rules are those of
    /// Oracle's Invalid Login and User Audit pages: the first day is at most `retention` days before today, the last is
    /// at most `retention` days after the first, and it is not before the first.
    pub fn of(request: &Request, retention: u16) -> Result<Days, Fault> {
        let window = &request.window;
        // The last millisecond that belongs to the window; before its start where none does.
        let last = window.to.saturating_sub(1);
        let [first_day, last_day, today] = [window.from, last, request.now].map(|time| time.div_euclid(DAY_MS));
        let (earliest, latest) = (today - i64::from(retention), first_day + i64::from(retention));
        let (from, to) = (text(first_day)?, text(last_day)?);
        let valid = format!(
            "this report accepts dates from {} on, at most {retention} days at a time",
            text(earliest)?
        );
        if last < window.from {
            let message = match first_day <= last_day {
                true => format!("the window on {from} is empty"),
                false => format!("the end date {to} is before the start date {from}"),
            };
            return Err(Fault::invalid_request(message).hint(valid));
        }
        if first_day < earliest {
            let today = text(today)?;
            let message = format!("the start date {from} is more than {retention} days before today, {today}");
            return Err(Fault::invalid_request(message).hint(valid));
        }
        if last_day > latest {
            let message = format!("the end date {to} is more than {retention} days after the start date {from}");
            let hint = format!("end it on {} at the latest, or use several windows", text(latest)?);
            return Err(Fault::invalid_request(message).hint(hint));
        }
        Ok(Days { from, to })
    }
}

/// The date of the so many-th day since 1970.
fn text(day: i64) -> Result<String, Fault> {
    let start = day
        .checked_mul(DAY_MS)
        .and_then(|ms: Timestamp| jiff::Timestamp::from_millisecond(ms).ok());
    let date = start
        .map(|start| Offset::UTC.to_datetime(start).date())
        .ok_or_else(|| {
            Fault::invalid_request("the window reaches beyond the calendar").hint("use dates of this century")
        })?;
    Ok(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, Window};

    fn days(from: &str, to: &str, now: &str) -> Result<(String, String), Fault> {
        let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let window = Window {
            from: ms(from),
            to: ms(to),
        };
        let request = Request {
            window,
            now: ms(now),
            parameters: vec![],
            unique_name: "x".into(),
        };
        Days::of(&request, 90).map(|days| (days.from, days.to))
    }

    fn refusal(from: &str, to: &str) -> String {
        let fault = days(from, to, "2025-06-30T23:59:59.999Z").unwrap_err();
        assert_eq!(fault.kind, FaultKind::InvalidRequest);
        assert!(fault.hint.is_some());
        fault.message
    }

    #[test]
    fn a_half_open_window_becomes_the_days_it_touches() {
        for (from, to, first, last) in [
            (
                "2025-06-01T00:00:00Z",
                "2025-06-02T00:00:00Z",
                "2025-06-01",
                "2025-06-01",
            ),
            (
                "2025-06-01T23:59:59.999Z",
                "2025-06-02T00:00:00.001Z",
                "2025-06-01",
                "2025-06-02",
            ),
            (
                "2025-06-01T10:00:00Z",
                "2025-06-01T10:00:00.001Z",
                "2025-06-01",
                "2025-06-01",
            ),
        ] {
            assert_eq!(
                days(from, to, "2025-06-30T12:00:00Z"),
                Ok((first.into(), last.into())),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn ninety_days_back_is_the_earliest_start() {
        let now = "2025-06-30T00:00:00Z";
        assert!(days("2025-04-01T00:00:00Z", "2025-04-02T00:00:00Z", now).is_ok());
        assert!(refusal("2025-03-31T23:59:59.999Z", "2025-04-02T00:00:00Z").contains("2025-03-31"));
    }

    #[test]
    fn ninety_days_after_the_start_is_the_latest_end() {
        let now = "2025-06-30T12:00:00Z";
        assert!(days("2025-05-01T00:00:00Z", "2025-07-31T00:00:00Z", now).is_ok());
        let message = refusal("2025-05-01T00:00:00Z", "2025-07-31T00:00:00.001Z");
        assert!(
            message.contains("2025-07-31") && message.contains("2025-05-01"),
            "{message}"
        );
    }

    #[test]
    fn a_window_without_a_moment_is_refused() {
        let message = refusal("2025-06-02T00:00:00Z", "2025-06-01T00:00:00Z");
        assert_eq!(message, "the end date 2025-05-31 is before the start date 2025-06-02");
        assert_eq!(
            refusal("2025-06-02T10:00:00Z", "2025-06-02T10:00:00Z"),
            "the window on 2025-06-02 is empty"
        );
        refusal("2025-06-02T00:00:00Z", "2025-06-02T00:00:00Z");
    }

    #[test]
    fn no_window_makes_it_panic() {
        proptest::proptest!(|(from: i64, to: i64, now: i64, retention: u16)| {
            let request = Request { window: Window { from, to }, now, parameters: vec![], unique_name: "x".into() };
            let _ = Days::of(&request, retention);
        });
    }
}
