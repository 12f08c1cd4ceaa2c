//! The history of runs: each is listed with how it ended, and none costs a run anything.

use std::process::Stdio;

use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr, stdout};

use super::ledger::{configure, host, run, spawn, wait_until};
use super::stopping::{FOR_EVER, hanging, signal};
use super::{PASSWORD, desk};

const NOW: &str = "2026-03-05T22:00:00Z";
const DUE: [&str; 4] = ["--now", NOW, "--sink", "siem"];

/// Sinks that nobody answers: one whose events wait, and one whose events become dead letters.
const UNANSWERED: &str = "[sinks.down]\nkind = \"http\"\nretry = { min-delay = \"10ms\", max-elapsed = \"50ms\" }\n\
     endpoint = { url = \"http://127.0.0.1:9\", allow-private-addresses = true, retry = { attempts = 1 } }\n\
     [sinks.letters]\nkind = \"http\"\nwhen-down = \"dead-letters\"\nretry = { min-delay = \"10ms\", max-elapsed = \"50ms\" }\n\
     endpoint = { url = \"http://127.0.0.1:9\", allow-private-addresses = true, retry = { attempts = 1 } }\n";

fn listed(desk: &TestEnv, more: &[&str]) -> Vec<Value> {
    let output = host(desk, &[&["runs", "--json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    json_lines(&output)
}

/// The end of each listed run: exit and code, or its state where it has not.
fn ends(desk: &TestEnv, more: &[&str]) -> Vec<String> {
    let runs = listed(desk, more);
    let end = |run: &Value| match run["exit"].as_u64() {
        Some(exit) => format!("{exit} {}", run["code"].as_str().unwrap()),
        None => run["state"].as_str().unwrap().to_owned(),
    };
    runs.iter().map(end).collect()
}

#[test]
fn each_run_is_listed_with_how_it_ended() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,bad-rows=10,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), UNANSWERED);
    let path = desk.path().join("host.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let once = "[connections.epm]\nretry = { attempts = 1 }\n";
    std::fs::write(path, text.replacen("[connections.epm]\n", once, 1)).unwrap();
    let with = |report: &str, password: Option<&str>, more: &[&str]| {
        let mut command = desk.host([&["run", report, "--now", NOW], more].concat());
        if let Some(password) = password {
            command.env("EPM_PASSWORD", password).env("SECRET", "demo-secret");
        }
        command.output().unwrap()
    };
    let mut expected = Vec::new();
    let mut ended = |report: &str, password: Option<&str>, more: &[&str], exit: u8, code: &str| {
        let output = with(report, password, more);
        assert_eq!(output.status.code(), Some(exit.into()), "{report}: {}", stderr(&output));
        expected.insert(0, format!("{exit} {code}"));
        let latest = listed(&desk, &["--last", "1"]).remove(0);
        assert_eq!(latest["report"], report);
        assert_eq!(latest["message"].is_string(), exit != 0, "{latest}");
        (latest, stderr(&output))
    };
    let siem = ["--sink", "siem"];
    ended("user-login", Some(PASSWORD), &siem, 0, "done");
    let (unset, said) = ended("user-login", None, &siem, 2, "usage");
    assert!(said.contains(unset["message"].as_str().unwrap()), "{said}\n{unset}");
    ended("role-assignment-audit", Some("wrong"), &siem, 3, "access-refused");
    let strict = ["--sink", "siem", "--max-rejected", "0%"];
    let (document, said) = ended("invalid-login", Some(PASSWORD), &strict, 5, "too-many-rejected");
    let message = document["message"].as_str().unwrap();
    assert!(said.contains("; the first is line "), "{said}");
    assert!(
        message.contains("the document") && !message.contains("the first is"),
        "no row is kept: {message}"
    );
    let (waits, _) = ended(
        "audit-events",
        Some(PASSWORD),
        &["--sink", "down"],
        7,
        "delivery-failed",
    );
    assert_eq!(waits["message"], "sink down: the receiver is down");
    let (letters, _) = ended("user-audit", Some(PASSWORD), &["--sink", "letters"], 8, "partial");
    assert!(letters["dead_lettered"].as_u64() > Some(0), "{letters}");
    assert_eq!(letters["dead_lettered"], letters["sinks"][0]["dead_lettered"]);
    drop(server);
    let period = ["--sink", "siem", "--from", "2026-03-05"];
    ended("user-login", Some(PASSWORD), &period, 4, "connect-failed");

    assert_eq!(ends(&desk, &[]), expected);
    expected.retain(|end| end != "0 done");
    assert_eq!(ends(&desk, &["--failed"]), expected);
    assert_eq!(ends(&desk, &["user-login"]), ["4 connect-failed", "2 usage", "0 done"]);
    assert_eq!(ends(&desk, &["--connection", "domain"]), ["7 delivery-failed"]);
    assert_eq!(
        ends(&desk, &["user-login", "--last", "2", "--failed"]),
        ["4 connect-failed", "2 usage"]
    );
    let last_run = &json_lines(&host(&desk, &["ledger", "list", "--json"]))[0]["last_run"];
    assert_eq!(
        (&last_run["exit"], &last_run["code"]),
        (&7.into(), &"delivery-failed".into())
    );
    let table = stdout(&host(&desk, &["runs", "--connection", "domain"]));
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(
        lines[1].starts_with(NOW) && lines[1].contains("7 delivery-failed"),
        "{table}"
    );
    assert_eq!(lines[2], "  sink down: the receiver is down");
}

#[test]
fn the_history_says_the_exit_of_a_run_whose_summary_cannot_be_written() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    let arguments = [&["run", "user-login", "--summary", "/dev/full"][..], &DUE].concat();
    let output = host(&desk, &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(ends(&desk, &[]), ["1 internal"]);
}

#[test]
fn a_run_s_own_parameters_name_its_runs_and_its_stream() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    let own = ["--param", "keep-file=true"];
    run(&desk, "user-login", &[&DUE[..], &own].concat());
    assert_eq!(ends(&desk, &[&["user-login"][..], &own].concat()), ["0 done"]);
    let shown = host(&desk, &[&["ledger", "show", "user-login"][..], &own].concat());
    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
    let other = ["user-login", "--param", "userlogin=nobody"];
    for command in [&["runs"][..], &["ledger", "show"]] {
        let refused = host(&desk, &[command, &other].concat());
        assert_eq!(refused.status.code(), Some(2));
        let said = stderr(&refused);
        assert!(said.contains("user-login with userlogin=nobody"), "{said}");
    }
}

#[test]
fn programs_get_one_object_a_run() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    let (summary, _) = run(&desk, "user-login", &DUE);
    let mut listed = listed(&desk, &[]).remove(0);
    for field in ["run_id", "plugin", "ended"] {
        assert_eq!(listed[field], summary[field], "{field}");
        listed[field] = "(of the summary)".into();
    }
    assert!(listed["pid"].as_u64() > Some(0));
    listed["pid"] = "(a number)".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&listed).unwrap(), @r#"
    {
      "code": "done",
      "connection": "epm",
      "dead_lettered": 0,
      "duplicates": 0,
      "ended": "(of the summary)",
      "events": 60,
      "exit": 0,
      "late": 0,
      "message": null,
      "mode": "incremental",
      "parameters": [],
      "pid": "(a number)",
      "plugin": "(of the summary)",
      "rejected": 0,
      "report": "user-login",
      "run_id": "(of the summary)",
      "sinks": [
        {
          "dead_lettered": 0,
          "delivered": 60,
          "name": "siem",
          "undelivered": 0
        }
      ],
      "started": "2026-03-05T22:00:00Z",
      "state": "ended",
      "stream": null,
      "window": {
        "from": "2026-03-05T00:00:00Z",
        "to": "2026-03-06T00:00:00Z"
      },
      "windows": 1
    }
    "#);
}

#[test]
fn a_run_at_work_is_running_a_second_one_is_busy_and_a_killed_one_did_not_end() {
    let desk = desk();
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    let (receiver, _arrivals, release) = hanging();
    configure(&desk, &server, &receiver.url(), "");
    let arguments = [&["run", "user-login"][..], &DUE].concat();
    let mut first = spawn(&desk, &arguments);
    wait_until("a run", || ends(&desk, &[]) == ["running"]);
    assert_eq!(listed(&desk, &[])[0]["pid"], first.id());
    assert!(ends(&desk, &["--failed"]).is_empty());
    assert!(stdout(&host(&desk, &["runs"])).contains("running"));
    let second = host(&desk, &arguments);
    assert_eq!(second.status.code(), Some(9), "{}", stderr(&second));
    assert_eq!(ends(&desk, &[]), ["9 busy", "running"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(ends(&desk, &["--failed"]), ["9 busy", "did-not-end"]);
    assert!(stdout(&host(&desk, &["runs"])).contains("did not end"));
    drop(release);
    run(&desk, "user-login", &DUE);
    assert_eq!(ends(&desk, &[]), ["0 done", "9 busy", "did-not-end"]);
}

#[test]
fn a_run_that_is_stopped_tells_of_its_end_also_where_it_is_ended_at_once() {
    for signals in [1, 2] {
        let desk = desk();
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        let (receiver, arrivals, _release) = hanging();
        configure(&desk, &server, &receiver.url(), "");
        let mut child = desk.process([&["run", "user-login"][..], &DUE].concat());
        child
            .env("EPM_PASSWORD", PASSWORD)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        arrivals.recv_timeout(FOR_EVER).unwrap();
        (0..signals).for_each(|_| signal(&child, "-TERM"));
        assert_eq!(child.wait().unwrap().code(), Some(143));
        assert_eq!(ends(&desk, &[]), ["143 terminated"], "{signals}");
    }
}

#[test]
fn runs_go_with_their_stream_or_along_with_it() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    run(&desk, "user-login", &DUE);
    run(&desk, "user-audit", &DUE);
    let rename = ["ledger", "rename", "user-login", "--connection", "epm", "--to", "prod"];
    let renamed = host(&desk, &rename);
    assert_eq!(renamed.status.code(), Some(0), "{}", stderr(&renamed));
    assert_eq!(ends(&desk, &["user-login", "--connection", "prod"]), ["0 done"]);
    assert_eq!(ends(&desk, &["--connection", "epm"]).len(), 1);
    let reset = host(&desk, &["ledger", "reset", "user-login"]);
    assert_eq!(reset.status.code(), Some(0), "{}", stderr(&reset));
    let left = listed(&desk, &[]);
    assert_eq!((left.len(), &left[0]["report"]), (1, &"user-audit".into()));
}

#[test]
fn runs_that_do_not_count_leave_nothing_and_a_refused_one_makes_no_ledger() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    let ledger = desk.path().join(".local/state/host/ledger.db");
    let unset = desk.host([&["run", "user-login"][..], &DUE].concat()).output().unwrap();
    assert_eq!(unset.status.code(), Some(2), "{}", stderr(&unset));
    assert!(!ledger.exists());
    let nothing = |arguments: &[&str], expected: &str| {
        let output = host(&desk, arguments);
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(said, expected.replace("LEDGER", &ledger.display().to_string()));
    };
    nothing(&["runs"], "No runs in LEDGER yet.\n");
    nothing(&["runs", "--json"], "");
    let unknown = host(&desk, &["runs", "user-login"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("there is no ledger"), "{}", stderr(&unknown));
    assert!(!ledger.exists(), "looking makes none");

    run(&desk, "user-login", &DUE);
    for more in [&["--ledger", "none"][..], &["--sink", "stdout"]] {
        let output = host(&desk, &[&["run", "user-login", "--now", NOW], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    assert_eq!(ends(&desk, &[]), ["0 done"]);
    nothing(&["runs", "--failed"], "No failed runs in LEDGER.\n");
    nothing(
        &["runs", "user-login", "--failed"],
        "No failed runs of user-login in LEDGER.\n",
    );
    nothing(
        &["runs", "--connection", "prod"],
        "No runs of connection prod in LEDGER yet.\n",
    );
    let unknown = host(&desk, &["runs", "user-logn", "--json"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        stderr(&unknown).contains("did you mean `user-login`?"),
        "{}",
        stderr(&unknown)
    );
}

#[test]
fn a_history_that_cannot_be_written_is_a_warning_and_the_run_ends_as_ever() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    run(&desk, "user-login", &DUE);
    let ledger = desk.path().join(".local/state/host/ledger.db");
    let raw = rusqlite::Connection::open(&ledger).unwrap();
    raw.execute_batch("CREATE TRIGGER refused BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'no more'); END")
        .unwrap();
    drop(raw);
    let (_, output) = run(&desk, "user-audit", &DUE);
    let said = stderr(&output);
    assert_eq!(
        said.matches("cannot be added to the history of runs").count(),
        1,
        "{said}"
    );
    assert!(said.contains("no more"), "{said}");
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    let last_runs: Vec<_> = listed.iter().map(|stream| stream["last_run"].is_null()).collect();
    assert_eq!(last_runs, [true, false], "user-audit, user-login");
    assert!(
        !ledger.with_file_name("ledger.db-wal").exists(),
        "the ledger is closed as ever"
    );
}
