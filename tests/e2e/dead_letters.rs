//! `host dead-letter`: what is named must be there, one replay at a time, and errors come before anything is sent.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::desk;
use super::ledger::{configure, host, spawn, wait_until};

/// A desk with dead letters of the sink `siem`, which was down; says how many.
fn undelivered() -> (TestEnv, Server, usize) {
    let (desk, server) = (desk(), Server::start("plain-names"));
    configure(&desk, &server, "http://127.0.0.1:9", "");
    let run = [
        "run",
        "user-login",
        "--since",
        "7d",
        "--ledger",
        "none",
        "--sink",
        "siem",
    ];
    let output = host(&desk, &run);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    let letters = listed(&desk);
    assert!(letters > 3);
    (desk, server, letters)
}

fn listed(desk: &TestEnv) -> usize {
    json_lines(&host(desk, &["dead-letter", "list", "--json"])).len()
}

fn refused(output: &Output, said: &str) {
    assert_eq!(output.status.code(), Some(2), "{} {}", stdout(output), stderr(output));
    assert!(stderr(output).contains(said), "{}", stderr(output));
    assert_eq!(stdout(output), "");
}

/// Nothing was done, because somebody else is at it.
fn busy(output: &Output) {
    assert_eq!(output.status.code(), Some(9), "{}", stderr(output));
    let said = "already being replayed by another process";
    assert!(stderr(output).contains(said), "{}", stderr(output));
    assert_eq!(stdout(output), "");
}

#[test]
fn a_second_replay_is_refused_while_the_first_is_at_work() {
    let (desk, server, letters) = undelivered();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let arrived = Arc::new(AtomicBool::new(false));
    let here = Arc::clone(&arrived);
    let receiver = Receiver::with(0, move |_| {
        here.store(true, Ordering::SeqCst);
        let _ = gate.recv_timeout(Duration::from_secs(60));
        Reply::status(200)
    });
    configure(&desk, &server, &receiver.url(), "");
    let mut first = spawn(&desk, &["dead-letter", "replay", "--any-destination"]);
    wait_until("the first replay", || arrived.load(Ordering::SeqCst));
    busy(&host(&desk, &["dead-letter", "replay"]));
    drop(release);
    assert!(first.wait().unwrap().success());
    assert_eq!(receiver.taken().len(), letters);
    assert_eq!(
        stdout(&host(&desk, &["dead-letter", "replay"])),
        "Replay: 0 delivered.\n"
    );
}

#[test]
fn what_is_delivered_and_what_is_refused_again_add_up() {
    let (desk, server, letters) = undelivered();
    let mut requests = 0;
    let receiver = Receiver::with(0, move |_| {
        requests += 1;
        Reply::status(if requests == 1 { 400 } else { 200 })
    });
    configure(&desk, &server, &receiver.url(), "");
    let replayed = host(&desk, &["dead-letter", "replay", "--any-destination"]);
    assert_eq!(replayed.status.code(), Some(8), "{}", stderr(&replayed));
    let still = listed(&desk);
    assert_eq!(receiver.taken().len() + still, letters);
    assert_eq!(stdout(&replayed), format!("Replay: {} delivered.\n", letters - still));
    let kept = format!("error: {still} events failed again and are kept as dead letters");
    assert!(stderr(&replayed).contains(&kept), "{}", stderr(&replayed));
}

#[test]
fn names_and_numbers_that_are_not_there_are_refused() {
    let (desk, _server, letters) = undelivered();
    for command in ["list", "replay", "drop"] {
        let near = host(&desk, &["dead-letter", command, "--sink", "sien"]);
        refused(&near, "did you mean `siem`?");
        refused(&host(&desk, &["dead-letter", command, "--sink", "nosuch"]), "nosuch");
    }
    for command in ["show", "replay", "drop"] {
        refused(&host(&desk, &["dead-letter", command, "99999"]), "99999");
    }
    refused(&host(&desk, &["dead-letter", "drop", "1", "99999"]), "99999");
    assert_eq!(listed(&desk), letters, "all or nothing");

    // A sink that is configured has no letter, or one that has some is configured no longer: both are known.
    let none = host(&desk, &["dead-letter", "list", "--sink", "archive"]);
    assert!(
        stdout(&none).starts_with("No dead letters of sink archive in "),
        "{}",
        stdout(&none)
    );
    desk.write("host.toml", "");
    let stored = host(&desk, &["dead-letter", "list", "--sink", "siem"]);
    assert_eq!(stored.status.code(), Some(0), "{}", stderr(&stored));
    assert_eq!(stdout(&host(&desk, &["dead-letter", "drop", "1", "1"])), "1 dropped\n");
}

#[test]
fn a_store_that_cannot_be_used_is_an_error_before_anything_is_sent() {
    let desk = desk();
    desk.write("bad.db", "no database at all, but long enough to be looked at");
    for path in ["bad.db", "/dev/full"] {
        desk.write("host.toml", format!("[dead-letters]\npath = \"{path}\"\n"));
        for command in [&["list"][..], &["show", "1"], &["replay"], &["drop", "--all"]] {
            let arguments = [&["dead-letter"], command].concat();
            refused(&host(&desk, &arguments), "hint:");
        }
    }
}

#[test]
fn a_letter_goes_where_it_was_meant_to_go_and_not_to_a_namesake_of_its_sink() {
    let (desk, server, letters) = undelivered();
    let sink = |receiver: &str| configure(&desk, &server, receiver, "");
    let (own, other) = ("http://127.0.0.1:9/", Receiver::start());
    let list = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
    assert_eq!(list[0]["destination"], format!("http {own}"));
    assert!(stdout(&host(&desk, &["dead-letter", "list"])).contains(&format!("http {own}")));

    // The other configuration's sink of the same name.
    sink(&other.url());
    for command in [
        &["replay"][..],
        &["replay", "1"],
        &["drop", "--all"],
        &["drop", "--sink", "siem"],
    ] {
        let output = host(&desk, &[&["dead-letter"], command].concat());
        for said in [own, &other.url(), "--any-destination"] {
            refused(&output, said);
        }
    }
    assert_eq!((listed(&desk), other.taken().len()), (letters, 0));

    // A configuration without a sink of that name knows nothing of them, unless they are named.
    let text = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    desk.write("host.toml", text.replace("[sinks.siem]", "[sinks.other]"));
    for command in ["replay", "drop"] {
        let all = if command == "drop" { &["--all"][..] } else { &[] };
        let output = host(&desk, &[&["dead-letter", command], all].concat());
        refused(&output, "the configuration has no such sink: they stay");
    }
    let named = host(&desk, &["dead-letter", "replay", "--sink", "siem"]);
    assert_eq!(named.status.code(), Some(2));
    assert!(stderr(&named).contains("there is no sink"), "{}", stderr(&named));
    assert_eq!(listed(&desk), letters);

    // Its own letters go, the others stay.
    let ready = Arc::new(AtomicBool::new(false));
    let is_ready = Arc::clone(&ready);
    let back = Receiver::with(0, move |_| {
        Reply::status(if is_ready.load(Ordering::SeqCst) { 200 } else { 400 })
    });
    sink(&back.url());
    let run = [
        "run",
        "invalid-login",
        "--since",
        "7d",
        "--ledger",
        "none",
        "--sink",
        "siem",
    ];
    assert_eq!(host(&desk, &run).status.code(), Some(8));
    let own_letters = listed(&desk) - letters;
    assert!(own_letters > 0);
    ready.store(true, Ordering::SeqCst);
    let replayed = host(&desk, &["dead-letter", "replay"]);
    assert_eq!(replayed.status.code(), Some(8), "{}", stderr(&replayed));
    assert_eq!(stdout(&replayed), format!("Replay: {own_letters} delivered.\n"));
    let said = stderr(&replayed);
    assert!(
        said.contains(own) && said.contains(&back.url()) && said.contains("stay"),
        "{said}"
    );
    assert_eq!((listed(&desk), back.taken().len()), (letters, own_letters));

    // A receiver that has moved.
    let adopted = host(&desk, &["dead-letter", "replay", "--any-destination"]);
    assert_eq!(adopted.status.code(), Some(0), "{}", stderr(&adopted));
    assert_eq!((listed(&desk), back.taken().len()), (0, letters + own_letters));
}

#[test]
fn letters_of_an_earlier_version_go_to_the_sink_of_their_name_and_that_is_said() {
    let (desk, server, letters) = undelivered();
    let store = rusqlite::Connection::open(desk.path().join(".local/state/host/dead-letters.db")).unwrap();
    store.execute("UPDATE letter SET destination = ''", []).unwrap();
    drop(store);
    let receiver = Receiver::start();
    configure(&desk, &server, &receiver.url(), "");
    let replayed = host(&desk, &["dead-letter", "replay"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert_eq!(stderr(&replayed).matches("an earlier version").count(), 1);
    assert_eq!((listed(&desk), receiver.taken().len()), (0, letters));
}
