//! One message of RFC 5424, or of RFC 3164: [`Header`] writes events and lines as such.
//!
//! ```text
//! <84>1 2025-07-03T11:34:33.007Z epm.example.com host 4711 logon [audit@32473 id="…" activity="logon" …] {"time":…}
//! <84>Jul  3 11:34:33 epm.example.com host[4711]: {"time":…}
//! <84>Jul  3 11:34:33 epm.example.com CEF:0|Oracle|…
//! ```
//!
//! The message itself has no byte order mark, which readers of JSON would stumble over.

use std::fmt::{self, Write as _};

use jiff::Timestamp;

use super::config::SyslogHeader;
use super::facility::Facility;
use event::{Event, Outcome, Provenance, Rendering, Rfc3339};

/// The SD-ID of an event's structured data; 32473 is the number that IANA keeps for examples.
const SD_ID: &str = "audit@32473";

const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// The part that all messages of a sink have in common.
#[derive(Debug, Clone)]
pub(super) struct Header {
    facility: Facility,
    form: SyslogHeader,
    hostname: String,
    app_name: String,
}

impl Header {
    pub(super) fn new(facility: Facility, hostname: &str, app_name: &str, form: SyslogHeader) -> Header {
        Header {
            facility,
            form,
            hostname: printable(hostname, 255),
            app_name: printable(app_name, 48),
        }
    }

    /// An event: who, what and when as structured data, all of it as the message.
    pub(super) fn event(&self, event: &Event, encoding: &Rendering, provenance: &Provenance) -> Vec<u8> {
        let severity = match event.outcome {
            Outcome::Failure => WARNING,
            Outcome::Unknown => NOTICE,
            Outcome::Success => INFORMATIONAL,
        };
        if self.form == SyslogHeader::Rfc3164 {
            let mut message = self.short_start(severity, event.time, true).into_bytes();
            encoding.write(event, provenance, &mut message);
            return message;
        }
        let mut head = self.start(severity, Rfc3339(event.time), event.activity.name());
        let shown = encoding.trim(event);
        let parameters = [
            ("id", shown.id.as_deref()),
            ("activity", Some(shown.activity.name())),
            ("outcome", Some(shown.outcome.name())),
            ("subject", Some(shown.subject.name.as_str())),
            ("actor", shown.actor.as_ref().map(|actor| actor.name.as_str())),
            ("ip", shown.source_ip.as_deref()),
            ("service", Some(shown.service(provenance))),
            ("report", Some(provenance.report.as_str())),
            ("connection", Some(provenance.connection.as_str())),
        ];
        let present = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let _ = write!(head, "[{SD_ID}");
        for (name, value) in present {
            let _ = write!(head, " {name}=\"{}\"", Value(value));
        }
        head.push_str("] ");
        let mut message = head.into_bytes();
        encoding.write(event, provenance, &mut message);
        message
    }

    /// A line of which nothing is known but where it comes from.
    pub(super) fn line(&self, time_ms: i64, msgid: &str, line: &[u8]) -> Vec<u8> {
        let head = match self.form {
            SyslogHeader::Rfc5424 => self.start(NOTICE, Rfc3339(time_ms), msgid) + "- ",
            SyslogHeader::Rfc3164 => self.short_start(NOTICE, time_ms, !is_tagged(line)),
        };
        let mut message = head.into_bytes();
        message.extend_from_slice(line);
        message
    }

    fn start(&self, severity: u8, time: Rfc3339, msgid: &str) -> String {
        let (priority, hostname, app_name) = (self.priority(severity), &self.hostname, &self.app_name);
        let process = std::process::id();
        format!(
            "<{priority}>1 {time} {hostname} {app_name} {process} {} ",
            printable(msgid, 32)
        )
    }

    /// The header of RFC 3164 section 4.1; a message that begins with a tag of its own gets none.
    fn short_start(&self, severity: u8, time_ms: i64, tagged: bool) -> String {
        let time = Timestamp::from_millisecond(time_ms).unwrap_or_default();
        let (priority, hostname) = (self.priority(severity), &self.hostname);
        let mut start = format!("<{priority}>{} {hostname} ", time.strftime("%b %e %H:%M:%S"));
        if tagged {
            let _ = write!(start, "{}[{}]: ", self.app_name, std::process::id());
        }
        start
    }

    fn priority(&self, severity: u8) -> u32 {
        u32::from(self.facility.code()) * 8 + u32::from(severity)
    }
}

/// True if collectors know the line by how it begins, which is where RFC 3164 has the program's name.
fn is_tagged(line: &[u8]) -> bool {
    line.starts_with(b"CEF:") || line.starts_with(b"LEEF:")
}

/// A header field: visible ASCII only, at most so long, `-` where nothing is left. No colon at its end: readers of both
/// old and new messages take that for the end of the header.
fn printable(text: &str, most: usize) -> String {
    let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let field: String = text.chars().map(visible).take(most).collect();
    match field.strip_suffix(':') {
        _ if field.is_empty() => "-".into(),
        Some(before) => format!("{before}_"),
        None => field,
    }
}

/// The value of a parameter, escaped as section 6.3.3 has it. Control characters, which receivers drop or turn into
/// something else, and line separators are shown as `\u000a`; the JSON has them as they were.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\\' | ']' => {
                    f.write_char('\\')?;
                    f.write_char(c)?;
                }
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => write!(f, "\\\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syslog_loose::{Message, ProcId, Protocol, SyslogFacility, SyslogSeverity, Variant, parse_message};

    use super::*;
    use event::{Activity, Encoding, Principal, samples};

    fn header() -> Header {
        Header::new(Facility::Authpriv, "epm.example.com", "host", SyslogHeader::Rfc5424)
    }

    fn read(bytes: &[u8]) -> Message<String> {
        let text = std::str::from_utf8(bytes).unwrap();
        let message = parse_message(text, Variant::RFC5424);
        assert_eq!(message.protocol, Protocol::RFC5424(1), "{text:?}");
        message.into()
    }

    fn parameters(message: &Message<String>) -> Vec<(String, String)> {
        let [element] = message.structured_data.as_slice() else {
            panic!("{:?}", message.structured_data);
        };
        assert_eq!(element.id, SD_ID);
        element.params().map(|(name, value)| (name.clone(), value)).collect()
    }

    fn parameter(message: &Message<String>, name: &str) -> Option<String> {
        let mut found = parameters(message).into_iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value);
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    /// A text as a reader of structured data sees it.
    fn shown(text: &str) -> String {
        text.chars()
            .map(|c| match c {
                c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => format!("\\u{:04x}", u32::from(c)),
                c => c.to_string(),
            })
            .collect()
    }

    #[test]
    fn what_a_sink_leaves_out_is_not_in_the_structured_data_either() {
        let event = samples::full(Activity::RoleAssign, event::Outcome::Success);
        let paths = ["actor", "src_endpoint"].map(str::to_owned);
        let rendering = Rendering::without(Encoding::Ocsf, &paths).unwrap();
        let text = String::from_utf8(header().event(&event, &rendering, &samples::domain())).unwrap();
        for gone in ["admin@example.com", "203.0.113.7", " actor=", " ip="] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        assert!(text.contains(" subject=\"jdoe@example.com\""), "{text}");
    }

    #[test]
    fn a_message_has_every_part() {
        let event = samples::full(Activity::Logon, Outcome::Failure);
        let bytes = header().event(&event, &Encoding::Event.into(), &samples::domain());
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("] ").unwrap();
        assert_eq!(
            head,
            format!(
                "<84>1 2018-05-09T21:55:54.890Z epm.example.com host {} logon [audit@32473 \
                 id=\"ecaae86c21fc4df69cfaa80448fc9478\" activity=\"logon\" outcome=\"failure\" \
                 subject=\"jdoe@example.com\" actor=\"admin@example.com\" ip=\"203.0.113.7\" service=\"SSO\" \
                 report=\"audit-events\" connection=\"domain\"",
                std::process::id()
            )
        );
        assert!(serde_json::from_str::<serde_json::Value>(body).unwrap().is_object());
    }

    #[test]
    fn the_severity_tells_of_the_outcome() {
        for (outcome, severity) in [
            (Outcome::Failure, SyslogSeverity::SEV_WARNING),
            (Outcome::Unknown, SyslogSeverity::SEV_NOTICE),
            (Outcome::Success, SyslogSeverity::SEV_INFO),
        ] {
            let event = samples::sparse(Activity::Logoff, outcome);
            let message = read(&header().event(&event, &Encoding::Ocsf.into(), &samples::epm()));
            assert_eq!(message.severity, Some(severity));
            assert_eq!(message.facility, Some(SyslogFacility::LOG_AUTHPRIV));
            assert_eq!(message.msgid.as_deref(), Some("logoff"));
            assert_eq!(message.timestamp.unwrap().timestamp_millis(), event.time);
        }
    }

    #[test]
    fn header_fields_are_visible_ascii_of_the_right_length() {
        for (name, hostname) in [
            ("", "-"),
            ("a b\nc", "a_b_c"),
            ("2001:db8::1", "2001:db8::1"),
            ("a::", "a:_"),
            ("h\u{e9}\u{1f512}\u{7f}", "h___"),
            ("] x=\"", "]_x=\""),
        ] {
            let bytes = Header::new(Facility::User, name, "x", SyslogHeader::Rfc5424).line(0, "m", b"text");
            assert_eq!(
                read(&bytes).hostname.unwrap_or_else(|| "-".into()),
                hostname,
                "{name:?}"
            );
        }
        let long = "x".repeat(1000);
        let message = read(&Header::new(Facility::User, &long, &long, SyslogHeader::Rfc5424).line(0, &long, b"text"));
        assert_eq!(message.hostname.unwrap().len(), 255);
        assert_eq!(message.appname.unwrap().len(), 48);
        assert_eq!(message.msgid.unwrap().len(), 32);
        assert_eq!(message.procid, Some(ProcId::PID(std::process::id().cast_signed())));
    }

    #[test]
    fn collectors_of_cef_find_it_behind_a_header_of_rfc_3164() {
        let header = Header::new(Facility::Authpriv, "epm.example.com", "host", SyslogHeader::Rfc3164);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        // 2025-07-03T11:34:33Z, a day of one digit.
        let time = 1_751_542_473_000;
        assert_eq!(
            text(header.line(time, "user-login", b"CEF:0|Oracle|EPM|1|logon|Logon|3|")),
            "<85>Jul  3 11:34:33 epm.example.com CEF:0|Oracle|EPM|1|logon|Logon|3|"
        );
        let tag = format!("host[{}]: ", std::process::id());
        assert_eq!(
            text(header.line(time, "user-login", b"a line")),
            format!("<85>Jul  3 11:34:33 epm.example.com {tag}a line")
        );
        let event = samples::full(Activity::Logon, Outcome::Failure);
        let message = text(header.event(&event, &Encoding::Event.into(), &samples::domain()));
        let start = format!("<84>May  9 21:55:54 epm.example.com {tag}");
        let body = message.strip_prefix(&start).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(body).unwrap().is_object());
        let read = parse_message(&message, Variant::RFC3164);
        assert_eq!((read.hostname, read.appname), (Some("epm.example.com"), Some("host")));
    }

    #[test]
    fn a_mebibyte_comes_back_as_it_was() {
        let mut event = samples::sparse(Activity::Logon, Outcome::Failure);
        let name = "]\"\\ \u{fffd}a".repeat((1 << 20) / 8);
        event.subject = Principal::named(name.clone());
        let message = read(&header().event(&event, &Encoding::Event.into(), &samples::epm()));
        assert_eq!(parameter(&message, "subject"), Some(name.clone()));
        let body: serde_json::Value = serde_json::from_str(&message.msg).unwrap();
        assert_eq!(body["subject"], name);
    }

    #[test]
    fn a_line_is_the_message_as_it_is() {
        let message = read(&header().line(1_000, "user login", b"[x y=\"z\"] CEF:0|a|b"));
        assert_eq!(message.msg, "[x y=\"z\"] CEF:0|a|b");
        assert!(message.structured_data.is_empty());
        assert_eq!(message.msgid.as_deref(), Some("user_login"));
    }

    proptest! {
        #[test]
        fn whatever_an_event_holds_comes_back_as_data(
            event in samples::event(),
            provenance in samples::provenance(),
        ) {
            for encoding in Encoding::ALL {
                let header =
                    Header::new(Facility::Local7, &provenance.service, &provenance.report, SyslogHeader::Rfc5424);
                let bytes = header.event(&event, &encoding.into(), &provenance);
                prop_assert!(!bytes.iter().any(|byte| *byte < b' '), "{:?}", String::from_utf8_lossy(&bytes));
                let message = read(&bytes);
                prop_assert_eq!(message.facility, Some(SyslogFacility::LOG_LOCAL7));
                prop_assert_eq!(message.msgid.as_deref(), Some(event.activity.name()));
                for (name, text) in [
                    ("id", event.id.as_deref()),
                    ("outcome", Some(event.outcome.name())),
                    ("subject", Some(event.subject.name.as_str())),
                    ("actor", event.actor.as_ref().map(|actor| actor.name.as_str())),
                    ("ip", event.source_ip.as_deref()),
                    ("report", Some(provenance.report.as_str())),
                ] {
                    prop_assert_eq!(parameter(&message, name), text.map(shown), "{}", name);
                }
                let body: serde_json::Value = serde_json::from_str(&message.msg).unwrap();
                let mut texts = Vec::new();
                samples::texts_of(&body, &mut texts);
                for text in samples::texts_in(&event) {
                    prop_assert!(texts.contains(&text), "{encoding} lost {text:?}");
                }
            }
        }
    }
}
