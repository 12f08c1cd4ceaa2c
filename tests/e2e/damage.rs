//! Files that cannot grow, cannot be written or are not what was written: a clear error, nothing lost, and once that is
//! mended the next run carries on.
//!
//! A file that cannot grow is made by the limit on file sizes, which works for every user on every machine; a device that
//! is really full, and one that is read-only, are in `tests/real/disk.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr, stdout};

use super::ledger::{configure, expected, host, once, run, submissions, wait_until};
use super::{PASSWORD, desk};

const NOW: &str = "2026-03-05T22:00:00Z";

/// A run in which no file can become larger than so many KiB.
fn confined(desk: &TestEnv, kib: u64, arguments: &[&str]) -> Output {
    let plain = desk.process(arguments);
    let mut command = Command::new("sh");
    let blocks = (kib * 2).to_string();
    command
        .args(["-c", "ulimit -f \"$0\" && exec \"$@\"", &blocks])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(desk.path())
        .env_clear()
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("EPM_PASSWORD", PASSWORD)
        .env("SECRET", "demo-secret")
        .stdin(Stdio::null());
    command.output().unwrap()
}

/// The error that a failed command ended with; each has a hint.
fn failure(output: &Output) -> String {
    let said = stderr(output);
    assert!(said.contains("error: ") && said.contains("hint: "), "{said}");
    said
}

fn ledger_of(desk: &TestEnv) -> PathBuf {
    desk.path().join(".local/state/host/ledger.db")
}

fn lines(path: &Path) -> BTreeMap<String, u32> {
    let mut ids = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let id = event["metadata"]["uid"].as_str().unwrap().to_owned();
        *ids.entry(id).or_default() += 1;
    }
    ids
}

/// Batches of a size that makes few of them.
fn configure_large(desk: &TestEnv, server: &Server, sink: &str, more: &str) {
    configure(desk, server, sink, more);
    let path = desk.path().join("host.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text.replace("batch-events = 7", "batch-events = 500")).unwrap();
}

/// Makes dead letters of what the sink does not take, though it is the only one.
fn set_aside(desk: &TestEnv) {
    let path = desk.path().join("host.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let letters = "[sinks.siem]\nwhen-down = \"dead-letters\"\n";
    std::fs::write(path, text.replace("[sinks.siem]\n", letters)).unwrap();
}

#[test]
fn a_ledger_that_cannot_grow_ends_the_run_and_the_next_one_carries_on() {
    let mut failures = 0;
    // The engine keeps the image of a guest in a file in memory, which has to fit.
    for kib in [28, 29, 30, 31, 32, 36] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        configure(&desk, &server, &receiver.url(), "");
        let more = ["--now", NOW, "--sink", "siem"];
        let failed = confined(&desk, kib, &[&["run", "invalid-login"][..], &more].concat());
        match failed.status.code() {
            Some(0) => {}
            code @ (Some(1) | Some(2)) => {
                failures += 1;
                assert!(failure(&failed).contains("ledger.db"), "{kib}: {}", stderr(&failed));
                assert!(code == Some(1) || server.seen().is_empty(), "{kib}: nothing was sent");
            }
            code => panic!("{kib}: {code:?}: {}", stderr(&failed)),
        }
        run(&desk, "invalid-login", &more);
        assert_eq!(submissions(&server), 1, "{kib}: {:?}", server.seen());
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period), "{kib}");
    }
    assert!(failures >= 2, "the limit was never met");
}

#[test]
fn a_spool_that_has_no_room_ends_the_run_and_the_next_one_downloads_again() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=6000,plain-names,now={NOW}"));
    configure_large(&desk, &server, &receiver.url(), "");
    let more = ["--now", NOW, "--sink", "siem"];
    let failed = confined(&desk, 256, &[&["run", "invalid-login"][..], &more].concat());
    assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));
    assert!(failure(&failed).contains("spool"), "{}", stderr(&failed));
    assert_eq!(receiver.received().len(), 0);

    run(&desk, "invalid-login", &more);
    assert_eq!(submissions(&server), 1, "{:?}", server.seen());
    let period = ["--from", "2026-03-05", "--now", NOW];
    assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
}

#[test]
fn a_file_that_cannot_grow_leaves_no_half_file_and_the_next_run_writes_it_whole() {
    for sink in ["archive", "rolling"] {
        let desk = desk();
        let server = Server::start(&format!("rows=2000,plain-names,now={NOW}"));
        let rolling = "[sinks.rolling]\nkind = \"file\"\npath = \"rolling.ndjson\"\nrotate = { bytes = 8388608 }\n";
        configure(&desk, &server, "http://127.0.0.1:9", rolling);
        let more = ["--now", NOW, "--sink", sink];
        let failed = confined(&desk, 512, &[&["run", "invalid-login"][..], &more].concat());
        assert_eq!(failed.status.code(), Some(7), "{}", stderr(&failed));
        let said = failure(&failed);
        assert!(said.contains(sink) && said.contains("ulimit"), "{said}");
        let files = || {
            let entries = std::fs::read_dir(desk.path()).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            paths
                .filter(|path| path.extension().is_some_and(|end| end == "ndjson"))
                .collect::<Vec<_>>()
        };
        assert_eq!(files(), Vec::<PathBuf>::new());

        run(&desk, "invalid-login", &more);
        assert_eq!(submissions(&server), 1, "{:?}", server.seen());
        let all = expected(&desk, "invalid-login", &["--from", "2026-03-05", "--now", NOW]);
        let [file] = files().try_into().unwrap();
        assert_eq!(lines(&file), all, "{sink}");
    }
}

#[test]
fn dead_letters_that_have_no_room_hold_the_window_back_until_they_have() {
    let desk = desk();
    let server = Server::start(&format!("rows=2000,plain-names,now={NOW}"));
    configure_large(&desk, &server, "http://127.0.0.1:9", "");
    set_aside(&desk);
    let more = ["--now", NOW, "--sink", "siem"];
    let failed = confined(&desk, 600, &[&["run", "invalid-login"][..], &more].concat());
    assert_eq!(failed.status.code(), Some(7), "{}", stderr(&failed));
    assert!(failure(&failed).contains("dead-letters.db"), "{}", stderr(&failed));
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    assert_eq!(listed[0]["in_flight"], 1);

    // The sink is still down, but now they are kept, each once.
    let kept = host(&desk, &[&["run", "invalid-login"][..], &more].concat());
    assert_eq!(kept.status.code(), Some(8), "{}", stderr(&kept));
    let letters = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
    let ids = letters
        .iter()
        .map(|letter| (letter["event_id"].as_str().unwrap().to_owned(), 1));
    let ids: BTreeMap<_, _> = ids.collect();
    assert_eq!(letters.len(), ids.len());
    let receiver = Receiver::start();
    configure_large(&desk, &server, &receiver.url(), "");
    let all = expected(&desk, "invalid-login", &["--from", "2026-03-05", "--now", NOW]);
    assert_eq!(ids, all);
    let replayed = host(&desk, &["dead-letter", "replay", "--any-destination"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert_eq!(receiver.taken().len(), all.len());
}

#[test]
fn what_cannot_be_made_is_named_before_anything_is_sent() {
    let desk = desk();
    let server = Server::start(&format!("now={NOW}"));
    // A folder where a file should be, and a folder below a file: refused to everybody, root included.
    std::fs::create_dir(desk.path().join("folder.db")).unwrap();
    desk.write("file", "");
    for (ledger, sink) in [
        ("folder.db", "archive"),
        ("file/l.db", "archive"),
        ("/proc/ledger.db", "archive"),
        ("ledger.db", "file:file/x.ndjson"),
        ("ledger.db", "file:/proc/x.ndjson"),
    ] {
        configure(&desk, &server, "http://127.0.0.1:9", "");
        let output = host(
            &desk,
            &["run", "user-login", "--now", NOW, "--ledger", ledger, "--sink", sink],
        );
        assert_eq!(output.status.code(), Some(2), "{ledger} {sink}: {}", stderr(&output));
        let named = match ledger {
            "ledger.db" => sink.trim_start_matches("file:"),
            "file/l.db" => "cannot make file",
            other => other,
        };
        assert!(stderr(&output).contains(named), "{ledger} {sink}: {}", stderr(&output));
        assert_eq!(server.seen().len(), 0, "{ledger} {sink}");
    }
    // The spool beside the ledger.
    desk.write("ledger.db-spool", "");
    let output = host(
        &desk,
        &[
            "run",
            "user-login",
            "--now",
            NOW,
            "--ledger",
            "ledger.db",
            "--sink",
            "archive",
        ],
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("ledger.db-spool"), "{}", stderr(&output));
    std::fs::remove_file(desk.path().join("ledger.db-spool")).unwrap();
    run(
        &desk,
        "user-login",
        &["--now", NOW, "--ledger", "ledger.db", "--sink", "archive"],
    );
}

/// Ends a run once a batch was taken, so that a window is in flight and its document in the spool.
fn interrupted(desk: &TestEnv, server: &Server, receiver: &Receiver) {
    configure(desk, server, &receiver.url(), "");
    let mut command = desk.process(["run", "invalid-login", "--now", NOW, "--sink", "siem"]);
    command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
    command.env("HOST_FAILPOINT", "mark.after:1");
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(ended.code(), None, "it was killed");
    wait_until("a batch", || receiver.received().len() >= 2);
}

#[test]
fn a_ledger_that_is_damaged_is_refused_with_a_hint_and_left_alone() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    interrupted(&desk, &server, &receiver);
    let path = ledger_of(&desk);
    let more = ["--now", NOW, "--sink", "siem"];
    // Reading it moves what stands beside it into the file.
    assert_eq!(
        json_lines(&host(&desk, &["ledger", "list", "--json"]))[0]["in_flight"],
        1
    );
    let sound = std::fs::read(&path).unwrap();
    let noise = |from: usize, length: usize| {
        let mut bytes = sound.clone();
        let mut state = 0x9e37_79b9_u32;
        for byte in bytes.iter_mut().skip(from).take(length) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        bytes
    };
    // Pages keep what they held before: all of it is hit.
    let name = b"\"watermark\":\"";
    let places = (0..sound.len()).filter(|&place| sound[place..].starts_with(name));
    let mut within = sound.clone();
    places.for_each(|place| within[place + name.len() + 3] ^= 0x01);
    assert_ne!(within, sound);
    let mut later = sound.clone();
    later[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let damaged: [(&str, Vec<u8>); 11] = [
        ("noise in the header", noise(0, 100)),
        ("noise in the magic", noise(4, 8)),
        ("noise in the first page", noise(100, 900)),
        ("noise in the second page", noise(4096, 512)),
        ("one bit of a document", within),
        ("noise to the end", noise(4096, usize::MAX)),
        ("cut to a page", sound[..4096].to_vec()),
        ("cut within a page", sound[..5000].to_vec()),
        ("empty", Vec::new()),
        ("text", b"These are my notes, and no database.\n".repeat(200)),
        ("of a later version", later),
    ];
    let asked = server.seen().len();
    // As a killed process leaves the file, and as one that closed it does: then a page that nobody reads is not looked at.
    let log = path.with_file_name("ledger.db-wal");
    for ((what, bytes), killed) in damaged.iter().flat_map(|damage| [(damage, true), (damage, false)]) {
        if !killed && *what == "noise in the second page" {
            continue;
        }
        let mut commands = vec![[&["run", "invalid-login"][..], &more].concat()];
        commands.push(vec!["ledger", "list"]);
        for command in commands {
            std::fs::write(&path, bytes).unwrap();
            let _ = std::fs::remove_file(&log);
            if killed {
                std::fs::write(&log, "").unwrap();
            }
            let output = host(&desk, &command);
            assert_eq!(output.status.code(), Some(2), "{what}: {}", stderr(&output));
            let said = failure(&output);
            assert!(said.contains("ledger"), "{what}: {said}");
            assert_eq!(std::fs::read(&path).unwrap(), *bytes, "{what}: left alone");
        }
    }
    assert_eq!(server.seen().len(), asked, "nothing was sent");
    // Restored, it carries on.
    std::fs::write(&path, &sound).unwrap();
    run(&desk, "invalid-login", &more);
    assert_eq!(submissions(&server), 1, "{:?}", server.seen());
    let period = ["--from", "2026-03-05", "--now", NOW];
    assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
}

#[test]
fn a_ledger_is_checked_whole_after_a_kill_and_on_request_and_not_after_a_clean_end() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=600,plain-names,now={NOW}"));
    let path = ledger_of(&desk);
    let wal = path.with_file_name("ledger.db-wal");
    let checked = || host(&desk, &["ledger", "check"]);
    configure(&desk, &server, &receiver.url(), "");
    assert!(stdout(&checked()).starts_with("There is no ledger"));
    let more = ["--now", NOW, "--sink", "siem"];
    run(&desk, "invalid-login", &more);
    assert!(!wal.exists(), "a run closes it");
    let sound = checked();
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));
    assert!(stdout(&sound).contains("ledger.db is sound: "), "{}", stdout(&sound));
    // What no reader of documents looks at: how many free pages there are (sqlite.org/fileformat2.html, section 1.3).
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[39] ^= 0x01;
    std::fs::write(&path, &bytes).unwrap();
    let listed = host(&desk, &["ledger", "list"]);
    assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
    let damaged = checked();
    assert_eq!(damaged.status.code(), Some(2), "{}", stdout(&damaged));
    assert!(failure(&damaged).contains("is damaged"), "{}", stderr(&damaged));
    // Found once, it is refused from then on, as after a kill.
    assert!(wal.exists());
    let asked = server.seen().len();
    for command in [
        &[&["run", "invalid-login"][..], &more].concat()[..],
        &["ledger", "list"],
    ] {
        let refused = host(&desk, command);
        assert_eq!(refused.status.code(), Some(2), "{command:?}: {}", stderr(&refused));
        assert!(failure(&refused).contains("is damaged"), "{}", stderr(&refused));
    }
    assert_eq!(server.seen().len(), asked, "nothing was sent");
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "left alone");
}

#[test]
fn a_ledger_whose_last_writes_are_torn_carries_on_from_before_them() {
    for torn in ["cut", "flipped"] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        interrupted(&desk, &server, &receiver);
        let path = ledger_of(&desk).with_file_name("ledger.db-wal");
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() > 8192, "the writes are beside the file");
        let end = bytes.len();
        match torn {
            "cut" => bytes.truncate(end - 100),
            _ => bytes[end - 100] ^= 0x40,
        }
        std::fs::write(&path, bytes).unwrap();
        run(&desk, "invalid-login", &["--now", NOW, "--sink", "siem"]);
        assert_eq!(submissions(&server), 1, "{torn}: {:?}", server.seen());
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period), "{torn}");
    }
}

#[test]
fn a_spooled_document_that_is_damaged_is_fetched_again_without_a_second_job() {
    for damage in ["flipped", "cut", "longer", "missing", "a folder"] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        interrupted(&desk, &server, &receiver);
        let spool = ledger_of(&desk).with_file_name("ledger.db-spool");
        let [file] = std::fs::read_dir(&spool)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        match damage {
            "flipped" => bytes[middle] ^= 0x01,
            "cut" => bytes.truncate(middle),
            "longer" => bytes.push(b'\n'),
            _ => std::fs::remove_file(&file).unwrap(),
        }
        match damage {
            "missing" => {}
            "a folder" => std::fs::create_dir(&file).unwrap(),
            _ => std::fs::write(&file, bytes).unwrap(),
        }
        let more = ["--now", NOW, "--sink", "siem"];
        let output = host(&desk, &[&["run", "invalid-login"][..], &more].concat());
        assert!(
            stderr(&output).contains("it is fetched again"),
            "{damage}: {}",
            stderr(&output)
        );
        if damage == "a folder" {
            // Not even a new one can be put there: said, and mended.
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            assert!(failure(&output).contains("ledger.db-spool"), "{}", stderr(&output));
            std::fs::remove_dir(&file).unwrap();
            run(&desk, "invalid-login", &more);
        } else {
            assert_eq!(output.status.code(), Some(0), "{damage}: {}", stderr(&output));
        }
        assert_eq!(submissions(&server), 1, "{damage}: {:?}", server.seen());
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period), "{damage}");
    }
}

#[test]
fn dead_letters_that_are_damaged_hold_the_window_back_until_they_are_mended() {
    let desk = desk();
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(&desk, &server, "http://127.0.0.1:9", "");
    set_aside(&desk);
    let letters = desk.path().join(".local/state/host/dead-letters.db");
    std::fs::create_dir_all(letters.parent().unwrap()).unwrap();
    std::fs::write(&letters, b"These are my notes, and no database.\n".repeat(200)).unwrap();
    let more = ["--now", NOW, "--sink", "siem"];
    let failed = host(&desk, &[&["run", "user-login"][..], &more].concat());
    assert_eq!(failed.status.code(), Some(7), "{}", stderr(&failed));
    assert!(failure(&failed).contains("dead-letters.db"), "{}", stderr(&failed));
    let listed = host(&desk, &["dead-letter", "list"]);
    assert!(failure(&listed).contains("move it away"), "{}", stderr(&listed));

    std::fs::remove_file(&letters).unwrap();
    let kept = host(&desk, &[&["run", "user-login"][..], &more].concat());
    assert_eq!(kept.status.code(), Some(8), "{}", stderr(&kept));
    let count = stdout(&host(&desk, &["dead-letter", "list", "--json"])).lines().count();
    let receiver = Receiver::start();
    configure(&desk, &server, &receiver.url(), "");
    let all = expected(&desk, "user-login", &["--from", "2026-03-05", "--now", NOW]);
    assert_eq!(count, all.len());
}
