//! The commands around a run.

use serde_json::Value;
use tests::{Server, json_lines, stderr, stdout};

use super::{desk, run};

#[test]
fn the_demo_runs_every_report_and_exits_0() {
    let desk = desk();
    let list = stdout(&desk.host(["plugin", "list"]).output().unwrap());
    let reports = list
        .lines()
        .filter(|line| line.split_whitespace().nth(1) == Some("report"));
    let names: Vec<&str> = reports.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 4, "{list}");
    let output = desk.host(["demo"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let events = json_lines(&output);
    for name in names {
        assert!(
            events.iter().any(|event| event["metadata"]["log_name"] == name),
            "{name}"
        );
    }
}

#[test]
fn a_plan_sends_nothing_and_prints_json() {
    let desk = desk();
    let arguments = [
        "plan",
        "invalid-login",
        "--from",
        "2025-03-10",
        "--to",
        "2025-03-31",
        "--now",
        "2025-04-02T00:00:00Z",
    ];
    let output = desk.host(arguments).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let plan: Value = serde_json::from_str(stdout(&output).trim()).unwrap();
    let text = plan.to_string();
    assert!(text.contains("2025-03-10") && text.contains("2025-03-31"), "{text}");
    assert_eq!(
        (&plan["kind"], &plan["request"]["method"]),
        (&"job".into(), &"POST".into())
    );
}

#[test]
fn a_plan_for_people_has_a_line_for_each_request() {
    let desk = desk();
    for (report, line) in [
        (
            "invalid-login",
            "job    POST   /interop/rest/security/v1/invalidloginreport",
        ),
        (
            "user-login",
            "call   GET    /interop/rest/security/v1/report/userloginreport?",
        ),
        ("audit-events", "pages  GET    /admin/v1/AuditEvents?"),
    ] {
        let arguments = ["plan", report, "--from", "2025-03-10", "--to", "2025-03-31"];
        let run = |format: &[&str]| {
            let mut command = desk.host(arguments);
            let output = command
                .args(["--now", "2025-04-02T00:00:00Z"])
                .args(format)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", stderr(&output));
            stdout(&output)
        };
        let text = run(&["--format", "text"]);
        let json = run(&["--format", "json"]);
        assert_eq!(text.lines().count(), 1 + json.lines().count(), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with(line), "{text}");
        assert!(text.contains("2025-03-10") && text.contains("2025-03-31"), "{text}");
        let files = json.lines().filter_map(|line| {
            let fetch: Value = serde_json::from_str(line).unwrap();
            fetch.get("file").map(|file| file.as_str().unwrap().to_owned())
        });
        for file in files {
            // The name has a random part, so the two runs differ in it.
            let (start, _) = file.rsplit_once('-').unwrap();
            assert!(text.contains(&format!("-> file {start}")), "{text}");
        }
        // A pipe keeps what programs read.
        assert_eq!(run(&[]).lines().count(), json.lines().count());
        serde_json::from_str::<Value>(run(&[]).lines().next().unwrap()).unwrap();
    }
}

#[test]
fn options_of_a_run_are_refused_by_a_plan_with_the_reason() {
    let desk = desk();
    for option in [
        &["--url", "https://epm.example.com"][..],
        &["--url=https://epm.example.com", "--auth", "none"],
        &["--auth", "none"],
        &["--connection", "epm"],
        &["--sink", "stdout"],
        &["--ledger", "none"],
        &["--strict"],
    ] {
        let output = desk
            .host([&["plan", "invalid-login"], option].concat())
            .output()
            .unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let name = option[0].split('=').next().unwrap();
        assert!(
            said.contains(&format!(
                "hint: `host plan` asks no server and delivers nothing, so it needs no {name}: "
            )),
            "{said}"
        );
    }
    // What nobody knows is no value either.
    for (arguments, hint) in [
        (
            &["plan", "invalid-login", "--formt", "json"][..],
            "a similar argument exists: '--format'",
        ),
        (&["plan", "invalid-login", "--zzz"], "usage: host plan "),
        (&["gaps", "user-login", "--url", "x"], "usage: host gaps "),
    ] {
        let said = stderr(&desk.host(arguments).output().unwrap());
        assert!(said.contains(&format!("hint: {hint}")), "{said}");
    }
}

#[test]
fn no_built_in_plugin_imports_a_function() {
    let desk = desk();
    for (name, _) in built_in::BUILT_IN {
        let output = desk.host(["plugin", "inspect", name, "--json"]).output().unwrap();
        let about: Value = serde_json::from_str(stdout(&output).trim()).unwrap();
        assert_eq!(about["imports"], Value::Array(vec![]), "{name}");
        assert_eq!(about["name"], *name);
        let text = stdout(&desk.host(["plugin", "inspect", name]).output().unwrap());
        assert!(text.contains("none"), "{text}");
    }
    let list = stdout(&desk.host(["plugin", "list"]).output().unwrap());
    assert_eq!(list.lines().count(), built_in::BUILT_IN.len());
    let longest = built_in::BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap();
    for line in list.lines() {
        let kind = line[longest..].split_whitespace().next();
        assert!(matches!(kind, Some("report" | "sink")), "{list}");
        assert!(!line[longest + 1..].starts_with(' '), "{list}");
    }
}

#[test]
fn help_version_and_completions_go_to_stdout() {
    let desk = desk();
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["--version"],
        &["completions", "bash"],
        &["sink", "list"],
    ] {
        let output = desk.host(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!stdout(&output).is_empty(), "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_good_configuration_is_said_to_be_good() {
    let desk = desk();
    desk.write(
        "host.toml",
        "[connections.epm]\nkind = \"epm\"\nurl = \"https://epm.example.com\"\n",
    );
    let output = desk.host(["config", "check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("1 connection"));
}

#[test]
fn a_summary_can_go_to_a_file() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run(
        &desk,
        &server,
        "invalid-login",
        &["--since", "7d", "--summary", "summary.json"],
    )
    .output()
    .unwrap();
    assert!(output.status.success());
    let summary: Value = serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap();
    for field in [
        "run_id",
        "plugin",
        "connection",
        "window",
        "events",
        "rejected",
        "duplicates",
        "sinks",
        "remote",
        "usage",
    ] {
        assert!(!summary[field].is_null(), "{field}: {summary}");
    }
    assert!(summary["usage"]["guest_peak_bytes"].as_u64().unwrap() > 0);
}
