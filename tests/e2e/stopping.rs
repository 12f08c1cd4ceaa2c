//! SIGTERM and Ctrl-C: the process ends by itself, says what is kept, and the next run carries on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver as Gate, Sender, channel};
use std::time::Duration;

use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::ledger::{configure, expected, once, run, submissions, wait_until};
use super::{PASSWORD, desk};

const NOW: &str = "2026-03-05T22:00:00Z";
/// The bound of a test against hanging, far beyond what any of it takes.
pub(super) const FOR_EVER: Duration = Duration::from_secs(60);

fn spawn(desk: &TestEnv, arguments: &[&str]) -> Child {
    let mut command = desk.process(arguments);
    command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

pub(super) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Ends a process as a supervisor does, and holds it to its word: the exit code, and a line that says what is kept.
fn stop(child: Child, name: &str) -> String {
    signal(&child, name);
    let output = child.wait_with_output().unwrap();
    let (code, word) = if name == "-INT" {
        (130, "interrupted")
    } else {
        (143, "terminated")
    };
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(&format!("error: {word}")), "{said}");
    said
}

fn listed(desk: &TestEnv) -> serde_json::Value {
    json_lines(&desk.host(["ledger", "list", "--json"]).output().unwrap())[0].clone()
}

/// A receiver that says what arrives, and answers once for each word it is given, or always once nobody can give one.
pub(super) fn hanging() -> (Receiver, Gate<()>, Sender<()>) {
    let (arrived, arrivals) = channel();
    let (release, gate): (_, Gate<()>) = channel();
    let receiver = Receiver::with(0, move |_| {
        // Whoever waits for it may have seen enough.
        let _ = arrived.send(());
        let _ = gate.recv_timeout(FOR_EVER);
        Reply::status(200)
    });
    (receiver, arrivals, release)
}

#[test]
fn a_run_that_is_stopped_while_it_waits_for_a_job_goes_on_with_that_job() {
    for name in ["-TERM", "-INT"] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,slow-job=3,now={NOW}"));
        configure(&desk, &server, &receiver.url(), "");
        let more = ["--now", NOW, "--sink", "siem"];
        let child = spawn(&desk, &[&["run", "invalid-login"][..], &more].concat());
        let polled = || server.seen().iter().any(|request| request.contains("/jobs/"));
        wait_until("a poll", polled);
        let said = stop(child, name);
        assert!(
            said.contains("1 window is in flight") && said.contains("run the same command again"),
            "{said}"
        );
        assert_eq!(listed(&desk)["in_flight"], 1);

        let (summary, output) = run(&desk, "invalid-login", &more);
        assert!(stderr(&output).contains(", job "), "{}", stderr(&output));
        assert_eq!(summary["ledger"]["in_flight"], 0);
        assert_eq!(submissions(&server), 1, "{:?}", server.seen());
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
    }
}

#[test]
fn a_run_that_is_stopped_while_a_job_is_being_submitted_hears_the_answer_and_goes_on_with_that_job() {
    let (desk, receiver) = (desk(), Receiver::start());
    // An answer whose asker has gone is never made, and no job either.
    let server = Server::start(&format!("rows=60,plain-names,latency=500,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    let more = ["--now", NOW, "--sink", "siem"];
    let child = spawn(&desk, &[&["run", "invalid-login"][..], &more].concat());
    wait_until("a submission", || submissions(&server) == 1);
    stop(child, "-TERM");

    let (summary, output) = run(&desk, "invalid-login", &more);
    assert!(stderr(&output).contains(", job "), "{}", stderr(&output));
    assert_eq!(summary["ledger"]["unsure"], 0);
    assert_eq!(submissions(&server), 1, "{:?}", server.seen());
    let period = ["--from", "2026-03-05", "--now", NOW];
    assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
}

#[test]
fn a_run_that_is_stopped_while_a_download_stalls_downloads_again_and_asks_for_no_second_job() {
    // No answer at all, and one that never comes to its end.
    for stall in ["download:hang=1", "download:drip=1,drip-interval=20000"] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,{stall},now={NOW}"));
        configure(&desk, &server, &receiver.url(), "");
        let more = ["--now", NOW, "--sink", "siem"];
        let child = spawn(&desk, &[&["run", "invalid-login"][..], &more].concat());
        let asked = || {
            let seen = server.seen();
            seen.iter()
                .any(|request| request.contains("/contents") || request.contains("/files/download"))
        };
        wait_until("a download", asked);
        stop(child, "-TERM");
        assert_eq!(receiver.received().len(), 0);

        run(&desk, "invalid-login", &more);
        assert_eq!(submissions(&server), 1, "{stall}: {:?}", server.seen());
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period), "{stall}");
    }
}

#[test]
fn a_run_that_is_stopped_while_a_sink_hangs_goes_on_with_the_batch_that_was_under_way() {
    let desk = desk();
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    let (receiver, arrivals, release) = hanging();
    let more = ["--now", NOW, "--sink", "siem", "--sink", "archive"];
    configure(&desk, &server, &receiver.url(), "");
    let child = spawn(&desk, &[&["run", "invalid-login"][..], &more].concat());
    // Three batches are answered for, and the fourth is not.
    for _ in 0..3 {
        arrivals.recv_timeout(FOR_EVER).unwrap();
        release.send(()).unwrap();
    }
    arrivals.recv_timeout(FOR_EVER).unwrap();
    let said = stop(child, "-INT");
    assert!(said.contains("1 window is in flight"), "{said}");
    assert!(!desk.path().join("archive.ndjson").exists());

    drop(release);
    let (summary, _) = run(&desk, "invalid-login", &more);
    let before = summary["sinks"][0]["delivered_before"].as_u64().unwrap();
    assert!(before > 0, "what was answered for is not sent again: {summary}");
    assert_eq!(submissions(&server), 1, "{:?}", server.seen());
    let all = expected(&desk, "invalid-login", &["--from", "2026-03-05", "--now", NOW]);
    assert_eq!(once(&receiver), all);
    let archive = std::fs::read_to_string(desk.path().join("archive.ndjson")).unwrap();
    assert_eq!(archive.lines().count(), all.len());
}

#[test]
fn a_batch_that_is_answered_while_the_run_stops_is_not_sent_again() {
    let desk = desk();
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    let (receiver, arrivals, release) = hanging();
    configure(&desk, &server, &receiver.url(), "");
    let more = ["--now", NOW, "--sink", "siem"];
    let mut child = spawn(&desk, &[&["run", "user-login"][..], &more].concat());
    arrivals.recv_timeout(FOR_EVER).unwrap();
    release.send(()).unwrap();
    arrivals.recv_timeout(FOR_EVER).unwrap();
    signal(&child, "-TERM");
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("press Ctrl-C again to stop immediately") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    // The signal was heard, and the second batch is answered all the same.
    release.send(()).unwrap();
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{said}");
    assert_eq!(receiver.received().len(), 2, "and no third is begun");
    drop(release);

    run(&desk, "user-login", &more);
    let keys = receiver.received().into_iter();
    let keys = keys.map(|request| request.headers["idempotency-key"].to_str().unwrap().to_owned());
    let mut keys: Vec<_> = keys.collect();
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all, "each batch came once");
    let period = ["--from", "2026-03-05", "--now", NOW];
    assert_eq!(once(&receiver), expected(&desk, "user-login", &period));
}

#[test]
fn a_backfill_that_is_stopped_between_windows_goes_on_with_the_next_and_asks_for_one_job_each() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    let backfill = [
        "backfill",
        "invalid-login",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-04",
        "--now",
        NOW,
        "--sink",
        "siem",
    ];
    let mut child = spawn(&desk, &backfill);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("1 of 4 periods") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    signal(&child, "-TERM");
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{said}");
    let committed = once(&receiver).len();
    assert!(committed > 0);

    let mut command = desk.host(backfill);
    let output: Output = command
        .env("EPM_PASSWORD", PASSWORD)
        .env("SECRET", "demo-secret")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(submissions(&server), 4, "{:?}", server.seen());
    let period = ["--from", "2026-03-01", "--to", "2026-03-04", "--now", NOW];
    assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
    let gaps = desk.host(["gaps", "invalid-login", "--from", "2026-03-01"]).output();
    assert!(stdout(&gaps.unwrap()).starts_with("No gaps in "));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let desk = desk();
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    let (receiver, arrivals, _release) = hanging();
    configure(&desk, &server, &receiver.url(), "");
    let mut child = spawn(&desk, &["run", "user-login", "--now", NOW, "--sink", "siem"]);
    arrivals.recv_timeout(FOR_EVER).unwrap();
    signal(&child, "-INT");
    // Heard, and something goes on all the same.
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("press Ctrl-C again to stop immediately") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143), "the code of the second");
}

#[test]
fn a_reader_of_stderr_that_hangs_does_not_hold_the_process() {
    let desk = desk();
    let server = Server::start(&format!("slow-job=1000000,now={NOW}"));
    configure(&desk, &server, "http://127.0.0.1:9", "");
    // A pipe that nobody reads, and that takes no byte more than what is said of the configuration, before anything else.
    let first = desk.host(["sink", "list", "-v"]).output().unwrap().stderr;
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'.'; 64 * 1024][first.len()..]).unwrap();
    let mut command = desk.process(["run", "invalid-login", "--now", NOW, "--sink", "siem", "-v"]);
    command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
    let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    wait_until("a window", || {
        stdout(&desk.host(["ledger", "list", "--json"]).output().unwrap()).contains("\"in_flight\":1")
    });
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    drop(reader);
}

/// An identity domain whose token endpoint waits with its answer until it is told to go on.
fn slow_issuer() -> (Receiver, Gate<()>, Sender<()>) {
    let (arrived, arrivals) = channel();
    let (release, gate): (_, Gate<()>) = channel();
    let receiver = Receiver::with(0, move |request| {
        let body = match request.path.as_str() {
            "/oauth2/v1/device" => {
                r#"{"device_code":"d","user_code":"ABCD","verification_uri":"http://127.0.0.1/sign-in","interval":0}"#
            }
            _ => {
                let _ = arrived.send(());
                let _ = gate.recv_timeout(FOR_EVER);
                r#"{"access_token":"access","refresh_token":"rotated","expires_in":3600}"#
            }
        };
        Reply {
            body: body.into(),
            ..Reply::status(200)
        }
    });
    (receiver, arrivals, release)
}

#[test]
fn a_token_that_is_being_exchanged_when_a_signal_comes_is_kept() {
    // command, first token, signals
    for (arguments, first, signals) in [
        (&["run", "audit-events", "--since", "1d"][..], true, &["-TERM"][..]),
        (&["run", "audit-events", "--since", "1d"], true, &["-TERM", "-TERM"]),
        (&["check", "it"], true, &["-INT"]),
        (&["login", "it"], false, &["-INT"]),
    ] {
        let desk = desk();
        let (issuer, arrivals, release) = slow_issuer();
        let from = if first {
            ", refresh-token = { env = \"SECRET\" }"
        } else {
            ""
        };
        desk.write(
            "host.toml",
            format!(
                "[connections.it]\nkind = \"identity-domain\"\nurl = \"{}\"\nallow-private-addresses = true\n\
                 auth = {{ kind = \"oauth2-refresh-token\", client-id = \"c\"{from} }}\n",
                issuer.url()
            ),
        );
        let mut child = spawn(&desk, arguments);
        arrivals.recv_timeout(FOR_EVER).unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let mut until = |text: &str| {
            while !said.contains(text) {
                assert!(lines.read_line(&mut said).unwrap() > 0, "{arguments:?}: {said}");
            }
        };
        for (number, name) in signals.iter().enumerate() {
            signal(&child, name);
            // Heard, before the next one or the answer.
            if number + 1 < signals.len() {
                until("press Ctrl-C again");
            }
        }
        until("Exchanging a single-use token");
        release.send(()).unwrap();
        let code = if signals.contains(&"-INT") { 130 } else { 143 };
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
        let stored = std::fs::read_to_string(desk.path().join(".local/state/host/tokens/it.json")).unwrap();
        assert!(stored.contains("rotated"), "{arguments:?}");
    }
}

#[test]
fn a_run_that_is_not_done_by_its_deadline_ends_as_if_stopped_and_the_next_one_goes_on() {
    for (option, setting) in [(Some("5s"), ""), (None, "[run]\ndeadline = \"5s\"\n")] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,download:hang=1,now={NOW}"));
        configure(&desk, &server, &receiver.url(), setting);
        let more = ["--now", NOW, "--sink", "siem"];
        let limit = option.map_or(vec![], |time| vec!["--deadline", time]);
        let output = spawn(&desk, &[&["run", "invalid-login"][..], &more, &limit].concat())
            .wait_with_output()
            .unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("error: not done by the deadline of 5 s"), "{said}");
        assert!(said.contains("run the same command again"), "{said}");
        assert_eq!(receiver.received().len(), 0);

        if option.is_none() {
            configure(&desk, &server, &receiver.url(), "");
        }
        run(&desk, "invalid-login", &more);
        assert_eq!(submissions(&server), 1, "{:?}", server.seen());
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
    }
}
