//! Servers that take only so many requests.

use std::process::Output;

use tests::{Server, TestEnv, json_lines, stderr};

use super::desk;
use super::ledger::{configure, host};

/// The day that all these runs are about.
const DAY: [&str; 6] = [
    "--from",
    "2026-11-12",
    "--to",
    "2026-11-12",
    "--now",
    "2026-11-13T00:00:00Z",
];

/// A server with 9,000 events on that day, in pages of 50, and a connection to it that is as patient as `retry` says.
fn prepare(switches: &str, retry: &str) -> (TestEnv, Server) {
    let server = Server::start(&format!("now=2026-11-13T00:00:00Z,rows=2250,max-count=50,{switches}"));
    let desk = desk();
    configure(&desk, &server, "http://127.0.0.1:9", "");
    let config = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    desk.write(
        "host.toml",
        config.replacen("[sinks.siem]", &format!("retry = {{ {retry} }}\n[sinks.siem]"), 1),
    );
    (desk, server)
}

fn run(desk: &TestEnv, more: &[&str]) -> Output {
    let mut arguments = vec!["run", "audit-events"];
    arguments.extend(DAY);
    arguments.extend(more);
    host(desk, &arguments)
}

#[test]
fn a_server_that_turns_requests_away_for_the_rest_of_each_minute_gives_all_events_in_the_end() {
    for headers in ["none", "fields", "structured"] {
        let (desk, server) = prepare(
            &format!("rate-limit=100/6s,limit-headers={headers}"),
            "min-delay = \"10ms\", max-delay = \"200ms\"",
        );
        let output = run(&desk, &["--sink", "stdout", "--ledger", "none"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{headers}: {said}");
        assert_eq!(json_lines(&output).len(), 9000, "{headers}");
        let pauses = said
            .lines()
            .filter(|line| line.contains("all requests to it wait"))
            .count();
        assert!(pauses > 0 && pauses == said.lines().count(), "{headers}: {said}");
        let asked = server.seen().len();
        assert!(asked < 240, "{headers}: {asked} requests for 180 pages");
    }
}

#[test]
fn a_run_that_fails_in_the_middle_of_a_list_leaves_its_pages_to_the_next_one() {
    let (desk, server) = prepare("page:503=1@100", "attempts = 1");
    let failed = run(&desk, &["--sink", "archive"]);
    assert_eq!(failed.status.code(), Some(4), "{}", stderr(&failed));
    let before = server.seen().len();
    let output = run(&desk, &["--sink", "archive"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let pages = server.seen().len() - before;
    assert!(pages < 100, "{pages} requests for the last 81 pages and a token");
    let archive = std::fs::read_to_string(desk.path().join("archive.ndjson")).unwrap();
    assert_eq!(archive.lines().count(), 9000);
    let left = std::fs::read_dir(desk.path().join(".local/state/host/ledger.db-spool")).unwrap();
    assert_eq!(left.count(), 0, "nothing stays in the spool");
}
