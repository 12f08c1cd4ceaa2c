//! How far back a server can be asked.

use jiff::{SignedDuration, Timestamp};

use super::window::{WindowError, day_of, start_of};
use crate::plugin::Granularity;

/// The first instant that a server can be asked for, where it keeps so many days; none where it keeps all.
///
/// # Errors
///
/// Where that lies outside the calendar.
pub fn oldest(now: Timestamp, granularity: Granularity, days: Option<u32>) -> Result<Option<Timestamp>, WindowError> {
    let Some(days) = days else { return Ok(None) };
    let end = match granularity {
        Granularity::Day => start_of(day_of(now))?,
        Granularity::Instant => now,
    };
    // A UTC day has 24 hours.
    let kept = SignedDuration::from_hours(24 * i64::from(days));
    let first = end.checked_sub(kept).map_err(|_| WindowError::OutOfRange)?;
    Ok(Some(first))
}
