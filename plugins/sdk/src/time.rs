//! Reads the ways in which reports write a point in time.
//!
//! | form | example |
//! |---|---|
//! | month by name, 24 h or with AM/PM | `July 3, 2025 11:34:33 UTC`, `28-Jul-2022 6:43:21 PM` |
//! | year first | `2022-07-28 18:43:21`, `2022-07-28 18:43:21.5 UTC`, `2022/07/28 18:43`, `2022-07-28T24:00:00Z`, the day of the year in `2022-209T18:43:21Z` |
//! | RFC 3339 and ISO 8601, any offset | `2018-05-09T21:55:54.890Z`, `2018-05-09T23:55:54+02:00`, `20180509T215554Z` |
//! | any `DateFormat` style of Java in English | `Jul 3, 2025, 11:34:33 PM`, `Thursday, July 3, 2025 at 11:34:33 PM Coordinated Universal Time` |
//! | Java's `Date.toString`, C's `asctime` | `Thu Jul 03 11:34:33 UTC 2025`, `Thu Jul  3 11:34:33 2025` |
//! | Oracle's NLS settings | `03-JUL-25 11.34.33.000000 PM`, `03-JUL-2025 23:34:33` |
//! | HTTP, RFC 9110 section 5.6.7, and access logs | `Thu, 03 Jul 2025 11:34:33 GMT`, `Thursday, 03-Jul-25 11:34:33 GMT`, `03/Jul/2025:11:34:33 +0000` |
//! | seconds, or their thousandths and so on, since 1970 | `1422534438`, `1422534438.25`, `1422534438000`, `1.422534438123E12` |
//! | digits only | `20250703113433`, `202507031134` |
//! | three numbers, where only one order makes a date | `7/13/2025, 11:34 PM`, `13/07/25 23:34` |
//!
//! A text without a zone is UTC: the reports say that their times are. Any white space may stand between the parts, the
//! narrow one that Java puts before `PM` too. A leap second is the second before it. Years of two digits are from 1950 to
//! 2049; in dates of three numbers, from 2014 on.
//!
//! Not read, because a guess could be wrong by months or hours:
//!
//! - three numbers that make several dates (`07/03/2025`), unless other rows of the document settle which it is: a parser asks
//!   [`Row::time`](crate::table::Row::time) or [`Record::time`](crate::json_lines::Record::time), which know them;
//! - zones by a name that means several (`EST`, `CST`, `IST`), or by a place (`America/New_York`);
//! - dates without a time of day or without a year, and names of months in other languages than English.

mod forms;
mod order;
mod pieces;
mod zone;

pub(crate) use order::Orders;

use crate::Timestamp;
use jiff::tz::Offset;
use std::cell::Cell;

/// Milliseconds since 1970 of a time text that is read by itself, or why there are none.
pub fn parse(text: &str) -> Result<Timestamp, &'static str> {
    match common(text) {
        Some(time) => Ok(time),
        None => order::alone(text),
    }
}

/// The time of a text in one of the forms that nearly all have.
#[inline(always)]
fn common(text: &str) -> Option<Timestamp> {
    // Nearly all begin and end with what is no space.
    let text = match text.as_bytes() {
        [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    };
    let bytes = text.as_bytes();
    let last = LAST.get();
    if let Some(clock) = last.clock_after(bytes)
        && let Ok(time) = last.form.time(last.days, &mut Rest(clock))
    {
        return Some(time);
    }
    of_another_day(text)
}

/// The same without the date that was read last.
fn of_another_day(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let mut rest = Rest(bytes);
    let (form, days) = match bytes {
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..] => (Form::YearFirst, rest.year_first().ok()?),
        digits if digits.len() == 13 && digits.iter().all(u8::is_ascii_digit) => {
            let time: Timestamp = text.parse().ok()?;
            return Some(time).filter(|time| forms::PLAUSIBLE.contains(&(time / 1000)));
        }
        _ => (Form::MonthByName, rest.month_by_name().ok()?),
    };
    LAST.set(Date::new(form, days, bytes, rest.0));
    form.time(days, &mut rest).ok()
}

/// A time in RFC 3339 with milliseconds, in UTC; none beyond the years 0 to 9999.
pub fn rfc3339(time: Timestamp) -> Option<String> {
    let utc = Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(time).ok()?);
    let (date, clock) = (utc.date(), utc.time());
    let (year, month, day) = (u16::try_from(date.year()).ok()?, date.month(), date.day());
    let (hour, minute, second, ms) = (clock.hour(), clock.minute(), clock.second(), clock.millisecond());
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
    ))
}

/// A time as RFC 3164 (section 4.1.2) has it in the header of a syslog message, in UTC: `Jul  3 11:34:33`.
pub fn rfc3164(time: Timestamp) -> Option<String> {
    let utc = Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(time).ok()?);
    let month = MONTHS.get(usize::try_from(utc.month()).ok()?.checked_sub(1)?)?;
    Some(format!(
        "{month} {:>2} {:02}:{:02}:{:02}",
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second()
    ))
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const UNKNOWN_FORM: &str = "the time is in no known form";
const NO_SUCH_TIME: &str = "the time does not exist";
const NO_CLOCK: &str = "the time has no time of day";
const OTHER_ZONE: &str = "the time is in a zone whose name says no offset from UTC";
const AMBIGUOUS: &str =
    "day and month of the time cannot be told apart, and the other rows of the document do not settle them";

thread_local! {
    /// The date that was read last: most records have the day of the one before.
    static LAST: Cell<Date> = const { Cell::new(Date::NONE) };
}

/// A date as it was written, with all that stood before the time of day.
#[derive(Clone, Copy)]
struct Date {
    form: Form,
    days: i64,
    text: [u8; Date::LONGEST],
    /// None where there is no date.
    length: usize,
}

impl Date {
    const LONGEST: usize = 24;
    const NONE: Date = Date {
        form: Form::YearFirst,
        days: 0,
        text: [0; Date::LONGEST],
        length: 0,
    };

    /// The date of a text that `rest` is the end of. One that is written at length is not worth remembering.
    fn new(form: Form, days: i64, text: &[u8], rest: &[u8]) -> Date {
        let length = text.len().saturating_sub(rest.len());
        let mut date = Date {
            form,
            days,
            length,
            ..Date::NONE
        };
        match (date.text.get_mut(..length), text.get(..length)) {
            // A year would take the digits that follow it for its own.
            (Some(room), Some(written @ [.., b' ' | b',' | b'-' | b'T' | b't'])) if length >= 8 => {
                room.copy_from_slice(written);
            }
            _ => return Date::NONE,
        }
        date
    }

    /// What follows the date, if the text begins with it.
    #[inline]
    fn clock_after<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let word = |text: &[u8], at: usize| text.get(at..)?.first_chunk().copied().map(u64::from_le_bytes);
        let last = self.length.checked_sub(8)?;
        let clock = text.get(self.length..)?;
        // Three words reach over all of it.
        let same = |at: usize| word(text, at) == word(&self.text, at);
        (same(0) && same(last / 2) && same(last)).then_some(clock)
    }
}

/// What may follow a date.
#[derive(Clone, Copy)]
enum Form {
    /// A time of day, and perhaps an offset from UTC.
    YearFirst,
    /// A time of day in UTC.
    MonthByName,
}

impl Form {
    /// The time that a date and what follows it make.
    #[inline]
    fn time(self, days: i64, rest: &mut Rest<'_>) -> Result<Timestamp, &'static str> {
        if let Some(seconds) = rest.whole_clock_in_utc() {
            return timestamp(
                days,
                Clock {
                    seconds,
                    nanoseconds: 0,
                },
                0,
            );
        }
        let clock = rest.clock()?;
        let offset = match (self, rest.0) {
            (_, [] | [b'Z' | b'z'] | [b'U', b'T', b'C'] | [b'G', b'M', b'T']) => 0,
            (Form::YearFirst, [sign @ (b'+' | b'-'), h, i, b':', m, n] | [sign @ (b'+' | b'-'), h, i, m, n]) => {
                offset(*sign, [h, i, m, n])?
            }
            (Form::YearFirst, [sign @ (b'+' | b'-'), h, i]) => offset(*sign, [h, i, &b'0', &b'0'])?,
            _ => return Err(OTHER_ZONE),
        };
        timestamp(days, clock, offset)
    }
}

/// Days since 1970-01-01 of a date that exists.
fn civil_date(year: i64, month: i64, day: i64) -> Result<i64, &'static str> {
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
fn offset(sign: u8, digits: [&u8; 4]) -> Result<i64, &'static str> {
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

fn timestamp(days: i64, clock: Clock, offset: i64) -> Result<Timestamp, &'static str> {
    let seconds = days * 86_400 + clock.seconds - offset;
    if !(jiff::Timestamp::MIN.as_second()..=jiff::Timestamp::MAX.as_second()).contains(&seconds) {
        return Err(NO_SUCH_TIME);
    }
    // What is less than a millisecond is cut off, before 1970 as after.
    let cut = i64::from(seconds < 0 && clock.nanoseconds % 1_000_000 != 0);
    Ok(seconds * 1000 + clock.nanoseconds / 1_000_000 + cut)
}

/// The month whose English name, or at least its first three letters, a text begins with, and what follows its letters.
fn month_of(text: &[u8]) -> Option<(i64, &[u8])> {
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

/// A time of day.
#[derive(Clone, Copy)]
struct Clock {
    seconds: i64,
    nanoseconds: i64,
}

/// What of a text has not been read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Days since 1970 of a date with the year first, and its separator.
    fn year_first(&mut self) -> Result<i64, &'static str> {
        let year = self.number(4, 4)?;
        self.expect(b'-')?;
        let month = self.number(1, 2)?;
        self.expect(b'-')?;
        let days = civil_date(year, month, self.number(1, 2)?)?;
        match self.0 {
            [] => return Err(NO_CLOCK),
            [b'T' | b't' | b' ', after @ ..] => self.0 = after,
            _ => return Err(UNKNOWN_FORM),
        }
        Ok(days)
    }

    /// Days since 1970 of a date with the month by its name, and what separates it from the time of day.
    fn month_by_name(&mut self) -> Result<i64, &'static str> {
        let (month, day) = if self.0.first().is_some_and(u8::is_ascii_digit) {
            let day = self.number(1, 2)?;
            self.separators();
            (self.month()?, day)
        } else {
            let month = self.month()?;
            self.separators();
            (month, self.number(1, 2)?)
        };
        self.separators();
        let days = civil_date(self.number(4, 4)?, month, day)?;
        self.separators();
        if self.0.is_empty() { Err(NO_CLOCK) } else { Ok(days) }
    }

    /// A number of `least` to `most` digits, none following.
    fn number(&mut self, least: usize, most: usize) -> Result<i64, &'static str> {
        let (mut value, mut digits) = (0, 0);
        while let [digit @ b'0'..=b'9', after @ ..] = self.0 {
            digits += 1;
            if digits > most {
                return Err(UNKNOWN_FORM);
            }
            value = value * 10 + i64::from(digit - b'0');
            self.0 = after;
        }
        if digits < least { Err(UNKNOWN_FORM) } else { Ok(value) }
    }

    fn expect(&mut self, byte: u8) -> Result<(), &'static str> {
        match self.0 {
            [first, after @ ..] if *first == byte => {
                self.0 = after;
                Ok(())
            }
            _ => Err(UNKNOWN_FORM),
        }
    }

    fn separators(&mut self) {
        while let [b' ' | b',' | b'-', after @ ..] = self.0 {
            self.0 = after;
        }
    }

    /// The month that an English name, or at least its first three letters, means.
    fn month(&mut self) -> Result<i64, &'static str> {
        let (month, after) = month_of(self.0).ok_or(UNKNOWN_FORM)?;
        self.0 = after;
        Ok(month)
    }

    /// The seconds of `18:43:21`, `18:43:21Z` or `18:43:21 UTC`, as nearly all are written, if that is all there is.
    #[inline]
    fn whole_clock_in_utc(&self) -> Option<i64> {
        let (clock, []) = (match self.0 {
            [clock @ .., b' ', b'U', b'T', b'C'] => clock,
            [clock @ .., b'Z'] => clock,
            clock => clock,
        })
        .split_first_chunk()?
        else {
            return None;
        };
        // Each byte's distance from what it is at midnight: up to 9 for a digit, nothing for a colon.
        let digits = u64::from_le_bytes(*clock) ^ u64::from_le_bytes(*b"00:00:00");
        let too_much = digits.wrapping_add(u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]));
        if (digits | too_much) & 0x8080_8080_8080_8080 != 0 {
            return None;
        }
        // The tens, times ten, come to stand where the ones are.
        let numbers = digits.wrapping_mul(10).wrapping_add(digits >> 8);
        let [hour, _, _, minute, _, _, second, _] = numbers.to_le_bytes().map(i64::from);
        (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
    }

    /// `18:43`, `6:43:21`, `18:43:21.123`, `6:43:21 PM`.
    fn clock(&mut self) -> Result<Clock, &'static str> {
        let mut hour = self.number(1, 2)?;
        self.expect(b':')?;
        let minute = self.number(2, 2)?;
        let second = self.expect(b':').is_ok().then(|| self.number(2, 2)).transpose()?;
        let mut nanoseconds = 0;
        if let (Some(_), [b'.' | b',', after @ ..]) = (second, self.0) {
            self.0 = after;
            nanoseconds = self.number(1, 9)?;
            for _ in after.len() - self.0.len()..9 {
                nanoseconds *= 10;
            }
        }
        self.0 = self.0.trim_ascii_start();
        if let [half @ (b'a' | b'A' | b'p' | b'P'), b'm' | b'M', after @ ..] = self.0 {
            self.0 = after.trim_ascii_start();
            if !(1..=12).contains(&hour) {
                return Err(NO_SUCH_TIME);
            }
            hour = hour % 12 + if half.eq_ignore_ascii_case(&b'p') { 12 } else { 0 };
        }
        let second = second.unwrap_or(0);
        if hour > 23 || minute > 59 || second > 59 {
            return Err(NO_SUCH_TIME);
        }
        Ok(Clock {
            seconds: hour * 3600 + minute * 60 + second,
            nanoseconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By jiff's own reader of RFC 3339.
    fn at(rfc3339: &str) -> Timestamp {
        rfc3339.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_syslog_time_has_its_day_in_two_columns() {
        assert_eq!(rfc3164(at("2025-07-03T11:34:33Z")).as_deref(), Some("Jul  3 11:34:33"));
        assert_eq!(rfc3164(at("1969-12-31T23:59:59Z")).as_deref(), Some("Dec 31 23:59:59"));
        assert_eq!(rfc3164(Timestamp::MAX), None);
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, same_as) in [
            ("July 28, 2022 18:43:21 UTC", "2022-07-28T18:43:21Z"),
            ("July 3, 2025 11:34:33 UTC", "2025-07-03T11:34:33Z"),
            ("July 3, 2025 9:04:03 UTC", "2025-07-03T09:04:03Z"),
            ("July 3, 2025 12:04:03 AM", "2025-07-03T00:04:03Z"),
            ("July 3, 2025 12:04:03 pm UTC", "2025-07-03T12:04:03Z"),
            ("3 July 2025 11:34", "2025-07-03T11:34:00Z"),
            ("28-JUL-2022 18:43:21.25", "2022-07-28T18:43:21.25Z"),
            ("Sept 1, 2022 00:00:00 GMT", "2022-09-01T00:00:00Z"),
            ("February 29, 2024 23:59:59 UTC", "2024-02-29T23:59:59Z"),
            ("2018-05-09T21:55:54.890Z", "2018-05-09T21:55:54.890Z"),
            ("2018-05-09T21:55:54Z", "2018-05-09T21:55:54Z"),
            ("2018-05-09T23:55:54+02:00", "2018-05-09T21:55:54Z"),
            ("2018-05-09T21:55:54.890123456Z", "2018-05-09T21:55:54.890Z"),
            ("2022-07-28 18:43:21", "2022-07-28T18:43:21Z"),
            ("2022-07-28 18:43:21.5 UTC", "2022-07-28T18:43:21.5Z"),
            ("2022-07-28 6:43:21 PM", "2022-07-28T18:43:21Z"),
            ("2018-05-09T21:55:54-0330", "2018-05-10T01:25:54Z"),
            ("2018-05-09 21:55:54 +01", "2018-05-09T20:55:54Z"),
            ("2022-07-28 18:43:21 Z", "2022-07-28T18:43:21Z"),
            (" 2022-07-28T18:43:21 ", "2022-07-28T18:43:21Z"),
            ("1422534438000", "2015-01-29T12:27:18Z"),
        ] {
            assert_eq!(parse(text), Ok(at(same_as)), "{text}");
            assert_eq!(order::alone(text), Ok(at(same_as)), "{text}");
        }
    }

    #[test]
    fn what_is_written_seldom_and_means_one_time_is_read() {
        for (text, same_as) in [
            ("1.751542473123E12", "2025-07-03T11:34:33.123Z"),
            ("1.751542473E+12", "2025-07-03T11:34:33Z"),
            ("1.751542473e9", "2025-07-03T11:34:33Z"),
            ("2025-07-03T24:00:00Z", "2025-07-04T00:00:00Z"),
            ("2025-12-31 24:00", "2026-01-01T00:00:00Z"),
            ("2025-07-03T24:00:00+02:00", "2025-07-03T22:00:00Z"),
            ("2025-184T11:34:33Z", "2025-07-03T11:34:33Z"),
            ("2024-366 11:34:33", "2024-12-31T11:34:33Z"),
            ("Thursday, July 3, 2025 11:34:33 o'clock PM UTC", "2025-07-03T23:34:33Z"),
            ("Thursday, 3 July 2025 11:34:33 o'clock AM UTC", "2025-07-03T11:34:33Z"),
        ] {
            assert_eq!(parse(text), Ok(at(same_as)), "{text}");
        }
    }

    #[test]
    fn a_time_that_could_be_guessed_wrong_is_refused() {
        for text in [
            "",
            " ",
            "07/08/2022 10:00:00",
            "July 28, 2022",
            "2022-07-28",
            "July 28, 2022 18:43:21 EST",
            "2022-07-28 18:43:21 IST",
            "July 28 22 18:43:21",
            "Ju 28, 2022 18:43:21",
            "yesterday",
            "142253443",
            "14225344380",
            "14225344380000",
            "0000000000000",
            "9999999999",
            "2025070311",
            "1.75154E+12",
            "1.751542473123E11",
            "1.751542473123E12 PM",
            "11.751542473123E12",
            "2025-18T11:34:33Z",
            "171212301200",
            "2022-07-28 18",
            "2022-07-28 18:43:21.",
            "2022-07-28 18:43:21.1234567890",
            "2022-07-28 18:43:+1",
            "2022-07-28 18:4:21",
            "2022-07-28T18:43:21+02:00:00",
            "2022-07-28T18:43:21+02:",
            "2022-07-28T18:43:21+02:00 UTC",
            "02022-07-28T18:43:21",
            "juillet 28, 2022 18:43:21",
            "Jul\u{e9} 28, 2022 18:43:21",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_that_does_not_exist_is_refused() {
        for text in [
            "February 29, 2023 10:00:00 UTC",
            "2023-02-29 10:00:00",
            "2022-13-01 10:00:00",
            "2022-07-28 24:00:01",
            "2022-07-28 24:01:00",
            "2022-07-28 25:00:00",
            "2022-07-28 24:00:00 PM",
            "2025-000T10:00:00Z",
            "2025-366T10:00:00Z",
            "2022-07-28 23:60:00",
            "July 0, 2022 10:00:00 UTC",
            "July 3, 2025 13:04:03 PM",
            "July 3, 2025 0:04:03 AM",
            "9999-12-31T23:59:59-20:00",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_that_was_read_before_changes_nothing() {
        let dates = [
            "July 1, 2025 ",
            "July 1, 2025",
            "July 1, 2025, ",
            "1-Jul-2025 ",
            "2025-07-01T",
            "2025-07-01 ",
            "2025-07-1 ",
        ];
        let clocks = [
            "10:00:00 UTC",
            "9:00",
            "10:00:00+02:00",
            "+10:00:00",
            " 10:00:00",
            "24:00:00",
            ":10:00:00",
            "",
        ];
        let texts: Vec<_> = dates
            .iter()
            .flat_map(|date| clocks.map(|clock| format!("{date}{clock}")))
            .collect();
        let fresh = |text: &str| {
            LAST.set(Date::NONE);
            parse(text)
        };
        for before in &texts {
            for text in &texts {
                let expected = fresh(text);
                let _ = fresh(before);
                assert_eq!(parse(text), expected, "{before:?}, {text:?}");
            }
        }
    }

    #[test]
    fn jiffs_own_texts_come_back() {
        proptest::proptest!(|(ms in -60_000_000_000_000_i64..250_000_000_000_000)| {
            let time = jiff::Timestamp::from_millisecond(ms).unwrap();
            let whole = time.strftime("%B %-d, %Y %H:%M:%S UTC").to_string();
            proptest::prop_assert_eq!(parse(&time.to_string()), Ok(ms));
            proptest::prop_assert_eq!(rfc3339(ms), Some(time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()));
            proptest::prop_assert_eq!(parse(&whole), Ok(ms.div_euclid(1000) * 1000));
        });
    }

    #[test]
    fn every_date_is_jiffs_or_does_not_exist() {
        proptest::proptest!(|(y in 0_i16..=9999, m in 0_i8..=13, d in 0_i8..=32)| {
            let days = jiff::civil::Date::new(y, m, d).ok().map(|date| {
                date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24
            });
            proptest::prop_assert_eq!(civil_date(y.into(), m.into(), d.into()).ok(), days);
        });
    }

    #[test]
    fn a_fraction_and_an_offset_are_read_as_jiff_does() {
        let text = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{1,9}[+-][0-2][0-9]:[0-5][0-9]";
        proptest::proptest!(|(text in text)| {
            let jiff = text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond());
            proptest::prop_assert_eq!(parse(&text).ok(), jiff, "{}", text);
        });
    }

    #[test]
    fn no_text_makes_it_panic() {
        proptest::proptest!(|(text in "[0-9JjulyAPM:.,TZ+ -]{0,40}|\\PC{0,40}")| { let _ = parse(&text); });
    }
}
