//! Answers that are not as the vendor's pages say, and still hold evidence: it is delivered, and what is odd is said.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::{Server, TestEnv, json_lines, stderr};

use super::{PASSWORD, desk, run};

/// The time of runs that are compared with one another.
const NOW: &str = "2026-03-05T22:00:00Z";

/// `host run REPORT` with a configuration, a ledger and a clock; the summary goes to `summary.json`.
fn run_at(desk: &TestEnv, server: &Server, report: &str, more: &[&str]) -> std::process::Output {
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{0}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [connections.domain]\nkind = \"identity-domain\"\nurl = \"{0}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", \
             client-secret = {{ env = \"IDCS_SECRET\" }} }}\n\
             [ledger]\npath = \"ledger.db\"\n[fetch]\nfile-wait = \"20s\"\njob-search = \"1h\"\n",
            server.url()
        ),
    );
    let mut arguments = vec!["run", report, "--summary", "summary.json"];
    arguments.extend(more);
    let mut command = desk.host(arguments);
    command.env("EPM_PASSWORD", PASSWORD).env("IDCS_SECRET", "demo-secret");
    command.output().unwrap()
}

fn summary(desk: &TestEnv) -> Value {
    serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap()
}

fn uids(output: &std::process::Output) -> BTreeSet<String> {
    json_lines(output)
        .iter()
        .map(|event| event["metadata"]["uid"].to_string())
        .collect()
}

#[test]
fn one_broken_record_costs_no_other() {
    for (report, phase) in [("audit-events", "page"), ("user-login", "call")] {
        let good = (desk(), Server::start(&format!("rows=40,now={NOW}")));
        let all = run_at(&good.0, &good.1, report, &["--since", "3d", "--now", NOW]);
        let whole = json_lines(&all).len();
        for (fault, lost) in [
            ("raw-byte", 0),
            ("raw-tab", 0),
            ("half-character", 0),
            ("stray-quote", 1),
            ("long-record", 1),
        ] {
            let (desk, server) = (desk(), Server::start(&format!("rows=40,now={NOW},{phase}:{fault}=1")));
            let output = run_at(&desk, &server, report, &["--since", "3d", "--now", NOW]);
            assert!(output.status.success(), "{report} {fault}: {}", stderr(&output));
            let summary = summary(&desk);
            let found = (&summary["rejected"], &summary["mended"]);
            assert_eq!(found, (&lost.into(), &(1 - lost).into()), "{report} {fault}");
            assert_eq!(json_lines(&output).len(), whole - lost, "{report} {fault}");
            assert!(stderr(&output).contains("not valid JSON"), "{}", stderr(&output));
        }
    }
}

#[test]
fn a_broken_record_alone_does_not_hold_its_window_back() {
    let (desk, server) = (
        desk(),
        Server::start("rows=1,page:stray-quote,now=2026-03-06T12:00:00Z"),
    );
    // Each hour has one event at most.
    let mut alone = 0;
    for hour in 8..18 {
        let (from, to) = (
            format!("2026-03-05T{hour:02}:00:00Z"),
            format!("2026-03-05T{hour:02}:59:59Z"),
        );
        let period = ["--from", &from, "--to", &to, "--now", "2026-03-06T12:00:00Z"];
        let output = run_at(&desk, &server, "audit-events", &period);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let summary = summary(&desk);
        let (events, rejected) = (summary["events"].as_u64(), summary["rejected"].as_u64());
        alone += u64::from(events == Some(0) && rejected == Some(1));
    }
    assert!(alone > 0, "no hour has one event");
}

#[test]
fn a_total_that_is_wrong_loses_no_event() {
    let good = (desk(), Server::start(&format!("rows=400,now={NOW}")));
    let all = uids(&run_at(
        &good.0,
        &good.1,
        "audit-events",
        &["--since", "2d", "--now", NOW],
    ));
    assert!(all.len() > 1000);
    for (totals, pages) in [
        ("page", 1000),
        ("page", 50),
        ("page", 75),
        ("page,gaps", 100),
        ("zero", 1000),
        ("zero", 75),
        ("larger", 1000),
    ] {
        let scenario = format!("rows=400,now={NOW},totals={totals},max-count={pages}");
        let (desk, server) = (desk(), Server::start(&scenario));
        let output = run_at(&desk, &server, "audit-events", &["--since", "2d", "--now", NOW]);
        assert!(output.status.success(), "{scenario}: {}", stderr(&output));
        assert_eq!(uids(&output), all, "{scenario}");
        assert!(
            stderr(&output).contains("all of those were read"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_refused_role_leaves_nothing_to_wait_for() {
    let (desk, server) = (desk(), Server::start("no-role"));
    for _ in 0..2 {
        let output = run_at(&desk, &server, "invalid-login", &[]);
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains("EPMCSS-21192"));
        assert!(!stderr(&output).contains("for its file"), "{}", stderr(&output));
    }
    assert_eq!(summary(&desk)["ledger"]["in_flight"], 1);
}

#[test]
fn a_poll_whose_answer_says_nothing_of_the_job_keeps_it() {
    for (fault, code) in [
        ("poll:sign-in=1", 3),
        ("poll:html=1", 3),
        ("poll:redirect=1", 5),
        ("poll:empty=1", 5),
        ("poll:garbage=1", 5),
    ] {
        let (desk, server) = (desk(), Server::start(fault));
        let output = run_at(&desk, &server, "invalid-login", &[]);
        assert_eq!(output.status.code(), Some(code), "{fault}: {}", stderr(&output));
        let output = run_at(&desk, &server, "invalid-login", &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        let submitted = server
            .seen()
            .iter()
            .filter(|line| line.starts_with("POST") && line.contains("invalidlogin"))
            .count();
        assert_eq!(submitted, 1, "{fault}");
    }
}

#[test]
fn a_file_that_is_invalid_at_first_is_waited_for() {
    let (desk, server) = (desk(), Server::start("download:not-a-file=3"));
    let output = run(&desk, &server, "invalid-login", &["--since", "3d"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("tried again"), "{}", stderr(&output));
    assert!(!json_lines(&output).is_empty());
}

#[test]
fn odd_archives_are_read() {
    for style in ["backslash", "zip64"] {
        let (desk, server) = (desk(), Server::start(&format!("archive={style}")));
        let output = run(&desk, &server, "user-audit", &["--since", "3d"]).output().unwrap();
        assert!(output.status.success(), "{style}: {}", stderr(&output));
        assert!(!json_lines(&output).is_empty(), "{style}");
    }
}

#[test]
fn a_report_without_a_byte_is_one_without_rows() {
    for (report, parameters) in [
        ("invalid-login", &[][..]),
        ("user-audit", &[]),
        ("user-login", &[]),
        ("user-login", &["--param", "output=file"]),
    ] {
        let (desk, server) = (desk(), Server::start("rows=1,empty-reports,now=2026-03-05T00:30:00Z"));
        // Nothing has happened yet on that day.
        let mut more = vec!["--from", "2026-03-05", "--now", "2026-03-05T00:30:00Z"];
        more.extend(parameters);
        let output = run_at(&desk, &server, report, &more);
        assert!(output.status.success(), "{report}: {}", stderr(&output));
        assert_eq!(json_lines(&output).len(), 0, "{report}");
        assert!(
            stderr(&output).contains("no rows for this period"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn the_hint_names_the_base_address_where_the_url_leads_below_it() {
    let (desk, server) = (desk(), Server::start(""));
    let url = format!("{}/HyperionPlanning", server.url());
    let mut command = desk.host([
        "run",
        "invalid-login",
        "--since",
        "1d",
        "--url",
        &url,
        "--auth",
        "basic:demo.user",
        "--allow-private-addresses",
    ]);
    let output = command.env("HOST_SECRET", PASSWORD).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&format!("use {}", server.url().trim_end_matches('/'))),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_refused_token_is_not_taken_for_a_list_that_cannot_be_sorted() {
    let (desk, server) = (desk(), Server::start("client-secret=another"));
    let output = run_at(&desk, &server, "audit-events", &["--since", "1d"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(!stderr(&output).contains("sort"), "{}", stderr(&output));
}
