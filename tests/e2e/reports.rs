//! The other three reports, all the way, and what they share.

use std::collections::HashSet;

use serde_json::Value;
use tests::{Server, TestEnv, json_lines, stderr, stdout};

use super::{PASSWORD, desk, run};

/// `host run REPORT` against the simulator's identity domain, as its client.
fn run_domain(desk: &TestEnv, server: &Server, more: &[&str]) -> assert_cmd::Command {
    let url = server.url();
    let mut arguments = vec!["run", "audit-events", "--url", &url, "--auth", "oauth2:demo-client"];
    arguments.push("--allow-private-addresses");
    arguments.extend(more);
    let mut command = desk.host(arguments);
    command.env("HOST_SECRET", "demo-secret");
    command
}

#[test]
fn a_user_login_report_is_one_request_of_successful_logons() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run(&desk, &server, "user-login", &["--since", "7d"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let events = json_lines(&output);
    assert!(!events.is_empty());
    for event in &events {
        assert_eq!(
            (&event["class_uid"], &event["status_id"], &event["severity_id"]),
            (&3002.into(), &1.into(), &1.into())
        );
        assert_eq!(event["service"]["name"], "127.0.0.1");
        assert_eq!(event["metadata"]["log_name"], "user-login");
    }
    assert_eq!(server.seen(), ["GET /interop/rest/security/v1/report/userloginreport"]);
}

#[test]
fn a_user_login_report_can_be_a_file_that_is_deleted_afterwards() {
    let (desk, server) = (desk(), Server::start(""));
    let rows = json_lines(&run(&desk, &server, "user-login", &["--since", "7d"]).output().unwrap());
    let as_file = run(
        &desk,
        &server,
        "user-login",
        &["--since", "7d", "--param", "output=file"],
    )
    .output()
    .unwrap();
    assert!(as_file.status.success(), "{}", stderr(&as_file));
    let name = |event: &Value| (event["user"]["name"].to_string(), event["time"].to_string());
    let names: Vec<_> = rows.iter().map(name).collect();
    assert_eq!(json_lines(&as_file).iter().map(name).collect::<Vec<_>>(), names);
    assert!(
        server
            .seen()
            .iter()
            .any(|request| request == "POST /interop/rest/v3/files/delete"),
        "{:?}",
        server.seen()
    );

    let server = Server::start("");
    let parameters = ["--since", "7d", "--param", "output=file", "--param", "keep-file=true"];
    assert!(
        run(&desk, &server, "user-login", &parameters)
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(
        !server.seen().iter().any(|request| request.contains("delete")),
        "{:?}",
        server.seen()
    );
}

#[test]
fn a_missing_role_is_a_refusal_with_the_server_s_code() {
    let (desk, server) = (desk(), Server::start("no-role"));
    let output = run(&desk, &server, "user-login", &["--since", "7d"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("EPMCSS-21192"), "{}", stderr(&output));
}

#[test]
fn a_user_audit_report_comes_out_of_its_archive_by_either_interface() {
    let scenarios = [
        "",
        "user-audit:preamble=comma",
        "archive-name=appended",
        "archive-name=replaced",
        "archive-name=job",
        "archive=bare",
    ];
    let mut counts = HashSet::new();
    for (scenario, api) in scenarios
        .iter()
        .flat_map(|scenario| [(scenario, "v1"), (scenario, "v2")])
    {
        let (desk, server) = (desk(), Server::start(&format!("plain-names,{scenario}")));
        let api = format!("api={api}");
        let output = run(&desk, &server, "user-audit", &["--since", "7d", "--param", &api])
            .output()
            .unwrap();
        assert!(output.status.success(), "{scenario} {api}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("user-login"),
            "the successor is named: {}",
            stderr(&output)
        );
        counts.insert(json_lines(&output).len());
    }
    assert_eq!(counts.len(), 1, "{counts:?}");
}

#[test]
fn archives_that_mean_harm_are_refused() {
    let styles = [
        "bomb",
        "nested",
        "encrypted",
        "slip",
        "symlink",
        "many-entries",
        "wrong-crc",
        "two-csvs",
    ];
    for style in styles {
        let (desk, server) = (desk(), Server::start(&format!("archive={style}")));
        let output = run(&desk, &server, "user-audit", &["--since", "7d"]).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{style}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{style}");
    }
}

#[test]
fn audit_events_become_the_class_that_their_id_says() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run_domain(&desk, &server, &["--since", "30d"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let events = json_lines(&output);
    let classes: HashSet<i64> = events
        .iter()
        .map(|event| event["class_uid"].as_i64().unwrap())
        .collect();
    assert!(classes.is_superset(&[3001, 3002, 3005, 3006].into()), "{classes:?}");
    for event in &events {
        let id = event["metadata"]["event_code"].as_str().unwrap();
        let status = if id.ends_with(".success") {
            1
        } else if id.ends_with(".failure") {
            2
        } else {
            0
        };
        assert_eq!(event["status_id"], status, "{id}");
        assert_eq!(event["metadata"]["product"]["name"], "Oracle Identity Domain");
    }
    let ids: HashSet<String> = events
        .iter()
        .map(|event| event["metadata"]["uid"].to_string())
        .collect();
    assert_eq!(ids.len(), events.len());
}

#[test]
fn a_failed_sign_in_is_the_same_in_both_systems() {
    let (desk, server) = (desk(), Server::start("plain-names"));
    let day = ["--since", "3d"];
    let key = |event: &Value| {
        (
            event["user"]["name"].to_string(),
            event["src_endpoint"]["ip"].to_string(),
        )
    };
    let failures = json_lines(&run(&desk, &server, "invalid-login", &day).output().unwrap());
    let failures: HashSet<_> = failures.iter().map(key).collect();
    let parameters = ["--since", "5d", "--param", "event-id=sso.authentication.failure"];
    let events = json_lines(&run_domain(&desk, &server, &parameters).output().unwrap());
    let events: HashSet<_> = events.iter().map(key).collect();
    assert!(!failures.is_empty());
    assert!(failures.is_subset(&events), "{:?}", failures.difference(&events));
}

#[test]
fn a_query_takes_no_more_pages_than_its_length_needs() {
    let (desk, server) = (desk(), Server::start("rows=1000,plain-names"));
    let output = run_domain(&desk, &server, &["--since", "1d", "--summary", "summary.json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let events = json_lines(&output).len();
    assert!(events > 2000);
    let pages = server
        .seen()
        .iter()
        .filter(|request| request.contains("AuditEvents"))
        .count();
    assert!(pages <= events.div_ceil(1000) + 3, "{pages} pages for {events} events");
    assert_eq!(
        server.seen().iter().filter(|request| request.contains("token")).count(),
        1,
        "one token for all pages"
    );
}

#[test]
fn lists_that_change_or_lie_lose_nothing_and_double_nothing() {
    let count = |scenario: &str| {
        let (desk, server) = (
            desk(),
            Server::start(&format!("rows=300,plain-names,now=2026-03-05T12:00:00Z,{scenario}")),
        );
        let period = [
            "--from",
            "2026-03-02",
            "--to",
            "2026-03-03",
            "--now",
            "2026-03-05T12:00:00Z",
        ];
        let output = run_domain(&desk, &server, &period).output().unwrap();
        let ids: Vec<String> = json_lines(&output)
            .iter()
            .map(|event| event["metadata"]["uid"].to_string())
            .collect();
        assert_eq!(
            ids.iter().collect::<HashSet<_>>().len(),
            ids.len(),
            "{scenario}: doubled"
        );
        (output.status.code().unwrap(), ids.len(), stderr(&output))
    };
    let (_, expected, _) = count("");
    for scenario in ["page-lies", "repeats", "max-count=70", "refuse-sort"] {
        let (code, events, errors) = count(scenario);
        assert_eq!((code, events), (0, expected), "{scenario}: {errors}");
    }
    for scenario in ["gaps", "short-pages", "totals=growing"] {
        let (code, events, errors) = count(scenario);
        assert_eq!((code, events), (5, 0), "{scenario}: {errors}");
    }
}

#[test]
fn a_source_that_goes_silent_is_noticed() {
    let (desk, server) = (desk(), Server::start("silent"));
    let output = run_domain(&desk, &server, &["--since", "7d"]).output().unwrap();
    assert!(output.status.success());
    assert!(stderr(&output).contains("silent"), "{}", stderr(&output));
}

#[test]
fn a_recording_replays_without_a_server_to_the_same_events() {
    for report in ["invalid-login", "user-login", "user-audit", "audit-events"] {
        let desk = desk();
        let recorded = {
            let server = Server::start("");
            let more = ["--since", "3d", "--record", "recording"];
            let mut command = if report == "audit-events" {
                run_domain(&desk, &server, &more)
            } else {
                run(&desk, &server, report, &more)
            };
            let output = command.output().unwrap();
            assert!(output.status.success(), "{report}: {}", stderr(&output));
            stdout(&output)
        };
        let replayed = desk.host(["run", report, "--replay", "recording"]).output().unwrap();
        assert!(replayed.status.success(), "{report}: {}", stderr(&replayed));
        assert_eq!(stdout(&replayed), recorded, "{report}");
        for secret in [PASSWORD, "demo-secret"] {
            assert!(!tests::contains(desk.path(), secret), "{report}: {secret} is on disk");
        }
    }
}
