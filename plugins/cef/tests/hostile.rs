//! Events that an attacker wrote, read back.
//!
//! The reader here follows the standard's text and shares nothing with the writer; it was written for this test, so
//! `tests/judges/cef.py` reads the same lines with a parser from elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::process::Command;

use cef::Cef;
use plugin_sdk::sink::{Event, Principal};
use plugin_sdk::{Activity, Delivery, Item, Outcome, Payload, Sink};
use proptest::prelude::*;

/// A company whose name does to a header what it should not.
const VENDOR: &str = r"Ac|me \ Inc.";

/// Texts with what ends a value or a line, and what escapes it, more often than chance would have it.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_string()),
        Just("\r\nCEF:0|a|b|1|c|d|9|".to_string()),
        Just(" duser=root".to_string()),
        Just("\\".to_string()),
        Just("\\=".to_string()),
        Just("|".to_string()),
        Just("=".to_string()),
        Just(" ".to_string()),
        Just("\u{2028}".to_string()),
        Just("\u{85}\u{1b}[31m".to_string()),
        "[a-z]{1,6}",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn event() -> impl Strategy<Value = Event> {
    proptest::collection::vec(hostile(), 8).prop_map(|texts| {
        let mut texts = texts.into_iter();
        let mut text = || texts.next().unwrap();
        let mut event = Event::new(5, Activity::Logon, Outcome::Failure, Principal::named(text()));
        event.service = Some(text());
        event.action = Some(text());
        event.source_ip = Some(text());
        event.user_agent = Some(text());
        event.message = Some(text());
        event.attributes = vec![(text(), text())];
        event
    })
}

fn encode(config: &str, events: &[Event]) -> String {
    let items = events.iter().map(|event| Item {
        id: "e1".into(),
        event: event.clone(),
        vendor: VENDOR.into(),
        product: "Door".into(),
    });
    let deliveries = Cef::open(config)
        .unwrap()
        .encode(Payload::Events(items.collect()))
        .unwrap();
    let [Delivery::Bytes(bytes)] = deliveries.as_slice() else {
        panic!()
    };
    String::from_utf8(bytes.clone()).unwrap()
}

/// The seven fields of a header, and its extension.
fn read(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let mut fields = vec![String::new()];
    let mut rest = line.chars();
    while fields.len() < 8 {
        match rest.next().expect("a header ends") {
            '\\' => fields.last_mut().unwrap().push(rest.next().expect("an escape ends")),
            '|' => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields.pop();
    // Every unescaped `=` ends a key; the key is the last word before it.
    let mut pairs = vec![(String::new(), String::new())];
    while let Some(c) = rest.next() {
        let text = &mut pairs.last_mut().unwrap().1;
        match c {
            '\\' => text.push(match rest.next().expect("an escape ends") {
                'n' => '\n',
                'r' => '\r',
                c @ ('=' | '\\') => c,
                c => panic!("\\{c} is no escape"),
            }),
            '=' => {
                let start = text.rfind(' ').map_or(0, |space| space + 1);
                let key = text.split_off(start);
                text.truncate(text.trim_end_matches(' ').len());
                pairs.push((key, String::new()));
            }
            c => text.push(c),
        }
    }
    let first = pairs.remove(0);
    assert_eq!(first.1, "", "text before the first key");
    let count = pairs.len();
    let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
    assert_eq!(pairs.len(), count, "a key came twice");
    (fields, pairs)
}

/// The form that a text may take: control characters are spaces, ends are trimmed.
fn shown(text: &str) -> String {
    let gone = |c: char| c.is_control() && c != '\n' && c != '\r';
    let turned = |c: char| matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text: String = text
        .chars()
        .map(|c| if gone(c) || turned(c) { ' ' } else { c })
        .collect();
    text.chars().take(1023).collect::<String>().trim().to_string()
}

proptest! {
    #[test]
    fn every_event_is_one_line_that_says_what_the_event_says(events in proptest::collection::vec(event(), 1..4)) {
        let text = encode("{}", &events);
        prop_assert!(text.ends_with('\n'));
        let lines: Vec<&str> = text.lines().collect();
        prop_assert_eq!(lines.len(), events.len());
        // As Python, Unicode and terminals count lines.
        let breaks = ['\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
        prop_assert!(!text.contains(breaks));
        for (line, event) in lines.iter().zip(&events) {
            let (header, pairs) = read(line);
            prop_assert_eq!(&header[0], "CEF:0");
            prop_assert_eq!((header[1].as_str(), header[5].as_str(), header[6].as_str()), (VENDOR, "logon failure", "6"));
            prop_assert_eq!(&pairs["externalId"], "e1");
            let user = shown(&event.subject.name);
            prop_assert_eq!(pairs.get("duser").cloned().unwrap_or_default(), user);
            let message = shown(event.message.as_deref().unwrap());
            prop_assert_eq!(pairs.get("msg").cloned().unwrap_or_default(), message);
            let known = [
                "rt", "externalId", "cat", "act", "outcome", "suser", "duser", "requestClientApplication", "src", "c6a2",
                "c6a2Label", "deviceExternalId", "msg", "cs5", "cs5Label", "cs6", "cs6Label",
            ];
            for key in pairs.keys() {
                prop_assert!(known.contains(&key.as_str()), "{key} was forged");
            }
        }
    }

    #[test]
    fn a_syslog_receiver_finds_its_header(event in event()) {
        let text = encode(r#"{"syslog-host": "relay-1"}"#, &[event]);
        let message = syslog_loose::parse_message_with_year(
            text.trim_end_matches('\n'),
            |_| 1970,
            syslog_loose::Variant::RFC3164,
        );
        prop_assert_eq!(message.hostname, Some("relay-1"));
        prop_assert_eq!(message.severity, Some(syslog_loose::SyslogSeverity::SEV_WARNING));
        prop_assert_eq!(message.facility, Some(syslog_loose::SyslogFacility::LOG_AUTHPRIV));
    }
}

#[test]
#[ignore = "needs python3 with tests/judges/requirements.txt"]
fn a_parser_from_elsewhere_reads_the_same() {
    let names = [
        "jdoe",
        "a\nCEF:0|x|y|1|z|forged|9|duser=root",
        r"a\=b|c\\ d= e",
        "x duser=root suser=root",
        "\u{2028}\u{85}tail",
    ];
    let events = names.map(|name| Event::new(5, Activity::Logon, Outcome::Failure, Principal::named(name)));
    let path = std::env::temp_dir().join(format!("cef-judge-{}.log", std::process::id()));
    std::fs::write(&path, encode(r#"{"product": "a|b\\c=d"}"#, &events)).unwrap();
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/cef.py");
    let output = Command::new(python).arg(script).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), names.len());
    for (line, name) in lines.iter().zip(names) {
        assert_eq!(line["header"][2], r"a|b\c=d");
        assert_eq!(line["extension"]["duser"], shown(name));
        assert_eq!(line["extension"]["suser"], shown(name));
    }
}
