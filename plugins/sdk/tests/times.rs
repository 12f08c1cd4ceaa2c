//! Times as Java, Oracle databases, HTTP servers and programs write them.

#![allow(clippy::unwrap_used)]

use plugin_sdk::time::parse;
use proptest::prelude::*;

/// By jiff's own reader of RFC 3339.
fn at(rfc3339: &str) -> i64 {
    rfc3339.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

const NOON_AND_A_HALF: &str = "2025-07-03T23:34:33Z";
const MINUTE: &str = "2025-07-03T23:34:00Z";

#[test]
fn every_style_of_java_is_read() {
    for (text, same_as) in [
        // en_US by CLDR from Java 20 on, with U+202F; by the JRE's own data; and in between.
        ("Jul 3, 2025, 11:34:33\u{202f}PM", NOON_AND_A_HALF),
        ("Jul 3, 2025, 11:34:33 PM", NOON_AND_A_HALF),
        ("Jul 3, 2025 11:34:33 PM", NOON_AND_A_HALF),
        ("Jul 3, 2025, 11:34:33\u{a0}PM", NOON_AND_A_HALF),
        ("July 3, 2025 at 11:34:33\u{202f}PM UTC", NOON_AND_A_HALF),
        ("July 3, 2025, 11:34:33\u{202f}PM UTC", NOON_AND_A_HALF),
        ("July 3, 2025 11:34:33 PM UTC", NOON_AND_A_HALF),
        ("July 3, 2025 at 4:34:33\u{202f}PM PDT", NOON_AND_A_HALF),
        (
            "Thursday, July 3, 2025 at 11:34:33\u{202f}PM Coordinated Universal Time",
            NOON_AND_A_HALF,
        ),
        (
            "Thursday, July 3, 2025 at 4:34:33\u{202f}PM Pacific Daylight Time",
            NOON_AND_A_HALF,
        ),
        (
            "Thursday, July 3, 2025 at 11:34:33\u{202f}PM Greenwich Mean Time",
            NOON_AND_A_HALF,
        ),
        ("Thursday, July 3, 2025 11:34:33 PM UTC", NOON_AND_A_HALF),
        ("7/13/25, 11:34\u{202f}PM", "2025-07-13T23:34:00Z"),
        ("7/13/25 11:34 PM", "2025-07-13T23:34:00Z"),
        // en_GB, en_CA, en_AU, en_IN, en_ZA.
        ("3 Jul 2025, 23:34:33", NOON_AND_A_HALF),
        ("3 July 2025 at 23:34:33 UTC", NOON_AND_A_HALF),
        (
            "Thursday, 3 July 2025 at 23:34:33 Coordinated Universal Time",
            NOON_AND_A_HALF,
        ),
        ("Thursday 3 July 2025 at 23:34:33 GMT", NOON_AND_A_HALF),
        ("Thursday, 3 July 2025 23:34:33 o'clock UTC", NOON_AND_A_HALF),
        ("03-Jul-2025 23:34:33", NOON_AND_A_HALF),
        ("13/07/2025, 23:34", "2025-07-13T23:34:00Z"),
        ("13/07/25 23:34", "2025-07-13T23:34:00Z"),
        ("Jul. 3, 2025, 11:34:33 p.m.", NOON_AND_A_HALF),
        ("3 July 2025 at 11:34:33 pm UTC", NOON_AND_A_HALF),
        ("2025/07/03, 23:34", MINUTE),
        ("2025-07-03, 11:34 p.m.", MINUTE),
        // Date.toString, Timestamp.toString, ZonedDateTime.toString, OffsetDateTime.toString.
        ("Thu Jul 03 23:34:33 UTC 2025", NOON_AND_A_HALF),
        ("Thu Jul 03 16:34:33 PDT 2025", NOON_AND_A_HALF),
        ("Fri Jul 04 01:34:33 GMT+02:00 2025", NOON_AND_A_HALF),
        ("2025-07-03 23:34:33.0", NOON_AND_A_HALF),
        ("2025-07-03T16:34:33-07:00[America/Los_Angeles]", NOON_AND_A_HALF),
        ("2025-07-03T23:34:33Z[UTC]", NOON_AND_A_HALF),
        ("2025-07-03T23:34Z", MINUTE),
    ] {
        assert_eq!(parse(text), Ok(at(same_as)), "{text}");
    }
}

#[test]
fn what_oracles_nls_settings_print_is_read() {
    for (text, same_as) in [
        ("03-JUL-25 11.34.33.000000 PM", NOON_AND_A_HALF),
        ("03-JUL-25 11.34.33.000000000 PM", NOON_AND_A_HALF),
        ("03-JUL-25 11.34.33 PM", NOON_AND_A_HALF),
        ("03-JUL-25 11.34.33.000000 PM +00:00", NOON_AND_A_HALF),
        ("03-JUL-25 04.34.33.000000 PM -07:00", NOON_AND_A_HALF),
        ("03-JUL-25 11.34.33.123456 PM UTC", "2025-07-03T23:34:33.123Z"),
        ("03-JUL-2025 23:34:33", NOON_AND_A_HALF),
        ("03-jul-25 12.34.33.000000 AM", "2025-07-03T00:34:33Z"),
        ("03-JUL-99 12.34.33.000000 PM", "1999-07-03T12:34:33Z"),
        ("2025-07-03 23:34:33.0", NOON_AND_A_HALF),
        ("2025-07-03-23.34.33.000000", NOON_AND_A_HALF),
    ] {
        assert_eq!(parse(text), Ok(at(same_as)), "{text}");
    }
}

#[test]
fn what_servers_and_programs_write_is_read() {
    for (text, same_as) in [
        ("Thu, 03 Jul 2025 23:34:33 GMT", NOON_AND_A_HALF),
        ("Thursday, 03-Jul-25 23:34:33 GMT", NOON_AND_A_HALF),
        ("Thu Jul  3 23:34:33 2025", NOON_AND_A_HALF),
        ("Thu Jul  3 23:34:33 2025 +0000", NOON_AND_A_HALF),
        ("Thu Jul  3 11:34:33 PM UTC 2025", NOON_AND_A_HALF),
        ("Thu 03 Jul 2025 11:34:33 PM UTC", NOON_AND_A_HALF),
        ("Thu, 3 Jul 2025 16:34:33 -0700 (PDT)", NOON_AND_A_HALF),
        (
            "Thu Jul 03 2025 23:34:33 GMT+0000 (Coordinated Universal Time)",
            NOON_AND_A_HALF,
        ),
        ("03/Jul/2025:23:34:33 +0000", NOON_AND_A_HALF),
        ("[03/Jul/2025:23:34:33 +0000]", NOON_AND_A_HALF),
        ("Jul  3 2025 11:34:33:123PM", "2025-07-03T23:34:33.123Z"),
        ("July 3rd, 2025 11:34:33 PM", NOON_AND_A_HALF),
        ("3rd July 2025 23:34:33", NOON_AND_A_HALF),
        ("2025-07-03 23:34:33 +0000 UTC", NOON_AND_A_HALF),
        ("2025-07-03 23:34:33 (UTC)", NOON_AND_A_HALF),
        ("2025-07-03 23:34:33 Etc/UTC", NOON_AND_A_HALF),
        ("2025-07-04 01:34:33 CEST", NOON_AND_A_HALF),
        ("2025-07-03 16:34:33 \u{2212}07:00", NOON_AND_A_HALF),
        ("2025-07-03T23:34:33,000+00", NOON_AND_A_HALF),
        ("20250703T233433Z", NOON_AND_A_HALF),
        ("20250703T233433.5+0000", "2025-07-03T23:34:33.5Z"),
        ("20250703T2334Z", MINUTE),
        ("20250703 23:34:33", NOON_AND_A_HALF),
        ("20250703233433Z", NOON_AND_A_HALF),
        ("20250703233433", NOON_AND_A_HALF),
        ("20250703233433.25", "2025-07-03T23:34:33.25Z"),
        ("20250703233433250", "2025-07-03T23:34:33.25Z"),
        ("202507032334", MINUTE),
        ("1751585673", NOON_AND_A_HALF),
        ("1751585673.25", "2025-07-03T23:34:33.25Z"),
        ("1751585673000", NOON_AND_A_HALF),
        ("1751585673000.75", NOON_AND_A_HALF),
        ("1751585673000000", NOON_AND_A_HALF),
        ("1751585673000000000", NOON_AND_A_HALF),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("2016-12-31T18:59:60.5-05:00", "2016-12-31T23:59:59.5Z"),
        ("Sat, 31 Dec 2016 23:59:60 GMT", "2016-12-31T23:59:59Z"),
        ("SEPT 3, 2025 11:34:33 PM", "2025-09-03T23:34:33Z"),
    ] {
        assert_eq!(parse(text), Ok(at(same_as)), "{text}");
    }
}

#[test]
fn twelve_in_the_morning_is_the_first_hour_of_the_day() {
    for (clock, hour) in [
        ("12:30:00 AM", 0),
        ("1:30:00 AM", 1),
        ("12:30:00 PM", 12),
        ("1:30:00 PM", 13),
    ] {
        let expected = at(&format!("2025-07-03T{hour:02}:30:00Z"));
        for text in [
            format!("Jul 3, 2025, {clock}"),
            format!("03-JUL-25 {}", clock.replace(':', ".")),
        ] {
            assert_eq!(parse(&text), Ok(expected), "{text}");
        }
    }
}

#[test]
fn what_could_mean_two_times_is_refused() {
    for (text, why) in [
        ("07/03/2025 11:34", "cannot be told apart"),
        ("7/3/25, 11:34\u{202f}PM", "cannot be told apart"),
        ("03.07.2025 23:34", "cannot be told apart"),
        ("14/07/25 23:34", "cannot be told apart"),
        ("Jul 3, 2025, 11:34:33 PM EST", "zone"),
        ("2025-07-03 11:34:33 America/New_York", "zone"),
        ("2025-07-03 11:34:33+02:00 UTC", "zone"),
        ("2025071311", "an hour"),
        ("3 juillet 2025 23:34:33", "in English"),
        ("03-JUIL-25 23:34:33", "in English"),
        ("3. M\u{e4}rz 2025 23:34:33", "in English"),
        ("Jul  3 11:34:33", "no year"),
        ("Jul 3, 2025", "no time of day"),
        ("13/07/2025", "no time of day"),
        ("20250703", "no time of day"),
        ("2025-07-03-05:00", "unknown time format"),
        ("Fri Jul 03 11:34:33 UTC 2025", "day of the week"),
        ("2025-07-03T11:34:60Z", "does not exist"),
        ("13/13/2025 11:34", "does not exist"),
        ("13:04:03 PM Jul 3, 2025", "unknown time format"),
        ("2025-07-03 11:34:33 0", "unknown time format"),
    ] {
        let reason = parse(text).unwrap_err();
        assert!(reason.contains(why), "{text}: {reason}");
    }
}

#[test]
fn the_day_of_the_week_settles_the_order() {
    assert_eq!(parse("Thu 07/03/2025 23:34"), Ok(at(MINUTE)));
    assert_eq!(parse("Fri 07/03/2025 23:34"), Ok(at("2025-03-07T23:34:00Z")));
}

proptest! {
    /// The texts that jiff prints of any second of this century, by formats of each family.
    #[test]
    fn any_time_comes_back(second in 1_420_070_400_i64..2_500_000_000, format in prop::sample::select(vec![
        "%b %-d, %Y, %-I:%M:%S\u{202f}%p", "%A, %B %-d, %Y at %-I:%M:%S %p UTC", "%a %b %d %H:%M:%S UTC %Y",
        "%d-%b-%y %I.%M.%S.000000 %p", "%d-%b-%Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y", "%d/%b/%Y:%H:%M:%S +0000", "%Y%m%dT%H%M%SZ", "%Y%m%d%H%M%S", "%s", "%Y/%m/%d %H:%M:%S",
        "%-d %B %Y at %H:%M:%S UTC", "%a %m/%d/%Y %H:%M:%S", "%b %d %Y %I:%M:%S:000%p",
    ])) {
        let text = jiff::Timestamp::from_second(second).unwrap().strftime(format).to_string();
        match parse(&text) {
            Ok(time) => prop_assert_eq!(time, second * 1000, "{}", text),
            // Both orders of the numbers may have the same day of the week; seconds may look like a date and an hour.
            Err(_) => prop_assert!(format.contains("%m/%d/") || format == "%s", "{}", text),
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9JjulyAPM:.,TZ+()/ -]{0,60}|(Jul|UTC|at|[0-9]{1,4}|[/:., +()-]|PM){0,16}|\\PC{0,60}") {
        let _ = parse(&text);
    }
}
