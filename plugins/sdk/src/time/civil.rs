//! Days and times of day as numbers, and what is said of a text that makes none.

use crate::Timestamp;
use jiff::tz::Offset;

pub(super) const UNKNOWN_FORM: &str = "unknown time format";
pub(super) const NO_SUCH_TIME: &str = "the time does not exist";
pub(super) const NO_CLOCK: &str = "the time has no time of day";

pub(super) const OTHER_ZONE: &str = "the time is in a zone whose name says no offset from UTC";

/// Seconds of a number that counts from 1970: ten digits, up to the year 2100.
pub(super) const PLAUSIBLE: std::ops::Range<i64> = 1_000_000_000..4_102_444_800;

/// A time of day.
#[derive(Clone, Copy)]
pub(super) struct ClockTime {
    pub(super) seconds: i64,
    pub(super) nanoseconds: i64,
}

/// Days since 1970-01-01 of a date that exists.
pub(super) fn civil_date(year: i64, month: i64, day: i64) -> Result<i64, &'static str> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=length).contains(&day) {
        return Err(NO_SUCH_TIME);
    }
    // Years that begin in March end with the day that only some have; 719,468 days lie between March of year 0 and 1970.
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Ok(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

/// Seconds that a time is ahead of UTC, up to those that exist anywhere.
pub(super) fn offset(sign: u8, digits: [&u8; 4]) -> Result<i64, &'static str> {
    if !digits.iter().all(|digit| digit.is_ascii_digit()) {
        return Err(UNKNOWN_FORM);
    }
    let [h, i, m, n] = digits.map(|digit| i64::from(digit - b'0'));
    let seconds = (h * 10 + i) * 3600 + (m * 10 + n) * 60;
    if seconds > i64::from(Offset::MAX.seconds()) {
        return Err(NO_SUCH_TIME);
    }
    Ok(if sign == b'-' { -seconds } else { seconds })
}

/// Milliseconds since 1970 of a day, a time of day and an offset from UTC.
pub(super) fn timestamp(days: i64, clock: ClockTime, offset: i64) -> Result<Timestamp, &'static str> {
    let seconds = days * 86_400 + clock.seconds - offset;
    if !(jiff::Timestamp::MIN.as_second()..=jiff::Timestamp::MAX.as_second()).contains(&seconds) {
        return Err(NO_SUCH_TIME);
    }
    // What is less than a millisecond is cut off, before 1970 as after.
    let cut = i64::from(seconds < 0 && clock.nanoseconds % 1_000_000 != 0);
    Ok(seconds * 1000 + clock.nanoseconds / 1_000_000 + cut)
}

/// The month whose English name, or at least its first three letters, a text begins with, and what follows its letters.
pub(super) fn month_of(text: &[u8]) -> Option<(i64, &[u8])> {
    let [a, b, c, after @ ..] = text else {
        return None;
    };
    // Only a letter becomes a small one by this bit.
    let (month, name): (_, &[u8]) = match [a | 0x20, b | 0x20, c | 0x20] {
        [b'j', b'a', b'n'] => (1, b"uary"),
        [b'f', b'e', b'b'] => (2, b"ruary"),
        [b'm', b'a', b'r'] => (3, b"ch"),
        [b'a', b'p', b'r'] => (4, b"il"),
        [b'm', b'a', b'y'] => (5, b""),
        [b'j', b'u', b'n'] => (6, b"e"),
        [b'j', b'u', b'l'] => (7, b"y"),
        [b'a', b'u', b'g'] => (8, b"ust"),
        [b's', b'e', b'p'] => (9, b"tember"),
        [b'o', b'c', b't'] => (10, b"ober"),
        [b'n', b'o', b'v'] => (11, b"ember"),
        [b'd', b'e', b'c'] => (12, b"ember"),
        _ => return None,
    };
    let (mut rest, mut name) = (after, name.iter());
    while let [letter @ (b'a'..=b'z' | b'A'..=b'Z'), after @ ..] = rest {
        if name.next() != Some(&(letter | 0x20)) {
            return None;
        }
        rest = after;
    }
    Some((month, rest))
}
