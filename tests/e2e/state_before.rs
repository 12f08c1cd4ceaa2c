//! Files that earlier versions have written (`tests/fixtures/README.md` says how): a ledger with a window that waits for
//! its sink, the document spooled for it, dead letters, rejected rows and an archive open, and what they hold comes out once.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr};

use super::desk;
use super::ledger::{configure, expected, host, once, run};

const NOW: &str = "2026-03-05T22:00:00Z";

/// The files that a version left behind.
struct Left {
    folder: &'static str,
    /// The reports of the runs in its history, the latest first.
    runs: &'static [&'static str],
}

const LEFT: [Left; 2] = [
    Left {
        folder: "state-before",
        runs: &[],
    },
    Left {
        folder: "state-schema-4",
        runs: &["user-login", "audit-events", "audit-events", "invalid-login"],
    },
];

/// The folder of what a version left behind.
fn fixture(left: &Left) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(left.folder)
}

/// Copies a folder. What git keeps has no mode, and state is for nobody else.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::write(&to, std::fs::read(entry.path()).unwrap()).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

fn left_by(left: &Left) -> (TestEnv, Server, Receiver) {
    let (desk, receiver) = (desk(), Receiver::start());
    let state = desk.path().join(".local/state/host");
    copy(&fixture(left), &state);
    std::fs::rename(state.join("archive.ndjson"), desk.path().join("archive.ndjson")).unwrap();
    let server = Server::start(&format!("rows=30,bad-rows=10,plain-names,now={NOW}"));
    configure(&desk, &server, &receiver.url(), "");
    (desk, server, receiver)
}

fn listed(desk: &TestEnv, what: &[&str]) -> Vec<Value> {
    json_lines(&host(desk, &[what, &["--json"]].concat()))
}

#[test]
fn a_ledger_of_before_goes_on_where_it_was() {
    for left in &LEFT {
        let (desk, _server, receiver) = left_by(left);
        let checked = host(&desk, &["ledger", "check"]);
        assert!(checked.status.success(), "{}: {}", left.folder, stderr(&checked));
        let runs = listed(&desk, &["runs"]);
        let reports: Vec<_> = runs.iter().map(|run| run["report"].as_str().unwrap()).collect();
        assert_eq!(reports, left.runs, "{}", left.folder);

        // The window that waited, from its spooled document.
        let (summary, _) = run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
        assert_eq!(summary["ledger"]["resumed"], 1, "{summary:#}");
        let runs = listed(&desk, &["runs", "user-login"]);
        let before = left.runs.iter().filter(|report| **report == "user-login").count();
        assert_eq!((runs.len(), &runs[0]["exit"]), (1 + before, &0.into()), "{runs:?}");
        let all = expected(
            &desk,
            "user-login",
            &["--from", "2026-03-05", "--to", "2026-03-05", "--now", NOW],
        );
        let delivered = once(&receiver);
        assert!(delivered.len() > 10);
        assert!(
            delivered
                .iter()
                .all(|(event, times)| *times == 1 && all.contains_key(event))
        );

        // What is new since the watermark, behind what the archive holds.
        run(&desk, "invalid-login", &["--now", NOW, "--sink", "archive"]);
        let all = expected(
            &desk,
            "invalid-login",
            &["--from", "2026-03-03", "--to", "2026-03-05", "--now", NOW],
        );
        assert_eq!(written(&desk.path().join("archive.ndjson")), all);
    }
}

/// The ids of the events in a file, and how often each is there.
fn written(path: &Path) -> BTreeMap<String, u32> {
    let mut ids: BTreeMap<String, u32> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        *ids.entry(event["metadata"]["uid"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    ids
}

#[test]
fn what_a_version_of_before_delivered_of_a_look_back_is_not_delivered_again() {
    let left = &LEFT[1];
    let (desk, _server, _receiver) = left_by(left);
    let before = std::fs::read_to_string(fixture(left).join("audit-ids.txt")).unwrap();
    let before: BTreeSet<String> = before.lines().map(str::to_owned).collect();
    assert!(before.len() > 100);
    let (summary, _) = run(&desk, "audit-events", &["--now", NOW, "--sink", "file:audit.ndjson"]);
    assert!(
        summary["duplicates"].as_u64().unwrap() > 0,
        "it looks back: {summary:#}"
    );
    let new = written(&desk.path().join("audit.ndjson"));
    let period = ["--from", "2026-03-05", "--to", "2026-03-05T21:45:00Z", "--now", NOW];
    let all = expected(&desk, "audit-events", &period);
    assert!(
        new.iter().all(|(id, times)| *times == 1 && !before.contains(id)),
        "{new:?}"
    );
    let both: BTreeSet<_> = new.into_keys().chain(before).collect();
    assert_eq!(both, all.into_keys().collect::<BTreeSet<_>>());
}

#[test]
fn dead_letters_and_rejected_rows_of_before_are_listed_and_delivered() {
    for left in &LEFT {
        let (desk, _server, receiver) = left_by(left);
        assert_eq!(listed(&desk, &["dead-letter", "list"]).len(), 30, "{}", left.folder);
        let replayed = host(&desk, &["dead-letter", "replay", "--any-destination"]);
        assert!(replayed.status.success(), "{}: {}", left.folder, stderr(&replayed));
        assert_eq!(listed(&desk, &["dead-letter", "list"]).len(), 0);
        let all = expected(
            &desk,
            "user-login",
            &["--from", "2026-03-04", "--to", "2026-03-04", "--now", NOW],
        );
        assert_eq!(once(&receiver), all);

        let rows = listed(&desk, &["rejected", "list"]);
        assert_eq!(rows.len(), 3);
        let shown = host(&desk, &["rejected", "show", "1"]);
        assert!(shown.status.success(), "{}", stderr(&shown));
    }
}
