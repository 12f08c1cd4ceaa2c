//! The Invalid Login Report, all the way.

use serde_json::Value;
use tests::{Server, json_lines, stderr, stdout};

use super::{PASSWORD, desk, run};

#[test]
fn a_report_becomes_ocsf_events_on_stdout() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run(&desk, &server, "invalid-login", &["--since", "7d"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let events = json_lines(&output);
    assert!(!events.is_empty());
    for event in &events {
        assert_eq!(event["class_uid"], 3002);
        assert_eq!(event["activity_id"], 1);
        assert_eq!(event["status_id"], 2);
        assert_eq!(event["severity_id"], 2);
        assert_eq!(event["service"]["name"], "identity-domain");
        assert_eq!(event["metadata"]["version"], "1.8.0");
        assert_eq!(event["metadata"]["log_name"], "invalid-login");
        assert_eq!(event["metadata"]["uid"].as_str().map(str::len), Some(32));
        assert!(event["user"]["name"].as_str().is_some_and(|name| !name.is_empty()));
        assert!(event["time"].is_i64());
    }
    let requests = server.seen();
    assert_eq!(requests[0], "POST /interop/rest/security/v1/invalidloginreport");
    assert!(
        requests
            .iter()
            .any(|request| request.starts_with("GET /interop/rest/security/v1/jobs/"))
    );
    assert!(requests.iter().any(|request| request.ends_with("/contents")));
}

#[test]
fn two_runs_of_one_window_give_the_same_ids() {
    let (desk, server) = (desk(), Server::start(""));
    let ids = || -> Vec<Value> {
        let output = run(&desk, &server, "invalid-login", &["--since", "7d"])
            .output()
            .unwrap();
        json_lines(&output)
            .iter()
            .map(|event| event["metadata"]["uid"].clone())
            .collect()
    };
    let first = ids();
    assert_eq!(first, ids());
    let distinct: std::collections::HashSet<String> = first.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), first.len());
}

#[test]
fn a_slow_job_is_polled_until_it_is_done() {
    let (desk, server) = (desk(), Server::start("slow-job=3"));
    let output = run(&desk, &server, "invalid-login", &["--since", "7d", "--summary", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let errors = stderr(&output);
    let summary: Value = serde_json::from_str(errors.lines().last().unwrap()).unwrap();
    assert!(summary["remote"]["polls"].as_u64().unwrap() >= 3, "{summary}");
    assert_eq!(summary["events"].as_u64().unwrap(), json_lines(&output).len() as u64);
    assert_eq!(summary["exit"], 0);
    assert_eq!(summary["sinks"][0]["name"], "stdout");
    assert_eq!(summary["sinks"][0]["delivered"], summary["events"]);
}

#[test]
fn a_file_sink_holds_what_stdout_would() {
    let (desk, server) = (desk(), Server::start("now=2026-03-05T22:00:00Z"));
    let output = run(
        &desk,
        &server,
        "invalid-login",
        &["--since", "7d", "--now", "2026-03-05T22:00:00Z"],
    )
    .output()
    .unwrap();
    let to_file = run(
        &desk,
        &server,
        "invalid-login",
        &[
            "--since",
            "7d",
            "--now",
            "2026-03-05T22:00:00Z",
            "--sink",
            "file:events.ndjson",
        ],
    )
    .output()
    .unwrap();
    assert!(to_file.status.success(), "{}", stderr(&to_file));
    assert_eq!(stdout(&to_file), "");
    assert_eq!(
        std::fs::read_to_string(desk.path().join("events.ndjson")).unwrap(),
        stdout(&output)
    );
}

#[test]
fn csv_and_table_and_the_other_encodings_hold_the_same_events() {
    let (desk, server) = (desk(), Server::start(""));
    let count = json_lines(
        &run(&desk, &server, "invalid-login", &["--since", "7d"])
            .output()
            .unwrap(),
    )
    .len();
    for encoding in ["ocsf", "ecs", "event"] {
        let ndjson = run(
            &desk,
            &server,
            "invalid-login",
            &["--since", "7d", "--encoding", encoding],
        )
        .output()
        .unwrap();
        assert_eq!(json_lines(&ndjson).len(), count, "{encoding}");
        let csv = run(
            &desk,
            &server,
            "invalid-login",
            &["--since", "7d", "--encoding", encoding, "--format", "csv"],
        );
        let csv = { csv }.output().unwrap();
        let mut reader = csv::Reader::from_reader(csv.stdout.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), count, "{encoding}");
        for cell in rows.iter().flat_map(|row| row.iter()) {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{encoding}: {cell:?}"
            );
        }
    }
    let table = run(&desk, &server, "invalid-login", &["--since", "7d", "--format", "table"])
        .output()
        .unwrap();
    assert_eq!(stdout(&table).lines().count(), count + 1);
    assert!(!stdout(&table).contains('\u{1b}'));
}

#[test]
fn a_configured_connection_needs_no_url() {
    let (desk, server) = (desk(), Server::start(""));
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [sinks.archive]\nkind = \"file\"\npath = \"{{report}}.csv\"\nformat = \"csv\"\nencoding = \"event\"\n",
            server.url()
        ),
    );
    let mut command = desk.host(["run", "invalid-login", "--since", "7d", "--sink", "archive"]);
    let output = command.env("EPM_PASSWORD", PASSWORD).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(desk.path().join("invalid-login.csv").exists());
}
