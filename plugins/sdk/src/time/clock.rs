//! A time of day as it is written, and the point in time that it is on a day.

use super::civil::{ClockTime, NO_SUCH_TIME, UNKNOWN_FORM, timestamp};
use crate::Timestamp;

/// A time of day as it is written.
#[derive(Clone, Copy)]
pub(super) struct TimeOfDay {
    /// A leap second is told as the second before, so that it stays in its day.
    clock: ClockTime,
    leap: bool,
}

/// The point in time of a time of day, so many seconds ahead of UTC.
pub(super) fn at(days: i64, time: TimeOfDay, offset: i64) -> Result<Timestamp, &'static str> {
    // Leap seconds end days of UTC, and no others.
    if time.leap && (time.clock.seconds - offset).rem_euclid(86_400) != 86_399 {
        return Err(NO_SUCH_TIME);
    }
    timestamp(days, time.clock, offset)
}

/// A time of day of these numbers, if there is one.
pub(super) fn time_of_day(hour: i64, minute: i64, second: i64, nanoseconds: i64) -> Result<TimeOfDay, &'static str> {
    // The end of a day, as ISO 8601 has it.
    let is_end = hour == 24 && (minute, second, nanoseconds) == (0, 0, 0);
    if hour > 23 && !is_end || minute > 59 || second > 60 {
        return Err(NO_SUCH_TIME);
    }
    let clock = ClockTime {
        seconds: hour * 3600 + minute * 60 + second.min(59),
        nanoseconds,
    };
    let leap = second == 60;
    Ok(TimeOfDay { clock, leap })
}

/// Up to nine digits behind a point.
pub(super) fn nanoseconds(fraction: &str) -> Result<i64, &'static str> {
    if fraction.len() > 9 {
        return Err(UNKNOWN_FORM);
    }
    format!("{fraction:0<9}").parse().map_err(|_| UNKNOWN_FORM)
}
