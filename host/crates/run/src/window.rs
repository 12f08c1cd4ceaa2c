//! Periods: what the user asks for, and the half-open UTC window that becomes of it.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use thiserror::Error;

use sandbox::Granularity;

/// A half-open period: `from` belongs to it, `to` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// A period that cannot be meant.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowError {
    /// A bound is neither a day nor an instant.
    #[error("{option} {text:?} is neither a day (YYYY-MM-DD) nor an instant (RFC 3339)")]
    Bound {
        /// The option.
        option: &'static str,
        /// The text that was typed.
        text: String,
    },
    /// The period ends before it begins, or at once.
    #[error("the period ends before it begins: at {to}, and begins at {from}")]
    Empty {
        /// The period's beginning.
        from: Timestamp,
        /// The period's end.
        to: Timestamp,
    },
    /// The period is yet to come: nothing can have happened in it.
    #[error("the period begins at {from}, which lies in the future")]
    Future {
        /// The period's beginning.
        from: Timestamp,
    },
    /// The period leaves the calendar.
    #[error("the period is out of range")]
    OutOfRange,
}

impl WindowError {
    /// The advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            WindowError::Bound { .. } => {
                Some("for example 2026-11-01, or 2026-11-01T12:00:00Z; --since takes a length such as 7d".into())
            }
            WindowError::Empty { .. } => Some("--from must lie before --to and before now".into()),
            WindowError::Future { .. } => Some("--from must lie before now".into()),
            WindowError::OutOfRange => Some("periods lie between the years 1 and 9999".into()),
        }
    }
}

/// An end of a period, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A whole UTC day.
    Day(Date),
    /// An instant.
    Instant(Timestamp),
}

impl Bound {
    /// Reads `YYYY-MM-DD` or RFC 3339; `option` is named in the error.
    pub fn parse(option: &'static str, text: &str) -> Result<Bound, WindowError> {
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Bound::Instant(instant));
        }
        // jiff's Date also reads the date of a longer text; only a bare day is meant here.
        match text.parse::<Date>() {
            Ok(day) if text.len() == 10 => Ok(Bound::Day(day)),
            _ => Err(WindowError::Bound {
                option,
                text: text.to_string(),
            }),
        }
    }
}

/// The period that the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The current UTC day so far.
    Today,
    /// So long before now.
    Since(Duration),
    /// From a bound to another, a day included, or to now.
    Between(Bound, Option<Bound>),
}

impl Period {
    /// The window that the period means now. For a source that knows only days, its bounds move out to whole days.
    pub fn window(self, now: Timestamp, granularity: Granularity) -> Result<Window, WindowError> {
        let (from, to) = match self {
            Period::Today => {
                let midnight = start_of(day_of(now))?;
                // At midnight the day that begins is meant, though nothing has happened in it yet.
                (midnight, now.max(after(midnight)?))
            }
            Period::Since(duration) => {
                let duration = SignedDuration::try_from(duration).map_err(|_| WindowError::OutOfRange)?;
                (now.checked_sub(duration).map_err(|_| WindowError::OutOfRange)?, now)
            }
            Period::Between(from, to) => {
                let from = match from {
                    Bound::Day(day) => start_of(day)?,
                    Bound::Instant(instant) => instant,
                };
                let to = match to {
                    Some(Bound::Day(day)) => start_of(day.tomorrow().map_err(|_| WindowError::OutOfRange)?)?,
                    Some(Bound::Instant(instant)) => instant,
                    None => now,
                };
                (from, to)
            }
        };
        if from >= to {
            return Err(match self {
                Period::Between(_, None) => WindowError::Future { from },
                _ => WindowError::Empty { from, to },
            });
        }
        if from > now {
            return Err(WindowError::Future { from });
        }
        let (from, to) = match granularity {
            Granularity::Instant => (from, to),
            Granularity::Minutes(minutes) => (whole_minutes(from, minutes)?, minutes_after(to, minutes)?),
            Granularity::Day => (start_of(day_of(from))?, end_of_day(to)?),
        };
        Ok(Window { from, to })
    }
}

impl From<Window> for sandbox::Window {
    fn from(window: Window) -> Self {
        sandbox::Window {
            from: window.from.as_millisecond(),
            to: window.to.as_millisecond(),
        }
    }
}

pub(super) fn day_of(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

pub(super) fn start_of(day: Date) -> Result<Timestamp, WindowError> {
    day.to_zoned(TimeZone::UTC)
        .map(|zoned| zoned.timestamp())
        .map_err(|_| WindowError::OutOfRange)
}

/// The next millisecond: an instant at midnight belongs to the day that begins.
pub(super) fn after(instant: Timestamp) -> Result<Timestamp, WindowError> {
    instant
        .checked_add(SignedDuration::from_millis(1))
        .map_err(|_| WindowError::OutOfRange)
}

/// The last instant up to this one at which a span of so many minutes begins, counted from 1970-01-01T00:00:00Z. Spans that are
/// parts of a day begin anew each UTC day.
pub(super) fn whole_minutes(instant: Timestamp, minutes: u32) -> Result<Timestamp, WindowError> {
    let span = i64::from(minutes.max(1)).saturating_mul(60_000);
    let ms = instant.as_millisecond();
    Timestamp::from_millisecond(ms - ms.rem_euclid(span)).map_err(|_| WindowError::OutOfRange)
}

/// The first such instant that is not before `instant`.
pub(super) fn minutes_after(instant: Timestamp, minutes: u32) -> Result<Timestamp, WindowError> {
    let begin = whole_minutes(instant, minutes)?;
    match begin == instant {
        true => Ok(begin),
        false => begin
            .checked_add(SignedDuration::from_mins(minutes.into()))
            .map_err(|_| WindowError::OutOfRange),
    }
}

/// The first midnight that is not before `instant`.
pub(super) fn end_of_day(instant: Timestamp) -> Result<Timestamp, WindowError> {
    let midnight = start_of(day_of(instant))?;
    if midnight == instant {
        return Ok(instant);
    }
    start_of(day_of(instant).tomorrow().map_err(|_| WindowError::OutOfRange)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(period: Period, granularity: Granularity) -> (String, String) {
        let window = period.window(at("2025-03-31T15:30:00Z"), granularity).unwrap();
        (window.from.to_string(), window.to.to_string())
    }

    #[test]
    fn windows_move_out_to_whole_minutes() {
        for (minutes, from, to) in [
            (1, "2025-03-10T01:02:00Z", "2025-03-10T02:01:00Z"),
            (5, "2025-03-10T01:00:00Z", "2025-03-10T02:05:00Z"),
            (60, "2025-03-10T01:00:00Z", "2025-03-10T03:00:00Z"),
            (1440, "2025-03-10T00:00:00Z", "2025-03-11T00:00:00Z"),
        ] {
            let period = between("2025-03-10T01:02:03Z", Some("2025-03-10T02:00:00.001Z"));
            assert_eq!(window(period, Granularity::Minutes(minutes)), (from.into(), to.into()));
        }
        let whole = between("2025-03-10T01:05:00Z", Some("2025-03-10T02:00:00Z"));
        let same = ("2025-03-10T01:05:00Z".into(), "2025-03-10T02:00:00Z".into());
        assert_eq!(window(whole, Granularity::Minutes(5)), same);
    }

    fn between(from: &str, to: Option<&str>) -> Period {
        Period::Between(
            Bound::parse("--from", from).unwrap(),
            to.map(|to| Bound::parse("--to", to).unwrap()),
        )
    }

    #[test]
    fn a_day_given_as_the_end_is_included() {
        let expected = ("2025-03-10T00:00:00Z".to_string(), "2025-04-01T00:00:00Z".to_string());
        assert_eq!(
            window(between("2025-03-10", Some("2025-03-31")), Granularity::Day),
            expected
        );
        assert_eq!(
            window(between("2025-03-10", Some("2025-03-31")), Granularity::Instant),
            expected
        );
    }

    #[test]
    fn instants_move_out_to_whole_days_only_where_the_source_knows_only_days() {
        let period = between("2025-03-10T10:00:00+02:00", Some("2025-03-11T00:00:00Z"));
        let exact = ("2025-03-10T08:00:00Z".to_string(), "2025-03-11T00:00:00Z".to_string());
        assert_eq!(window(period, Granularity::Instant), exact);
        let days = ("2025-03-10T00:00:00Z".to_string(), "2025-03-11T00:00:00Z".to_string());
        assert_eq!(window(period, Granularity::Day), days);
    }

    #[test]
    fn a_relative_period_ends_now() {
        let week = Period::Since(Duration::from_secs(7 * 86_400));
        let exact = ("2025-03-24T15:30:00Z".to_string(), "2025-03-31T15:30:00Z".to_string());
        assert_eq!(window(week, Granularity::Instant), exact);
        let today = ("2025-03-31T00:00:00Z".to_string(), "2025-04-01T00:00:00Z".to_string());
        assert_eq!(window(Period::Today, Granularity::Day), today);
    }

    #[test]
    fn at_midnight_today_is_the_day_that_begins() {
        let midnight = at("2025-03-31T00:00:00Z");
        let whole = Period::Today.window(midnight, Granularity::Day).unwrap();
        assert_eq!((whole.from, whole.to), (midnight, at("2025-04-01T00:00:00Z")));
        let exact = Period::Today.window(midnight, Granularity::Instant).unwrap();
        assert_eq!((exact.from, exact.to), (midnight, at("2025-03-31T00:00:00.001Z")));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for bad in ["yesterday", "2025-02-30", "2025-03-10 10:00", "2025-3-1", ""] {
            assert!(Bound::parse("--from", bad).is_err(), "{bad}");
        }
        let backwards = between("2025-03-10", Some("2025-03-09"));
        assert!(matches!(
            backwards.window(at("2025-03-31T00:00:00Z"), Granularity::Day),
            Err(WindowError::Empty { .. })
        ));
        let future = between("2025-05-01", None);
        assert!(future.window(at("2025-03-31T00:00:00Z"), Granularity::Instant).is_err());
    }
}
