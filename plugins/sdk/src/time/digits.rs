//! Points in time that are written in digits only.

use super::civil::{NO_CLOCK, PLAUSIBLE, UNKNOWN_FORM, civil_date};
use super::clock::{TimeOfDay, at, nanoseconds, time_of_day};
use super::reading::TimeReading;

const IMPLAUSIBLE: &str = "the time is a number, and no time from 2001 to 2099 as seconds or milliseconds since 1970";
const DATE_AND_HOUR: &str = "the time is a number that could be a date and an hour, or seconds since 1970";

/// A text of digits only, and perhaps a fraction: how many there are says what they count.
pub(super) fn digits(whole: &str, fraction: &str) -> Result<TimeReading, &'static str> {
    let number: i64 = whole.parse().map_err(|_| UNKNOWN_FORM)?;
    let is_fraction = |most: usize| fraction.len() <= most;
    let since_1970 = |per_second: i64| {
        if !PLAUSIBLE.contains(&number.div_euclid(per_second)) {
            return Err(IMPLAUSIBLE);
        }
        Ok(number)
    };
    let ms = match whole.len() {
        8 if is_fraction(0) => {
            basic_date(whole)?;
            return Err(NO_CLOCK);
        }
        10 if is_fraction(9) => {
            let seconds = since_1970(1)?;
            let (date, hour) = whole.split_at(8);
            if whole.starts_with('2') && basic_date(date).is_ok() && hour < "24" {
                return Err(DATE_AND_HOUR);
            }
            seconds * 1000 + nanoseconds(fraction)? / 1_000_000
        }
        13 if is_fraction(9) => since_1970(1000)?,
        16 if is_fraction(9) => since_1970(1_000_000)? / 1000,
        19 if is_fraction(9) => since_1970(1_000_000_000)? / 1_000_000,
        17 if whole.starts_with("20") && is_fraction(0) => {
            let (date, clock) = whole.split_at(8);
            let (clock, fraction) = clock.split_at(6);
            return at(basic_date(date)?, basic_clock(clock, fraction)?, 0).map(TimeReading::Certain);
        }
        _ => return Err(UNKNOWN_FORM),
    };
    Ok(TimeReading::Certain(ms))
}

/// Days since 1970 of `20250703`.
pub(super) fn basic_date(digits: &str) -> Result<i64, &'static str> {
    let number: i64 = digits.parse().map_err(|_| UNKNOWN_FORM)?;
    civil_date(number / 10_000, number / 100 % 100, number % 100)
}

/// `113433` or `1134`.
pub(super) fn basic_clock(digits: &str, fraction: &str) -> Result<TimeOfDay, &'static str> {
    let number: i64 = digits.parse().map_err(|_| UNKNOWN_FORM)?;
    let number = if digits.len() == 4 { number * 100 } else { number };
    time_of_day(
        number / 10_000,
        number / 100 % 100,
        number % 100,
        nanoseconds(fraction)?,
    )
}
