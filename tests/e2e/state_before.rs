//! Files that the version before has written (`tests/fixtures/README.md` says how): a ledger with a window that waits for
//! its sink, the document spooled for it, dead letters, rejected rows and an archive open, and what they hold comes out once.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr};

use super::desk;
use super::ledger::{configure, expected, host, once, run};

const NOW: &str = "2026-03-05T22:00:00Z";

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

fn left_by_the_version_before() -> (TestEnv, Server, Receiver) {
    let (desk, receiver) = (desk(), Receiver::start());
    let state = desk.path().join(".local/state/host");
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/state-before"),
        &state,
    );
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
    let (desk, _server, receiver) = left_by_the_version_before();
    let checked = host(&desk, &["ledger", "check"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert_eq!(listed(&desk, &["runs"]).len(), 0, "it kept no history of runs");

    // The window that waited, from its spooled document.
    let (summary, _) = run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    assert_eq!(summary["ledger"]["resumed"], 1, "{summary:#}");
    let runs = listed(&desk, &["runs", "user-login"]);
    assert_eq!((runs.len(), &runs[0]["exit"]), (1, &0.into()), "{runs:?}");
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
    let archive = std::fs::read_to_string(desk.path().join("archive.ndjson")).unwrap();
    let mut archived: BTreeMap<String, u32> = BTreeMap::new();
    for line in archive.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        *archived
            .entry(event["metadata"]["uid"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert_eq!(archived, all);
}

#[test]
fn dead_letters_and_rejected_rows_of_before_are_listed_and_delivered() {
    let (desk, _server, receiver) = left_by_the_version_before();
    assert_eq!(listed(&desk, &["dead-letter", "list"]).len(), 30);
    let replayed = host(&desk, &["dead-letter", "replay", "--any-destination"]);
    assert!(replayed.status.success(), "{}", stderr(&replayed));
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
