//! Clocks that differ, and what is said of them.

use tests::{Server, stderr, stdout};

use super::desk;
use super::ledger::{configure, host, run};

#[test]
fn a_server_s_clock_that_differs_is_said_once_by_a_run_and_by_check() {
    let server = Server::start("now=2026-11-12T08:00:00Z,rows=40,max-count=50");
    for (now, run_says, check_says) in [
        (
            "2026-11-12T11:00:00Z",
            1,
            "clock: the server is 3 h behind this machine",
        ),
        ("2026-11-12T08:00:20Z", 0, "clock: within 30 s of the server's"),
    ] {
        let desk = desk();
        configure(&desk, &server, "http://127.0.0.1:9", "");
        let (_, output) = run(
            &desk,
            "audit-events",
            &["--since", "7d", "--now", now, "--sink", "archive"],
        );
        let said = stderr(&output);
        let warnings = said
            .lines()
            .filter(|line| line.contains("the clock of the server is 3 h behind"));
        assert_eq!(warnings.count(), run_says, "{now}: {said}");
        let checked = host(&desk, &["check", "domain", "epm", "--now", now]);
        let lines = stdout(&checked);
        assert_eq!(lines.matches(check_says).count(), 2, "{now}: {lines}");
    }
}
