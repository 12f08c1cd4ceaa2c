//! The periods that reports are asked for, and the rules they follow.

use jiff::civil::Date;

use super::history::DAY;

/// Whole days, both included, in ms: from the first moment of one up to but without the first moment after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DayRange {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl DayRange {
    /// Reads two dates and holds them against the vendor's rules: not the wrong way round, not before `retention` days
    /// ago, not longer than `retention` days.
    pub(super) fn read(from: &str, to: &str, today: i64, retention: i64) -> Option<Self> {
        let (from, last) = (first_moment(from)?, first_moment(to)?);
        let fits = last >= from && from >= today - retention * DAY && last <= from + retention * DAY;
        fits.then_some(Self { from, to: last + DAY })
    }

    /// The window's days where midnight comes so many hours before UTC's.
    pub(super) fn in_zone(self, hours: i8) -> Self {
        let ahead = i64::from(hours) * HOUR;
        Self {
            from: self.from - ahead,
            to: self.to - ahead,
        }
    }
}

/// Milliseconds.
const HOUR: i64 = DAY / 24;

/// The first moment of a day written `YYYY-MM-DD`, in ms.
fn first_moment(date: &str) -> Option<i64> {
    let plain = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date: Date = plain.then(|| date.parse().ok()).flatten()?;
    let midnight = date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_the_rules_of_the_vendor() {
        let today = first_moment("2025-07-03").unwrap();
        let read = |from, to| DayRange::read(from, to, today, 90);
        assert_eq!(
            read("2025-07-03", "2025-07-03"),
            Some(DayRange {
                from: today,
                to: today + DAY
            })
        );
        assert!(read("2025-04-04", "2025-07-03").is_some(), "90 days ago");
        assert!(read("2025-04-03", "2025-07-03").is_none(), "91 days ago");
        assert!(read("2025-07-03", "2025-10-01").is_some(), "90 days from the start");
        assert!(read("2025-07-03", "2025-10-02").is_none(), "91 days from the start");
        assert!(read("2025-07-03", "2025-07-02").is_none(), "the wrong way round");
    }

    #[test]
    fn only_one_way_to_write_a_date_is_taken() {
        for text in [
            "",
            " ",
            "2025-7-3",
            "03-07-2025",
            "20250703",
            "2025-02-30",
            "2025-07-03T00:00:00",
            "+02025-07-3",
        ] {
            assert_eq!(first_moment(text), None, "{text}");
        }
    }
}
