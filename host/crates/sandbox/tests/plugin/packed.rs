//! Answers in the packed form: the events that they stand for, and every way in which they cannot be true.

use event::{Activity, Event, Outcome, Principal};
use sandbox::{Document, PluginError, PluginLimits};

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
        let plugin = report(wasm, PluginLimits::default());
        let mut parser = plugin.parser(document("")).unwrap();
        let batch = parser.push(b"x").unwrap();
        let anna = Event::new(7, Activity::Logon, Outcome::Success, Principal::named("anna"));
        assert_eq!(batch.events, [anna]);
        assert_eq!(parser.finish().unwrap().events, []);
    }
}

#[test]
fn events_that_were_used_leave_nothing_of_theirs_behind() {
    let plugin = report(packed(), PluginLimits::default());
    let long = || Some("x".repeat(100_000));
    let person = Principal {
        name: "bert".repeat(1000),
        id: long(),
        display_name: long(),
        ..Principal::named("")
    };
    let mut used = Event::new(1, Activity::Logoff, Outcome::Failure, person.clone());
    used.actor = Some(person);
    for field in [
        &mut used.target,
        &mut used.source_ip,
        &mut used.user_agent,
        &mut used.session,
    ] {
        *field = long();
    }
    for field in [&mut used.service, &mut used.action, &mut used.code, &mut used.message] {
        *field = long();
    }
    used.labels = vec!["label".into(); 1000];
    used.attributes = vec![("name".into(), "value".into()); 1000];
    let anna = Event::new(7, Activity::Logon, Outcome::Success, Principal::named("anna"));
    for (before, after) in [(Some("derived".to_owned()), Some(String::new())), (long(), None)] {
        used.id = before;
        let mut parser = plugin.parser(document("")).unwrap();
        parser.reuse(vec![used.clone(); 3]);
        let batch = parser.push(b"x").unwrap();
        let anna = Event {
            id: after,
            ..anna.clone()
        };
        assert_eq!(batch.events, [anna]);
        let room = |event: &Event| event.labels.capacity() + event.subject.name.capacity();
        assert!(batch.events.iter().map(room).sum::<usize>() < 100);
        assert_eq!(parser.finish().unwrap().events, []);
    }
}

#[test]
fn an_answer_that_does_not_add_up_ends_with_its_reason_and_the_parser_stays_closed() {
    let limits = PluginLimits {
        records: 1000,
        ..PluginLimits::default()
    };
    let strict = report(packed(), limits);
    let plugin = report(packed(), PluginLimits::default());
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
        ("huge-labels", End::Limit("attributes")),
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
    let generous = report(
        packed(),
        PluginLimits {
            attributes: usize::MAX,
            ..PluginLimits::default()
        },
    );
    let mut parser = generous.parser(document("huge-labels")).unwrap();
    assert_end(&parser.push(b"x").unwrap_err(), End::Limit("returned"), "huge-labels");
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
