//! However a run ends, its summary says so: a file never goes on telling of an earlier run.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, stderr};

use super::ledger::{configure, host, spawn, wait_until};
use super::{PASSWORD, desk};

const NOW: &str = "2026-03-05T22:00:00Z";
/// The summary that an earlier run left.
const BEFORE: &str = "{\"exit\":0,\"events\":7}\n";

fn summary(desk: &TestEnv) -> Value {
    serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap()
}

/// Holds a run to what its summary says.
fn ended(desk: &TestEnv, output: &Output, exit: u8, code: &str) -> Value {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(exit.into()), "{said}");
    let summary = summary(desk);
    assert_eq!(
        (&summary["exit"], &summary["code"]),
        (&exit.into(), &code.into()),
        "{summary}"
    );
    let message = summary["message"].as_str().unwrap();
    assert!(said.contains(&format!("error: {message}")), "{said}\n{summary}");
    for field in ["run_id", "started", "ended"] {
        assert!(summary[field].is_string(), "{field}: {summary}");
    }
    for count in ["events", "rejected", "duplicates"] {
        assert_eq!(summary[count], 0, "{count}: {summary}");
    }
    summary
}

#[test]
fn a_run_that_ends_before_it_began_replaces_the_summary_of_the_last_one() {
    let (desk, server, receiver) = (desk(), Server::start(""), Receiver::start());
    configure(&desk, &server, &receiver.url(), "");
    desk.write("bad.toml", "[conections.epm]\n");
    desk.write("garbage.wasm", b"\0asm but no module");
    let run = |arguments: &[&str], secrets: bool| {
        desk.write("summary.json", BEFORE);
        let mut command = desk.host([arguments, &["--summary", "summary.json", "--now", NOW]].concat());
        if secrets {
            command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
        }
        command.output().unwrap()
    };
    for (arguments, secrets, exit, code) in [
        (&["run", "user-login", "--sink", "siem"][..], false, 2, "usage"),
        (&["run", "user-login", "--connection", "epn"], true, 2, "usage"),
        (&["run", "user-login", "--config", "bad.toml"], true, 2, "usage"),
        (&["run", "user-login", "--config", "none.toml"], true, 2, "usage"),
        (&["run", "user-login", "--param", "colour=red"], true, 2, "usage"),
        (
            &["run", "user-login", "--sink", "file:no/such/folder/x"],
            true,
            2,
            "usage",
        ),
        (&["run", "./garbage.wasm"], true, 6, "plugin-failed"),
        (&["run", "no-such-plugin"], true, 2, "usage"),
        (&["run", "user-login", "--zzz"], true, 2, "usage"),
        (&["backfill", "user-login"], true, 2, "usage"),
        (
            &["backfill", "user-login", "--from", NOW, "--window", "1h"],
            true,
            2,
            "usage",
        ),
    ] {
        let output = run(arguments, secrets);
        let summary = ended(&desk, &output, exit, code);
        assert_eq!(summary["plugin"]["name"], arguments[1], "{summary}");
    }
    assert_eq!(server.seen(), Vec::<String>::new());

    // What was known by then is there, in the words of a run that went well.
    let output = run(
        &[
            "run",
            "user-audit",
            "--param",
            "api=v1",
            "--connection",
            "epm",
            "--sink",
            "sien",
        ],
        true,
    );
    let summary = ended(&desk, &output, 2, "usage");
    assert_eq!(summary["connection"], "epm");
    assert_eq!(summary["parameters"], serde_json::json!([["api", "v1"]]));
    assert_eq!(summary["started"], NOW);
    assert_eq!(summary["window"]["from"], "2026-03-05T00:00:00Z");
    assert!(summary["plugin"]["sha256"].is_string(), "{summary}");
}

#[test]
fn with_a_dash_the_summary_of_a_run_that_failed_early_is_the_last_line_too() {
    let desk = desk();
    for arguments in [
        &["run", "no-such-plugin", "--summary", "-"][..],
        &["run", "user-login", "--summary=-", "--zzz"],
    ] {
        let output = desk.host(arguments).output().unwrap();
        let said = stderr(&output);
        let summary: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&summary["exit"], &summary["code"]),
            (&2.into(), &"usage".into()),
            "{said}"
        );
        assert!(said.starts_with("error: "), "{said}");
    }
}

#[test]
fn a_run_that_ends_well_says_when_and_with_which_parameters() {
    let (desk, server, receiver) = (desk(), Server::start("now=2026-03-05T22:00:00Z"), Receiver::start());
    configure(&desk, &server, &receiver.url(), "");
    let (summary, _) = super::ledger::run(
        &desk,
        "user-audit",
        &["--now", NOW, "--sink", "siem", "--param", "api=v1"],
    );
    assert_eq!(summary["code"], "done");
    assert_eq!(summary["parameters"], serde_json::json!([["api", "v1"]]));
    assert_eq!(summary["started"], NOW);
    assert!(
        summary["ended"].as_str().unwrap().starts_with("2026-03-05T22:0"),
        "{summary}"
    );
    assert!(summary.get("message").is_none(), "{summary}");
}

#[test]
fn a_run_that_finds_its_stream_taken_says_by_whom_and_exits_with_9() {
    let (desk, server) = (desk(), Server::start("now=2026-03-05T22:00:00Z"));
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let arrived = Arc::new(AtomicBool::new(false));
    let here = Arc::clone(&arrived);
    let receiver = Receiver::with(0, move |_| {
        here.store(true, Ordering::SeqCst);
        let _ = gate.recv_timeout(Duration::from_secs(60));
        Reply::status(200)
    });
    configure(&desk, &server, &receiver.url(), "");
    let arguments = ["run", "user-login", "--now", NOW, "--sink", "siem"];
    let mut first = spawn(&desk, &arguments);
    wait_until("the first run", || arrived.load(Ordering::SeqCst));
    desk.write("summary.json", BEFORE);
    let output = host(&desk, &[&arguments[..], &["--summary", "summary.json"]].concat());
    let summary = ended(&desk, &output, 9, "busy");
    let message = summary["message"].as_str().unwrap();
    let holder = format!(
        "user-login @ epm is already being collected (pid {}, since 20",
        first.id()
    );
    assert!(message.starts_with(&holder), "{message}");
    assert!(message.ends_with(" UTC). This run did nothing."), "{message}");
    drop(release);
    assert!(first.wait().unwrap().success());
    // Who held it is nobody's business once it is free.
    let output = host(&desk, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_second_signal_leaves_a_summary_too() {
    let (desk, server) = (desk(), Server::start("now=2026-03-05T22:00:00Z"));
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let arrived = Arc::new(AtomicBool::new(false));
    let here = Arc::clone(&arrived);
    let receiver = Receiver::with(0, move |_| {
        here.store(true, Ordering::SeqCst);
        let _ = gate.recv_timeout(Duration::from_secs(60));
        Reply::status(200)
    });
    // Goes before the receiver does, which otherwise waits for whoever it has not answered.
    let _release = release;
    configure(&desk, &server, &receiver.url(), "");
    desk.write("summary.json", BEFORE);
    let arguments = [
        "run",
        "user-login",
        "--now",
        NOW,
        "--sink",
        "siem",
        "--summary",
        "summary.json",
    ];
    let mut child = spawn(&desk, &arguments);
    wait_until("the run", || arrived.load(Ordering::SeqCst));
    let mut ended = None;
    wait_until("the end", || {
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        ended = child.try_wait().unwrap();
        sent.is_ok() && ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(143));
    let summary = summary(&desk);
    assert_eq!(
        (&summary["exit"], &summary["code"]),
        (&143.into(), &"terminated".into()),
        "{summary}"
    );
    assert_eq!(summary["connection"], "epm");
}
