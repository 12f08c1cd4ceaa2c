//! The text form of a time.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// 0000-01-01T00:00:00Z: an earlier year does not fit RFC 3339.
const EARLIEST: i64 = -62_167_219_200_000;

/// Milliseconds since the epoch, written as RFC 3339 in UTC with exactly three decimals.
///
/// Times outside the years 0 to 9999 have no RFC 3339 form; they are written as the nearest time that has.
#[derive(Clone, Copy)]
pub(crate) struct Rfc3339(pub i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_millisecond(self.0.max(EARLIEST)).unwrap_or(Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        }
    }
}
