//! Documents that are kept as evidence: all of them, as they came, before anything of them is delivered.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr, stdout};

use super::desk;
use super::ledger::{configure, host, once, run, spawn};

const NOW: &str = "2026-03-05T22:00:00Z";
const EVIDENCE: &str = "[evidence]\npath = \"evidence\"\n";
const DUE: [&str; 4] = ["--now", NOW, "--sink", "siem"];

fn serve(desk: &TestEnv, receiver: &Receiver, more: &str) -> Server {
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    configure(desk, &server, &receiver.url(), more);
    server
}

/// The lines of all manifests.
fn lines(desk: &TestEnv) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(desk.path().join("evidence")) else {
        return Vec::new();
    };
    let mut manifests: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ndjson"))
        .collect();
    manifests.sort();
    let texts = manifests.iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

fn file_of(desk: &TestEnv, line: &Value) -> PathBuf {
    desk.path().join("evidence").join(line["file"].as_str().unwrap())
}

/// The report of a check, which ends so.
fn verified(desk: &TestEnv, more: &[&str], code: i32) -> Value {
    let output = host(desk, &[&["evidence", "verify", "--json"], more].concat());
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    json_lines(&output).remove(0)
}

fn is_hex(value: &Value, digits: usize) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn every_document_of_every_report_is_kept_and_verified() {
    let (desk, receiver) = (desk(), Receiver::start());
    let _server = serve(&desk, &receiver, EVIDENCE);
    let mut before = 0;
    for (report, content) in [
        ("invalid-login", "file"),
        ("user-login", "answer"),
        ("user-audit", "file"),
        ("role-assignment-audit", "file"),
        ("group-assignment-audit", "file"),
        ("audit-events", "records"),
    ] {
        let (summary, _) = run(&desk, report, &DUE);
        let lines = lines(&desk);
        let new = &lines[before..];
        assert!(!new.is_empty(), "{report}");
        before = lines.len();
        for line in new {
            assert_eq!(line["content"], content, "{report}: {line}");
            assert_eq!(line["run"], summary["run_id"], "{line}");
            assert_eq!(line["plugin"], summary["plugin"]["sha256"], "{line}");
            assert_eq!(line["stream"]["report"], report, "{line}");
            assert!(is_hex(&line["stream"]["id"], 32) && is_hex(&line["prev"], 64), "{line}");
            assert_eq!(
                line["request"]["status"].as_u64(),
                (content != "records").then_some(200),
                "{line}"
            );
            assert!(line["request"]["target"].as_str().unwrap().starts_with('/'), "{line}");
            assert!(
                line["window"]["from"].is_string() && line["host_clock"].is_string(),
                "{line}"
            );
            assert!(line["bytes"].as_u64() > Some(0), "{line}");
            assert!(file_of(&desk, line).is_file(), "{line}");
        }
    }
    let report = verified(&desk, &[], 0);
    assert_eq!(report["whole"], true);
    assert_eq!(
        (report["lines"].as_u64(), report["documents"].as_u64()),
        (Some(before as u64), Some(before as u64))
    );
    // A run that keeps no progress keeps what it was sent all the same.
    run(
        &desk,
        "user-login",
        &[
            "--now",
            NOW,
            "--ledger",
            "none",
            "--from",
            "2026-03-04",
            "--to",
            "2026-03-04",
            "--sink",
            "archive",
        ],
    );
    assert!(lines(&desk).len() > before);
    let last = verified(&desk, &[], 0)["last"][0]["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    verified(&desk, &["--has", &last], 0);
    assert_eq!(
        verified(&desk, &["--has", &"1".repeat(64)], 8)["findings"][0]["kind"],
        "lost"
    );
    // The same folder by its name, without a configuration.
    let other = self::desk();
    let folder = desk.path().join("evidence");
    let output = other
        .host(["evidence", "verify", folder.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains(&format!("last: {last} in manifest-")),
        "{}",
        stdout(&output)
    );
    // No credential is in any line.
    for secret in [super::PASSWORD, "demo-secret", "Basic ", "Bearer "] {
        assert!(!format!("{:?}", lines(&desk)).contains(secret), "{secret}");
    }
}

#[test]
fn the_bytes_are_those_that_the_server_sent() {
    let (desk, receiver) = (desk(), Receiver::start());
    let _server = serve(&desk, &receiver, EVIDENCE);
    let recorded = ["--now", NOW, "--sink", "siem", "--record", "recorded"];
    run(&desk, "user-login", &recorded);
    let bodies: Vec<Vec<u8>> = std::fs::read_dir(desk.path().join("recorded"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "body"))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let kept = lines(&desk);
    assert!(!kept.is_empty());
    for line in &kept {
        let document = zstd::decode_all(&std::fs::read(file_of(&desk, line)).unwrap()[..]).unwrap();
        assert_eq!(document.len() as u64, line["bytes"].as_u64().unwrap());
        assert!(bodies.contains(&document), "{line}");
    }
    // A recording is no server.
    let replay = [
        "run",
        "user-login",
        "--replay",
        "recorded",
        "--ledger",
        "none",
        "--sink",
        "archive",
    ];
    let output = host(&desk, &replay);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(lines(&desk), kept);
}

#[test]
fn whatever_is_changed_is_found_and_told() {
    let (desk, receiver) = (desk(), Receiver::start());
    let _server = serve(&desk, &receiver, EVIDENCE);
    run(&desk, "user-login", &DUE);
    run(&desk, "audit-events", &DUE);
    let lines = lines(&desk);
    let file = file_of(&desk, &lines[0]);
    let whole = std::fs::read(&file).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&file, altered).unwrap();
    let report = verified(&desk, &[], 8);
    assert_eq!(report["findings"][0]["kind"], "altered");
    assert_eq!(report["findings"][0]["file"], lines[0]["file"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(verified(&desk, &[], 8)["findings"][0]["kind"], "missing");
    let output = host(&desk, &["evidence", "verify"]);
    assert!(stdout(&output).contains("missing: "), "{}", stdout(&output));
    assert!(
        stderr(&output).contains("is not as it was written: 1 finding"),
        "{}",
        stderr(&output)
    );
    std::fs::write(&file, whole).unwrap();
    verified(&desk, &[], 0);
    std::fs::write(file.with_extension("copy"), "x").unwrap();
    assert_eq!(verified(&desk, &[], 8)["findings"][0]["kind"], "extra");
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_the_next_one_does_not_mend() {
    for place in [
        "evidence.before",
        "manifest.before",
        "manifest.after",
        "evidence.after",
        "keep.before",
        "spooled.before",
    ] {
        for report in ["user-login", "invalid-login", "audit-events"] {
            let what = format!("{report} at {place}");
            let (desk, receiver) = (desk(), Receiver::start());
            let _server = serve(&desk, &receiver, EVIDENCE);
            let mut killed = desk.host([&["run", report, "-q"], &DUE[..]].concat());
            killed.env("EPM_PASSWORD", super::PASSWORD).env("SECRET", "demo-secret");
            let killed = killed.env("HOST_FAILPOINT", format!("{place}:0")).output().unwrap();
            assert_eq!(killed.status.code(), None, "{what}: {}", stderr(&killed));
            if place == "manifest.before" {
                let found = verified(&desk, &[], 8);
                assert_eq!(found["findings"][0]["kind"], "unfinished", "{what}: {found}");
            }
            run(&desk, report, &DUE);
            verified(&desk, &[], 0);
            let healed = lines(&desk).iter().any(|line| line["healed"] == true);
            assert!(healed || place != "manifest.before", "{what}");
            assert!(once(&receiver).values().all(|times| *times == 1), "{what}");
        }
    }
}

#[test]
fn nothing_is_delivered_of_what_cannot_be_kept_and_the_next_run_delivers_it() {
    let (desk, receiver) = (desk(), Receiver::start());
    let _server = serve(&desk, &receiver, EVIDENCE);
    run(&desk, "user-login", &DUE);
    let stream = lines(&desk)[0]["stream"]["id"].as_str().unwrap().to_owned();
    let folder = desk.path().join("evidence").join(stream);
    let aside = desk.path().join("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    let had = once(&receiver).len();
    let period = [
        "--now",
        NOW,
        "--sink",
        "siem",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-02",
    ];
    let output = host(&desk, &[&["run", "user-login"], &period[..]].concat());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("cannot keep a document as evidence in "), "{said}");
    assert!(said.contains("hint: make room there"), "{said}");
    assert_eq!(once(&receiver).len(), had, "nothing came");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    run(&desk, "user-login", &period);
    assert!(once(&receiver).len() > had);
    verified(&desk, &[], 0);
}

#[test]
fn runs_at_the_same_time_share_one_chain() {
    let (desk, receiver) = (desk(), Receiver::start());
    let _server = serve(&desk, &receiver, EVIDENCE);
    let reports = ["user-login", "invalid-login", "user-audit", "audit-events"];
    let runs = reports.map(|report| spawn(&desk, &[&["run", report, "-q"], &DUE[..]].concat()));
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    let kept: std::collections::BTreeSet<String> = (lines(&desk).iter())
        .map(|line| line["stream"]["report"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kept.len(), reports.len(), "{kept:?}");
    verified(&desk, &[], 0);
}

#[test]
fn only_the_connections_that_are_named_are_kept() {
    let (desk, receiver) = (desk(), Receiver::start());
    let only = format!("{EVIDENCE}connections = [\"domain\"]\n");
    let _server = serve(&desk, &receiver, &only);
    run(&desk, "user-login", &DUE);
    assert!(!Path::new(&desk.path().join("evidence")).exists());
    run(&desk, "audit-events", &DUE);
    assert!(lines(&desk).iter().all(|line| line["stream"]["connection"] == "domain"));
    assert!(!lines(&desk).is_empty());
}

#[test]
fn evidence_that_cannot_be_meant_is_refused_before_anything_is_sent() {
    let (desk, receiver) = (desk(), Receiver::start());
    for (section, words) in [
        ("[evidence]\n", "it has no place"),
        (
            "[evidence]\npath = \"x\"\nobject-store = { url = \"s3://a\" }\n",
            "it has two places",
        ),
        (
            "[evidence]\npath = \"x\"\nobject-lock = { mode = \"governance\", retain = \"365d\" }\n",
            "only a bucket has one",
        ),
        (
            "[evidence]\npath = \"x\"\nconnections = [\"prod\"]\n",
            "there is no connection \"prod\"",
        ),
        ("[evidence]\npaht = \"x\"\n", "did you mean `path`?"),
    ] {
        let server = serve(&desk, &receiver, section);
        let output = host(&desk, &["config", "check"]);
        assert_eq!(output.status.code(), Some(2), "{section}");
        assert!(stderr(&output).contains(words), "{section}: {}", stderr(&output));
        assert!(server.seen().is_empty());
    }
    let server = serve(&desk, &receiver, "[evidence]\npath = \"in-the-way\"\n");
    desk.write("in-the-way", "a file");
    let output = host(&desk, &[&["run", "user-login"], &DUE[..]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("cannot use the folder of evidence"),
        "{}",
        stderr(&output)
    );
    assert!(server.seen().is_empty(), "{:?}", server.seen());
    configure(&desk, &server, &receiver.url(), "");
    let output = host(&desk, &["evidence", "verify"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("no evidence is configured"),
        "{}",
        stderr(&output)
    );
    let output = host(&desk, &["evidence", "verify", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let output = host(&desk, &["evidence", "verify", "--has", "x"]);
    assert!(stderr(&output).contains("64 hexadecimal digits"), "{}", stderr(&output));
}
