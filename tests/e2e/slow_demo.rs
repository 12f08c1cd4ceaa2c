//! `host demo --slow`: killed by hand, it goes on.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tests::{TestEnv, stderr, stdout};

use super::desk;
use super::ledger::wait_until;

const ARGUMENTS: [&str; 4] = ["demo", "--slow", "--now", "2026-03-05T22:00:00Z"];

fn stage(desk: &TestEnv) -> PathBuf {
    desk.path().join(".local/state/host/demo/stage")
}

fn spawn(desk: &TestEnv) -> Child {
    let mut command = desk.process(ARGUMENTS);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The demo to its end; what it says on stdout and on stderr.
fn finish(desk: &TestEnv) -> (String, String) {
    let output = desk.host(ARGUMENTS).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stage(desk).exists(), "nothing is left");
    (stdout(&output), stderr(&output))
}

/// Waits until the job of the first report is waited for.
fn wait_for_job(desk: &TestEnv) {
    let ledger = stage(desk).join("ledger.db");
    let ledger = ledger.to_str().unwrap();
    wait_until("a job", || {
        let shown = desk
            .host(["ledger", "show", "invalid-login", "--ledger", ledger])
            .output();
        stdout(&shown.unwrap()).contains("\"waiting\"")
    });
}

fn simulator(desk: &TestEnv) -> String {
    let state = std::fs::read(stage(desk).join("demo.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    state["process"].to_string()
}

#[test]
fn a_slow_demo_that_is_killed_goes_on_and_comes_to_the_same_totals() {
    let desk = desk();
    let (totals, said) = finish(&desk);
    assert!(!said.contains("Continuing an"), "{said}");
    assert!(said.contains(stage(&desk).to_str().unwrap()), "{said}");
    let lines: Vec<Vec<&str>> = totals.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["REPORT", "EVENTS", "DOUBLED", "JOBS"]);
    assert_eq!(lines.len(), 8, "{totals}");
    for line in &lines[1..] {
        let by_job = [
            "group-assignment-audit",
            "invalid-login",
            "role-assignment-audit",
            "user-audit",
        ];
        let jobs = if by_job.contains(&line[0]) { "1" } else { "-" };
        assert!(line[1].parse::<u64>().unwrap() > 5, "{totals}");
        assert_eq!((line[2], line[3]), ("0", jobs), "{totals}");
    }

    let mut killed = spawn(&desk);
    wait_for_job(&desk);
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Politely, the second time.
    let mut interrupted = spawn(&desk);
    let mut lines = BufReader::new(interrupted.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(", job ") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let other = desk.host(ARGUMENTS).output().unwrap();
    assert_eq!(other.status.code(), Some(2), "{}", stderr(&other));
    assert!(stderr(&other).contains("is running"), "{}", stderr(&other));
    let id = interrupted.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(interrupted.wait().unwrap().code(), Some(130), "{said}");

    let (again, said) = finish(&desk);
    assert!(
        said.contains("Continuing the last demo") && said.contains(", job "),
        "{said}"
    );
    assert!(said.contains(stage(&desk).to_str().unwrap()), "{said}");
    assert_eq!(again, totals);
}

#[test]
fn a_slow_demo_whose_simulator_is_gone_begins_anew() {
    let desk = desk();
    let mut killed = spawn(&desk);
    wait_for_job(&desk);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let process = simulator(&desk);
    assert!(
        Command::new("kill")
            .args(["-KILL", &process])
            .status()
            .unwrap()
            .success()
    );

    let (totals, said) = finish(&desk);
    assert!(
        said.contains("starting over") && !said.contains("Continuing an"),
        "{said}"
    );
    assert!(totals.contains("invalid-login"), "{totals}");
}
