//! Reports as CSV, a piece at a time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::csv_layout::{CsvLayout, Preamble, TimeStyle};
use super::history::{DAY, Login};
use super::scenario::Scenario;

/// An encrypted application identifier, as the vendor calls it.
const IDENTIFIER: &str = "9aKf3TzQ0wX7pBmVYc2Lr8sJ1uNdGhEe5oWiMq6tRk4=";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Rows between two pieces; about 64 KiB without padding.
const ROWS: usize = 1000;

/// A row of a CSV report: some cells, and a time in the last column.
pub(super) trait CsvRow {
    /// The cells before the time.
    fn cells(&self) -> Vec<String>;

    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn time(&self) -> i64;
}

impl CsvRow for Login {
    fn cells(&self) -> Vec<String> {
        vec![self.user.to_owned(), self.address.to_string()]
    }

    fn time(&self) -> i64 {
        self.time
    }
}

/// The bytes of one CSV report, as an iterator of pieces: the preamble and the header, then rows.
pub(super) struct CsvReport<I> {
    rows: I,
    layout: CsvLayout,
    padding: Option<String>,
    bad_rows: u64,
    row: u64,
    opened: bool,
    clock: TimeWriter,
}

/// Writes times, and remembers the day of the last one.
#[derive(Debug, Default)]
pub(super) struct TimeWriter {
    date: Option<(i64, Date)>,
}

impl TimeWriter {
    /// A time, in ms, as a report writes it.
    pub(super) fn write(&mut self, time: i64, style: TimeStyle) -> String {
        let day = time.div_euclid(DAY);
        let date = match self.date {
            Some((known, date)) if known == day => date,
            _ => {
                let date = Timestamp::from_millisecond(time).map_or(Date::ZERO, |t| t.to_zoned(TimeZone::UTC).date());
                self.date = Some((day, date));
                date
            }
        };
        let second = time.rem_euclid(DAY) / 1000;
        let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        match style {
            TimeStyle::Words => {
                let month = usize::try_from(date.month() - 1)
                    .ok()
                    .and_then(|i| MONTHS.get(i))
                    .copied()
                    .unwrap_or_default();
                format!("{month} {}, {} {clock} UTC", date.day(), date.year())
            }
            TimeStyle::Iso => format!("{date}T{clock}Z"),
            TimeStyle::Space => format!("{date} {clock}"),
            TimeStyle::Slash => format!("{:02}/{:02}/{:04} {clock}", date.month(), date.day(), date.year()),
            TimeStyle::Epoch => (time / 1000 * 1000).to_string(),
        }
    }
}

impl<R: CsvRow, I: Iterator<Item = R>> CsvReport<I> {
    pub(super) fn new(rows: I, layout: &CsvLayout, scenario: &Scenario) -> Self {
        Self {
            rows,
            layout: layout.clone(),
            padding: (scenario.padding > 0).then(|| "x".repeat(scenario.padding)),
            bad_rows: scenario.bad_rows.unwrap_or(u64::MAX),
            row: 0,
            opened: false,
            clock: TimeWriter::default(),
        }
    }

    fn open(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.layout.preamble != Preamble::None {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
        match self.layout.preamble {
            Preamble::None | Preamble::Bom => {}
            Preamble::Newline => out.extend_from_slice(format!("\"{IDENTIFIER}\"{}", self.end_of_line()).as_bytes()),
            Preamble::Comma => out.extend_from_slice(format!("\"{IDENTIFIER}\",").as_bytes()),
        }
        let mut columns: Vec<&str> = self.layout.columns.iter().map(String::as_str).collect();
        columns.extend(self.padding.is_some().then_some("Details"));
        out.extend(self.write(std::iter::once(columns)));
        out
    }

    fn end_of_line(&self) -> &'static str {
        if self.layout.crlf { "\r\n" } else { "\n" }
    }

    fn write<'r>(&self, records: impl Iterator<Item = Vec<&'r str>>) -> Vec<u8> {
        let terminator = if self.layout.crlf {
            csv::Terminator::CRLF
        } else {
            csv::Terminator::Any(b'\n')
        };
        let mut writer = csv::WriterBuilder::new()
            .terminator(terminator)
            .flexible(true)
            .from_writer(Vec::new());
        for record in records {
            // Writing into memory cannot fail, and records may differ in length.
            let _ = writer.write_record(record);
        }
        writer.into_inner().unwrap_or_default()
    }
}

impl<R: CsvRow, I: Iterator<Item = R>> Iterator for CsvReport<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if !self.opened {
            self.opened = true;
            return Some(self.open());
        }
        let mut fields = Vec::with_capacity(ROWS);
        while fields.len() < ROWS {
            let Some(row) = self.rows.next() else { break };
            self.row = self.row.wrapping_add(1);
            let time = self.clock.write(row.time(), self.layout.time);
            let bad = self
                .row
                .is_multiple_of(self.bad_rows)
                .then_some(self.row / self.bad_rows);
            fields.push((row.cells(), time, bad));
        }
        if fields.is_empty() {
            return None;
        }
        Some(self.write(fields.iter().map(|(cells, time, bad)| {
            let cells = cells.iter().map(String::as_str);
            match bad {
                Some(odd) if odd % 2 == 1 => cells.take(1).collect(),
                Some(_) => cells.chain(["some time ago"]).collect(),
                None => cells.chain([time.as_str()]).chain(self.padding.as_deref()).collect(),
            }
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people;

    fn render(text: &str, layout: fn(&Scenario) -> &CsvLayout, users: &[&'static str]) -> String {
        let scenario: Scenario = text.parse().unwrap();
        let rows: Vec<_> = users
            .iter()
            .map(|&user| Login {
                user,
                person: None,
                address: people::attacker(0),
                time: 1_751_542_473_999, // 2025-07-03T11:34:33.999Z
            })
            .collect();
        let bytes: Vec<u8> = CsvReport::new(rows.into_iter(), layout(&scenario), &scenario)
            .flatten()
            .collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_invalid_login_report_is_plain_csv() {
        assert_eq!(
            render("", |s| &s.invalid_login, &["john", "a \"b\", c\nd"]),
            "User Name,Remote IP Address,Timestamp\n\
             john,203.0.113.7,\"July 3, 2025 11:34:33 UTC\"\n\
             \"a \"\"b\"\", c\nd\",203.0.113.7,\"July 3, 2025 11:34:33 UTC\"\n"
        );
    }

    #[test]
    fn a_preamble_stands_before_the_header() {
        let header = "User Login,IP Address,Access Date and Time";
        for (kind, start) in [
            ("none", header.to_owned()),
            ("bom", format!("\u{feff}{header}")),
            ("newline", format!("\u{feff}\"{IDENTIFIER}\"\r\n{header}")),
            ("comma", format!("\u{feff}\"{IDENTIFIER}\",{header}")),
        ] {
            assert_eq!(
                render(&format!("preamble={kind},crlf"), |s| &s.user_login, &[]),
                start + "\r\n",
                "{kind}"
            );
        }
    }

    #[test]
    fn times_are_written_as_asked() {
        for (style, time) in [
            ("words", "\"July 3, 2025 11:34:33 UTC\""),
            ("iso", "2025-07-03T11:34:33Z"),
            ("space", "2025-07-03 11:34:33"),
            ("slash", "07/03/2025 11:34:33"),
            ("epoch", "1751542473000"),
        ] {
            let report = render(&format!("time={style},header=a|b|c"), |s| &s.user_audit, &["john"]);
            assert_eq!(report.lines().last().unwrap(), format!("john,203.0.113.7,{time}"));
            assert_eq!(report.lines().nth(1).unwrap(), "a,b,c");
        }
    }

    #[test]
    fn rows_break_at_the_interval_asked_for() {
        let report = render(
            "bad-rows=2,padding=4,time=iso",
            |s| &s.invalid_login,
            &["a", "b", "c", "d"],
        );
        assert_eq!(
            report,
            "User Name,Remote IP Address,Timestamp,Details\na,203.0.113.7,2025-07-03T11:34:33Z,xxxx\nb\n\
             c,203.0.113.7,2025-07-03T11:34:33Z,xxxx\nd,203.0.113.7,some time ago\n"
        );
    }
}
