//! Files, read by pyarrow and by Python's gzip: needs `target/venv`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{Server, TestEnv, stderr};

use super::{PASSWORD, assert_events, connect, desk, run};

/// The time of both runs.
const NOW: &str = "2026-03-05T12:00:00Z";

/// The values that the judge reads in a file: one JSON value a line.
fn judged(desk: &TestEnv, name: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../target/venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing; `.ci/install` makes it",
        python.display()
    );
    let output = Command::new(python)
        .arg(root.join("../tests/judges/archive.py"))
        .arg(desk.path().join(name))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", stderr(&output));
    tests::json_lines(&output)
}

/// Without what says nothing: nulls, empty lists and groups. JSON within a column is read.
fn pruned(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(values) if values.is_empty() => None,
        Value::Object(members) => {
            let said = |(name, value): (&String, &Value)| {
                let value = match value {
                    Value::String(text) if ["unmapped", "attributes"].contains(&name.as_str()) => {
                        serde_json::from_str(text).unwrap()
                    }
                    other => other.clone(),
                };
                Some((name.clone(), pruned(&value)?))
            };
            let members: serde_json::Map<_, _> = members.iter().filter_map(said).collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        other => Some(other.clone()),
    }
}

/// The event with its times as pyarrow's are printed: OCSF has numbers, which are timestamps in Parquet.
fn dated(mut event: Value) -> Value {
    for place in ["/time", "/metadata/logged_time"] {
        if let Some(time) = event.pointer_mut(place)
            && let Some(milliseconds) = time.as_i64()
        {
            let at = jiff::Timestamp::from_millisecond(milliseconds).unwrap();
            *time = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into();
        }
    }
    event
}

#[test]
#[ignore = "needs target/venv; `.ci/install` makes it"]
fn pyarrow_reads_the_same_events_in_parquet_as_in_ndjson() {
    let server = Server::start("rows=300");
    for report in ["invalid-login", "user-audit"] {
        for encoding in ["ocsf", "ecs", "event"] {
            let desk = desk();
            connect(&desk, &server.url(), "");
            let sinks = ["--sink", "stdout", "--sink", "file:x.parquet", "--encoding", encoding];
            let output = run(&desk, report, &sinks);
            assert_events(&output);
            let events = tests::json_lines(&output).into_iter().map(dated);
            let events: Vec<_> = events.filter_map(|event| pruned(&event)).collect();
            let rows: Vec<_> = judged(&desk, "x.parquet").iter().filter_map(pruned).collect();
            assert_eq!(rows.len(), events.len());
            for (row, event) in rows.iter().zip(&events) {
                assert_eq!(row, event, "{report} {encoding}");
            }
        }
    }
}

#[test]
#[ignore = "needs target/venv; `.ci/install` makes it"]
fn a_compressed_file_that_two_runs_extended_is_read_as_one() {
    let server = Server::start(&format!("rows=300,now={NOW}"));
    for (name, compression) in [("x.gz", "gzip"), ("x.zst", "zstd")] {
        let desk = desk();
        let sink = format!("[sinks.archive]\nkind = \"file\"\npath = \"{name}\"\ncompression = \"{compression}\"");
        connect(&desk, &server.url(), &sink);
        for _ in 0..2 {
            let period = ["--from", "2026-03-01", "--to", "2026-03-04", "--now", NOW];
            let output = desk
                .host(["run", "user-login", "--sink", "archive"].iter().chain(&period))
                .env("EPM_PASSWORD", PASSWORD)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
        let events = judged(&desk, name);
        let (first, second) = events.split_at(events.len() / 2);
        assert!(!first.is_empty());
        assert_eq!(first, second);
    }
}
