//! The plugin workshop: from a name to a tested plugin. The Rust projects are built by the toolchain of this build.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use assert_cmd::Command;
use tests::{Server, TestEnv, json_lines, stderr, stdout};

use crate::{PASSWORD, desk};

/// The workspace of this repository.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `host …` in a folder of the desk, where cargo can be found and what it builds is shared by all tests.
fn host(desk: &TestEnv, folder: &str, arguments: &[&str]) -> Command {
    let mut command = desk.host(arguments);
    command
        .current_dir(desk.path().join(folder))
        .timeout(Duration::from_secs(580));
    let home = std::env::var("HOME").unwrap_or_default();
    let or_home = |name: &str, below: &str| std::env::var(name).unwrap_or(format!("{home}/{below}"));
    command
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("CARGO_HOME", or_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", or_home("RUSTUP_HOME", ".rustup"))
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_BIN_EXE_host")).with_file_name("e2e-workshop"),
        );
    if let Ok(toolchain) = std::env::var("RUSTUP_TOOLCHAIN") {
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    command
}

fn ran(mut command: Command) -> Output {
    command.output().unwrap()
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    let (out, err) = (stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "stdout:\n{out}\nstderr:\n{err}");
}

/// Replaces text in a file that must hold it.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {}", path.display());
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn a_new_rust_sink_is_built_tested_run_and_changed_as_typed() {
    let desk = desk();
    assert_exit(
        &ran(host(&desk, "", &["plugin", "new", "sink", "hello", "--lang", "rust"])),
        0,
    );
    let built = ran(host(&desk, "hello", &["plugin", "build"]));
    assert_exit(&built, 0);
    assert!(stdout(&built).contains("hello.wasm: ") && stdout(&built).contains("imports nothing"));
    let tested = ran(host(&desk, "hello", &["plugin", "test"]));
    assert_exit(&tested, 0);
    assert!(
        stdout(&tested).contains("ok      case two-events\n"),
        "{}",
        stdout(&tested)
    );

    let server = Server::start("");
    let url = server.url();
    let arguments = ["run", "user-login", "--since", "7d", "--sink", "./hello.wasm"];
    let remote = ["--url", &url, "--auth", "basic:demo.user", "--allow-private-addresses"];
    let mut run = host(&desk, "hello", &[&arguments[..], &remote[..]].concat());
    run.args(["--sink-config", "{\"source\":\"epm\"}"])
        .env("HOST_SECRET", PASSWORD);
    let run = ran(run);
    assert_exit(&run, 0);
    let lines = json_lines(&run);
    assert!(!lines.is_empty());
    assert!(
        lines
            .iter()
            .all(|line| line["source"] == "epm" && line["user"].is_string()),
        "{lines:?}"
    );

    // Changed on purpose: the case says so, and takes the change over when told to.
    edit(
        &desk.path().join("hello/src/lib.rs"),
        "\"user\": event",
        "\"who\": event",
    );
    let changed = ran(host(&desk, "hello", &["plugin", "test"]));
    assert_exit(&changed, 6);
    let said = stdout(&changed);
    assert!(
        said.contains("failed  case two-events") && said.contains("\\\"who\\\":\\\"anna"),
        "{said}"
    );
    assert!(
        said.contains("hint: fix the plugin; or `host plugin test --bless`"),
        "{said}"
    );
    let blessed = ran(host(
        &desk,
        "hello",
        &["plugin", "test", "--case", "two-events", "--bless"],
    ));
    assert_exit(&blessed, 0);
    assert!(stdout(&blessed).contains("expected.json"), "{}", stdout(&blessed));
    assert_exit(&ran(host(&desk, "hello", &["plugin", "test"])), 0);
    let none = ran(host(&desk, "hello", &["plugin", "test", "--case", "none"]));
    assert_exit(&none, 2);
    assert!(stderr(&none).contains("the cases are: two-events"), "{}", stderr(&none));
}

#[test]
fn a_new_rust_report_passes_its_tests_and_a_mistake_in_it_is_shown_by_the_compiler() {
    let desk = desk();
    assert_exit(&ran(host(&desk, "", &["plugin", "new", "report", "gate-log"])), 0);
    let tested = ran(host(&desk, "", &["plugin", "test", "gate-log"]));
    assert_exit(&tested, 0);
    assert!(
        stdout(&tested).contains("ok      parse: chunks of any size"),
        "{}",
        stdout(&tested)
    );
    assert_exit(&ran(host(&desk, "", &["plugin", "check", "gate-log/gate-log.wasm"])), 0);

    let before = fs::read(desk.path().join("gate-log/gate-log.wasm")).unwrap();
    edit(
        &desk.path().join("gate-log/src/lib.rs"),
        "seconds * 1000",
        "seconds * \"1000\"",
    );
    let broken = ran(host(&desk, "gate-log", &["plugin", "build"]));
    assert_exit(&broken, 6);
    let said = stderr(&broken);
    assert!(
        said.contains("cannot multiply") && said.contains("error: cargo could not build gate-log"),
        "{said}"
    );
    assert!(!said.contains("\"reason\""), "{said}");
    assert_eq!(fs::read(desk.path().join("gate-log/gate-log.wasm")).unwrap(), before);
}

#[test]
fn a_sink_that_breaks_the_rules_is_told_which_and_what_to_do() {
    let desk = desk();
    assert_exit(&ran(host(&desk, "", &["plugin", "new", "sink", "careless"])), 0);
    let source = desk.path().join("careless/src/lib.rs");
    edit(
        &source,
        "lines.push_str(&line.to_string());",
        "assert!(!event.subject.name.contains('🦀'));\n\
         lines.insert_str(0, &format!(\"{} {}\\n\", line[\"id\"], event.subject.name));",
    );
    edit(
        &source,
        "Ok(vec![Delivery::Bytes(lines.into_bytes())])",
        "Ok(vec![Delivery::Bytes(lines.into_bytes()), Delivery::Http(audit::plugin::http::HttpRequest {\
         method: audit::plugin::http::Method::Post, path: vec![], query: vec![], headers: vec![], body: None })])",
    );
    edit(
        &source,
        "200..=299 => Verdict::Accepted",
        "200..=499 => Verdict::Accepted",
    );
    let tested = ran(host(&desk, "careless", &["plugin", "test"]));
    assert_exit(&tested, 6);
    let said = stdout(&tested);
    for failed in [
        "case two-events",
        "encode: order",
        "encode: hostile text",
        "verdict: every status",
    ] {
        assert!(said.contains(&format!("failed  {failed}")), "{failed}:\n{said}");
    }
    for fine in [
        "describe: the same twice",
        "encode: the same twice",
        "encode: one event alone",
    ] {
        assert!(said.contains(&format!("ok      {fine}")), "{fine}:\n{said}");
    }
    assert!(said.contains("hint: keep the order of the payload"), "{said}");
    assert!(said.contains("the events would be lost"), "{said}");
    assert!(stderr(&tested).contains("checks failed"), "{}", stderr(&tested));
}

#[test]
fn the_built_in_plugins_pass_their_own_cases_and_what_any_plugin_must_do() {
    let desk = desk();
    for name in [
        "user-login",
        "invalid-login",
        "user-audit",
        "audit-events",
        "cef",
        "slack",
        "splunk-hec",
        "elastic-bulk",
    ] {
        let folder = workspace().join("plugins").join(name);
        let cases = fs::read_dir(folder.join("tests")).unwrap().flatten();
        let cases = cases.filter(|entry| entry.path().is_dir()).count();
        let output = ran(host(
            &desk,
            "",
            &["plugin", "test", folder.to_str().unwrap(), "--component", name],
        ));
        assert_exit(&output, 0);
        let said = stdout(&output);
        let passed = said.lines().filter(|line| line.starts_with("ok      case ")).count();
        assert_eq!(passed, cases, "{name}:\n{said}");
    }
}

#[test]
fn a_missing_toolchain_is_named_with_how_to_install_it() {
    let desk = desk();
    for (lang, tool, hint) in [
        ("rust", "cargo", "rustup target add wasm32-unknown-unknown"),
        ("python", "componentize-py", "pip install componentize-py=="),
        ("javascript", "node", "install Node.js"),
    ] {
        let name = format!("my-{lang}");
        assert_exit(&ran(desk.host(["plugin", "new", "sink", &name, "--lang", lang])), 0);
        let mut build = desk.host(["plugin", "build", &name]);
        build.env("PATH", desk.path());
        let output = ran(build);
        assert_exit(&output, 2);
        let said = stderr(&output);
        assert!(
            said.contains(&format!("error: {tool} is needed")) && said.contains(hint),
            "{said}"
        );
    }
}

#[test]
fn a_folder_or_a_name_that_cannot_be_used_is_refused_and_left_alone() {
    let desk = desk();
    desk.write("taken", "mine");
    for (name, said) in [
        ("taken", "already there"),
        ("Upper", "cannot be a plugin's name"),
        ("../x", "cannot be"),
    ] {
        let output = ran(desk.host(["plugin", "new", "sink", name]));
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    assert_eq!(fs::read_to_string(desk.path().join("taken")).unwrap(), "mine");
    let output = ran(desk.host(["plugin", "test"]));
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("host plugin new"), "{}", stderr(&output));
}

#[test]
fn check_says_why_a_file_does_not_fit() {
    let desk = desk();
    let fits = ran(desk.host(["plugin", "check", "user-login"]));
    assert_exit(&fits, 0);
    assert!(
        stdout(&fits).contains("ok      world: audit:plugin/report-plugin@"),
        "{}",
        stdout(&fits)
    );
    assert!(stdout(&fits).contains("ok      imports: none\n"), "{}", stdout(&fits));
    desk.write("text.wasm", "(component)");
    // The smallest component there is: it exports nothing.
    desk.write("empty.wasm", b"\0asm\x0d\0\x01\0");
    for (file, said) in [
        (
            "text.wasm",
            "failed  file: cannot load text.wasm: it is WebAssembly in text form",
        ),
        (
            "empty.wasm",
            "failed  world: empty.wasm does not fit this host: it is not a plugin",
        ),
    ] {
        let output = ran(desk.host(["plugin", "check", file]));
        assert_exit(&output, 6);
        assert!(stdout(&output).contains(said), "{}", stdout(&output));
        assert!(stdout(&output).contains("hint: "), "{}", stdout(&output));
    }
}

#[test]
fn a_watch_tests_again_after_a_change() {
    let desk = desk();
    let case = desk.path().join("tests/one");
    fs::create_dir_all(&case).unwrap();
    let original = workspace().join("plugins/user-login/tests/no-rows");
    for file in ["input.json", "expected.ndjson"] {
        fs::copy(original.join(file), case.join(file)).unwrap();
    }
    desk.write("Cargo.toml", "[package]\nname = \"user-login\"\n");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_host"))
        .args([
            "plugin",
            "test",
            "--watch",
            "--case",
            "one",
            "--component",
            "user-login",
        ])
        .current_dir(desk.path())
        .env_clear()
        .env("HOME", desk.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |wanted: &str| lines.by_ref().any(|line| line.starts_with(wanted));
    assert!(until("ok      case one"));
    assert!(until("watching for changes"));
    fs::write(case.join("expected.ndjson"), "{\"reject\":{}}\n").unwrap();
    assert!(until("failed  case one"));
    assert!(until("watching for changes"));
    fs::write(case.join("expected.ndjson"), "").unwrap();
    assert!(until("ok      case one"));
    child.kill().unwrap();
    child.wait().unwrap();
}
