//! All state backed up, restored and verified: nothing is lost, and what comes twice was said beforehand.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::desk;
use super::ledger::{configure, expected, host, run, spawn, uid, wait_until};

const NOW: &str = "2026-03-05T22:00:00Z";
/// The clocks of a series of runs.
const TIMES: [&str; 3] = ["2026-03-05T12:00:00Z", "2026-03-05T20:00:00Z", "2026-03-06T00:05:00Z"];

fn state_of(desk: &TestEnv) -> PathBuf {
    desk.path().join(".local/state/host")
}

/// A server whose clock stands there, in the configuration.
fn server_at(desk: &TestEnv, receiver: &Receiver, now: &str) -> Server {
    let server = Server::start(&format!("rows=60,plain-names,now={now}"));
    configure(desk, &server, &receiver.url(), "");
    server
}

/// A receiver that takes events while the switch is on.
fn switched() -> (Receiver, Arc<AtomicBool>) {
    let up = Arc::new(AtomicBool::new(true));
    let is_up = Arc::clone(&up);
    let receiver = Receiver::with(0, move |_| {
        Reply::status(if is_up.load(Ordering::SeqCst) { 200 } else { 503 })
    });
    (receiver, up)
}

/// A command that succeeds.
fn done(desk: &TestEnv, arguments: &[&str]) -> String {
    let output = host(desk, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// The error of a command that is refused, with its exit code.
fn refused(desk: &TestEnv, arguments: &[&str], code: i32) -> String {
    let output = host(desk, arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains("error: ") && said.contains("hint: "), "{said}");
    said
}

/// The number of times that each event was taken.
fn taken(receiver: &Receiver) -> BTreeMap<String, u32> {
    let mut events = BTreeMap::new();
    for event in receiver.taken() {
        *events.entry(uid(&event)).or_default() += 1;
    }
    events
}

/// Every file below a folder, and what is in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => drop(found.insert(path.clone(), std::fs::read(path).unwrap())),
        }
    }
    found
}

/// Runs up to a window that waits for the sink, a backup of that, and a run that delivers it and what is new. Answers with what was
/// taken before the backup and how many events after it.
fn backup_in_the_middle(desk: &TestEnv, receiver: &Receiver, up: &AtomicBool) -> (BTreeSet<String>, usize, Server) {
    let first = server_at(desk, receiver, TIMES[0]);
    run(desk, "user-login", &["--now", TIMES[0], "--sink", "siem"]);
    drop(first);
    let second = server_at(desk, receiver, TIMES[1]);
    up.store(false, Ordering::SeqCst);
    let waits = host(desk, &["run", "user-login", "--now", TIMES[1], "--sink", "siem"]);
    assert_eq!(waits.status.code(), Some(7), "{}", stderr(&waits));
    drop(second);
    let said = done(desk, &["state", "backup", "backup"]);
    assert!(said.contains("1 window in flight with 1 document"), "{said}");
    let before: BTreeSet<String> = taken(receiver).into_keys().collect();
    assert!(!before.is_empty());

    up.store(true, Ordering::SeqCst);
    let third = server_at(desk, receiver, TIMES[2]);
    run(desk, "user-login", &["--now", TIMES[2], "--sink", "siem"]);
    let after = receiver.taken().len() - before.len();
    assert!(after > 0);
    (before, after, third)
}

/// Holds what a restored ledger leads to: everything is there, and what comes twice is what was delivered after the backup.
fn assert_goes_on(desk: &TestEnv, receiver: &Receiver, server: &Server, before: &BTreeSet<String>, after: usize) {
    // A test's server has another port each time.
    configure(desk, server, &receiver.url(), "");
    let (summary, _) = run(desk, "user-login", &["--now", TIMES[2], "--sink", "siem"]);
    assert_eq!(summary["ledger"]["resumed"], 1, "{summary:#}");
    // The day of the window that waited was open when it was asked for; what came of it since is due to the next run.
    run(desk, "user-login", &["--now", TIMES[2], "--sink", "siem"]);
    let period = ["--from", "2026-03-05", "--to", "2026-03-06", "--now", TIMES[2]];
    let all = expected(desk, "user-login", &period);
    let taken = taken(receiver);
    let ids = |events: &BTreeMap<String, u32>| events.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(ids(&taken), ids(&all), "nothing is lost");
    let twice: BTreeSet<_> = taken
        .iter()
        .filter(|(_, times)| **times == 2)
        .map(|(id, _)| id.clone())
        .collect();
    assert_eq!(twice.len(), after, "what comes twice was said beforehand");
    assert!(
        twice.is_disjoint(before) && taken.values().all(|times| *times <= 2),
        "{taken:?}"
    );
}

#[test]
fn a_backup_in_the_middle_of_runs_loses_nothing_and_says_what_it_doubles() {
    let (desk, (receiver, up)) = (desk(), switched());
    let (before, after, server) = backup_in_the_middle(&desk, &receiver, &up);
    let standing = files(&state_of(&desk));
    let said = refused(&desk, &["state", "restore", "backup"], 2);
    assert!(
        said.contains("there is state already") && said.contains("--replace"),
        "{said}"
    );
    let foretold = done(&desk, &["state", "restore", "backup", "--replace", "--dry-run"]);
    assert!(foretold.contains("Nothing was changed"), "{foretold}");
    let is_ledger = |path: &PathBuf| path.file_name().is_some_and(|name| name == "ledger.db");
    let now = files(&state_of(&desk));
    assert!(
        standing
            .keys()
            .filter(|path| is_ledger(path))
            .all(|path| standing[path] == now[path])
    );

    let said = done(&desk, &["state", "restore", "backup", "--replace"]);
    assert!(said.contains(&format!("comes again: {after} events to siem")), "{said}");
    assert!(
        said.contains("What was there before is kept: ") && said.contains("ledger.db-before-"),
        "{said}"
    );
    assert!(done(&desk, &["state", "verify"]).contains("1 document on the spool"));
    assert_goes_on(&desk, &receiver, &server, &before, after);
    // The ledger of before is whole, with its spool.
    let kept = std::fs::read_dir(state_of(&desk))
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let kept: Vec<_> = kept
        .filter(|path| path.to_str().unwrap().contains("ledger.db-before-"))
        .collect();
    let ledger = kept.iter().find(|path| path.is_file()).unwrap().to_str().unwrap();
    done(&desk, &["ledger", "check", "--ledger", ledger]);
    assert!(
        kept.iter()
            .any(|path| path.to_str().unwrap() == format!("{ledger}-spool")),
        "{kept:?}"
    );
}

#[test]
fn state_that_is_lost_comes_back_from_a_backup_for_its_owner_only() {
    let (desk, (receiver, up)) = (desk(), switched());
    std::fs::create_dir_all(state_of(&desk).join("tokens")).unwrap();
    std::fs::write(state_of(&desk).join("tokens/epm.json"), "{\"refresh_token\":\"first\"}").unwrap();
    let (before, after, server) = backup_in_the_middle(&desk, &receiver, &up);
    for path in files(&desk.path().join("backup")).keys() {
        let mode = path.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", path.display());
    }
    assert_eq!(
        desk.path().join("backup").metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );

    std::fs::remove_dir_all(state_of(&desk)).unwrap();
    let said = done(&desk, &["state", "restore", "backup"]);
    assert!(
        said.contains("how much is not known") && !said.contains("What was there before is kept"),
        "{said}"
    );
    assert!(said.contains("host login"), "{said}");
    let token = std::fs::read_to_string(state_of(&desk).join("tokens/epm.json")).unwrap();
    assert!(token.contains("first"));
    assert_goes_on(&desk, &receiver, &server, &before, after);
}

#[test]
fn a_backup_while_a_run_is_under_way_is_whole_and_a_restore_is_refused() {
    let desk = desk();
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    let (held, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (hold, count) = (Arc::clone(&held), Arc::clone(&asked));
    // From the third batch on it answers only once the backup is made.
    let receiver = Receiver::with(0, move |_| {
        if count.fetch_add(1, Ordering::SeqCst) >= 2 {
            while hold.load(Ordering::SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        Reply::status(200)
    });
    configure(&desk, &server, &receiver.url(), "");
    let path = desk.path().join("host.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("timeout = \"5s\"", "timeout = \"100s\"")).unwrap();
    let more = ["--now", NOW, "--sink", "siem"];
    let mut child = spawn(&desk, &[&["run", "user-login"][..], &more].concat());
    wait_until("the third batch", || asked.load(Ordering::SeqCst) >= 3);
    let said = done(&desk, &["state", "backup", "backup"]);
    assert!(said.contains("1 window in flight with 1 document"), "{said}");
    done(&desk, &["state", "verify", "backup"]);
    done(&desk, &["state", "verify"]);
    let busy = refused(&desk, &["state", "restore", "backup", "--replace"], 9);
    assert!(busy.contains("ledger.db"), "{busy}");
    held.store(false, Ordering::SeqCst);
    assert!(child.wait().unwrap().success());

    let said = done(&desk, &["state", "restore", "backup", "--replace"]);
    assert!(said.contains("comes again, as far as it is due: about "), "{said}");
    run(&desk, "user-login", &more);
    let all = expected(&desk, "user-login", &["--from", "2026-03-05", "--now", NOW]);
    let taken: BTreeSet<_> = taken(&receiver).into_keys().collect();
    assert_eq!(taken, all.into_keys().collect::<BTreeSet<_>>());
    let runs = json_lines(&host(&desk, &["runs", "--json"]));
    assert_eq!(
        runs.iter().filter(|run| run["state"] == "running").count(),
        0,
        "{runs:?}"
    );
}

/// A desk with a backup that has a ledger, a spooled document, dead letters and rejected rows.
fn with_backup() -> TestEnv {
    let (desk, (receiver, up)) = (desk(), switched());
    let server = Server::start(&format!("rows=30,bad-rows=10,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    run(&desk, "invalid-login", &["--now", NOW, "--sink", "archive"]);
    up.store(false, Ordering::SeqCst);
    let period = ["--from", "2026-03-04", "--to", "2026-03-04"];
    let letters = [
        &["run", "user-login", "--ledger", "none", "--now", NOW, "--sink", "siem"][..],
        &period,
    ]
    .concat();
    let output = host(&desk, &letters);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    let output = host(&desk, &["run", "user-login", "--now", NOW, "--sink", "siem"]);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    let said = done(&desk, &["state", "backup", "backup"]);
    assert!(said.contains("2 streams, 30 dead letters, 3 rejected rows"), "{said}");
    done(&desk, &["state", "verify", "backup"]);
    desk
}

#[test]
fn a_backup_that_is_not_what_was_written_is_not_restored_and_nothing_changes() {
    let desk = with_backup();
    let backup = desk.path().join("backup");
    let names: Vec<PathBuf> = files(&backup).into_keys().collect();
    assert_eq!(names.len(), 5, "{names:?}");
    std::fs::remove_dir_all(state_of(&desk)).unwrap();
    for path in &names {
        let name = path.strip_prefix(&backup).unwrap().to_str().unwrap();
        let bytes = std::fs::read(path).unwrap();
        let mut altered = bytes.clone();
        let place = altered.len() / 2;
        altered[place] ^= 1;
        for other in [Some(altered), None] {
            match &other {
                Some(altered) => std::fs::write(path, altered).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
            let said = refused(&desk, &["state", "restore", "backup"], 2);
            assert!(said.contains(name), "{name}: {said}");
            assert!(!state_of(&desk).exists(), "{name}");
            let verified = host(&desk, &["state", "verify", "backup"]);
            let code = if name == "backup.json" { 2 } else { 8 };
            assert_eq!(verified.status.code(), Some(code), "{name}: {}", stderr(&verified));
            assert!((stdout(&verified) + &stderr(&verified)).contains(name), "{name}");
            std::fs::write(path, &bytes).unwrap();
        }
    }
    let later = std::fs::read_to_string(backup.join("backup.json")).unwrap();
    std::fs::write(
        backup.join("backup.json"),
        later.replacen("\"form\":1", "\"form\":99", 1),
    )
    .unwrap();
    let said = refused(&desk, &["state", "restore", "backup"], 2);
    assert!(said.contains("a later version") && !state_of(&desk).exists(), "{said}");
    let said = refused(&desk, &["state", "restore", "nowhere"], 2);
    assert!(said.contains("nowhere is not a backup"), "{said}");
}

#[test]
fn a_backup_writes_over_nothing_and_leaves_nothing_where_it_fails() {
    let desk = with_backup();
    let before = files(&desk.path().join("backup"));
    let said = refused(&desk, &["state", "backup", "backup"], 2);
    assert!(said.contains("backup exists already"), "{said}");
    assert_eq!(files(&desk.path().join("backup")), before);

    // The document that a window waits for is gone: a backup without it would be none.
    let spool = state_of(&desk).join("ledger.db-spool");
    for document in std::fs::read_dir(&spool).unwrap().flatten() {
        std::fs::remove_file(document.path()).unwrap();
    }
    let said = refused(&desk, &["state", "backup", "another"], 1);
    assert!(said.contains("missing from the spool"), "{said}");
    let verified = host(&desk, &["state", "verify"]);
    assert_eq!(verified.status.code(), Some(8), "{}", stderr(&verified));
    assert!(
        stdout(&verified).contains("missing from the spool"),
        "{}",
        stdout(&verified)
    );
    let left = std::fs::read_dir(desk.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains("partial") || name == "another"),
        "{left:?}"
    );

    std::fs::remove_dir_all(state_of(&desk)).unwrap();
    let said = refused(&desk, &["state", "backup", "another"], 2);
    assert!(said.contains("there is no state"), "{said}");
    assert!(done(&desk, &["state", "verify"]).contains("there is no ledger yet"));
    // A name that is mistyped is not an empty ledger.
    for command in [&["verify"][..], &["backup", "another"]] {
        let said = refused(&desk, &[&["state"], command, &["--ledger", "nowhere.db"]].concat(), 2);
        assert!(said.contains("there is no ledger nowhere.db"), "{said}");
    }
}

#[test]
fn a_ledger_elsewhere_is_backed_up_and_restored_there() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=30,plain-names,now={NOW}"));
    configure(
        &desk,
        &server,
        &receiver.url(),
        "[ledger]\npath = \"elsewhere/progress.db\"\n",
    );
    run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    done(&desk, &["state", "backup", "backup"]);
    std::fs::remove_dir_all(desk.path().join("elsewhere")).unwrap();
    done(&desk, &["state", "restore", "backup"]);
    assert!(desk.path().join("elsewhere/progress.db").exists());
    assert!(!state_of(&desk).join("ledger.db").exists());
    let sent = receiver.taken().len();
    run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    assert_eq!(receiver.taken().len(), sent, "it goes on where it was");
}

/// A command that ends at a place in the code.
#[cfg(debug_assertions)]
fn killed_at(desk: &TestEnv, place: &str, arguments: &[&str]) {
    let mut command = desk.process(arguments);
    command
        .env("EPM_PASSWORD", super::PASSWORD)
        .env("SECRET", "demo-secret");
    let output = command.env("HOST_FAILPOINT", format!("{place}:0")).output().unwrap();
    assert_eq!(output.status.code(), None, "{place}: {}", stderr(&output));
}

#[cfg(debug_assertions)]
#[test]
fn a_restore_that_is_killed_leaves_the_old_state_or_one_that_no_run_works_on() {
    for place in ["restore.staged", "restore.marked", "restore.aside", "restore.placed"] {
        let desk = with_backup();
        let wanted = done(&desk, &["ledger", "list", "--json"]);
        done(&desk, &["ledger", "reset", "invalid-login"]);
        let old = done(&desk, &["ledger", "list", "--json"]);
        assert_ne!(old, wanted);
        killed_at(&desk, place, &["state", "restore", "backup", "--replace"]);
        match place {
            "restore.staged" => assert_eq!(done(&desk, &["ledger", "list", "--json"]), old),
            _ => {
                let said = refused(&desk, &["run", "user-login", "--now", NOW, "--sink", "siem"], 2);
                assert!(said.contains("host state restore"), "{place}: {said}");
                for looks in [
                    &["ledger", "list"][..],
                    &["state", "verify"],
                    &["state", "backup", "another"],
                ] {
                    refused(&desk, looks, 2);
                }
            }
        }
        let arguments = ["state", "restore", "backup", "--replace"];
        let arguments = if place == "restore.staged" {
            &arguments[..]
        } else {
            &arguments[..3]
        };
        done(&desk, arguments);
        assert_eq!(done(&desk, &["ledger", "list", "--json"]), wanted, "{place}");
        done(&desk, &["state", "verify"]);
        assert_eq!(
            json_lines(&host(&desk, &["dead-letter", "list", "--json"])).len(),
            30,
            "{place}"
        );
        let left = std::fs::read_dir(state_of(&desk)).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(
            !left.iter().any(|name| name.to_string_lossy().contains("restor")),
            "{place}: {left:?}"
        );
    }
}

#[cfg(debug_assertions)]
#[test]
fn what_is_stale_after_a_restore_brings_no_run_to_a_wrong_end() {
    // A run ends where the ledger says something that is over by the time of the restore: a job that was submitted, a document
    // whose file was removed from the server since, an archive that was about to grow.
    for place in ["submitted.after", "spooled.after", "intent.after"] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        configure(&desk, &server, &receiver.url(), "[fetch]\nfile-wait = \"10ms\"\n");
        let more = ["--now", NOW, "--sink", "siem", "--sink", "archive"];
        killed_at(&desk, place, &[&["run", "user-audit"][..], &more].concat());
        done(&desk, &["state", "backup", "backup"]);
        run(&desk, "user-audit", &more);
        done(&desk, &["state", "restore", "backup", "--replace"]);
        // The file of a job that was submitted before the backup is gone: the job is given up, and the next run asks for another.
        let first = host(&desk, &[&["run", "user-audit"][..], &more].concat());
        let code = first.status.code();
        let is_stale = place == "submitted.after";
        assert!(
            code == Some(0) || is_stale && code == Some(5),
            "{place}: {}",
            stderr(&first)
        );
        run(&desk, "user-audit", &more);
        let all: BTreeSet<_> = expected(&desk, "user-audit", &["--from", "2026-03-05", "--now", NOW])
            .into_keys()
            .collect();
        assert_eq!(taken(&receiver).into_keys().collect::<BTreeSet<_>>(), all, "{place}");
        let archive = std::fs::read_to_string(desk.path().join("archive.ndjson")).unwrap();
        let archived: BTreeSet<_> = archive
            .lines()
            .map(|line| uid(&serde_json::from_str(line).unwrap()))
            .collect();
        assert_eq!(archived, all, "{place}");
        done(&desk, &["state", "verify"]);
        let spool = std::fs::read_dir(state_of(&desk).join("ledger.db-spool")).unwrap();
        assert_eq!(spool.count(), 0, "{place}");
    }
}
