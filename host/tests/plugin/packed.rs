//! Answers in the packed form: the events that they stand for, and every way in which they cannot be true.

use host::event::{Activity, Event, Outcome, Principal};
use host::plugin::{Document, Limits, PluginError};

use crate::guests::{componentize, dummy, load, packed, report, request, wit_world};
use crate::limits::{End, assert_end};

fn document(behaviour: &str) -> Document {
    Document {
        fetch: 0,
        request: request(behaviour),
        file_name: None,
        length: None,
    }
}

#[test]
fn an_answer_that_adds_up_is_its_events() {
    let component = componentize(packed());
    for wasm in [packed(), &component] {
        let plugin = report(wasm, Limits::default());
        let mut parser = plugin.parser(document("")).unwrap();
        let batch = parser.push(b"x").unwrap();
        let anna = Event::new(7, Activity::Logon, Outcome::Success, Principal::named("anna"));
        assert_eq!(batch.events, [anna]);
        assert_eq!(parser.finish().unwrap().events, []);
    }
}

#[test]
fn an_answer_that_does_not_add_up_ends_with_its_reason_and_the_parser_stays_closed() {
    let limits = Limits {
        records: 1000,
        ..Limits::default()
    };
    let strict = report(packed(), limits);
    let plugin = report(packed(), Limits::default());
    for (behaviour, end) in [
        ("no-time", End::Value("as many heads as times")),
        ("no-head", End::Value("as many heads as times")),
        ("text-over", End::Value("leave text or numbers over")),
        ("numbers-over", End::Value("leave text or numbers over")),
        ("numbers-short", End::Value("fewer numbers than its events")),
        ("no-numbers", End::Value("fewer numbers than its events")),
        ("length-beyond", End::Value("ends beyond the text")),
        ("length-huge", End::Value("ends beyond the text")),
        ("length-within-character", End::Value("within a character")),
        ("labels-beyond", End::Value("fewer numbers than")),
        ("labels-huge", End::Value("fewer numbers than its lists")),
        ("attributes-huge", End::Value("fewer numbers than its lists")),
        ("attribute-without-value", End::Value("fewer numbers than its lists")),
        ("field-without-string", End::Value("fewer numbers than")),
        ("actor-without-name", End::Value("an actor that is not there")),
        ("unknown-activity", End::Value("no known activity")),
        ("unknown-outcome", End::Value("no known outcome")),
        ("unknown-bit", End::Value("bits without a meaning")),
        ("invalid-utf8", End::Value("utf-8")),
        ("many-events", End::Limit("records")),
        ("many-rejects", End::Limit("records")),
        ("huge-list", End::Limit("returned")),
        ("huge-labels", End::Limit("returned")),
        ("big-event", End::Limit("event")),
        ("trap", End::Trap("unreachable")),
    ] {
        let plugin = if behaviour.starts_with("many") {
            &strict
        } else {
            &plugin
        };
        let mut parser = plugin.parser(document(behaviour)).unwrap();
        assert_end(&parser.push(b"x").unwrap_err(), end, behaviour);
        assert!(
            matches!(parser.push(b"x"), Err(PluginError::Closed { .. })),
            "{behaviour}"
        );
    }
    let mut parser = plugin.parser(document("fault")).unwrap();
    assert!(matches!(parser.push(b"x"), Err(PluginError::Fault(_))));
}

#[test]
fn a_packed_form_that_differs_is_named() {
    for (from, to, wanted) in [
        (
            "heads: list<u32>",
            "heads: list<u64>",
            "`push`, result, record `batch`, field `heads`: u32 here, u64 in the plugin",
        ),
        (
            "  finish: func(parser: borrow<parser>) -> result<batch, fault>;\n",
            "",
            "it has no function `finish`",
        ),
    ] {
        let wasm = dummy(wit_world("packed-report-plugin", &[(from, to)]));
        let error = load(&wasm).unwrap_err();
        let PluginError::Incompatible { reason, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(
            reason.contains("`audit:plugin/packed` differs") && reason.contains(wanted),
            "{reason}"
        );
    }
}
