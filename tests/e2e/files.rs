//! Files: what their names decide, how they follow each other, and where they may lie.

use std::os::unix::fs::{MetadataExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use tests::{Server, TestEnv, stderr, stdout};

use super::{PASSWORD, desk, run};

/// A user who is neither root nor whoever runs the tests.
const SOMEBODY: u32 = 65_533;

/// Every file below a folder, sorted, relative to it.
fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    found.sort();
    let relative = |path: PathBuf| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    found.into_iter().map(relative).collect()
}

/// A configuration with one connection of that name and one sink.
fn configure(desk: &TestEnv, server: &Server, connection: &str, sink: &str) {
    let url = server.url();
    desk.write(
        "host.toml",
        format!(
            "[connections.\"{connection}\"]\nkind = \"epm\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [sinks.archive]\nkind = \"file\"\n{sink}\n"
        ),
    );
}

fn run_configured(desk: &TestEnv) -> std::process::Output {
    let mut command = desk.host(["run", "user-login", "--since", "7d", "--sink", "archive"]);
    command.env("EPM_PASSWORD", PASSWORD).output().unwrap()
}

#[test]
fn the_name_of_a_file_decides_its_format_and_compression() {
    let (desk, server) = (desk(), Server::start(""));
    let sinks = ["a.csv", "a.ndjson.gz", "a.csv.zst", "a.parquet", "a"].map(|name| format!("file:{name}"));
    let mut more = vec!["--since", "7d", "--sink", "stdout"];
    for sink in &sinks {
        more.extend(["--sink", sink]);
    }
    let output = run(&desk, &server, "user-login", &more).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let first = |name: &str, count: usize| std::fs::read(desk.path().join(name)).unwrap()[..count].to_vec();
    assert_eq!(first("a.csv", 5), b"time,");
    assert_eq!(first("a.ndjson.gz", 2), [0x1f, 0x8b]);
    assert_eq!(first("a.csv.zst", 4), [0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(first("a.parquet", 4), b"PAR1");
    assert_eq!(std::fs::read(desk.path().join("a")).unwrap(), output.stdout);
}

#[test]
fn parquet_goes_into_a_pipe_whole() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run(&desk, &server, "user-login", &["--since", "7d", "--format", "parquet"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(output.stdout.starts_with(b"PAR1") && output.stdout.ends_with(b"PAR1"));
}

#[test]
fn a_parquet_file_that_would_be_compressed_twice_is_refused_before_anything_is_sent() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run(
        &desk,
        &server,
        "user-login",
        &["--since", "7d", "--sink", "file:x.parquet.gz"],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("hint: write x.parquet"), "{}", stderr(&output));
    assert!(server.seen().is_empty());
}

#[test]
fn runs_that_rotate_leave_one_file_each() {
    let (desk, server) = (desk(), Server::start(""));
    configure(
        &desk,
        &server,
        "epm",
        "path = \"archive/{report}.ndjson\"\nrotate = { every = \"365d\" }",
    );
    for _ in 0..2 {
        let output = run_configured(&desk);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let files = files(&desk.path().join("archive"));
    assert_eq!(files.len(), 2, "{files:?}");
    for (number, file) in files.iter().enumerate() {
        assert!(file.starts_with("user-login.20"), "{file}");
        assert!(file.ends_with(&format!("T00-00-00Z.{number:06}.ndjson")), "{file}");
    }
}

#[test]
fn a_rotation_that_never_comes_is_a_mistake_of_the_configuration() {
    let (desk, server) = (desk(), Server::start(""));
    for sink in [
        "path = \"x.ndjson\"\nrotate = {}",
        "path = \"x.ndjson\"\nrotate = { every = \"1500ms\" }",
        "path = \"x.ndjson\"\nrotate = { bytes = 0 }",
        "path = \"x.parquet\"\ncompression = \"gzip\"",
    ] {
        configure(&desk, &server, "epm", sink);
        let output = desk.host(["config", "check"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{sink}: {}", stderr(&output));
    }
}

#[test]
fn a_configured_parquet_file_is_made_once_and_not_extended() {
    let (desk, server) = (desk(), Server::start(""));
    configure(&desk, &server, "epm", "path = \"archive/{date}.parquet\"");
    assert!(run_configured(&desk).status.success());
    let requests = server.seen().len();
    let output = run_configured(&desk);
    // Past midnight UTC the second run makes a file of its own.
    if output.status.code() != Some(0) {
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("cannot grow"), "{}", stderr(&output));
        assert_eq!(server.seen().len(), requests);
    }
}

#[test]
fn a_file_that_cannot_be_is_told_by_check_and_by_the_run_before_anything_is_sent() {
    let (desk, server) = (desk(), Server::start(""));
    let at = |name: &str| desk.path().join(name);
    for folder in ["folder", "foreign"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    desk.write("file", "");
    for (target, link) in [
        ("absent", "dangling"),
        ("two", "one"),
        ("one", "two"),
        ("folder", "to-folder"),
    ] {
        symlink(target, at(link)).unwrap();
    }
    let fifo = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(fifo.success());
    let long = "x".repeat(256);
    let mut table = vec![
        ("folder", "it is a folder"),
        ("to-folder", "it is a folder"),
        ("file/x.ndjson", "its folder is a file"),
        ("dangling", "it is a symbolic link that leads nowhere"),
        ("one", "its symbolic links form a loop"),
        ("two/x.ndjson", "its symbolic links form a loop"),
        ("pipe", "it is not a regular file"),
        ("/dev/null", "it is not a regular file"),
        ("/dev/full", "it is not a regular file"),
        (&long, "File name too long"),
        // Where nobody makes a file, root included.
        ("/proc/x.ndjson", "/proc"),
    ];
    // Another user's links, which only root can make.
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        symlink("../file", at("foreign/end")).unwrap();
        symlink("../folder", at("foreign/way")).unwrap();
        for link in ["foreign/end", "foreign/way"] {
            lchown(at(link), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        }
        let foreign = "it is a symbolic link that belongs to somebody else";
        table.extend([("foreign/end", foreign), ("foreign/way/x.ndjson", foreign)]);
    }
    configure(&desk, &server, "epm", "path = \"x\"");
    // State and compiled plugins aside.
    let lying = || {
        let mut found = files(desk.path());
        found.retain(|name| !name.starts_with(".local/") && !name.starts_with(".cache/"));
        found
    };
    let there = lying();
    for (path, words) in table {
        configure(&desk, &server, "epm", &format!("path = \"{path}\""));
        let checked = desk.host(["check", "archive"]).output().unwrap();
        assert_ne!(checked.status.code(), Some(0), "{path}: {}", stdout(&checked));
        assert!(stdout(&checked).contains(words), "{path}: {}", stdout(&checked));
        let ran = run_configured(&desk);
        assert_eq!(ran.status.code(), Some(2), "{path}: {}", stderr(&ran));
        assert!(stderr(&ran).contains(words), "{path}: {}", stderr(&ran));
        assert_eq!(lying(), there, "{path}");
    }
    assert!(server.seen().is_empty(), "{:?}", server.seen());
}

#[test]
fn a_lock_that_another_process_holds_ends_the_run_after_its_time_and_costs_no_event() {
    let (desk, server) = (desk(), Server::start(""));
    configure(&desk, &server, "epm", "path = \"x.ndjson\"\nlock-timeout = \"100ms\"");
    desk.write("x.ndjson", "");
    let lock = desk.write_secret(".host-lock", "");
    let held = std::fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    let ran = run_configured(&desk);
    assert_eq!(ran.status.code(), Some(7), "{}", stderr(&ran));
    assert!(stderr(&ran).contains(".host-lock"), "{}", stderr(&ran));
    assert_eq!(std::fs::read(desk.path().join("x.ndjson")).unwrap(), b"");
    drop(held);
    let ran = run_configured(&desk);
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    assert!(!std::fs::read(desk.path().join("x.ndjson")).unwrap().is_empty());
}

#[test]
fn a_hostile_connection_name_is_refused_before_anything_is_sent_or_written() {
    let (desk, server) = (desk(), Server::start(""));
    for connection in ["../../x", "..", "/etc/x", "a/../../../b", ".hidden"] {
        let sink = "path = \"deep/{connection}/{report}.ndjson\"";
        configure(&desk, &server, connection, sink);
        let output = run_configured(&desk);
        assert_eq!(output.status.code(), Some(2), "{connection}: {}", stderr(&output));
    }
    assert!(server.seen().is_empty());
    assert_eq!(files(desk.path()), ["host.toml"]);
}
