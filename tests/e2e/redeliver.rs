//! `host redeliver`: what sinks wrote comes to a sink that is new, as it would have come then, and goes on where it was.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, stderr, stdout};

use super::desk;
use super::ledger::{configure, host, once, spawn, uid, wait_until};

const NOW: &str = "2026-03-05T12:00:00Z";

/// File sinks in every encoding, format and compression, by their names.
fn archives() -> Vec<(String, &'static str)> {
    let ends = ["ndjson", "ndjson.gz", "ndjson.zst", "csv", "csv.gz", "parquet"];
    let mut archives = Vec::new();
    for encoding in ["ocsf", "ecs", "event"] {
        for end in ends {
            archives.push((format!("{encoding}-{end}").replace('.', "-"), encoding));
        }
    }
    archives
}

/// The sinks that write them, below `archive`, and HTTP sinks of each encoding.
fn sinks(receiver: &str) -> String {
    let mut text = String::new();
    for encoding in ["ecs", "event"] {
        text += &format!(
            "[sinks.new-{encoding}]\nkind = \"http\"\nencoding = \"{encoding}\"\n\
             endpoint = {{ url = \"{receiver}\", allow-private-addresses = true }}\n"
        );
    }
    for (name, encoding) in archives() {
        let end = name.replacen(&format!("{encoding}-"), "", 1).replace('-', ".");
        let day = if end == "parquet" { "-{date}" } else { "" };
        text += &format!(
            "[sinks.{name}]\nkind = \"file\"\nencoding = \"{encoding}\"\npath = \"archive/{name}/{{report}}{day}.{end}\"\n"
        );
    }
    text
}

fn new_sink(encoding: &str) -> String {
    match encoding {
        "ocsf" => "siem".into(),
        encoding => format!("new-{encoding}"),
    }
}

fn redeliver(desk: &TestEnv, pattern: &str, sink: &str, more: &[&str]) -> Output {
    let arguments = [&["redeliver", "--from-archive", pattern, "--sink", sink][..], more].concat();
    host(desk, &arguments)
}

fn assert_exit(output: &Output, code: i32, words: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{words:?} is missing in: {said}");
}

/// A desk with `archive.ndjson`, in which there are more events than are delivered together; and how many.
fn archived() -> (TestEnv, Server, usize) {
    let (desk, server) = (desk(), Server::start(&format!("rows=600,now={NOW}")));
    configure(&desk, &server, "http://127.0.0.1:9", "");
    let run = [
        "run",
        "invalid-login",
        "--from",
        "2026-03-02",
        "--to",
        "2026-03-03",
        "--now",
        NOW,
        "--ledger",
        "none",
        "--sink",
        "archive",
    ];
    let output = host(&desk, &run);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines = lines(&desk).len();
    assert!(lines > 1000, "{lines}");
    (desk, server, lines)
}

fn lines(desk: &TestEnv) -> Vec<String> {
    let text = std::fs::read_to_string(desk.path().join("archive.ndjson")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn events(desk: &TestEnv) -> Vec<Value> {
    lines(desk)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn events_of_every_form_are_redelivered_as_they_were_delivered() {
    for report in ["user-login", "invalid-login", "audit-events"] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=40,plain-names,now={NOW}"));
        configure(&desk, &server, &receiver.url(), &sinks(&receiver.url()));
        let archives = archives();
        let period = ["--from", "2026-03-03", "--to", "2026-03-04", "--now", NOW];
        let mut arguments = [&["run", report, "--ledger", "none"][..], &period].concat();
        for (name, _) in &archives {
            arguments.extend(["--sink", name]);
        }
        let output = host(&desk, &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

        for (name, encoding) in &archives {
            let sink = new_sink(encoding);
            receiver.clear();
            let direct = [&["run", report, "--ledger", "none", "--sink", &sink][..], &period].concat();
            let output = host(&desk, &direct);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            let direct = receiver.taken();
            assert!(direct.len() > 20, "{report}: {}", direct.len());

            receiver.clear();
            let output = redeliver(&desk, &format!("archive/{name}/*"), &sink, &[]);
            assert_exit(&output, 0, "1 file read");
            assert_eq!(receiver.taken(), direct, "{report} {name}");
        }
    }
}

#[test]
fn a_sink_is_not_given_the_files_that_it_writes() {
    let (desk, _server, count) = archived();
    for sink in ["archive", "file:archive.ndjson"] {
        for more in [&[][..], &["--dry-run"]] {
            let output = redeliver(&desk, "archive*", sink, more);
            assert_exit(&output, 2, "would have its own events twice");
        }
    }
    assert_eq!(lines(&desk).len(), count);
    let output = redeliver(&desk, "archive*", "file:copy.ndjson", &[]);
    assert_exit(&output, 0, &format!("{count} delivered to file:copy.ndjson"));
}

#[test]
fn a_redelivery_goes_on_where_the_sink_was_lost() {
    let (desk, server, all) = archived();
    let mut requests = 0;
    let receiver = Receiver::with(0, move |_| {
        requests += 1;
        Reply::status(if requests > 100 { 503 } else { 200 })
    });
    configure(&desk, &server, &receiver.url(), "");
    let first = redeliver(&desk, "archive.ndjson", "siem", &[]);
    assert_exit(&first, 7, "goes on where it was");
    let before = once(&receiver).len();
    assert!((600..all).contains(&before), "{before}");
    let letters = stdout(&host(&desk, &["dead-letter", "list"]));
    assert!(letters.starts_with("No dead letters"), "{letters}");

    // The receiver is back, on the same port: the sink leads where it did.
    let port = receiver.port();
    drop(receiver);
    let receiver = Receiver::with(port, |_| Reply::status(200));
    let second = redeliver(&desk, "archive.ndjson", "siem", &[]);
    assert_exit(&second, 0, "1 file read");
    let after = once(&receiver);
    assert!(after.len() < all, "what was answered for is not delivered again");
    assert!(after.len() >= all - before, "{} {before} {all}", after.len());
    assert!(after.values().all(|times| *times == 1));

    let third = redeliver(&desk, "archive.ndjson", "siem", &[]);
    assert_exit(&third, 0, "1 file was done before");
    assert_eq!(once(&receiver).len(), after.len());
    let anew = redeliver(&desk, "archive.ndjson", "siem", &["--restart"]);
    assert_exit(&anew, 0, "1 file read");
    assert_eq!(once(&receiver).len(), all);
}

#[test]
fn only_events_of_the_period_and_the_stream_are_delivered() {
    let (desk, server, all) = archived();
    let receiver = Receiver::start();
    configure(&desk, &server, &receiver.url(), "");
    let of_day = |event: &&Value| {
        let ms = event["time"].as_i64().unwrap();
        ms < 1_772_496_000_000 // 2026-03-03T00:00:00Z
    };
    let expected: Vec<String> = events(&desk).iter().filter(of_day).map(uid).collect();
    assert!(!expected.is_empty() && expected.len() < all);
    let period = ["--from", "2026-03-02", "--to", "2026-03-02"];
    let dry = redeliver(&desk, "archive.ndjson", "siem", &[&period[..], &["--dry-run"]].concat());
    assert_exit(&dry, 0, &format!("{} not asked for", all - expected.len()));
    assert!(receiver.received().is_empty(), "a dry run delivers nothing");
    let output = redeliver(&desk, "archive.ndjson", "siem", &period);
    assert_exit(&output, 0, &format!("{} not asked for", all - expected.len()));
    let taken: Vec<String> = receiver.taken().iter().map(uid).collect();
    assert_eq!(taken, expected);

    receiver.clear();
    for other in [["--report", "user-login"], ["--connection", "test"]] {
        assert_exit(
            &redeliver(&desk, "archive.ndjson", "siem", &other),
            0,
            &format!("{all} not asked for"),
        );
    }
    assert!(receiver.received().is_empty());
    let wrong = redeliver(
        &desk,
        "archive.ndjson",
        "siem",
        &["--from", "2026-03-03", "--to", "2026-03-02"],
    );
    assert_exit(&wrong, 2, "--from does not lie before --to");
}

#[test]
fn a_line_that_was_changed_ends_it_after_all_that_stands_before() {
    let (desk, server, all) = archived();
    let receiver = Receiver::start();
    configure(&desk, &server, &receiver.url(), "");
    let mut changed = lines(&desk);
    changed[700] = changed[700].replacen("\"status\":\"Failure\"", "\"status\":\"Success\"", 1);
    let expected: Vec<String> = events(&desk).iter().map(uid).collect();
    desk.write("archive.ndjson", changed.join("\n") + "\n");
    let output = redeliver(&desk, "archive.ndjson", "siem", &[]);
    assert_exit(
        &output,
        5,
        "archive.ndjson line 701 holds an event that this version would write differently",
    );
    let taken: Vec<String> = receiver.taken().iter().map(uid).collect();
    assert_eq!(taken, expected[..700]);

    let output = redeliver(&desk, "archive.ndjson", "siem", &["--skip-unreadable"]);
    assert_exit(&output, 8, "1 record was left out");
    let taken: Vec<String> = receiver.taken().iter().map(uid).collect();
    assert_eq!(taken.len(), all - 1);
    assert!(!taken.contains(&expected[700]));
    // It is not delivered by being left out once.
    let output = redeliver(&desk, "archive.ndjson", "siem", &[]);
    assert_exit(&output, 8, "1 record was left out");
    assert_eq!(receiver.taken().len(), all - 1);
}

#[test]
fn files_that_are_no_archive_or_not_whole_are_told() {
    let (desk, server, all) = archived();
    let receiver = Receiver::start();
    configure(&desk, &server, &receiver.url(), "");
    desk.write("foreign.csv", "name,age\njdoe,7\n");
    desk.write("foreign.json", "{\"name\":\"jdoe\"}\n");
    desk.write(".host-x.partial", "{");
    desk.write("broken.parquet", "PAR1 and nothing more");
    desk.write("broken.gz", [0x1f, 0x8b, 8, 0]);
    desk.write("empty.ndjson", "");
    for (file, code, words) in [
        ("foreign.csv", 5, "is not a file that a sink of this program wrote"),
        ("foreign.json", 5, "foreign.json line 1 holds no event"),
        (".host-x.partial", 2, "still being written"),
        ("broken.parquet", 5, "is not complete"),
        ("broken.gz", 5, "is not complete"),
        ("missing.ndjson", 2, "no file has such a name"),
        ("a[", 2, "--from-archive a["),
        ("/dev/null", 2, "not a regular file"),
        ("empty.ndjson", 0, "0 events"),
    ] {
        assert_exit(&redeliver(&desk, file, "siem", &[]), code, words);
    }
    assert!(receiver.received().is_empty());

    // One that grows: what is complete, and the rest once it is there.
    let whole = std::fs::read(desk.path().join("archive.ndjson")).unwrap();
    desk.write("archive.ndjson", &whole[..whole.len() - 10]);
    assert_exit(&redeliver(&desk, "archive.ndjson", "siem", &[]), 5, "is not complete");
    assert_eq!(once(&receiver).len(), all - 1);
    desk.write("archive.ndjson", &whole);
    assert_exit(&redeliver(&desk, "archive.ndjson", "siem", &[]), 0, "1 event,");
    assert_eq!(once(&receiver).len(), all);
    assert_eq!(receiver.taken().len(), all, "nothing came twice");

    // One whose beginning is another.
    let text = String::from_utf8(whole).unwrap();
    desk.write("archive.ndjson", text.replacen("\"Failure\"", "\"Succeeded\"", 1));
    assert_exit(&redeliver(&desk, "archive.ndjson", "siem", &[]), 5, "has changed");
    assert_eq!(receiver.taken().len(), all);
}

#[test]
fn a_second_call_is_refused_while_the_first_is_at_work() {
    let (desk, server, _) = archived();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let arrived = Arc::new(AtomicBool::new(false));
    let here = Arc::clone(&arrived);
    let receiver = Receiver::with(0, move |_| {
        here.store(true, Ordering::SeqCst);
        let _ = gate.recv_timeout(Duration::from_secs(60));
        Reply::status(200)
    });
    configure(&desk, &server, &receiver.url(), "");
    let arguments = ["redeliver", "--from-archive", "archive.ndjson", "--sink", "siem"];
    let mut first = spawn(&desk, &arguments);
    wait_until("the first delivery", || arrived.load(Ordering::SeqCst));
    let output = host(&desk, &arguments);
    assert_exit(&output, 9, "the same redelivery is active in another process");
    drop(release);
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_kill_at_any_time_loses_nothing() {
    let (desk, server, all) = archived();
    let receiver = Receiver::start();
    configure(&desk, &server, &receiver.url(), "");
    let arguments = ["redeliver", "--from-archive", "archive.ndjson", "--sink", "siem"];
    for requests in [1, 80, 120] {
        let mut child = spawn(&desk, &arguments);
        let mut ended = false;
        wait_until("some deliveries", || {
            ended = child.try_wait().unwrap().is_some();
            ended || receiver.received().len() >= requests
        });
        let _ = child.kill();
        let _ = child.wait();
    }
    let output = host(&desk, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let delivered = once(&receiver);
    assert_eq!(delivered.len(), all);
    assert!(
        delivered.values().all(|times| *times == 1),
        "batches that come twice are the same"
    );
}

#[test]
fn objects_of_a_folder_are_found_by_the_sink_s_name() {
    let (desk, server, all) = archived();
    let receiver = Receiver::start();
    let objects = "[sinks.objects]\nkind = \"object-store\"\nurl = \"objects\"\n";
    configure(&desk, &server, &receiver.url(), objects);
    assert_exit(&redeliver(&desk, "archive.ndjson", "objects", &[]), 0, "1 file read");
    assert!(desk.path().join("objects/report=invalid-login").is_dir());
    let one_day = redeliver(&desk, "objects:**/date=2026-03-02/*", "siem", &[]);
    assert_exit(&one_day, 0, "delivered to siem");
    let some = once(&receiver).len();
    assert!(some > 0 && some < all);
    receiver.clear();
    assert_exit(&redeliver(&desk, "objects", "siem", &[]), 0, "delivered to siem");
    assert_eq!(once(&receiver).len(), all);
    assert_exit(&redeliver(&desk, "siem", "siem", &[]), 2, "this sink writes no objects");
}

#[test]
fn what_an_encoding_does_not_tell_is_not_guessed_for_one_that_does() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,now={NOW}"));
    let archive = "[sinks.lossy]\nkind = \"file\"\nencoding = \"ecs\"\npath = \"lossy.ndjson\"\n";
    configure(&desk, &server, &receiver.url(), archive);
    let run = [
        "run",
        "audit-events",
        "--from",
        "2026-02-20",
        "--to",
        "2026-03-04",
        "--now",
        NOW,
    ];
    let output = host(&desk, &[&run[..], &["--ledger", "none", "--sink", "lossy"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = std::fs::read_to_string(desk.path().join("lossy.ndjson")).unwrap();
    let is_change = |line: &str| line.contains(r#""category":["iam"],"type":["user","change"]"#);
    assert!(text.lines().any(is_change), "the simulator changes accounts");
    assert_exit(
        &redeliver(&desk, "lossy.ndjson", "siem", &[]),
        5,
        "its encoding does not tell what it was exactly",
    );
    assert_exit(
        &redeliver(&desk, "lossy.ndjson", "siem", &["--allow-ambiguous"]),
        0,
        "1 file read",
    );
}
