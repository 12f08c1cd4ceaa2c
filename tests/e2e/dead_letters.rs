//! `host dead-letter`: what is named must be there, one replay at a time, and errors come before anything is sent.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tests::{Desk, Receiver, Reply, Server, json_lines, stderr, stdout};

use super::desk;
use super::ledger::{configure, host, spawn, wait_until};

/// A desk with dead letters of the sink `siem`, which was down; says how many.
fn undelivered() -> (Desk, Server, usize) {
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

fn listed(desk: &Desk) -> usize {
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
    let mut first = spawn(&desk, &["dead-letter", "replay"]);
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
    let replayed = host(&desk, &["dead-letter", "replay"]);
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
