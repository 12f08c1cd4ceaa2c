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

mod civil;
mod clock;
mod common;
mod digits;
mod forms;
mod order;
mod pieces;
mod reading;
mod zone;

pub(crate) use order::Orders;

use crate::Timestamp;
use common::common;
use jiff::tz::Offset;

/// Milliseconds since 1970 of a time text that is read by itself, or why there are none.
pub fn parse(text: &str) -> Result<Timestamp, &'static str> {
    match common(text) {
        Some(time) => Ok(time),
        None => order::alone(text),
    }
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

#[cfg(test)]
mod tests {
    use super::civil::civil_date;
    use super::common::{LAST, LastDate};
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
            LAST.set(LastDate::NONE);
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
