//! A device that is full, and one that may only be read: for the ledger, the spool, dead letters and a file each, the run
//! ends with a clear error, and the next one carries on once that is mended.
//!
//! The device is a small file system in memory, mounted where only this test's processes see it. That takes user
//! namespaces, or root.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{Server, TestEnv, json_lines, stderr};

use super::{PASSWORD, connect, desk};

const NOW: &str = "2026-03-05T22:00:00Z";

/// Mounts `device`, runs the command, mends the device, runs the command again, and keeps what the device held.
const SCRIPT: &str = "
mount -t tmpfs -o size=16m host-test device
cp -r held/. device/ && mount -o \"remount,$0\" device
\"$@\" > first.out 2> first.err; echo $? > first.code
mount -o remount,rw,size=256m device
\"$@\" > second.out 2> second.err; echo $? > second.code
cp -r device kept
";

/// The outcome of two runs, the second after the device was mended.
struct Ran {
    first: i32,
    said: String,
    second: i32,
    second_said: String,
}

fn run_twice(desk: &TestEnv, device: &str, cache: &Path, arguments: &[&str]) -> Ran {
    for folder in ["device", "held"] {
        std::fs::create_dir_all(desk.path().join(folder)).unwrap();
    }
    let plain = desk.process(arguments);
    let mut command = Command::new("unshare");
    let output = command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, device])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(desk.path())
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("XDG_CACHE_HOME", cache)
        .env("EPM_PASSWORD", PASSWORD)
        .output()
        .unwrap_or_else(|error| panic!("`unshare` cannot be started: {error}"));
    assert!(
        output.status.success(),
        "no device could be mounted: {}",
        stderr(&output)
    );
    let text = |name: &str| std::fs::read_to_string(desk.path().join(name)).unwrap();
    let code = |name: &str| text(name).trim().parse().unwrap();
    Ran {
        first: code("first.code"),
        said: text("first.err"),
        second: code("second.code"),
        second_said: text("second.err"),
    }
}

fn ids(text: &str) -> Vec<String> {
    let id = |line: &str| -> String {
        let event: Value = serde_json::from_str(line).unwrap();
        event["metadata"]["uid"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

#[test]
#[ignore = "needs unshare, and user namespaces or root"]
fn what_a_full_or_read_only_device_holds_back_comes_once_it_is_mended() {
    let expected = {
        let (desk, server) = (desk(), Server::start(&format!("rows=3000,plain-names,now={NOW}")));
        connect(&desk, &server.url(), "");
        let mut command = desk.host(["run", "invalid-login", "--from", "2026-03-05", "--now", NOW]);
        let output = command
            .args(["--ledger", "none"])
            .env("EPM_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        let ids = json_lines(&output)
            .into_iter()
            .map(|event| event["metadata"]["uid"].to_string());
        ids.map(|id| id.trim_matches('"').to_owned()).collect::<BTreeSet<_>>()
    };
    assert!(expected.len() > 2000, "{}", expected.len());
    // The exit codes for a device that is full and for one that may only be read: what is found before anything is sent
    // is a matter of configuration.
    for (place, full, read_only) in [("ledger", 1, 2), ("spool", 1, 1), ("letters", 7, 7), ("file", 7, 2)] {
        for (device, code) in [("size=96k", full), ("ro", read_only)] {
            let what = format!("{place} on a device with {device}");
            let (desk, server) = (desk(), Server::start(&format!("rows=3000,plain-names,now={NOW}")));
            let at =
                |wanted: &str, inside: &str, outside: &str| if place == wanted { inside } else { outside }.to_owned();
            connect(
                &desk,
                &server.url(),
                &format!(
                    "[dead-letters]\npath = {:?}\n\
                     [sinks.siem]\nkind = \"http\"\nwhen-down = \"dead-letters\"\n\
                     endpoint = {{ url = \"http://127.0.0.1:9\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n\
                     retry = {{ min-delay = \"10ms\", max-delay = \"20ms\", max-elapsed = \"100ms\" }}\n",
                    at("letters", "device/letters.db", "letters.db")
                ),
            );
            let (ledger, file) = (
                at("ledger", "device/ledger.db", "ledger.db"),
                at("file", "file:device/events.ndjson", "file:events.ndjson"),
            );
            let sink = if place == "letters" { "siem" } else { file.as_str() };
            let warm = desk.process(["x"]);
            let warm = warm.get_envs().find(|(name, _)| *name == "XDG_CACHE_HOME");
            let cache = match place {
                "spool" => desk.path().join("device"),
                _ => warm.unwrap().1.unwrap().into(),
            };
            let arguments = [
                "run",
                "invalid-login",
                "--now",
                NOW,
                "--ledger",
                &ledger,
                "--sink",
                sink,
            ];
            let ran = run_twice(&desk, device, &cache, &arguments);
            assert_eq!(ran.first, code, "{what}: {}", ran.said);
            assert!(
                ran.said.contains("error: ") && ran.said.contains("hint: "),
                "{what}: {}",
                ran.said
            );
            // Dead letters are what there is to deliver to where the sink is down.
            let after = if place == "letters" { 8 } else { 0 };
            assert_eq!(ran.second, after, "{what}: {}", ran.second_said);
            let jobs = server
                .seen()
                .into_iter()
                .filter(|seen| seen.contains("POST") && seen.contains("invalidlogin"));
            assert_eq!(jobs.count(), 1, "{what}");
            let held = match place {
                "letters" => {
                    let path = desk.path().join("host.toml");
                    let text = std::fs::read_to_string(&path).unwrap();
                    std::fs::write(path, text.replace("device/letters.db", "kept/letters.db")).unwrap();
                    let listed = desk.host(["dead-letter", "list", "--json"]).output().unwrap();
                    let letters = json_lines(&listed).into_iter();
                    letters
                        .map(|letter| letter["event_id"].as_str().unwrap().to_owned())
                        .collect()
                }
                "file" => ids(&std::fs::read_to_string(desk.path().join("kept/events.ndjson")).unwrap()),
                _ => ids(&std::fs::read_to_string(desk.path().join("events.ndjson")).unwrap()),
            };
            assert_eq!(held.len(), expected.len(), "{what}");
            assert_eq!(held.into_iter().collect::<BTreeSet<_>>(), expected, "{what}");
        }
    }
}

#[test]
#[ignore = "needs unshare, and user namespaces or root"]
fn events_whose_evidence_finds_no_room_wait_until_it_does() {
    for (device, code) in [("size=8k", 7), ("ro", 2)] {
        let (desk, server) = (desk(), Server::start(&format!("rows=3000,plain-names,now={NOW}")));
        connect(&desk, &server.url(), "[evidence]\npath = \"device/evidence\"\n");
        let warm = desk.process(["x"]);
        let warm = warm.get_envs().find(|(name, _)| *name == "XDG_CACHE_HOME");
        let cache = warm.unwrap().1.unwrap();
        let run = [
            "run",
            "invalid-login",
            "--now",
            NOW,
            "--ledger",
            "ledger.db",
            "--sink",
            "file:events.ndjson",
        ];
        let ran = run_twice(&desk, device, Path::new(cache), &run);
        assert_eq!(ran.first, code, "{device}: {}", ran.said);
        assert!(ran.said.contains("device/evidence"), "{device}: {}", ran.said);
        assert_eq!(ran.second, 0, "{device}: {}", ran.second_said);
        let events = ids(&std::fs::read_to_string(desk.path().join("events.ndjson")).unwrap());
        assert!(events.len() > 2000, "{device}: {}", events.len());
        assert_eq!(events.iter().collect::<BTreeSet<_>>().len(), events.len(), "{device}");
        let verified = desk
            .host(["evidence", "verify", "kept/evidence", "--json"])
            .output()
            .unwrap();
        assert_eq!(verified.status.code(), Some(0), "{device}: {}", stderr(&verified));
        assert!(json_lines(&verified)[0]["documents"].as_u64() > Some(0), "{device}");
    }
}
