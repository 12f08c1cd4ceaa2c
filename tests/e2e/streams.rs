//! Streams that have a name: they keep their place under it, whatever becomes of connection and parameters.

mod by_hand;

use std::collections::BTreeMap;
use std::process::Output;

use ledger::{SqliteLedger, Stream};
use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr, stdout};

use super::ledger::{configure, expected, host, once, run};
use super::{PASSWORD, desk};

const ROUTES: &str = "[[routes]]\nto = [\"siem\"]\n";
const TIMES: [&str; 3] = ["2026-03-05T12:00:00Z", "2026-03-05T20:00:00Z", "2026-03-06T09:00:00Z"];

/// A stream as it is configured.
fn stream(name: &str, report: &str, more: &str) -> String {
    format!("[[streams]]\nname = \"{name}\"\nreport = \"{report}\"\nconnection = \"epm\"\n{more}\n")
}

/// A server at that time, and connections, sinks and streams for it.
fn serve(desk: &TestEnv, receiver: &Receiver, now: &str, more: &str) -> Server {
    let server = Server::start(&format!("rows=60,plain-names,now={now}"));
    configure(desk, &server, &receiver.url(), more);
    server
}

/// Changes the configuration that a test wrote.
fn change(desk: &TestEnv, from: &str, to: &str) {
    let path = desk.path().join("host.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn refused(output: &Output, part: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(part), "{part}: {said}");
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

/// The streams of the ledger: each with its name, where it has one.
fn in_ledger(desk: &TestEnv) -> Vec<(Value, Value)> {
    let listed = json_lines(&host(desk, &["ledger", "list", "--json"]));
    let pair = |stream: &Value| (stream["report"].clone(), stream["stream"].clone());
    listed.iter().map(pair).collect()
}

/// The state that `host streams` gives each, by name, at that time.
fn states(desk: &TestEnv, now: &str) -> BTreeMap<String, String> {
    let mut command = desk.host(["streams", "--json"]);
    let output = command.env("HOST_NOW", now).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let streams = json_lines(&output);
    let state = |stream: &Value| {
        let name = stream["name"].as_str().or(stream["report"].as_str());
        (name.unwrap().to_owned(), stream["state"].as_str().unwrap().to_owned())
    };
    streams.iter().map(state).collect()
}

#[test]
fn a_stream_is_asked_for_by_its_name_wherever_a_report_is() {
    let (desk, receiver) = (desk(), Receiver::start());
    let now = TIMES[0];
    let parameters = "parameters = { keep-file = true }";
    let _server = serve(
        &desk,
        &receiver,
        now,
        &(stream("logins", "user-login", parameters) + ROUTES),
    );
    let (summary, _) = run(&desk, "logins", &["--now", now]);
    assert_eq!(
        (&summary["stream"], &summary["connection"], &summary["plugin"]["name"]),
        (&"logins".into(), &"epm".into(), &"user-login".into())
    );
    assert_eq!(in_ledger(&desk), [("user-login".into(), "logins".into())]);
    for command in [
        &["gaps", "logins", "--json"][..],
        &["runs", "logins"],
        &["ledger", "show", "logins"],
        &["plan", "logins", "--now", now],
        &[
            "backfill",
            "logins",
            "--from",
            "2026-03-04",
            "--to",
            "2026-03-04",
            "--now",
            now,
        ],
        &["config", "check"],
    ] {
        done(&host(&desk, command));
    }
    let runs = json_lines(&host(&desk, &["runs", "logins", "--json"]));
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(
        runs.iter()
            .all(|run| run["stream"] == "logins" && run["report"] == "user-login")
    );
    // Without the name it is the same stream.
    let (summary, _) = run(&desk, "user-login", &["--now", now]);
    assert_eq!(summary["stream"], "logins");
    // What contradicts the configuration is refused, and what says the same is not.
    refused(
        &host(&desk, &["run", "logins", "--connection", "domain"]),
        "--connection domain",
    );
    refused(
        &host(&desk, &["run", "logins", "--param", "keep-file=false"]),
        "keep-file=false",
    );
    refused(
        &host(
            &desk,
            &["run", "logins", "--url", "https://a.example", "--auth", "none"],
        ),
        "--url",
    );
    refused(
        &host(&desk, &["ledger", "show", "logins", "--connection", "domain"]),
        "--connection",
    );
    run(
        &desk,
        "logins",
        &["--connection", "epm", "--param", "keep-file=true", "--now", now],
    );
    refused(&host(&desk, &["run", "login"]), "there is no plugin");
    assert_eq!(in_ledger(&desk).len(), 1);
}

#[test]
fn a_stream_of_before_is_taken_over_without_a_gap_or_a_double() {
    let (desk, receiver) = (desk(), Receiver::start());
    let first = serve(&desk, &receiver, TIMES[0], ROUTES);
    run(&desk, "user-login", &["--now", TIMES[0]]);
    assert_eq!(in_ledger(&desk), [("user-login".into(), Value::Null)]);
    drop(first);
    let named = stream("logins", "user-login", "") + ROUTES;
    let second = serve(&desk, &receiver, TIMES[1], &named);
    assert_eq!(
        states(&desk, TIMES[1])["logins"],
        "ok",
        "it is the one that the run takes over"
    );
    let (_, output) = run(&desk, "logins", &["--now", TIMES[1]]);
    assert!(!stderr(&output).contains("is new"), "{}", stderr(&output));
    assert_eq!(in_ledger(&desk), [("user-login".into(), "logins".into())]);
    drop(second);
    let _third = serve(&desk, &receiver, TIMES[2], &named);
    run(&desk, "user-login", &["--now", TIMES[2]]);
    let period = ["--from", "2026-03-05", "--to", "2026-03-06", "--now", TIMES[2]];
    assert_eq!(once(&receiver), expected(&desk, "user-login", &period));
    // Its runs of before are its own.
    let runs = json_lines(&host(&desk, &["runs", "logins", "--json"]));
    assert_eq!(runs.len(), 3, "{runs:?}");
}

#[test]
fn a_stream_goes_on_under_another_connection_and_with_other_parameters() {
    let (desk, receiver) = (desk(), Receiver::start());
    let named = stream("logins", "user-login", "") + ROUTES;
    let first = serve(&desk, &receiver, TIMES[0], &named);
    run(&desk, "logins", &["--now", TIMES[0]]);
    drop(first);
    let second = serve(&desk, &receiver, TIMES[1], &named);
    change(&desk, "[connections.epm]", "[connections.prod]");
    change(&desk, "connection = \"epm\"", "connection = \"prod\"");
    let (summary, output) = run(&desk, "logins", &["--now", TIMES[1]]);
    assert_eq!(summary["connection"], "prod");
    assert!(!stderr(&output).contains("is new"), "{}", stderr(&output));
    assert_eq!(in_ledger(&desk), [("user-login".into(), "logins".into())]);
    // Ids keep the first connection's name, so they are those that it would have given.
    change(&desk, "[connections.prod]", "[connections.epm]");
    change(&desk, "connection = \"prod\"", "connection = \"epm\"");
    let period = ["--from", "2026-03-05", "--now", TIMES[1]];
    assert_eq!(once(&receiver), expected(&desk, "user-login", &period));
    drop(second);
    let chosen = stream("logins", "user-login", "parameters = { userlogin = \"jdoe\" }") + ROUTES;
    let _third = serve(&desk, &receiver, TIMES[2], &chosen);
    let (_, output) = run(&desk, "logins", &["--now", TIMES[2]]);
    let said = stderr(&output);
    assert!(
        said.contains("the parameters of logins") && said.contains("userlogin=jdoe"),
        "{said}"
    );
    assert_eq!(in_ledger(&desk).len(), 1);
    let (_, output) = run(&desk, "logins", &["--now", TIMES[2]]);
    assert!(!stderr(&output).contains("have changed"), "it is said once");
}

#[test]
fn a_connection_that_leads_elsewhere_is_refused_until_the_stream_is_adopted() {
    let (desk, receiver) = (desk(), Receiver::start());
    let named = stream("logins", "user-login", "") + ROUTES;
    let first = serve(&desk, &receiver, TIMES[0], &named);
    run(&desk, "logins", &["--now", TIMES[0]]);
    let url = first.url();
    let second = Server::start(&format!("rows=60,plain-names,now={}", TIMES[1]));
    change(&desk, &url, &second.url());
    let output = host(&desk, &["run", "logins", "--now", TIMES[1]]);
    refused(&output, "host streams adopt logins");
    done(&host(&desk, &["streams", "adopt", "logins"]));
    run(&desk, "logins", &["--now", TIMES[1]]);
}

#[test]
fn streams_that_cannot_be_told_apart_are_refused() {
    let (desk, receiver) = (desk(), Receiver::start());
    let twice = stream("logins", "user-login", "") + &stream("logins", "user-audit", "") + ROUTES;
    let _server = serve(&desk, &receiver, TIMES[0], &twice);
    refused(
        &host(&desk, &["run", "logins"]),
        "there is a stream logins already, at line",
    );
    change(
        &desk,
        "name = \"logins\"\nreport = \"user-audit\"",
        "name = \"other\"\nreport = \"user-login\"",
    );
    let said = host(&desk, &["run", "user-login", "--now", TIMES[0]]);
    refused(&said, "several streams: logins, other");
    assert!(
        stderr(&said).contains("`host run logins`, `host run other`"),
        "{}",
        stderr(&said)
    );
    change(&desk, "name = \"other\"", "name = \"user-audit\"");
    refused(&host(&desk, &["streams"]), "is the name of a report");
    change(
        &desk,
        "name = \"user-audit\"",
        "name = \"other\"\nparameters = { keep-fil = true }",
    );
    refused(&host(&desk, &["config", "check"]), "keep-fil");
    refused(&host(&desk, &["run", "other"]), "did you mean `keep-file`");
}

#[test]
fn the_first_run_begins_with_the_start_of_its_stream() {
    let (desk, receiver) = (desk(), Receiver::start());
    let named = stream("logins", "user-login", "start = \"2026-03-03\"") + ROUTES;
    let first = serve(&desk, &receiver, TIMES[0], &named);
    let (summary, _) = run(&desk, "logins", &["--now", TIMES[0]]);
    assert_eq!(summary["window"]["from"], "2026-03-03T00:00:00Z");
    let period = ["--from", "2026-03-03", "--now", TIMES[0]];
    assert_eq!(once(&receiver), expected(&desk, "user-login", &period));
    drop(first);
    // What the server has no more of it is a gap, said aloud.
    let old = stream(
        "old",
        "user-login",
        "start = \"2025-01-01\"\nparameters = { userlogin = \"jdoe\" }",
    ) + ROUTES;
    let _second = serve(&desk, &receiver, TIMES[0], &old);
    assert!(done(&host(&desk, &["config", "check"])).contains("the stream starts at 2025-01-01"));
    let output = host(&desk, &["run", "old", "--now", TIMES[0]]);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    let gaps = json_lines(&host(&desk, &["gaps", "old", "--json"]));
    assert_eq!(
        (&gaps[0]["from"], &gaps[0]["why"]),
        (&"2025-01-01T00:00:00Z".into(), &"lost".into())
    );
}

#[test]
fn routes_lead_the_events_of_their_streams_alone() {
    let (desk, receiver) = (desk(), Receiver::start());
    let routes =
        "[[routes]]\nstreams = [\"logins\"]\nto = [\"siem\"]\n[[routes]]\nstreams = [\"other\"]\nto = [\"archive\"]\n";
    let other = stream("other", "user-audit", "");
    let _server = serve(
        &desk,
        &receiver,
        TIMES[0],
        &(stream("logins", "user-login", "") + &other + routes),
    );
    run(&desk, "other", &["--now", TIMES[0]]);
    assert!(receiver.received().is_empty());
    assert!(std::fs::metadata(desk.path().join("archive.ndjson")).unwrap().len() > 0);
    run(&desk, "logins", &["--now", TIMES[0]]);
    assert!(!receiver.received().is_empty());
    refused(
        &host(&desk, &["run", "invalid-login", "--now", TIMES[0]]),
        "no route matches",
    );
}

#[test]
fn all_streams_run_side_by_side_and_the_exit_is_the_worst() {
    let (desk, receiver) = (desk(), Receiver::start());
    let streams = stream("logins", "user-login", "") + &stream("failed", "invalid-login", "");
    let _server = serve(&desk, &receiver, TIMES[0], &(streams.clone() + ROUTES));
    let all = ["run", "--all", "--now", TIMES[0], "--summary", "all.jsonl"];
    let lines = |output: &Output| {
        let said = stderr(output);
        let of = |name: &str| {
            said.lines()
                .find(|line| line.starts_with(name))
                .unwrap_or(&said)
                .to_owned()
        };
        (of("logins: "), of("failed: "))
    };
    let output = host(&desk, &all);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (logins, failed) = lines(&output);
    assert!(
        logins.starts_with("logins: done; ") && logins.contains("complete up to"),
        "{logins}"
    );
    assert!(failed.starts_with("failed: done; "), "{failed}");
    let summaries = || -> BTreeMap<String, u64> {
        let text = std::fs::read_to_string(desk.path().join("all.jsonl")).unwrap();
        let summaries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let exit = |summary: Value| {
            (
                summary["stream"].as_str().unwrap().to_owned(),
                summary["exit"].as_u64().unwrap(),
            )
        };
        summaries.map(exit).collect()
    };
    assert_eq!(
        summaries(),
        BTreeMap::from([("failed".into(), 0), ("logins".into(), 0)])
    );

    // One that somebody else collects just now costs the others nothing.
    let path = desk.path().join(".local/state/host/ledger.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ledger = SqliteLedger::open(path).unwrap();
    let claim = runtime
        .block_on(Stream::named("logins", "epm", "user-login", &[]).claim(&ledger))
        .unwrap();
    let output = host(&desk, &all);
    assert_eq!(output.status.code(), Some(9), "{}", stderr(&output));
    let (logins, failed) = lines(&output);
    assert!(
        logins.starts_with("logins: busy (9); ") && failed.starts_with("failed: done; "),
        "{logins}\n{failed}"
    );
    assert_eq!(
        summaries(),
        BTreeMap::from([("failed".into(), 0), ("logins".into(), 9)])
    );
    // What is worse is what the process exits with.
    change(
        &desk,
        "report = \"invalid-login\"\nconnection = \"epm\"",
        "report = \"invalid-login\"\nconnection = \"domain\"",
    );
    let output = host(&desk, &all);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    drop(claim);

    // As JSON each message says whose it is.
    let arguments = [&all[..], &["--log-format", "json", "--jobs", "1"]].concat();
    let said = stderr(&host(&desk, &arguments));
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let named: Vec<_> = lines
        .map(|line| line["stream"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(
        named.contains(&"logins".to_owned()) && named.contains(&"failed".to_owned()),
        "{said}"
    );
}

#[test]
fn all_streams_are_refused_where_they_cannot_run_beside_each_other() {
    let (desk, receiver) = (desk(), Receiver::start());
    let streams = stream("logins", "user-login", "") + &stream("failed", "invalid-login", "");
    let _server = serve(&desk, &receiver, TIMES[0], &streams);
    refused(&host(&desk, &["run", "--all"]), "go to the standard output");
    change(&desk, &stream("failed", "invalid-login", ""), "");
    let output = host(&desk, &["run", "--all", "--now", TIMES[0]]);
    assert!(!done(&output).is_empty(), "alone it may");
    change(&desk, &stream("logins", "user-login", ""), "");
    // The summaries of the runs before are not left to tell of this one.
    std::fs::write(desk.path().join("all.jsonl"), "{\"exit\":0}\n").unwrap();
    let output = host(&desk, &["run", "--all", "--summary", "all.jsonl"]);
    refused(&output, "no streams are configured");
    let summary = std::fs::read_to_string(desk.path().join("all.jsonl")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((&summary["exit"], &summary["code"]), (&2.into(), &"usage".into()));
    refused(
        &host(&desk, &["run", "--all", "user-login"]),
        "usage: host run [OPTIONS] <PLUGIN>, or host run [OPTIONS] --all",
    );
    refused(&host(&desk, &["run", "--jobs", "2", "user-login"]), "--all");
    refused(&host(&desk, &["run"]), "PLUGIN");
}

#[test]
fn a_wrong_password_is_tried_once_for_all_streams_of_a_connection() {
    let (desk, receiver) = (desk(), Receiver::start());
    let streams: String = [("one", "user-login"), ("two", "invalid-login"), ("three", "user-audit")]
        .iter()
        .map(|(name, report)| stream(name, report, ""))
        .collect();
    let server = serve(&desk, &receiver, TIMES[0], &(streams + ROUTES));
    let wrong = |arguments: &[&str]| {
        let mut command = desk.host(arguments);
        command.env("EPM_PASSWORD", "wrong").env("SECRET", "").output().unwrap()
    };
    let output = wrong(&["run", "one", "--now", TIMES[0]]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let alone = server.seen().len();
    let output = wrong(&["run", "--all", "--now", TIMES[0], "--summary", "all.jsonl"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(server.seen().len(), 2 * alone, "{:?}", server.seen());
    for name in ["two", "three"] {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap_or(&said);
        assert!(
            line.contains("the connection epm was refused for the stream one"),
            "{line}"
        );
    }
    let text = std::fs::read_to_string(desk.path().join("all.jsonl")).unwrap();
    let summaries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let exits: Vec<_> = summaries.map(|summary| summary["exit"].clone()).collect();
    assert_eq!(exits, [3, 3, 3]);
}
