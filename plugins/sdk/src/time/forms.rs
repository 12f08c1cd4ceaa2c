//! Reads every form of the module's table, whatever stands between its parts. The usual ones have a quicker reader in
//! [`common`](super::common); what both can read they read alike.

use super::civil::{NO_CLOCK, NO_SUCH_TIME, UNKNOWN_FORM, civil_date, month_of};
use super::clock::{TimeOfDay, at, nanoseconds, time_of_day};
use super::digits::{basic_clock, basic_date, digits};
use super::pieces::{TimePiece, TimePieces};
use super::reading::{ORDERS, TimeReading};

const OTHER_LANGUAGE: &str = "the time names no month in English";
const NO_YEAR: &str = "the time has no year";
const OTHER_WEEKDAY: &str = "the day of the week is not that of the date";
const ROUNDED: &str = "the time is a number of which only the first digits were written";

/// The longest text that is looked at.
const LONGEST: usize = 128;
/// Dates of two-digit numbers are not from before: the year in which the first of the services that write them began.
const FIRST_YEAR: i64 = 2014;

/// A date as it is written.
enum WrittenDate {
    /// Days since 1970.
    Days(i64),
    /// Days since 1970 for each order that its numbers can have.
    Numbers([Option<i64>; ORDERS]),
    /// Month and day; the year follows behind the time of day.
    MonthAndDay(i64, i64),
}

#[cold]
pub(super) fn read(text: &str) -> Result<TimeReading, &'static str> {
    if text.len() > LONGEST {
        return Err(UNKNOWN_FORM);
    }
    let mut rest = TimePieces::of(text).without_enclosure();
    if let Some(read) = rest.scientific() {
        return read;
    }
    // A date and a time of day that nothing stands between.
    if let Some(TimePiece::Number(both)) = rest.peek(0)
        && both.starts_with("20")
        && matches!(both.len(), 12 | 14)
    {
        rest.split(8);
    }
    match (rest.peek(0), rest.peek_joined(1), rest.peek_joined(2), rest.peek(3)) {
        (None, ..) => return Err("the time is empty"),
        (Some(TimePiece::Number(whole)), None, ..) if rest.peek(1).is_none() => return digits(whole, ""),
        (Some(TimePiece::Number(whole)), Some(TimePiece::Mark('.' | ',')), Some(TimePiece::Number(fraction)), None)
            if whole.len() >= 10 =>
        {
            return digits(whole, fraction);
        }
        _ => {}
    }
    let weekday = rest.weekday();
    let date = rest.date()?;
    let joint = rest.joint();
    if rest.is_empty() {
        return Err(NO_CLOCK);
    }
    let clock = rest.time_of_day(joint)?;
    let mut zone = rest.zone()?;
    let date = match date {
        WrittenDate::MonthAndDay(month, day) => {
            let year = rest.number(4, 4).ok_or(NO_YEAR)?;
            if zone.is_none() {
                zone = rest.zone()?;
            }
            WrittenDate::Days(civil_date(year, month, day)?)
        }
        date => date,
    };
    if !rest.is_empty() {
        return Err(UNKNOWN_FORM);
    }
    let zone = zone.unwrap_or(0);
    let is_named = |days: i64| weekday.is_none_or(|weekday| (days + 4).rem_euclid(7) == weekday);
    match date {
        WrittenDate::Days(days) if is_named(days) => at(days, clock, zone).map(TimeReading::Certain),
        WrittenDate::Days(_) => Err(OTHER_WEEKDAY),
        WrittenDate::Numbers(dates) => {
            let time = |days: Option<i64>| at(days.filter(|days| is_named(*days))?, clock, zone).ok();
            let readings = dates.map(time);
            if readings == [None; ORDERS] {
                return Err(if dates == readings { NO_SUCH_TIME } else { OTHER_WEEKDAY });
            }
            Ok(TimeReading::Numbers(readings))
        }
        WrittenDate::MonthAndDay(..) => Err(NO_YEAR),
    }
}

/// Oracle's RR and what Java does in this half of the century.
fn whole_year(digits: &str) -> Option<i64> {
    let year: i64 = digits.parse().ok()?;
    match (digits.len(), year) {
        (4, year) => Some(year),
        (2, year) => Some(if year < 50 { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

impl<'a> TimePieces<'a> {
    /// A number as spreadsheets and Java write one of many digits, `1.751542473123E12`, if that is all there is. Rounded to
    /// more than a second it is no time.
    fn scientific(&self) -> Option<Result<TimeReading, &'static str>> {
        let (
            Some(TimePiece::Number(first)),
            Some(TimePiece::Mark('.' | ',')),
            Some(TimePiece::Number(digits)),
            Some(TimePiece::Word("E" | "e")),
        ) = (
            self.peek(0),
            self.peek_joined(1),
            self.peek_joined(2),
            self.peek_joined(3),
        )
        else {
            return None;
        };
        let sign = usize::from(self.peek_joined(4) == Some(TimePiece::Mark('+')));
        let (Some(TimePiece::Number(exponent)), None) = (self.peek_joined(4 + sign), self.peek(5 + sign)) else {
            return None;
        };
        let exponent: usize = exponent.parse().ok().filter(|exponent| *exponent <= 18)?;
        if first.len() != 1 {
            return None;
        }
        if digits.len() < 9 {
            return Some(Err(ROUNDED));
        }
        let all = format!("{first}{digits:0<exponent$}");
        let (whole, fraction) = all.split_at_checked(1 + exponent)?;
        Some(self::digits(whole, fraction))
    }

    /// The day of the week, if it comes next: 0 is Sunday.
    fn weekday(&mut self) -> Option<i64> {
        const NAMES: [&str; 7] = [
            "sunday",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
        ];
        let Some(TimePiece::Word(word)) = self.peek(0) else {
            return None;
        };
        let is_start = |name: &&str| {
            let start = name.get(..word.len());
            word.len() >= 3 && start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        let weekday = (0..).zip(NAMES.iter()).find(|(_, name)| is_start(name))?;
        self.skip(1);
        self.mark('.');
        self.mark(',');
        Some(weekday.0)
    }

    fn date(&mut self) -> Result<WrittenDate, &'static str> {
        match self.peek(0) {
            Some(TimePiece::Word(_)) => self.month_first(),
            Some(TimePiece::Number(digits)) => match digits.len() {
                8 => {
                    self.skip(1);
                    basic_date(digits).map(WrittenDate::Days)
                }
                4 => self.year_first_of(digits),
                1 | 2 => self.day_first(digits),
                _ => Err(UNKNOWN_FORM),
            },
            _ => Err(UNKNOWN_FORM),
        }
    }

    /// `July 3, 2025`, `Jul. 3rd, 25`; or without the year, which follows at the end.
    fn month_first(&mut self) -> Result<WrittenDate, &'static str> {
        let month = self.month_name()?;
        self.mark('.');
        let dash = self.mark('-') || self.mark('/');
        let day = self.number(1, 2).ok_or(UNKNOWN_FORM)?;
        self.ordinal();
        let comma = self.mark(',') || dash && (self.mark('-') || self.mark('/'));
        let year = match self.peek(0) {
            Some(TimePiece::Number(digits)) if digits.len() == 4 || comma && !self.is_clock() => whole_year(digits),
            _ => return Ok(WrittenDate::MonthAndDay(month, day)),
        };
        self.skip(1);
        civil_date(year.ok_or(UNKNOWN_FORM)?, month, day).map(WrittenDate::Days)
    }

    /// `2025-07-03`, `2025/7/3`, `2025. 07. 03.`, `2025 Jul 3`, `2025-184`.
    fn year_first_of(&mut self, year: &str) -> Result<WrittenDate, &'static str> {
        self.skip(1);
        let separator = self.separator();
        if let (Some('-'), Some(TimePiece::Number(day))) = (separator, self.peek_joined(0))
            && day.len() == 3
        {
            self.skip(1);
            let first = |year: i64| civil_date(year, 1, 1);
            let (year, day): (i64, i64) = (whole_year(year).ok_or(UNKNOWN_FORM)?, day.parse().unwrap_or(0));
            let (days, next) = (first(year)? + day - 1, first(year + 1)?);
            return if day > 0 && days < next {
                Ok(WrittenDate::Days(days))
            } else {
                Err(NO_SUCH_TIME)
            };
        }
        let month = match self.peek(0) {
            Some(TimePiece::Word(_)) => self.month_name()?,
            _ if separator.is_some() => self.number(1, 2).ok_or(UNKNOWN_FORM)?,
            _ => return Err(UNKNOWN_FORM),
        };
        if self.separator() != separator {
            return Err(UNKNOWN_FORM);
        }
        let day = self.number(1, 2).ok_or(UNKNOWN_FORM)?;
        if separator == Some('.') {
            self.mark('.');
        }
        civil_date(whole_year(year).ok_or(UNKNOWN_FORM)?, month, day).map(WrittenDate::Days)
    }

    /// `3 July 2025`, `03-JUL-25`, `03/Jul/2025`; or three numbers.
    fn day_first(&mut self, first: &'a str) -> Result<WrittenDate, &'static str> {
        self.skip(1);
        self.ordinal();
        let separator = self.separator();
        if let Some(TimePiece::Number(second)) = self.peek(0) {
            self.skip(1);
            let (true, Some(TimePiece::Number(third))) =
                (separator.is_some() && self.separator() == separator, self.peek(0))
            else {
                return Err(UNKNOWN_FORM);
            };
            self.skip(1);
            return numbers([first, second, third]).map(WrittenDate::Numbers);
        }
        let day: i64 = first.parse().map_err(|_| UNKNOWN_FORM)?;
        let month = self.month_name()?;
        let dot = separator != Some('.') && self.mark('.');
        let mut joined = self.separator().is_some();
        joined |= self.mark(',');
        let year = match self.peek(0) {
            Some(TimePiece::Number(digits)) if digits.len() == 4 || joined && !dot || !self.is_clock() => {
                whole_year(digits)
            }
            _ => return Ok(WrittenDate::MonthAndDay(month, day)),
        };
        self.skip(1);
        civil_date(year.ok_or(UNKNOWN_FORM)?, month, day).map(WrittenDate::Days)
    }

    /// The mark between the parts of a date, if one comes next.
    fn separator(&mut self) -> Option<char> {
        ['-', '/', '.'].into_iter().find(|separator| self.mark(*separator))
    }

    /// True where a time of day comes next.
    fn is_clock(&self) -> bool {
        matches!(
            (self.peek_joined(1), self.peek_joined(2)),
            (Some(TimePiece::Mark(':' | '.')), Some(TimePiece::Number(_)))
        )
    }

    /// Skips what may follow the number of a day.
    fn ordinal(&mut self) {
        if let Some(TimePiece::Word(word)) = self.peek_joined(0)
            && ["st", "nd", "rd", "th"]
                .iter()
                .any(|ending| word.eq_ignore_ascii_case(ending))
        {
            self.skip(1);
        }
    }

    fn month_name(&mut self) -> Result<i64, &'static str> {
        let Some(TimePiece::Word(word)) = self.peek(0) else {
            return Err(UNKNOWN_FORM);
        };
        self.skip(1);
        match month_of(word.as_bytes()) {
            Some((month, [])) => Ok(month),
            // One word alone was never meant to name a month.
            _ if matches!(self.peek(0), Some(TimePiece::Mark(_)) | None) && self.peek(1).is_none() => Err(UNKNOWN_FORM),
            _ => Err(OTHER_LANGUAGE),
        }
    }

    /// Skips what stands between date and time of day. Says whether it is a mark that could mean something else.
    fn joint(&mut self) -> bool {
        self.mark(',');
        if self.word("at") || self.word("t") || self.mark('_') {
            return false;
        }
        matches!(self.peek(1), Some(TimePiece::Number(_))) && (self.mark('-') || self.mark(':'))
    }

    /// `23:34`, `11:34:33.123 PM`, `11.34.33.000000 PM`, `113433`. Behind a doubtful joint it has seconds: what follows a
    /// hyphen could be an offset.
    fn time_of_day(&mut self, doubtful: bool) -> Result<TimeOfDay, &'static str> {
        let Some(TimePiece::Number(digits)) = self.peek(0) else {
            return Err(UNKNOWN_FORM);
        };
        self.skip(1);
        if let (4 | 6, false) = (digits.len(), doubtful) {
            let fraction = self.fraction(&['.', ',']);
            return basic_clock(digits, fraction);
        }
        let mut hour: i64 = digits.parse().map_err(|_| UNKNOWN_FORM)?;
        let (Some(TimePiece::Mark(colon @ (':' | '.'))), Some(TimePiece::Number(minute)), 1 | 2) =
            (self.peek_joined(0), self.peek_joined(1), digits.len())
        else {
            return Err(UNKNOWN_FORM);
        };
        self.skip(2);
        let (mut second, mut fraction) = ("00", "");
        if let (true, Some(TimePiece::Number(digits))) =
            (self.peek_joined(0) == Some(TimePiece::Mark(colon)), self.peek_joined(1))
        {
            self.skip(2);
            second = digits;
            fraction = self.fraction(&['.', ',', ':']);
        } else if doubtful {
            return Err(UNKNOWN_FORM);
        }
        if minute.len() != 2 || second.len() != 2 {
            return Err(UNKNOWN_FORM);
        }
        let mut half = self.half_of_day();
        // `Thursday, 3 July 2025 11:34:33 o'clock UTC`, as Java 8 has it in British English, or `11:34:33 o'clock PM`.
        if let (Some(TimePiece::Word("o")), Some(TimePiece::Mark('\'')), Some(TimePiece::Word("clock"))) =
            (self.peek(0), self.peek(1), self.peek(2))
        {
            self.skip(3);
            half = half.or_else(|| self.half_of_day());
        }
        if let Some(afternoon) = half {
            if !(1..=12).contains(&hour) {
                return Err(NO_SUCH_TIME);
            }
            hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        let (minute, second) = (minute.parse().unwrap_or(60), second.parse().unwrap_or(61));
        time_of_day(hour, minute, second, nanoseconds(fraction)?)
    }

    /// The digits behind a point, or nothing. A colon has three.
    fn fraction(&mut self, points: &[char]) -> &'a str {
        match (self.peek_joined(0), self.peek_joined(1)) {
            (Some(TimePiece::Mark(point)), Some(TimePiece::Number(digits)))
                if points.contains(&point) && (point != ':' || digits.len() == 3) =>
            {
                self.skip(2);
                digits
            }
            _ => "",
        }
    }

    /// True where it is the afternoon, if `AM`, `PM`, `a.m.` or `p.m.` comes next.
    fn half_of_day(&mut self) -> Option<bool> {
        let Some(TimePiece::Word(word)) = self.peek(0) else {
            return None;
        };
        let afternoon = word.starts_with(['p', 'P']);
        if word.eq_ignore_ascii_case("am") || word.eq_ignore_ascii_case("pm") {
            self.skip(1);
            return Some(afternoon);
        }
        if let ("a" | "A" | "p" | "P", Some(TimePiece::Mark('.')), Some(TimePiece::Word("m" | "M"))) =
            (word, self.peek(1), self.peek(2))
        {
            self.skip(3);
            self.mark('.');
            return Some(afternoon);
        }
        None
    }
}

/// The dates that three numbers make, by the order that they can have.
fn numbers([first, second, third]: [&str; 3]) -> Result<[Option<i64>; ORDERS], &'static str> {
    let number = |digits: &str| (digits.len() <= 2).then(|| digits.parse::<i64>().ok()).flatten();
    let date = |year: &str, month: &str, day: &str| {
        let two_digits = year.len() == 2;
        let year = whole_year(year).filter(|year| !two_digits || *year >= FIRST_YEAR)?;
        civil_date(year, number(month)?, number(day)?).ok()
    };
    if second.len() > 2 || !matches!(third.len(), 2 | 4) {
        return Err(UNKNOWN_FORM);
    }
    let dates = [
        date(third, first, second),
        date(third, second, first),
        date(first, second, third),
    ];
    if dates == [None; ORDERS] {
        Err(NO_SUCH_TIME)
    } else {
        Ok(dates)
    }
}
