//! Runs that go on where the last one ended, however it ended.

mod backfill;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ledger::{Ledger as _, SqliteLedger};
use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::{PASSWORD, desk};

const REPORTS: [&str; 4] = ["user-login", "invalid-login", "user-audit", "audit-events"];
/// Small batches, so that a run has many.
const BATCH: usize = 7;

/// Connections to the server, and an HTTP sink `siem`.
pub(super) fn configure(desk: &TestEnv, server: &Server, receiver: &str, more: &str) {
    let url = server.url();
    tests::adopt(&desk.path().join(".local/state/host/ledger.db"));
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [connections.domain]\nkind = \"identity-domain\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"SECRET\" }} }}\n\
             [sinks.siem]\nkind = \"http\"\nbatch-events = {BATCH}\n\
             endpoint = {{ url = \"{receiver}\", allow-private-addresses = true, timeout = \"5s\", retry = {{ attempts = 1 }} }}\n\
             retry = {{ min-delay = \"10ms\", max-delay = \"20ms\", max-elapsed = \"100ms\" }}\n\
             [sinks.archive]\nkind = \"file\"\npath = \"archive.ndjson\"\n{more}"
        ),
    );
}

pub(super) fn host(desk: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
    command.output().unwrap()
}

pub fn spawn(desk: &TestEnv, arguments: &[&str]) -> Child {
    let mut command = desk.process(arguments);
    command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A run that succeeds; its summary.
pub(super) fn run(desk: &TestEnv, report: &str, more: &[&str]) -> (Value, Output) {
    let mut arguments = vec!["run", report, "--summary", "summary.json"];
    arguments.extend(more);
    let output = host(desk, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let summary = std::fs::read(desk.path().join("summary.json")).unwrap();
    (serde_json::from_slice(&summary).unwrap(), output)
}

pub fn uid(event: &Value) -> String {
    event["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// Events by id, and how often each was taken; the same batch under the same key counts once, as it does for a receiver
/// that knows keys.
pub(super) fn once(receiver: &Receiver) -> BTreeMap<String, u32> {
    let mut batches = BTreeMap::new();
    for request in receiver.received().into_iter().filter(|request| request.status == 200) {
        let key = request.headers["idempotency-key"].to_str().unwrap().to_owned();
        let repeated = batches.insert(key, request.body.clone());
        assert!(
            repeated.is_none_or(|before| before == request.body),
            "another batch of the same key"
        );
    }
    let mut events = BTreeMap::new();
    for body in batches.values() {
        for line in std::str::from_utf8(body).unwrap().lines() {
            *events.entry(uid(&serde_json::from_str(line).unwrap())).or_default() += 1;
        }
    }
    events
}

pub(super) fn expected(desk: &TestEnv, report: &str, period: &[&str]) -> BTreeMap<String, u32> {
    let mut arguments = vec!["run", report, "--ledger", "none", "--sink", "stdout"];
    arguments.extend(period);
    let output = host(desk, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let events = json_lines(&output);
    assert!(events.len() > 20, "{report}: {}", events.len());
    events.iter().map(|event| (uid(event), 1)).collect()
}

pub(super) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The requests that create a report's job.
pub(super) fn submissions(server: &Server) -> usize {
    let creates = |request: &&String| {
        request.starts_with("POST") && (request.contains("invalidloginreport") || request.contains("/reports"))
    };
    server.seen().iter().filter(creates).count()
}

#[test]
fn each_run_delivers_what_is_new_since_the_last_and_nothing_twice() {
    for report in REPORTS {
        let (desk, receiver) = (desk(), Receiver::start());
        let mut duplicates = 0;
        let times = [
            "2026-03-05T12:00:00Z",
            "2026-03-05T20:00:00Z",
            "2026-03-06T00:05:00Z",
            "2026-03-06T09:00:00Z",
        ];
        let mut last = None;
        for now in times {
            let server = Server::start(&format!("rows=60,plain-names,now={now}"));
            configure(&desk, &server, &receiver.url(), "");
            let (summary, _) = run(&desk, report, &["--now", now, "--sink", "siem"]);
            duplicates += summary["duplicates"].as_u64().unwrap();
            assert!(summary["ledger"]["watermark"].as_str().unwrap() <= now, "{summary}");
            last = Some(server);
        }
        let _server = last.unwrap();
        let to = if report == "audit-events" {
            "2026-03-06T08:45:00Z"
        } else {
            "2026-03-06"
        };
        let all = expected(&desk, report, &["--from", "2026-03-05", "--to", to, "--now", times[3]]);
        assert_eq!(once(&receiver), all, "{report}");
        assert_eq!(receiver.taken().len(), all.len(), "{report}: no batch was sent twice");
        assert!(
            duplicates > 0,
            "{report}: an open day, or the last hours, are asked for again"
        );

        let gaps = stdout(&host(&desk, &["gaps", report]));
        assert!(gaps.starts_with(&format!("No gaps in {report} @ ")), "{gaps}");
        // The same instant again: nothing is due, and nothing is sent.
        let sent = receiver.taken().len();
        let (summary, _) = run(&desk, report, &["--now", times[3], "--sink", "siem"]);
        assert_eq!(
            (&summary["events"], &summary["ledger"]["windows"]),
            (&0.into(), &0.into())
        );
        assert_eq!(receiver.taken().len(), sent);
    }
}

#[test]
fn a_run_killed_between_two_batches_goes_on_with_the_next_one() {
    for report in REPORTS {
        let desk = desk();
        let server = Server::start("rows=60,plain-names,now=2026-03-05T22:00:00Z");
        let period = [
            "--from",
            "2026-03-04",
            "--to",
            "2026-03-04",
            "--now",
            "2026-03-05T22:00:00Z",
        ];
        // The receiver has taken the batch, and the process does not live to know.
        let victim: Arc<Mutex<Option<Child>>> = Arc::default();
        let (gun, mut taken) = (Arc::clone(&victim), 0);
        let receiver = Receiver::with(0, move |_| {
            taken += 1;
            if taken == 4 {
                let mut child = loop {
                    if let Some(child) = gun.lock().unwrap().take() {
                        break child;
                    }
                };
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Reply::status(200)
        });
        configure(&desk, &server, &receiver.url(), "");
        let sinks = ["--sink", "siem", "--sink", "archive"];
        let arguments = [&["run", report][..], &period, &sinks].concat();
        *victim.lock().unwrap() = Some(spawn(&desk, &arguments));
        wait_until("the kill", || receiver.received().len() == 4);
        assert!(!desk.path().join("archive.ndjson").exists());
        let shown = stdout(&host(&desk, &["ledger", "show", report]));
        assert!(shown.contains("\"delivering\""), "{shown}");
        assert!(
            !server.seen().iter().any(|request| request.contains("delete")),
            "{report}"
        );
        let asked = server.seen().len();

        let (summary, output) = run(&desk, report, &[&period[..], &sinks].concat());
        let said = stderr(&output);
        assert!(said.contains("Continuing an unfinished period"), "{said}");
        assert_eq!(
            said.contains(", job "),
            report.starts_with("invalid") || report == "user-audit",
            "{said}"
        );
        assert_eq!(summary["ledger"]["resumed"], 1);
        assert_eq!(
            summary["ledger"]["windows"], 1,
            "the period that was resumed is not asked for again"
        );
        assert!(submissions(&server) <= 1, "{report}: {:?}", server.seen());
        let more = server.seen().split_off(asked);
        assert!(
            more.iter().all(|request| request.contains("delete")),
            "spooled, so not asked again: {more:?}"
        );

        let all = expected(&desk, report, &period);
        assert_eq!(once(&receiver), all, "{report}");
        let twice = receiver.taken().len() - all.len();
        assert!(
            (1..=BATCH).contains(&twice),
            "{report}: one batch comes twice, under its key: {twice}"
        );
        let archive = std::fs::read_to_string(desk.path().join("archive.ndjson")).unwrap();
        let archived = archive
            .lines()
            .map(|line| (uid(&serde_json::from_str(line).unwrap()), 1));
        assert_eq!(archived.collect::<BTreeMap<_, _>>(), all);
        assert_eq!(archive.lines().count(), all.len());
        let kept = desk.path().join(".local/state/host/ledger.db-spool");
        assert_eq!(
            std::fs::read_dir(kept).unwrap().count(),
            0,
            "nothing is left in the spool"
        );
    }
}

#[test]
fn a_job_that_was_submitted_is_polled_by_the_next_run_and_not_submitted_again() {
    for report in ["invalid-login", "user-audit"] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start("rows=60,plain-names,slow-job=2,now=2026-03-05T22:00:00Z");
        configure(&desk, &server, &receiver.url(), "");
        let more = ["--now", "2026-03-05T22:00:00Z", "--sink", "siem"];
        let mut child = spawn(&desk, &[&["run", report][..], &more].concat());
        let polled = || {
            server
                .seen()
                .iter()
                .filter(|request| request.contains("/jobs/"))
                .count()
        };
        wait_until("a poll", || polled() >= 1);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(receiver.received().len(), 0);
        let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
        assert_eq!(listed[0]["in_flight"], 1);

        let (summary, output) = run(&desk, report, &more);
        assert!(stderr(&output).contains(", job "), "{}", stderr(&output));
        assert_eq!(submissions(&server), 1, "{:?}", server.seen());
        assert_eq!(summary["ledger"]["resumed"], 1);
        assert_eq!(summary["ledger"]["unsure"], 0);
        let period = ["--from", "2026-03-05", "--now", "2026-03-05T22:00:00Z"];
        assert_eq!(once(&receiver), expected(&desk, report, &period));
    }
}

#[test]
fn a_job_whose_submission_was_refused_is_submitted_once_the_password_is_right() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start("rows=60,plain-names,now=2026-03-05T22:00:00Z");
    configure(&desk, &server, &receiver.url(), "");
    let more = ["--now", "2026-03-05T22:00:00Z", "--sink", "siem"];
    let mut command = desk.host([&["run", "invalid-login"][..], &more].concat());
    let refused = command.env("EPM_PASSWORD", "wrong").env("SECRET", "").output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    assert_eq!(listed[0]["in_flight"], 1);

    let (summary, _) = run(&desk, "invalid-login", &more);
    assert_eq!(summary["ledger"]["unsure"], 0);
    let period = ["--from", "2026-03-05", "--now", "2026-03-05T22:00:00Z"];
    assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
}

#[test]
fn a_sink_that_did_not_answer_holds_back_the_watermark_and_the_cleanup() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start("rows=60,plain-names,now=2026-03-05T22:00:00Z");
    // A sink that is down, and dead letters that cannot be kept.
    let nowhere = "[dead-letters]\npath = \"host.toml/no\"\n";
    configure(&desk, &server, "http://127.0.0.1:9", nowhere);
    let more = ["--now", "2026-03-05T22:00:00Z", "--sink", "siem"];
    let failed = host(&desk, &[&["run", "invalid-login"][..], &more].concat());
    assert_eq!(failed.status.code(), Some(7), "{}", stderr(&failed));
    assert!(!server.seen().iter().any(|request| request.contains("delete")));
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    assert_eq!(listed[0]["watermark"], "2026-03-05T00:00:00Z");

    configure(&desk, &server, &receiver.url(), nowhere);
    run(&desk, "invalid-login", &more);
    assert!(server.seen().iter().any(|request| request.contains("delete")));
    assert_eq!(
        once(&receiver),
        expected(&desk, "invalid-login", &["--from", "2026-03-05", "--now", more[1]])
    );
}

#[test]
fn a_job_that_failed_for_good_is_asked_for_anew_by_the_next_run() {
    let (desk, receiver) = (desk(), Receiver::start());
    let more = ["--now", "2026-03-05T22:00:00Z", "--sink", "siem"];
    let bad = Server::start("fail-job=3,now=2026-03-05T22:00:00Z");
    configure(&desk, &bad, &receiver.url(), "");
    let failed = host(&desk, &[&["run", "invalid-login"][..], &more].concat());
    assert_eq!(failed.status.code(), Some(5), "{}", stderr(&failed));
    let shown: Value = serde_json::from_str(&stdout(&host(&desk, &["ledger", "show", "invalid-login"]))).unwrap();
    assert_eq!(
        (
            shown["dead"].as_array().unwrap().len(),
            shown["windows"].as_array().unwrap().len()
        ),
        (1, 0)
    );

    let good = Server::start("rows=60,plain-names,now=2026-03-05T22:00:00Z");
    configure(&desk, &good, &receiver.url(), "");
    let (summary, _) = run(&desk, "invalid-login", &more);
    assert_eq!(summary["ledger"]["resumed"], 0);
    assert_eq!(
        once(&receiver),
        expected(&desk, "invalid-login", &["--from", "2026-03-05", "--now", more[1]])
    );
}

#[test]
fn what_the_server_no_longer_has_is_a_gap_said_aloud() {
    let (desk, receiver) = (desk(), Receiver::start());
    let first = Server::start("now=2026-01-05T12:00:00Z");
    configure(&desk, &first, &receiver.url(), "");
    run(
        &desk,
        "user-login",
        &["--now", "2026-01-05T12:00:00Z", "--sink", "siem"],
    );
    let late = Server::start("now=2026-08-01T12:00:00Z");
    configure(&desk, &late, &receiver.url(), "");
    let late = [
        "run",
        "user-login",
        "--now",
        "2026-08-01T12:00:00Z",
        "--sink",
        "siem",
        "-q",
        "--summary",
        "summary.json",
    ];
    let output = host(&desk, &late);
    assert_eq!(output.status.code(), Some(8));
    let summary = std::fs::read(desk.path().join("summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["ledger"]["gaps"][0]["from"], "2026-01-05T00:00:00Z");
    assert!(
        stderr(&output).starts_with("error: DATA LOST: user-login @ epm: "),
        "{}",
        stderr(&output)
    );
    let gaps = json_lines(&host(&desk, &["gaps", "user-login", "--json"]));
    assert_eq!(
        (gaps.len(), &gaps[0]["why"], &gaps[0]["to"]),
        (1, &"lost".into(), &"2026-04-03T00:00:00Z".into())
    );

    let server = Server::start("now=2027-08-01T12:00:00Z");
    configure(&desk, &server, &receiver.url(), "");
    let output = host(
        &desk,
        &["run", "user-login", "--now", "2027-08-01T12:00:00Z", "--sink", "siem"],
    );
    assert_eq!(output.status.code(), Some(8));
    assert!(stderr(&output).contains("DATA LOST"), "{}", stderr(&output));
}

#[test]
fn a_second_run_of_the_same_stream_is_refused_while_the_first_is_at_work() {
    let desk = desk();
    let server = Server::start("now=2026-03-05T22:00:00Z");
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let receiver = Receiver::with(0, move |_| {
        let _ = gate.recv_timeout(Duration::from_secs(60));
        Reply::status(200)
    });
    configure(&desk, &server, &receiver.url(), "");
    let arguments = ["run", "user-login", "--now", "2026-03-05T22:00:00Z", "--sink", "siem"];
    let mut first = spawn(&desk, &arguments);
    let listed = || host(&desk, &["ledger", "list", "--json"]);
    wait_until("the first run", || stdout(&listed()).contains("\"in_flight\":1"));
    for refused in [&arguments[..], &["ledger", "reset", "user-login"]] {
        let output = host(&desk, refused);
        assert_eq!(output.status.code(), Some(9), "{}", stderr(&output));
        let holder = format!(
            "user-login @ epm is already being collected (pid {}, since 2",
            first.id()
        );
        assert!(stderr(&output).contains(&holder), "{}", stderr(&output));
    }
    // Another stream of the same ledger is nobody's business.
    let other = host(
        &desk,
        &[
            "run",
            "user-audit",
            "--now",
            "2026-03-05T22:00:00Z",
            "--sink",
            "file:x.ndjson",
        ],
    );
    assert_eq!(other.status.code(), Some(0), "{}", stderr(&other));
    drop(release);
    assert!(first.wait().unwrap().success());
}

/// The keys of all documents in the ledger.
fn keys(desk: &TestEnv) -> Vec<String> {
    let ledger = SqliteLedger::open(desk.path().join(".local/state/host/ledger.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(ledger.list("")).unwrap();
    found.into_iter().map(|document| document.key).collect()
}

#[test]
fn a_stream_can_be_forgotten_and_a_ledger_that_is_none_is_refused() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start("now=2026-03-05T22:00:00Z");
    configure(&desk, &server, &receiver.url(), "");
    assert_eq!(
        stdout(&host(&desk, &["ledger", "list"])),
        format!(
            "No streams in {} yet.\n",
            desk.path().join(".local/state/host/ledger.db").display()
        )
    );
    assert!(
        !desk.path().join(".local/state/host/ledger.db").exists(),
        "looking makes none"
    );
    let now = ["--now", "2026-03-05T22:00:00Z", "--sink", "siem"];
    run(&desk, "user-login", &now);
    // The day is not over everywhere.
    assert!(stdout(&host(&desk, &["ledger", "list"])).contains("2026-03-05T09:45:00Z"));
    // The ids of the open day are no stream, and go with theirs.
    assert_eq!(json_lines(&host(&desk, &["ledger", "list", "--json"])).len(), 1);
    let shown: Value = serde_json::from_slice(&host(&desk, &["ledger", "show", "user-login"]).stdout).unwrap();
    assert_eq!(shown["recent"][0]["day"], "2026-03-05");
    assert!(shown["recent"][0]["ids"].as_u64() > Some(0), "{shown}");
    let kept = keys(&desk);
    assert_eq!(kept.iter().filter(|key| key.starts_with("ids.")).count(), 1, "{kept:?}");
    let unknown = host(&desk, &["ledger", "show", "user-logn"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("user-login"), "{}", stderr(&unknown));
    assert!(
        stdout(&host(&desk, &["ledger", "reset", "user-login"])).contains("Removed user-login @ epm from the ledger.")
    );
    assert_eq!(keys(&desk), [""; 0]);
    assert_eq!(
        stdout(&host(&desk, &["ledger", "list"])),
        format!(
            "No streams in {} yet.\n",
            desk.path().join(".local/state/host/ledger.db").display()
        )
    );

    desk.write("mine.db", "no database at all, but long enough to be looked at");
    let asked = server.seen().len();
    let output = host(
        &desk,
        &[&["run", "user-login", "--ledger", "mine.db"][..], &now].concat(),
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("mine.db") && stderr(&output).contains("hint:"),
        "{}",
        stderr(&output)
    );
    assert_eq!(server.seen().len(), asked, "nothing was sent");
}
