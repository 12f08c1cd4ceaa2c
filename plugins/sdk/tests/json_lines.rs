//! The reader of JSON records at good lines and bad ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use plugin_sdk::json_lines::{JsonLines, MAX_LINE, Record};
use plugin_sdk::table::Reason;
use plugin_sdk::{Activity, Batch, Event, Outcome, Principal};
use proptest::prelude::*;
use serde_json::Value;
use std::borrow::Cow;

/// The member `user` and the rest.
fn event<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
    let user = record.take("user").ok_or("no user")?;
    let mut event = Event::new(0, Activity::Logon, Outcome::Success, Principal::named(user));
    event.attributes = record.rest();
    Ok(event)
}

fn read(document: &[u8], size: usize) -> Batch {
    let (mut lines, mut batch) = (JsonLines::new(), Batch::default());
    for chunk in document.chunks(size) {
        lines.push(chunk, &mut batch, event).unwrap();
    }
    lines.finish(&mut batch, event).unwrap();
    batch
}

fn attributes(line: &str) -> Vec<String> {
    let batch = read(line.as_bytes(), usize::MAX);
    assert_eq!(batch.rejects, []);
    let event = batch.events().next().unwrap();
    (event.attributes.iter())
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[test]
fn members_keep_their_order_and_values_their_text() {
    let line = r#"{"z":1.50,"b":[1, {"c" : " d\" \\ " } ],"user":"ada","a":"\u00e9\n","t":true,"big":123456789012345678901234567890}"#;
    assert_eq!(
        attributes(line),
        [
            "z=1.50",
            r#"b=[1,{"c":" d\" \\ "}]"#,
            "a=é\n",
            "t=true",
            "big=123456789012345678901234567890"
        ]
    );
}

#[test]
fn members_that_say_nothing_are_left_out() {
    assert_eq!(
        attributes(r#"{"user":"ada","a":null,"b":"","c":" ","d":[]}"#),
        ["c= ", "d=[]"]
    );
}

#[test]
fn names_match_in_any_case_and_with_escapes() {
    assert_eq!(attributes(r#"{"\u0055SER":"ada","User":"bob"}"#), ["User=bob"]);
}

#[test]
fn members_of_members_are_read_and_what_holds_them_stays_whole() {
    fn nested<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
        let actor = record.object("ACTOR").ok_or("no actor")?;
        let mut event = Event::new(
            0,
            Activity::Logon,
            Outcome::Success,
            Principal::named(actor.get("name").unwrap()),
        );
        let client = record.object("client").and_then(|client| client.object("agent"));
        event.user_agent = client.and_then(|agent| agent.get("raw"));
        let targets = record.objects("target");
        let names = targets.iter().filter_map(|target| target.get("name"));
        event.labels = names.collect();
        assert!(
            record.object("text").is_none() && record.object("none").is_none() && record.object("target").is_none()
        );
        assert!(record.objects("text").is_empty() && record.objects("actor").is_empty());
        event.attributes = record.rest();
        Ok(event)
    }
    let line = r#"{"actor":{"name":"a\u00e9","id":1},"client":{"agent":{"raw":"curl/8"}},"none":null,"text":"x",
        "target":[{"name":"one"},2,null,[{"name":"no"}],{"name":"two"},{}]}"#
        .replace('\n', " ");
    for size in [1, 7, usize::MAX] {
        let (mut lines, mut batch) = (JsonLines::new(), Batch::default());
        for chunk in line.as_bytes().chunks(size) {
            lines.push(chunk, &mut batch, nested).unwrap();
        }
        lines.finish(&mut batch, nested).unwrap();
        assert_eq!(batch.rejects, []);
        let event = batch.events().next().unwrap();
        assert_eq!(
            (&*event.subject.name, event.user_agent.as_deref()),
            ("aé", Some("curl/8"))
        );
        assert_eq!(event.labels, ["one", "two"]);
        assert_eq!(event.attributes[0].1, r#"{"name":"a\u00e9","id":1}"#);
        assert_eq!(event.attributes.len(), 4);
    }
}

#[test]
fn half_a_surrogate_pair_is_kept_as_it_was_written() {
    assert_eq!(attributes(r#"{"user":"ada","a":"x\ud800"}"#), [r#"a="x\ud800""#]);
}

#[test]
fn a_line_that_is_no_event_is_rejected_by_its_number() {
    let document =
        b"{\"user\":\"a\"}\r\n\n{\"user\":\n[1]\n{}\n{\"user\":\"\xff\"}\n{\"user\":\"b\"} x\n{\"user\":\"c\"}";
    let batch = read(document, usize::MAX);
    let rejects: Vec<_> = batch
        .rejects
        .iter()
        .map(|reject| (reject.line, reject.reason.as_str()))
        .collect();
    let broken = "the record is not a JSON object";
    assert_eq!(
        rejects,
        [(3, broken), (4, broken), (5, "no user"), (6, broken), (7, broken)]
    );
    let names: Vec<_> = batch.events().map(|event| event.subject.name.into_owned()).collect();
    assert_eq!(names, ["a", "c"]);
}

#[test]
fn depth_does_not_exhaust_the_stack() {
    let deep = format!(
        "{{\"user\":\"a\",\"x\":{}{}}}\n",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let batch = read(deep.as_bytes(), 65_536);
    assert_eq!(batch.len() + batch.rejects.len(), 1);
}

#[test]
fn a_line_over_the_limit_is_rejected_and_the_next_is_read() {
    let long = format!("{{\"user\":\"{}\"}}\n{{\"user\":\"b\"}}\n", "x".repeat(MAX_LINE));
    let batch = read(long.as_bytes(), usize::MAX);
    assert_eq!((batch.len(), batch.rejects.len(), batch.rejects[0].line), (1, 1, 1));
    assert_eq!(batch.rejects[0].raw.len(), 4096);
    for size in [65_536, 1_000_003] {
        assert_eq!(read(long.as_bytes(), size), batch, "{size}");
    }
}

/// Short ones of few letters, which are alike in length, beginning and end; and long ones.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[abAB]{0,4}", "[ab]{7,18}", "[aAé]{1,9}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,6}|[\"\\\\ \n\t{}:,]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-c \"]{1,3}", inner, 0..3).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn the_first_member_of_a_name_is_taken_then_the_next(names in prop::collection::vec(name(), 0..40), wanted in name()) {
        let members = names.iter().enumerate().map(|(at, name)| format!("{name:?}:{at}"));
        let line = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        let expected: Vec<String> = (names.iter().enumerate())
            .filter(|(_, name)| name.eq_ignore_ascii_case(&wanted))
            .map(|(at, _)| at.to_string())
            .collect();
        let (mut lines, mut batch, mut taken) = (JsonLines::new(), Batch::default(), Vec::new());
        lines.push(line.as_bytes(), &mut batch, |_: &mut Record<'_>| unreachable!()).unwrap();
        let left = std::cell::Cell::new(0);
        lines.finish(&mut batch, |record: &mut Record<'_>| {
            while let Some(value) = record.take(&wanted) {
                taken.push(value.into_owned());
            }
            left.set(record.rest().len());
            Err("seen".into())
        }).unwrap();
        prop_assert_eq!(left.get() + taken.len(), names.len());
        prop_assert_eq!(taken, expected);
    }

    #[test]
    fn what_serde_json_wrote_is_read_back_whatever_the_chunks(
        records in prop::collection::vec(prop::collection::btree_map("[a-z\"\\\\é]{1,5}", value(), 0..5), 0..6),
        size in 1..40usize,
    ) {
        let mut document = Vec::new();
        for record in &records {
            let mut record: serde_json::Map<_, _> = record.clone().into_iter().collect();
            record.insert("user".into(), "ada".into());
            document.extend(serde_json::to_vec(&record).unwrap());
            document.push(b'\n');
        }
        let batch = read(&document, size);
        prop_assert_eq!(&batch.rejects, &[]);
        prop_assert_eq!(batch.len(), records.len());
        for (event, record) in batch.events().zip(&records) {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
            let expected: Vec<_> = record
                .iter()
                .filter(|(name, value)| *name != "user" && !value.is_null() && *value != "")
                .map(|(name, value)| (Cow::from(name.clone()), Cow::from(text(value))))
                .collect();
            let mut found = event.attributes.clone();
            found.sort();
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn a_later_record_settles_which_number_is_the_day() {
    fn timed<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
        let text = record.take("time").ok_or("no time")?;
        let time = record.time(&text)?;
        Ok(Event::new(
            time,
            Activity::Logon,
            Outcome::Success,
            Principal::named("ada"),
        ))
    }
    for (records, events, rejects) in [
        (["07/03/2025 10:00", "07/13/2025 10:00"], 2, 0),
        (["07/03/2025 10:00", "08/03/2025 10:00"], 0, 2),
    ] {
        let (mut lines, mut batch) = (JsonLines::new(), Batch::default());
        for text in records {
            let line = format!("{{\"time\":\"{text}\"}}\n");
            lines.push(line.as_bytes(), &mut batch, timed).unwrap();
        }
        lines.finish(&mut batch, timed).unwrap();
        assert_eq!((batch.len(), batch.rejects.len()), (events, rejects), "{records:?}");
    }
}

#[test]
fn a_record_with_names_that_are_data_is_rejected() {
    let many: Vec<String> = (0..2049).map(|n| format!("\"{n}\":1")).collect();
    let lines = [
        r#"{"user":"ada"}"#.to_owned(),
        format!(r#"{{"user":"bob","{}":1}}"#, "n".repeat(513)),
        format!(r#"{{"user":"bob",{}}}"#, many.join(",")),
        format!(r#"{{"user":"eve","{}":1,{}}}"#, "n".repeat(512), many[..2047].join(",")),
    ];
    let batch = read(lines.join("\n").as_bytes(), usize::MAX);
    let users: Vec<_> = batch.events().map(|event| event.subject.name.into_owned()).collect();
    assert_eq!(users, ["ada", "eve"]);
    let reasons: Vec<_> = batch
        .rejects
        .iter()
        .map(|reject| (reject.line, reject.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            (2, "the name of a member has more than 512 bytes"),
            (3, "the record has more than 2048 members")
        ]
    );
}
