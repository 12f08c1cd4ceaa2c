//! Commands that look at what is kept: they say which file they looked at, and never take "may not look" for "nothing".

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::desk;
use super::ledger::{configure, host, run};

const NOW: &str = "2026-03-05T22:00:00Z";
/// Somebody who owns nothing here.
const NOBODY: u32 = 65_534;

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A command of somebody who may not enter the folder of the state: another user where the tests are root, whom no mode
/// keeps out.
fn as_stranger(desk: &TestEnv, binary: &Path, arguments: &[&str]) -> Output {
    let (state, config) = (desk.path().join("state"), desk.path().join("config"));
    let mut command = std::process::Command::new(binary);
    command
        .args(arguments)
        .current_dir(&config)
        .env_clear()
        .env("HOME", &config)
        .env("XDG_STATE_HOME", &state)
        .env("NO_COLOR", "1");
    if is_root(desk) {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().unwrap()
}

fn is_root(desk: &TestEnv) -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(desk.path()).unwrap()) == 0
}

#[test]
fn a_state_that_may_not_be_read_is_not_taken_for_an_empty_one() {
    let desk = desk();
    for folder in ["state/host", "config"] {
        std::fs::create_dir_all(desk.path().join(folder)).unwrap();
    }
    // The binary may lie where strangers do not come.
    let binary = desk.path().join("host");
    std::fs::copy(env!("CARGO_BIN_EXE_host"), &binary).unwrap();
    mode(&binary, 0o755);
    mode(desk.path(), 0o755);
    mode(&desk.path().join("config"), 0o777);
    let commands: [(&[&str], &str); 9] = [
        (&["ledger", "list"], "ledger.db"),
        (&["ledger", "list", "--json"], "ledger.db"),
        (&["ledger", "show", "user-login"], "ledger.db"),
        (&["gaps"], "ledger.db"),
        (&["gaps", "user-login"], "ledger.db"),
        (&["dead-letter", "list"], "dead-letters.db"),
        (&["dead-letter", "replay"], "dead-letters.db"),
        (&["rejected", "list"], "rejected.db"),
        (&["rejected", "replay", "--sink", "stdout"], "rejected.db"),
    ];
    let state = desk.path().join("state");
    for closed in [state.join("host"), state.clone()] {
        mode(&closed, 0o000);
        for (arguments, file) in commands {
            let output = as_stranger(&desk, &binary, arguments);
            let said = stderr(&output);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{arguments:?}: {said}{}",
                stdout(&output)
            );
            let path = state.join("host").join(file);
            let expected = format!("cannot read {}: Permission denied", path.display());
            assert!(said.contains(&expected), "{arguments:?}: {said}");
            assert_eq!(stdout(&output), "", "{arguments:?}");
        }
        mode(&closed, 0o755);
    }
    // Where one may look and there is nothing, that is said of a file.
    for (arguments, file) in [commands[0], commands[3], commands[5], commands[7]] {
        let output = as_stranger(&desk, &binary, arguments);
        let path = state.join("host").join(file);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        let said = stdout(&output);
        assert!(
            said.starts_with("No ") && said.contains(&path.display().to_string()),
            "{said}"
        );
    }
    let output = as_stranger(&desk, &binary, &["gaps", "user-login"]);
    assert_eq!(output.status.code(), Some(2));
    let path = state.join("host/ledger.db");
    assert!(
        stderr(&output).contains(&path.display().to_string()),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_configuration_that_may_not_be_read_is_not_taken_for_none() {
    let desk = desk();
    std::fs::create_dir_all(desk.path().join("config/.config/host")).unwrap();
    std::fs::create_dir_all(desk.path().join("state")).unwrap();
    let binary = desk.path().join("host");
    std::fs::copy(env!("CARGO_BIN_EXE_host"), &binary).unwrap();
    mode(&binary, 0o755);
    mode(desk.path(), 0o755);
    mode(&desk.path().join("config"), 0o755);
    let closed = desk.path().join("config/.config");
    mode(&closed, 0o000);
    let output = as_stranger(&desk, &binary, &["ledger", "list"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let path = closed.join("host/host.toml");
    assert!(
        stderr(&output).contains(&path.display().to_string()),
        "{}",
        stderr(&output)
    );
    mode(&closed, 0o755);
}

#[test]
fn what_is_missing_is_shown_by_the_exit_code_where_asked_and_what_nobody_can_get_is_lost() {
    let (desk, receiver, server) = (desk(), Receiver::start(), Server::start("now=2026-03-05T22:00:00Z"));
    configure(&desk, &server, &receiver.url(), "");
    for report in ["user-login", "user-audit"] {
        run(
            &desk,
            report,
            &[
                "--now",
                NOW,
                "--sink",
                "siem",
                "--from",
                "2026-03-01",
                "--to",
                "2026-03-01",
            ],
        );
    }
    let complete = host(&desk, &["gaps", "--exit-code", "--now", NOW]);
    assert_eq!(complete.status.code(), Some(0), "{}", stderr(&complete));
    let file = desk.path().join(".local/state/host/ledger.db");
    let said = stdout(&complete);
    assert_eq!(said.lines().count(), 2, "{said}");
    let each = |report: &str| {
        format!(
            "No gaps in {report} @ epm up to 2026-03-02T00:00:00Z in {}.",
            file.display()
        )
    };
    assert_eq!(said, format!("{}\n{}\n", each("user-audit"), each("user-login")));

    run(
        &desk,
        "user-login",
        &[
            "--now",
            NOW,
            "--sink",
            "siem",
            "--from",
            "2026-03-04",
            "--to",
            "2026-03-04",
        ],
    );
    let gaps = |now: &str, more: &[&str]| host(&desk, &[&["gaps", "--now", now, "--exit-code"][..], more].concat());
    let open = gaps(NOW, &[]);
    assert_eq!(open.status.code(), Some(8), "{}", stderr(&open));
    assert_eq!(stderr(&open), "");
    let said = stdout(&open);
    assert!(
        said.contains("user-login @ epm\n  2026-03-02T00:00:00Z  2026-03-04T00:00:00Z  missing\n"),
        "{said}"
    );
    assert!(
        said.lines()
            .filter(|line| !line.starts_with("No gaps"))
            .all(|line| line.chars().count() <= 80)
    );
    assert_eq!(json_lines(&gaps(NOW, &["--json"]))[0]["why"], "open");
    // Without the option it is a list like any other.
    assert_eq!(host(&desk, &["gaps", "--now", NOW]).status.code(), Some(0));
    assert_eq!(gaps(NOW, &["user-audit"]).status.code(), Some(0));

    // Two thirds of a year later the server has none of it.
    let late = "2026-12-01T00:00:00Z";
    assert!(stdout(&gaps(late, &[])).contains("lost (no longer on the server)"));
    assert_eq!(json_lines(&gaps(late, &["--json"]))[0]["why"], "lost");
}

#[test]
fn dead_letters_are_shown_by_the_exit_code_where_asked() {
    let (desk, server) = (desk(), Server::start("now=2026-03-05T22:00:00Z"));
    let receiver = Receiver::with(0, |_| Reply::status(400));
    configure(&desk, &server, &receiver.url(), "");
    let list = || host(&desk, &["dead-letter", "list", "--exit-code"]);
    assert_eq!(list().status.code(), Some(0));
    let refused = host(&desk, &["run", "user-login", "--now", NOW, "--sink", "siem"]);
    assert_eq!(refused.status.code(), Some(8), "{}", stderr(&refused));
    assert_eq!(list().status.code(), Some(8));
    assert_eq!(host(&desk, &["dead-letter", "list"]).status.code(), Some(0));
}

#[test]
fn a_backfill_does_what_can_be_had_and_says_what_cannot() {
    let (desk, receiver, server) = (desk(), Receiver::start(), Server::start("now=2026-03-05T22:00:00Z"));
    configure(&desk, &server, &receiver.url(), "");
    let backfill = |more: &[&str]| {
        let arguments = [
            "backfill",
            "user-login",
            "--from",
            "2025-10-01",
            "--to",
            "2026-03-04",
            "--window",
            "30d",
        ];
        let rest = ["--now", NOW, "--sink", "siem", "--summary", "summary.json"];
        host(&desk, &[&arguments[..], &rest, more].concat())
    };
    let output = backfill(&[]);
    let summary: Value = serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 8)), "{}", stderr(&output));
    let gap = &summary["ledger"]["gaps"][0];
    assert_eq!(gap["from"], "2025-10-01T00:00:00Z", "{summary}");
    assert!(summary["events"].as_u64() > Some(0), "{summary}");
    assert!(stderr(&output).contains("1 period lost"), "{}", stderr(&output));
    // It is known by then, so it is not found again; and a backfill that has nothing to do says so off a terminal too.
    let again = backfill(&[]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    let said = stderr(&again);
    assert!(
        said.contains("user-login @ epm: nothing to collect from 2025-10-01 00:00")
            && said.contains("no longer on the server (lost): 2025-10-01 00:00 to ")
            && !said.contains("all of it was collected before"),
        "{said}"
    );
    assert_eq!(stderr(&backfill(&["-q"])), "");
    let lost = json_lines(&host(&desk, &["gaps", "user-login", "--json", "--now", NOW]));
    assert_eq!((lost.len(), &lost[0]["why"]), (1, &"lost".into()));
}

#[test]
fn a_backfill_of_what_is_lost_never_says_that_it_was_collected() {
    let (desk, receiver, server) = (desk(), Receiver::start(), Server::start("now=2026-03-05T22:00:00Z"));
    configure(&desk, &server, &receiver.url(), "");
    let period = ["--from", "2025-10-01", "--to", "2025-10-02", "--now", NOW];
    let backfill = [&["backfill", "user-login", "--sink", "siem"][..], &period].concat();
    for exit in [8, 0] {
        let output = host(&desk, &backfill);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(exit), "{said}");
        assert!(
            said.contains(
                "nothing can be collected from 2025-10-01 00:00 to 2025-10-03 00:00 UTC: the server no longer has it"
            ),
            "{said}"
        );
        assert!(
            !said.contains("collected before") && !said.contains("more often"),
            "{said}"
        );
    }
}

#[test]
fn a_ledger_that_is_gone_is_missed() {
    let (desk, receiver, server) = (desk(), Receiver::start(), Server::start("now=2026-03-05T22:00:00Z"));
    configure(&desk, &server, &receiver.url(), "");
    let (_, first) = run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    assert_eq!(stderr(&first), "", "a first run misses nothing");
    let ledger = desk.path().join(".local/state/host/ledger.db");
    std::fs::remove_file(&ledger).unwrap();
    let (_, output) = run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    let said = stderr(&output);
    assert!(
        said.contains(&format!("the ledger {} is gone", ledger.display())),
        "{said}"
    );
    assert!(
        said.contains("begins with today") && said.contains("host backfill"),
        "{said}"
    );
    let (_, third) = run(&desk, "user-login", &["--now", NOW, "--sink", "siem"]);
    assert_eq!(stderr(&third), "");
}

#[test]
fn lists_are_one_json_object_a_line_where_asked() {
    let (desk, server) = (desk(), Server::start(""));
    configure(&desk, &server, "http://127.0.0.1:9", "");
    let plugins = json_lines(&host(&desk, &["plugin", "list", "--json"]));
    assert!(
        plugins
            .iter()
            .any(|plugin| plugin["name"] == "user-login" && plugin["kind"] == "report")
    );
    let sinks = json_lines(&host(&desk, &["sink", "list", "--json"]));
    let siem = sinks.iter().find(|sink| sink["name"] == "siem").unwrap();
    assert_eq!(
        (&siem["origin"], &siem["required"]),
        (&"configured".into(), &true.into())
    );
    let checked = json_lines(&host(&desk, &["config", "check", "--json"]));
    assert_eq!(
        (checked.len(), &checked[0]["ok"], &checked[0]["sinks"]),
        (1, &true.into(), &2.into())
    );
    let output = host(&desk, &["check", "epm", "archive", "siem", "--json"]);
    let lines = json_lines(&output);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    let ok: Vec<_> = lines
        .iter()
        .map(|line| (line["name"].clone(), line["ok"].clone()))
        .collect();
    assert_eq!(
        ok,
        [
            ("epm".into(), true.into()),
            ("archive".into(), true.into()),
            ("siem".into(), Value::from(false))
        ]
    );
    assert_eq!(lines[1]["guarantee"], "idempotent-by-batch");
    assert!(lines[2]["message"].is_string() && lines[2]["exit"] == 7, "{}", lines[2]);
}

#[test]
fn every_message_of_a_run_is_one_shape_where_json_is_asked_for() {
    let (desk, receiver, server) = (desk(), Receiver::start(), Server::start("now=2026-03-05T22:00:00Z"));
    configure(&desk, &server, &receiver.url(), "");
    let shaped = |output: &Output, of_run: bool| {
        let said = stderr(output);
        let lines: Vec<Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        for line in &lines {
            assert!(line["ts"].as_str().unwrap().ends_with('Z'), "{line}");
            let level = line["level"].as_str().unwrap();
            assert!(["error", "warn", "info", "debug", "trace"].contains(&level), "{line}");
            assert!(line["message"].is_string(), "{line}");
            if of_run {
                assert!(line["run_id"].is_string() && line["report"] == "user-login", "{line}");
            }
        }
        lines
    };
    let run = [
        "run",
        "user-login",
        "--now",
        NOW,
        "--sink",
        "siem",
        "--log-format",
        "json",
    ];
    let output = host(&desk, &[&run[..], &["-vv"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines = shaped(&output, true);
    let closing = lines.last().unwrap();
    assert_eq!(
        (&closing["code"], &closing["exit"], &closing["stream"]),
        (&"closing".into(), &0.into(), &"user-login @ epm".into())
    );
    assert!(
        closing["message"]
            .as_str()
            .unwrap()
            .contains(" new events; complete up to 2026-03-05 09:45 UTC; ")
    );
    assert!(
        closing["duration_ms"].is_u64() && closing["connection"] == "epm",
        "{closing}"
    );
    assert!(lines.iter().any(|line| line["elapsed_ms"].is_u64()), "{lines:?}");
    // Errors and hints too.
    let output = host(&desk, &[&run[..], &["--param", "colour=red"]].concat());
    let lines = shaped(&output, true);
    assert_eq!(
        (lines.len(), &lines[0]["code"], &lines[0]["exit"]),
        (1, &"usage".into(), &2.into())
    );
    shaped(&host(&desk, &["demo", "--log-format", "json"]), false);
}
