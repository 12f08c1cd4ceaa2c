//! Reads the forms that nearly all texts have, and remembers the date of the one before.

use super::civil::{
    ClockTime, NO_CLOCK, NO_SUCH_TIME, OTHER_ZONE, PLAUSIBLE, UNKNOWN_FORM, civil_date, month_of, offset, timestamp,
};
use crate::Timestamp;
use std::cell::Cell;

/// The time of a text in one of the forms that nearly all have.
#[inline(always)]
pub(super) fn common(text: &str) -> Option<Timestamp> {
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

/// The time of a text whose date is not the one that was read last.
fn of_another_day(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let mut rest = Rest(bytes);
    let (form, days) = match bytes {
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..] => {
            (DateForm::YearFirst, rest.year_first().ok()?)
        }
        digits if digits.len() == 13 && digits.iter().all(u8::is_ascii_digit) => {
            let time: Timestamp = text.parse().ok()?;
            return Some(time).filter(|time| PLAUSIBLE.contains(&(time / 1000)));
        }
        _ => (DateForm::MonthByName, rest.month_by_name().ok()?),
    };
    LAST.set(LastDate::new(form, days, bytes, rest.0));
    form.time(days, &mut rest).ok()
}

thread_local! {
    /// The date that was read last: most records have the day of the one before.
    pub(super) static LAST: Cell<LastDate> = const { Cell::new(LastDate::NONE) };
}

/// A date as it was written, with all that stood before the time of day.
#[derive(Clone, Copy)]
pub(super) struct LastDate {
    form: DateForm,
    days: i64,
    text: [u8; LastDate::LONGEST],
    /// The length of the text; 0 where there is no date.
    length: usize,
}

impl LastDate {
    const LONGEST: usize = 24;
    pub(super) const NONE: LastDate = LastDate {
        form: DateForm::YearFirst,
        days: 0,
        text: [0; LastDate::LONGEST],
        length: 0,
    };

    /// The date of a text that `rest` is the end of. One that is written at length is not worth remembering.
    fn new(form: DateForm, days: i64, text: &[u8], rest: &[u8]) -> LastDate {
        let length = text.len().saturating_sub(rest.len());
        let mut date = LastDate {
            form,
            days,
            length,
            ..LastDate::NONE
        };
        match (date.text.get_mut(..length), text.get(..length)) {
            // A year would take the digits that follow it for its own.
            (Some(room), Some(written @ [.., b' ' | b',' | b'-' | b'T' | b't'])) if length >= 8 => {
                room.copy_from_slice(written);
            }
            _ => return LastDate::NONE,
        }
        date
    }

    /// The text behind the date, if it begins with it.
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

/// The form of a date, which says what may follow it.
#[derive(Clone, Copy)]
enum DateForm {
    /// A time of day, and perhaps an offset from UTC.
    YearFirst,
    /// A time of day in UTC.
    MonthByName,
}

impl DateForm {
    /// The time that a date and what follows it make.
    #[inline]
    fn time(self, days: i64, rest: &mut Rest<'_>) -> Result<Timestamp, &'static str> {
        if let Some(seconds) = rest.whole_clock_in_utc() {
            return timestamp(
                days,
                ClockTime {
                    seconds,
                    nanoseconds: 0,
                },
                0,
            );
        }
        let clock = rest.clock()?;
        let offset = match (self, rest.0) {
            (_, [] | [b'Z' | b'z'] | [b'U', b'T', b'C'] | [b'G', b'M', b'T']) => 0,
            (DateForm::YearFirst, [sign @ (b'+' | b'-'), h, i, b':', m, n] | [sign @ (b'+' | b'-'), h, i, m, n]) => {
                offset(*sign, [h, i, m, n])?
            }
            (DateForm::YearFirst, [sign @ (b'+' | b'-'), h, i]) => offset(*sign, [h, i, &b'0', &b'0'])?,
            _ => return Err(OTHER_ZONE),
        };
        timestamp(days, clock, offset)
    }
}

/// The part of a text that has not been read.
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
    fn clock(&mut self) -> Result<ClockTime, &'static str> {
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
        Ok(ClockTime {
            seconds: hour * 3600 + minute * 60 + second,
            nanoseconds,
        })
    }
}
