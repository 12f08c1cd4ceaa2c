//! Servers that take only so many requests.

use tests::{Server, json_lines, stderr};

use super::desk;
use super::ledger::{configure, host};

/// `host run audit-events` over a day of 9,000 events, in pages of 50, from a server whose minutes are as long as `switch`
/// says.
fn day(switch: &str) -> (std::process::Output, Server) {
    let server = Server::start(&format!("now=2026-11-13T00:00:00Z,rows=1500,max-count=50,{switch}"));
    let desk = desk();
    configure(&desk, &server, "http://127.0.0.1:9", "");
    let config = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    let retry = "retry = { min-delay = \"10ms\", max-delay = \"200ms\" }\n[sinks.siem]";
    desk.write("host.toml", config.replacen("[sinks.siem]", retry, 1));
    let period = [
        "--from",
        "2026-11-12",
        "--to",
        "2026-11-12",
        "--now",
        "2026-11-13T00:00:00Z",
    ];
    let mut arguments = vec!["run", "audit-events", "--sink", "stdout", "--ledger", "none"];
    arguments.extend(period);
    let output = host(&desk, &arguments);
    (output, server)
}

#[test]
fn a_server_that_turns_requests_away_for_the_rest_of_each_minute_gives_all_events_in_the_end() {
    for headers in ["none", "fields", "structured"] {
        let (output, server) = day(&format!("rate-limit=100/2s,limit-headers={headers}"));
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
