//! Aligned columns for people. Rows are written as events come, so widths are fixed from the start.

use std::fmt::Write;

use super::terminal::push_cut;
use event::{Event, Provenance, Rfc3339};

const GAP: &str = "  ";

/// Widths of time (to the second), outcome and activity: their longest values.
const TIME: usize = 20;
const OUTCOME: usize = 7;
const ACTIVITY: usize = 20;

/// Nearly all activities.
const SHORT_ACTIVITY: usize = 12;
/// Every IPv4 address.
const IPV4: usize = 15;
/// From so many columns on, all are shown in full.
const WIDE: usize = 110;
const LEAST_SUBJECT: usize = 16;
/// A shorter message says nothing.
const LEAST_MESSAGE: usize = 12;

/// The widths of the columns; one of width 0 is left out.
#[derive(Debug, Clone)]
pub(crate) struct TextTable {
    activity: usize,
    subject: usize,
    source_ip: usize,
    service: usize,
    message: usize,
    line: String,
}

impl TextTable {
    /// For a terminal of so many columns. On a narrow one the service goes, and on a narrower one the message: they are what
    /// people look for last, and NDJSON has them. Nothing else goes; below that, lines wrap.
    pub(crate) fn new(columns: usize) -> Self {
        if columns < WIDE {
            return TextTable::narrow(columns);
        }
        // Every IPv4 address, and on a wide terminal every IPv6 address.
        let source_ip = if columns >= 160 { 39 } else { IPV4 };
        let fixed = TIME + OUTCOME + ACTIVITY + source_ip + 6 * GAP.len();
        let free = columns.saturating_sub(fixed);
        // Who it was is what people look for; the service is nearly always the same.
        let subject = free / 2;
        let service = free / 5;
        TextTable {
            activity: ACTIVITY,
            subject,
            source_ip,
            service,
            message: free - subject - service,
            line: String::new(),
        }
    }

    fn narrow(columns: usize) -> Self {
        let fixed = TIME + OUTCOME + SHORT_ACTIVITY + IPV4 + 4 * GAP.len();
        let free = columns.saturating_sub(fixed).max(LEAST_SUBJECT);
        let message = (free / 2).saturating_sub(GAP.len());
        let message = if message < LEAST_MESSAGE { 0 } else { message };
        let gap = if message == 0 { 0 } else { GAP.len() };
        TextTable {
            activity: SHORT_ACTIVITY,
            subject: free - message - gap,
            source_ip: IPV4,
            service: 0,
            message,
            line: String::new(),
        }
    }

    pub(crate) fn header(&mut self, out: &mut Vec<u8>) {
        self.row(
            [
                "TIME",
                "OUTCOME",
                "ACTIVITY",
                "SUBJECT",
                "SOURCE IP",
                "SERVICE",
                "MESSAGE",
            ],
            out,
        );
    }

    pub(crate) fn write(&mut self, event: &Event, provenance: &Provenance, time: &mut String, out: &mut Vec<u8>) {
        time.clear();
        // Writing into a String cannot fail.
        let _ = write!(time, "{}", Rfc3339(event.time));
        let seconds = time.split('.').next().unwrap_or_default().len();
        time.truncate(seconds);
        time.push('Z');
        let message = [&event.message, &event.target, &event.action]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty());
        let cells = [
            time.as_str(),
            event.outcome.name(),
            event.activity.name(),
            &event.subject.name,
            event.source_ip.as_deref().unwrap_or("-"),
            event.service(provenance),
            message.map_or("", String::as_str),
        ];
        self.row(cells, out);
    }

    fn row(&mut self, cells: [&str; 7], out: &mut Vec<u8>) {
        let widths = [
            TIME,
            OUTCOME,
            self.activity,
            self.subject,
            self.source_ip,
            self.service,
            self.message,
        ];
        self.line.clear();
        for (cell, width) in cells.into_iter().zip(widths).filter(|(_, width)| *width > 0) {
            if !self.line.is_empty() {
                self.line.push_str(GAP);
            }
            let used = push_cut(&mut self.line, cell, width);
            self.line.extend(std::iter::repeat_n(' ', width - used));
        }
        out.extend_from_slice(self.line.trim_end().as_bytes());
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use event::{Activity, Outcome, samples};

    fn rendered(columns: usize, events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut table = TextTable::new(columns);
        table.header(&mut out);
        for event in events {
            table.write(event, &samples::epm(), &mut String::new(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn events_stand_in_columns() {
        let mut ipv6 = samples::full(Activity::ApplicationAccess, Outcome::Success);
        ipv6.source_ip = Some("2001:db8:85a3:0:0:8a2e:370:7334".into());
        ipv6.subject.name = "名前@example.com".into();
        let events = [samples::sparse(Activity::Logon, Outcome::Failure), ipv6];
        insta::assert_snapshot!(rendered(120, &events), @"
        TIME                  OUTCOME  ACTIVITY              SUBJECT                  SOURCE IP        SERVICE    MESSAGE
        2025-03-10T13:00:00Z  failure  logon                 jdoe                     -                epm-acme…
        2018-05-09T21:55:54Z  success  application-access    名前@example.com         2001:db8:85a3:…  SSO        You entered a…
        ");
        insta::assert_snapshot!(rendered(180, &events), @"
        TIME                  OUTCOME  ACTIVITY              SUBJECT                                    SOURCE IP                                SERVICE           MESSAGE
        2025-03-10T13:00:00Z  failure  logon                 jdoe                                       -                                        epm-acme.exampl…
        2018-05-09T21:55:54Z  success  application-access    名前@example.com                           2001:db8:85a3:0:0:8a2e:370:7334          SSO               You entered an incorrect…
        ");
    }

    #[test]
    fn a_hostile_name_disturbs_neither_its_line_nor_the_columns() {
        for name in [
            "\u{1b}[2Ja\nb",
            "\u{202e}evil",
            "x\r\nforged  success",
            &"w".repeat(5000),
            &"\u{301}".repeat(5000),
        ] {
            let mut event = samples::full(Activity::Logon, Outcome::Failure);
            event.subject.name = name.to_string();
            event.message = Some(name.to_string());
            event.service = Some(name.to_string());
            event.source_ip = Some(name.to_string());
            let text = rendered(120, &[event]);
            assert_eq!(text.lines().count(), 2, "{name:?}");
            let line = text.lines().last().unwrap();
            assert!(line.width() <= 120);
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'));
        }
    }

    #[test]
    fn a_table_fits_into_80_columns_and_says_who_did_what_from_where() {
        let events = [
            samples::full(Activity::RoleAssign, Outcome::Success),
            samples::sparse(Activity::Logon, Outcome::Failure),
        ];
        for columns in [78, 80, 100, 109] {
            let text = rendered(columns, &events);
            assert!(text.lines().all(|line| line.width() <= columns), "{columns}: {text}");
            assert!(text.contains("203.0.113.7") && text.contains("jdoe"), "{text}");
            assert!(text.contains("role-assign") && text.contains("success"), "{text}");
        }
        assert!(!rendered(80, &events).contains("MESSAGE"));
        assert!(rendered(109, &events).contains("MESSAGE"));
        // Below that lines wrap rather than lose another column.
        assert!(rendered(40, &events).contains("203.0.113.7"));
    }
}
