//! Every limit, broken by a guest. Each case must end with an error that names the limit or the failing, and the process
//! must go on: all cases run in it one after another.

use std::time::{Duration, Instant};

use sandbox::{Document, PluginError, PluginLimits};

use crate::guests::{hostile, raw_plan, report, request};

/// Short, so that the test is; the other limits are never near it.
fn limits() -> PluginLimits {
    PluginLimits {
        time: Duration::from_millis(300),
        ..PluginLimits::default()
    }
}

/// The end that a guest must come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Limit(&'static str),
    Trap(&'static str),
    Value(&'static str),
    Rule(&'static str),
}

#[track_caller]
pub fn assert_end(error: &PluginError, end: End, case: &str) {
    let text = error.to_string();
    let as_wanted = match (error, end) {
        (PluginError::Limit { limit, .. }, End::Limit(wanted)) => *limit == wanted,
        (PluginError::Trap { reason, .. }, End::Trap(wanted))
        | (PluginError::InvalidValue { reason, .. }, End::Value(wanted))
        | (PluginError::Rule { reason, .. }, End::Rule(wanted)) => reason.contains(wanted),
        _ => false,
    };
    assert!(as_wanted, "{case}: wanted {end:?}, got {error:?}: {text}");
    assert!(text.contains("guest"), "{case}: the plugin is not named: {text}");
    assert!(error.hint().is_some(), "{case}: no hint");
}

/// The mischief that is possible in any call; `time` and `memory` are given by [`limits`].
const ANYWHERE: &[(&str, End)] = &[
    ("loop", End::Limit("time")),
    ("recurse", End::Limit("stack")),
    (
        "recurse-with-frames",
        End::Trap("out of bounds memory access in hostile::recurse_with_frames"),
    ),
    ("grow", End::Limit("memory")),
    ("trap", End::Trap("unreachable")),
    ("divide", End::Trap("unreachable")),
    ("wild-pointer", End::Trap("out of bounds memory access")),
];

#[test]
fn a_plan_that_goes_wrong_ends_with_its_reason() {
    let mut plugin = report(
        hostile(),
        PluginLimits {
            memory: 64 << 20,
            ..PluginLimits::default()
        },
    );
    let mut quick = report(hostile(), limits());
    let only_here = [
        ("plan-many", End::Limit("fetches")),
        ("plan-huge-body", End::Limit("request")),
        ("plan-escape", End::Rule("path segment \"..\"")),
        ("plan-credential", End::Rule("`authorization`")),
        ("plan-smuggle", End::Rule("not allowed in HTTP")),
    ];
    for &(behaviour, end) in ANYWHERE.iter().chain(&only_here) {
        let plugin = if end == End::Limit("time") {
            &mut quick
        } else {
            &mut plugin
        };
        assert_end(&plugin.plan(&request(behaviour)).unwrap_err(), end, behaviour);
    }
    assert_eq!(
        plugin.plan(&request("")).unwrap().len(),
        1,
        "the plugin itself is unharmed"
    );
}

#[test]
fn a_parser_that_goes_wrong_ends_with_its_reason_and_stays_closed() {
    let limits = PluginLimits {
        memory: 256 << 20,
        records: 1000,
        ..PluginLimits::default()
    };
    let plugin = report(hostile(), limits.clone());
    let quick = report(
        hostile(),
        PluginLimits {
            time: Duration::from_millis(300),
            ..limits
        },
    );
    let only_here = [
        ("many-events", End::Limit("records")),
        ("many-rejects", End::Limit("records")),
        ("huge-list", End::Limit("returned")),
        ("huge-string", End::Limit("returned")),
        ("big-event", End::Limit("event")),
        ("long-name", End::Limit("attribute-name")),
        ("long-label", End::Limit("attribute-name")),
        ("many-attributes", End::Limit("attributes")),
        ("many-labels", End::Limit("attributes")),
        ("invalid-utf8", End::Value("utf-8")),
        ("finish-trap", End::Trap("unreachable")),
        ("drop-trap", End::Trap("unreachable")),
        ("drop-loop", End::Limit("time")),
    ];
    for &(behaviour, end) in ANYWHERE.iter().chain(&only_here) {
        let plugin = if end == End::Limit("time") { &quick } else { &plugin };
        let document = Document {
            fetch: 0,
            request: request(behaviour),
            file_name: None,
            length: None,
        };
        let mut parser = plugin.parser(document).unwrap();
        let error = parser.push(b"x\n").and_then(|_| parser.finish()).unwrap_err();
        assert_end(&error, end, behaviour);
        assert!(
            matches!(parser.push(b"x\n"), Err(PluginError::Closed { .. })),
            "{behaviour}"
        );
        assert!(parser.usage().calls > 0, "{behaviour}: what was used is still known");
    }
    let document = Document {
        fetch: 0,
        request: request("constructor-trap"),
        file_name: None,
        length: None,
    };
    assert_end(
        &plugin.parser(document).err().unwrap(),
        End::Trap("unreachable"),
        "constructor-trap",
    );
}

#[test]
fn all_that_a_run_gets_for_its_documents_is_bounded() {
    let limits = PluginLimits {
        returned: 4 << 20,
        output: 10,
        ..PluginLimits::default()
    };
    for behaviour in ["multiply", "multiply-rejects"] {
        let plugin = report(hostile(), limits.clone());
        // Each document is in order: 2 MB and 4 MiB of room. The sum is not.
        let read = |plugin: &sandbox::ReportPlugin, bytes: &[u8]| {
            let document = Document {
                fetch: 0,
                request: request(behaviour),
                file_name: None,
                length: None,
            };
            let mut parser = plugin.parser(document).unwrap();
            parser.push(bytes).and_then(|_| parser.finish())
        };
        assert!(read(&plugin, b"x").is_ok(), "{behaviour}");
        let error = read(&plugin.clone(), b"x")
            .and_then(|_| read(&plugin, b"x"))
            .unwrap_err();
        assert_end(&error, End::Limit("output"), behaviour);
        // With documents of that size it would have been.
        let plugin = report(hostile(), limits.clone());
        let long = vec![b'x'; 300 << 10];
        (0..5).for_each(|_| assert!(read(&plugin, &long).is_ok(), "{behaviour}"));
    }
}

#[test]
fn a_parser_that_is_dropped_unfinished_is_not_called_again() {
    let plugin = report(hostile(), PluginLimits::default());
    for behaviour in ["drop-trap", "drop-loop"] {
        let document = Document {
            fetch: 0,
            request: request(behaviour),
            file_name: None,
            length: None,
        };
        drop(plugin.parser(document).unwrap());
    }
}

#[test]
fn an_endless_loop_uses_its_time_and_hardly_more() {
    let mut plugin = report(hostile(), limits());
    let start = Instant::now();
    assert_end(&plugin.plan(&request("loop")).unwrap_err(), End::Limit("time"), "loop");
    assert!(plugin.usage().guest >= limits().time);
    // Far above the 100 ms promised, since the machine may be busy; it shows that the loop does end.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn memory_is_counted_over_all_memories_and_tables() {
    // Each of the three stays under the limit by itself.
    let grow = |instruction: &str| format!("({instruction} (i32.const 96)) drop ");
    let limits = PluginLimits {
        memory: 16 << 20,
        ..PluginLimits::default()
    };
    let two = r#"(memory $b 1) (memory $c 1)"#;
    let table = r#"(table $t 1 funcref)"#;
    let grow_table = "(table.grow $t (ref.null func) (i32.const 1000000)) drop ".to_owned();
    for (case, items, plan) in [
        (
            "memories",
            two,
            grow("memory.grow 0") + &grow("memory.grow $b") + &grow("memory.grow $c"),
        ),
        (
            "memory and table",
            table,
            grow("memory.grow 0") + &grow("memory.grow 0") + &grow_table,
        ),
    ] {
        let guest = raw_plan(items, "", &(plan + "unreachable"));
        let error = report(&guest, limits.clone()).plan(&request("")).unwrap_err();
        assert_end(&error, End::Limit("memory"), case);
    }
    let within = raw_plan(
        two,
        "",
        &(grow("memory.grow 0") + &grow("memory.grow $b") + "unreachable"),
    );
    let error = report(&within, limits).plan(&request("")).unwrap_err();
    assert_end(&error, End::Trap("unreachable"), "within");
}

#[test]
fn growth_that_the_module_itself_forbids_does_not_give_bytes_back() {
    // Grows memory $b to its own maximum, then fails to grow it again and again, then takes the same from memory 0.
    let fail = "(memory.grow $b (i32.const 1)) drop ".repeat(100);
    let plan = format!("(memory.grow $b (i32.const 160)) drop {fail} (memory.grow 0 (i32.const 160)) drop unreachable");
    let guest = raw_plan("(memory $b 1 161)", "", &plan);
    let limits = PluginLimits {
        memory: 16 << 20,
        ..PluginLimits::default()
    };
    assert_end(
        &report(&guest, limits).plan(&request("")).unwrap_err(),
        End::Limit("memory"),
        "failed growth",
    );
}

#[test]
fn values_that_are_none_of_their_type_are_refused() {
    // An answer is `error` with a kind and a message, or `ok` with a list.
    let message = r"\00\02\00\00\03\00\00\00";
    for (case, data, end) in [
        ("a good fault", format!(r"\01\00\00\00\03\00\00\00{message}"), None),
        (
            "an unknown case of an enum",
            format!(r"\01\00\00\00\c8\00\00\00{message}"),
            Some("discriminant"),
        ),
        (
            "an unknown case of a result",
            format!(r"\07\00\00\00\03\00\00\00{message}"),
            Some("discriminant"),
        ),
        (
            "an unknown case of an option",
            format!(r"\01\00\00\00\03\00\00\00{message}\09"),
            Some("discriminant"),
        ),
        (
            "a string outside the memory",
            r"\01\00\00\00\03\00\00\00\00\02\00\00\ff\ff\ff\ff".into(),
            Some("out-of-bounds|out of bounds"),
        ),
        (
            "a list outside the memory",
            r"\00\00\00\00\00\00\00\00\ff\ff\ff\7f".into(),
            Some("out of bounds"),
        ),
        (
            "a list out of step",
            r"\00\00\00\00\01\00\00\00\01\00\00\00".into(),
            Some("align"),
        ),
        (
            "a string that is not UTF-8",
            r"\01\00\00\00\03\00\00\00\00\05\00\00\02\00\00\00".into(),
            Some("utf-8"),
        ),
    ] {
        let guest = raw_plan(r#"(data (i32.const 1280) "\ff\fe")"#, &data, "i32.const 1024");
        let error = report(&guest, PluginLimits::default()).plan(&request("")).unwrap_err();
        match (end, &error) {
            (None, PluginError::Fault(fault)) => assert_eq!(fault.message, "raw", "{case}"),
            (Some(wanted), PluginError::InvalidValue { reason, .. }) => {
                assert!(
                    wanted.split('|').any(|wanted| reason.contains(wanted)),
                    "{case}: {reason}"
                );
            }
            _ => panic!("{case}: {error:?}"),
        }
    }
    let outside = raw_plan("", "", "i32.const -4");
    let error = report(&outside, PluginLimits::default())
        .plan(&request(""))
        .unwrap_err();
    assert!(matches!(error, PluginError::InvalidValue { .. }), "{error:?}");
}

#[test]
fn the_documentation_explains_every_limit() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/plugin-limits.md")).unwrap();
    let limits = serde_json::to_value(PluginLimits::default()).unwrap();
    for name in limits.as_object().unwrap().keys() {
        assert!(page.contains(&format!("\n| `{name}` |")), "{name}");
    }
}
