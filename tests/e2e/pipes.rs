//! stdout is data and nothing else, and pipes behave.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use tests::{Server, json_lines, stderr};

use super::{PASSWORD, desk, run};

#[test]
fn stdout_holds_nothing_but_data_however_verbose() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run(&desk, &server, "invalid-login", &["--since", "7d", "-vvv"])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(!json_lines(&output).is_empty());
    assert!(!stderr(&output).is_empty());
}

#[test]
fn a_stderr_that_takes_nothing_changes_nothing_else() {
    let (desk, server) = (desk(), Server::start(""));
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for more in [&["-vvv"][..], &["-vvv", "--log-format", "json"]] {
        let arguments = [&["--since", "7d", "--sink", "file:events.ndjson"][..], more].concat();
        let mut child = desk.process([
            "run",
            "invalid-login",
            "--url",
            &server.url(),
            "--auth",
            "basic:demo.user",
        ]);
        child
            .arg("--allow-private-addresses")
            .args(&arguments)
            .env("HOST_SECRET", PASSWORD);
        let status = child.stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(0), "{more:?}");
        let events = std::fs::read_to_string(desk.path().join("events.ndjson")).unwrap();
        assert!(events.lines().count() > 0);
        std::fs::remove_file(desk.path().join("events.ndjson")).unwrap();
    }
    let refused = desk.process(["run"]).stderr(full()).status().unwrap();
    assert_eq!(refused.code(), Some(2));
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let (desk, server) = (desk(), Server::start("rows=2000"));
    let url = server.url();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_host"))
        .args([
            "run",
            "invalid-login",
            "--url",
            &url,
            "--auth",
            "basic:demo.user",
            "--allow-private-addresses",
        ])
        .args(["--since", "80d"])
        .env("HOST_SECRET", PASSWORD)
        .env("HOME", desk.path())
        .current_dir(desk.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with('{'));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn an_interrupted_run_says_so_with_its_exit_code_and_leaves_no_half_file() {
    let (desk, server) = (desk(), Server::start("slow-job=1000000"));
    let url = server.url();
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_host"))
        .args([
            "run",
            "invalid-login",
            "--url",
            &url,
            "--auth",
            "basic:demo.user",
            "--allow-private-addresses",
        ])
        .args(["--since", "7d", "--sink", "file:events.ndjson"])
        .env("HOST_SECRET", PASSWORD)
        .env("HOME", desk.path())
        .current_dir(desk.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !server.seen().iter().any(|request| request.contains("/jobs/")) {
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let left: Vec<_> = std::fs::read_dir(desk.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| !name.to_string_lossy().contains("ndjson")),
        "{left:?}"
    );
}

#[test]
fn a_closed_stdout_takes_nothing_from_another_sink() {
    let (desk, server) = (desk(), Server::start("rows=500,plain-names"));
    let url = server.url();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_host"))
        .args([
            "run",
            "invalid-login",
            "--url",
            &url,
            "--auth",
            "basic:demo.user",
            "--allow-private-addresses",
        ])
        .args([
            "--since",
            "40d",
            "--sink",
            "stdout",
            "--sink",
            "file:events.ndjson",
            "--summary",
            "summary.json",
        ])
        .env("HOST_SECRET", PASSWORD)
        .env("HOME", desk.path())
        .current_dir(desk.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let summary = std::fs::read(desk.path().join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let lines = std::fs::read_to_string(desk.path().join("events.ndjson"))
        .unwrap()
        .lines()
        .count();
    assert_eq!(summary["sinks"][1]["delivered"], lines);
    assert_eq!(summary["events"], lines);
    assert!(lines > 10_000);
}

#[test]
fn a_stdout_that_was_never_open_is_refused_and_dev_null_is_not() {
    let (desk, server) = (desk(), Server::start(""));
    let url = server.url();
    let run = |redirection: &str, sink: &str| {
        std::process::Command::new("sh")
            .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")])
            .arg(env!("CARGO_BIN_EXE_host"))
            .args(["run", "invalid-login", "--url", &url, "--auth", "basic:demo.user"])
            .args([
                "--allow-private-addresses",
                "--since",
                "7d",
                "--ledger",
                "l.db",
                "--sink",
                sink,
            ])
            .env("HOST_SECRET", PASSWORD)
            .env("HOME", desk.path())
            .current_dir(desk.path())
            .output()
            .unwrap()
    };
    let closed = run(">&-", "stdout");
    assert_eq!(closed.status.code(), Some(2), "{}", stderr(&closed));
    assert!(
        stderr(&closed).contains("standard output is closed"),
        "{}",
        stderr(&closed)
    );
    assert_eq!(server.seen().len(), 0, "nothing was sent");
    assert!(!desk.path().join("l.db").exists());
    // Other sinks do without, and whoever chose /dev/null, to write or to read and write, has chosen it.
    for (redirection, sink) in [
        (">&-", "file:x.ndjson"),
        (">/dev/null", "stdout"),
        ("1<>/dev/null", "stdout"),
    ] {
        let output = run(redirection, sink);
        assert_eq!(output.status.code(), Some(0), "{redirection}: {}", stderr(&output));
    }
}
