//! Clocks that were wrong, homes that are not there, and what a ledger leaves behind.

use serde_json::Value;
use tests::{Receiver, Server, json_lines, stderr, stdout};

use super::desk;
use super::ledger::{configure, host, run};

const NOW: &str = "2026-03-05T22:00:00Z";
/// Dead letters that cannot be kept: what a sink does not take stays in flight.
const NOWHERE: &str = "[dead-letters]\npath = \"host.toml/no\"\n";

#[test]
fn a_watermark_in_the_future_is_refused_until_the_stream_is_reset() {
    let (desk, receiver) = (desk(), Receiver::start());
    for now in ["2026-03-05T10:00:00Z", "2026-03-08T10:00:00Z"] {
        let server = Server::start(&format!("rows=60,plain-names,now={now}"));
        configure(&desk, &server, &receiver.url(), "");
        run(&desk, "user-login", &["--now", now, "--sink", "siem"]);
    }
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    receiver.clear();
    let back = [
        "run",
        "user-login",
        "--now",
        NOW,
        "--sink",
        "siem",
        "-q",
        "--summary",
        "back.json",
    ];
    let output = host(&desk, &back);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("2026-03-07T21:45:00Z") && said.contains("host ledger rewind user-login --connection epm --to "),
        "{said}"
    );
    let summary: Value = serde_json::from_slice(&std::fs::read(desk.path().join("back.json")).unwrap()).unwrap();
    assert_eq!(
        (&summary["exit"], &summary["ledger"]["watermark"]),
        (&2.into(), &"2026-03-07T21:45:00Z".into())
    );
    assert_eq!((receiver.received().len(), server.seen().len()), (0, 0));

    // A period that was named is asked for all the same.
    let (_, named) = run(
        &desk,
        "user-login",
        &["--from", "2026-03-05", "--now", NOW, "--sink", "siem"],
    );
    assert!(
        stderr(&named).contains("is marked complete up to"),
        "{}",
        stderr(&named)
    );

    assert_eq!(host(&desk, &["ledger", "reset", "user-login"]).status.code(), Some(0));
    let (summary, _) = run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    assert_eq!(summary["ledger"]["windows"], 1);
    // Clocks that differ by minutes are no reason to refuse.
    let (summary, output) = run(
        &desk,
        "user-login",
        &["--now", "2026-03-05T21:40:00Z", "--sink", "siem"],
    );
    assert_eq!(summary["ledger"]["windows"], 0);
    assert!(!stderr(&output).contains("ahead"), "{}", stderr(&output));
}

#[test]
fn without_a_home_a_run_is_refused_rather_than_forgotten() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("now={NOW}"));
    let run = ["run", "user-login", "--now", NOW];
    let homeless = |arguments: &[&str], state: Option<&str>| {
        let mut command = desk.host(arguments);
        command.env_remove("HOME").env("EPM_PASSWORD", super::PASSWORD);
        if let Some(state) = state {
            command.env("XDG_STATE_HOME", state);
        }
        command.output().unwrap()
    };
    let refused = |arguments: &[&str], state: Option<&str>, hint: &str| {
        let output = homeless(arguments, state);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(hint), "{arguments:?}: {}", stderr(&output));
    };
    configure(
        &desk,
        &server,
        &receiver.url(),
        "[dead-letters]\npath = \"letters.db\"\n",
    );
    for state in [None, Some("state"), Some("")] {
        refused(&[&run[..], &["--sink", "siem"]].concat(), state, "--ledger none");
        refused(&["ledger", "list"], state, "`path` under [ledger]");
    }
    configure(&desk, &server, &receiver.url(), "");
    let letters = "`path` under [dead-letters]";
    refused(
        &[&run[..], &["--sink", "siem", "--ledger", "none"]].concat(),
        None,
        letters,
    );
    refused(&["dead-letter", "list"], None, letters);
    assert_eq!(server.seen().len(), 0, "nothing was sent");

    // Files refuse no event, so they need no place for dead letters.
    let output = homeless(&[&run[..], &["--sink", "archive", "--ledger", "l.db"]].concat(), None);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!desk.path().join("dead-letters.db").exists());
}

#[test]
fn two_names_of_one_ledger_are_one_ledger() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, "http://127.0.0.1:9", NOWHERE);
    let with = |ledger: &'static str| ["--now", NOW, "--sink", "siem", "--ledger", ledger];
    let failed = host(&desk, &[&["run", "invalid-login"][..], &with("l.db")].concat());
    assert_eq!(failed.status.code(), Some(7), "{}", stderr(&failed));
    let asked = server.seen().len();
    std::os::unix::fs::symlink("l.db", desk.path().join("m.db")).unwrap();
    configure(&desk, &server, &receiver.url(), NOWHERE);
    run(&desk, "invalid-login", &with("m.db"));
    let more = server.seen().split_off(asked);
    assert!(
        more.iter().all(|request| request.contains("delete")),
        "the spooled document is found: {more:?}"
    );
}

#[test]
fn at_midnight_what_is_due_is_what_came_since_the_last_run() {
    for report in ["user-login", "audit-events"] {
        let (desk, receiver) = (desk(), Receiver::start());
        for now in ["2026-03-05T10:00:00Z", "2026-03-06T00:00:00Z"] {
            let server = Server::start(&format!("rows=60,plain-names,now={now}"));
            configure(&desk, &server, &receiver.url(), "");
            let (summary, _) = run(&desk, report, &["--now", now, "--sink", "siem"]);
            assert_eq!(summary["ledger"]["windows"], 1, "{report} at {now}");
        }
        let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
        // A day is open until it is over everywhere.
        let complete = match report {
            "user-login" => "2026-03-05T11:45:00Z",
            _ => "2026-03-05T23:45:00Z",
        };
        assert_eq!(listed[0]["watermark"], complete, "{report}");
    }
}

#[test]
fn what_is_spooled_of_a_stream_goes_with_it() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, "http://127.0.0.1:9", NOWHERE);
    let due = ["--now", NOW, "--sink", "siem"];
    let failed = host(&desk, &[&["run", "user-login"][..], &due].concat());
    assert_eq!(failed.status.code(), Some(7), "{}", stderr(&failed));
    let spool = desk.path().join(".local/state/host/ledger.db-spool");
    let left = || std::fs::read_dir(&spool).unwrap().count();
    // What a kill leaves of a document while it is written.
    let prefix = ledger::Stream::new("epm", "user-login", &[]).spool_prefix();
    let partial = spool.join(format!("{prefix}w-0.x.partial"));
    std::fs::write(&partial, "half").unwrap();
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    assert_eq!(listed[0]["spooled"]["documents"], 2);
    assert_eq!(left(), 2);

    let reset = host(&desk, &["ledger", "reset", "user-login"]);
    assert_eq!((reset.status.code(), left()), (Some(0), 0), "{}", stderr(&reset));

    // A run tidies up after one that was killed; what is nobody's is shown.
    std::fs::write(&partial, "half").unwrap();
    assert!(stdout(&host(&desk, &["ledger", "list"])).contains("1 spool file belongs to no stream"));
    configure(&desk, &server, &receiver.url(), "");
    run(&desk, "user-login", &due);
    assert_eq!(left(), 0);
    assert!(!stdout(&host(&desk, &["ledger", "list"])).contains("to no stream"));
}

#[test]
fn gaps_of_a_period_that_ends_before_it_begins_are_refused() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    let gaps = |from: &str, to: &str| host(&desk, &["gaps", "user-login", "--from", from, "--to", to]);
    let output = gaps("2026-01-01", "2025-01-01");
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("ends before it begins"), "{}", stderr(&output));
    assert_eq!(gaps("2026-03-05", "2026-03-05").status.code(), Some(0));
}

#[test]
fn a_file_that_was_named_keeps_what_earlier_runs_delivered() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    let lines = |file: &str| std::fs::read_to_string(desk.path().join(file)).unwrap().lines().count();
    let due = ["--now", NOW, "--sink", "file:due.ndjson"];
    run(&desk, "user-login", &due);
    let first = lines("due.ndjson");
    assert!(first > 0);
    let (summary, _) = run(&desk, "user-login", &due);
    assert_eq!(summary["sinks"][0]["delivered"], 0);
    assert_eq!(lines("due.ndjson"), first, "nothing new takes nothing away");

    // A period that is named is delivered whole, so its file is replaced.
    let period = [&due[..2], &["--from", "2026-03-05", "--sink", "file:period.ndjson"]].concat();
    run(&desk, "user-login", &period);
    run(&desk, "user-login", &period);
    assert_eq!(lines("period.ndjson"), first);
}
