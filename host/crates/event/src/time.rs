//! The text form of a time.

use std::fmt;

use jiff::{Timestamp, tz::Offset};
use serde::{Serialize, Serializer};

/// 0000-01-01T00:00:00Z: an earlier year does not fit RFC 3339.
const EARLIEST: i64 = -62_167_219_200_000;

/// Milliseconds since the epoch, written as RFC 3339 in UTC with exactly three decimals.
///
/// Times outside the years 0 to 9999 have no RFC 3339 form; they are written as the nearest time that has.
#[derive(Clone, Copy)]
pub struct Rfc3339(pub i64);

impl Rfc3339 {
    /// Appends the text in quotation marks.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let time = Offset::UTC.to_datetime(self.time());
        // Below 10: a remainder.
        let digit = |number: u16| b'0' + (number % 10) as u8;
        let year = time.year().unsigned_abs();
        let [month, day, hour, minute, second] = [time.month(), time.day(), time.hour(), time.minute(), time.second()]
            .map(|part| u16::from(part.unsigned_abs()));
        let ms = time.millisecond().unsigned_abs();
        out.extend_from_slice(&[
            b'"',
            digit(year / 1000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            b'-',
            digit(month / 10),
            digit(month),
            b'-',
            digit(day / 10),
            digit(day),
            b'T',
            digit(hour / 10),
            digit(hour),
            b':',
            digit(minute / 10),
            digit(minute),
            b':',
            digit(second / 10),
            digit(second),
            b'.',
            digit(ms / 100),
            digit(ms / 10),
            digit(ms),
            b'Z',
            b'"',
        ]);
    }

    fn time(self) -> Timestamp {
        Timestamp::from_millisecond(self.0.max(EARLIEST)).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.time())
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_written_as_it_is_shown(ms in any::<i64>(), near in -62_167_219_200_000..253_402_300_800_000_i64) {
            for ms in [ms, near] {
                let mut out = Vec::new();
                Rfc3339(ms).write(&mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{}\"", Rfc3339(ms)));
            }
        }
    }

    #[test]
    fn every_time_has_a_four_digit_year_and_three_decimals() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_751_542_473_007, "2025-07-03T11:34:33.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-30T22:00:00.999Z"),
        ] {
            assert_eq!(Rfc3339(ms).to_string(), text);
            let mut out = Vec::new();
            Rfc3339(ms).write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{text}\""));
        }
    }
}
