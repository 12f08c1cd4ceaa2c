//! Evidence that a server gives late, under another day, or no longer: it is delivered, or its loss is said aloud.

mod streams;

use std::collections::BTreeMap;

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::ledger::{configure, host, once, run, uid};
use super::{PASSWORD, desk};

const ROUTES: &str = "[[routes]]\nto = [\"siem\"]\n";

/// A server at an instant, and the configuration for it.
fn serve(desk: &TestEnv, receiver: &Receiver, scenario: &str, now: &str, more: &str) -> Server {
    let server = Server::start(&format!("{scenario},now={now}"));
    configure(desk, &server, &receiver.url(), more);
    server
}

/// The events that a report has for a period now, by id.
fn served(desk: &TestEnv, report: &str, period: &[&str]) -> BTreeMap<String, u32> {
    let mut arguments = vec!["run", report, "--ledger", "none", "--sink", "stdout"];
    arguments.extend(period);
    let output = host(desk, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    json_lines(&output).iter().map(|event| (uid(event), 1)).collect()
}

fn summary(desk: &TestEnv) -> Value {
    serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap()
}

#[test]
fn audit_events_that_are_stored_up_to_five_hours_late_are_delivered_once() {
    let (desk, receiver) = (desk(), Receiver::start());
    let scenario = "rows=40,stored-late=10,max-count=50";
    let (mut late, mut largest) = (0, 0);
    // A day of runs each 15 minutes, and what was still to be stored then.
    let quarters = (0..=24 * 4).map(|quarter| format!("2026-03-05T{:02}:{:02}:00Z", quarter / 4, quarter % 4 * 15));
    let day = quarters.filter(|time| !time.contains("T24")).skip(2);
    let night = (0..7).map(|hour| format!("2026-03-06T{hour:02}:00:00Z"));
    let mut last = None;
    for now in day.chain(night) {
        last = Some(serve(&desk, &receiver, scenario, &now, ROUTES));
        let (summary, _) = run(&desk, "audit-events", &["--now", &now]);
        late += summary["ledger"]["late"].as_u64().unwrap();
        largest = largest.max(summary["ledger"]["largest_lateness_s"].as_u64().unwrap());
    }
    let period = [
        "--from",
        "2026-03-05",
        "--to",
        "2026-03-06T00:00:00Z",
        "--now",
        "2026-03-06T06:00:00Z",
    ];
    let expected = served(&desk, "audit-events", &period);
    let mut delivered = once(&receiver);
    delivered.retain(|id, _| expected.contains_key(id));
    assert_eq!(delivered, expected);
    assert!(late >= 5, "{late} late events");
    assert!(largest > 3600 && largest <= 7 * 3600, "{largest}");
    drop(last);
}

#[test]
fn rows_that_the_server_counts_to_another_day_are_delivered() {
    for zone in ["-8", "-12", "9", "14"] {
        for report in ["user-login", "invalid-login"] {
            let (desk, receiver) = (desk(), Receiver::start());
            let scenario = format!("rows=24,day-zone={zone}");
            let mut last = None;
            for now in [
                "2026-03-04T23:00:00Z",
                "2026-03-05T08:00:00Z",
                "2026-03-05T20:00:00Z",
                "2026-03-06T06:00:00Z",
                "2026-03-06T13:00:00Z",
                "2026-03-07T13:00:00Z",
            ] {
                last = Some(serve(&desk, &receiver, &scenario, now, ROUTES));
                run(&desk, report, &["--now", now]);
            }
            drop(last);
            // What happened on the fifth by UTC, from a server that cuts its days there.
            let server = serve(&desk, &receiver, "rows=24", "2026-03-07T13:00:00Z", ROUTES);
            let period = [
                "--from",
                "2026-03-05",
                "--to",
                "2026-03-05",
                "--now",
                "2026-03-07T13:00:00Z",
            ];
            let expected = served(&desk, report, &period);
            drop(server);
            assert!(expected.len() >= 20, "{}", expected.len());
            let delivered = once(&receiver);
            let missing: Vec<_> = expected.keys().filter(|id| !delivered.contains_key(*id)).collect();
            assert!(
                missing.is_empty(),
                "{report} in zone {zone}: {} of {}",
                missing.len(),
                expected.len()
            );
            assert!(delivered.values().all(|times| *times == 1));
        }
    }
}

#[test]
fn what_a_domain_no_longer_keeps_is_a_gap_and_fails_the_run_once() {
    let (desk, receiver) = (desk(), Receiver::start());
    let first = serve(&desk, &receiver, "rows=10,retention=30", "2026-01-01T12:00:00Z", ROUTES);
    run(&desk, "audit-events", &["--now", "2026-01-01T12:00:00Z"]);
    drop(first);
    let now = "2026-02-15T12:00:00Z";
    let _server = serve(&desk, &receiver, "rows=10,retention=30", now, ROUTES);
    let output = host(
        &desk,
        &["run", "audit-events", "-q", "--now", now, "--summary", "summary.json"],
    );
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(
        said.contains("error:") && said.contains("DATA LOST: audit-events @ domain: 2026-01-01 11:45 to 2026-01-16"),
        "{said}"
    );
    assert!(said.contains("host gaps audit-events --connection domain"), "{said}");
    let gap = &summary(&desk)["ledger"]["gaps"][0];
    assert_eq!(gap["from"], "2026-01-01T11:45:00Z");
    let listed = stdout(&host(&desk, &["gaps", "audit-events"]));
    assert!(
        listed.contains("2026-01-01T11:45:00Z") && listed.contains("lost"),
        "{listed}"
    );
    // It is said once; what there was is collected.
    let (later, _) = run(&desk, "audit-events", &["--now", "2026-02-15T12:30:00Z"]);
    assert_eq!(later["ledger"]["gaps"], Value::Array(vec![]));
    assert!(once(&receiver).len() > 200);
}

#[test]
fn a_gap_is_not_forgotten_wherever_the_run_that_finds_it_ends() {
    for place in ["facts", "committed", "told"]
        .iter()
        .flat_map(|place| [format!("{place}.before"), format!("{place}.after")])
    {
        let (desk, receiver) = (desk(), Receiver::start());
        let first = serve(&desk, &receiver, "rows=10,retention=30", "2026-01-01T12:00:00Z", ROUTES);
        run(&desk, "audit-events", &["--now", "2026-01-01T12:00:00Z"]);
        drop(first);
        let now = "2026-02-15T12:00:00Z";
        let more = format!("{ROUTES}[ledger]\nlook-back = [{{ age = \"2h\" }}]\n");
        let _server = serve(&desk, &receiver, "rows=10,retention=30", now, &more);
        let arguments = ["run", "audit-events", "-q", "--now", now];
        let mut killed = desk.host(arguments);
        killed.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
        let killed = killed.env("HOST_FAILPOINT", format!("{place}:0")).output().unwrap();
        assert_eq!(killed.status.code(), None, "{place}: {}", stderr(&killed));
        // Where the run ended after it noted that the gap is told, the list of gaps still has it.
        let again = host(&desk, &arguments);
        let expected = if place == "told.after" { 0 } else { 8 };
        assert_eq!(again.status.code(), Some(expected), "{place}: {}", stderr(&again));
        let gaps = host(&desk, &["gaps", "audit-events", "--exit-code"]);
        assert_eq!(gaps.status.code(), Some(8), "{place}");
        assert!(stdout(&gaps).contains("2026-01-01T11:45:00Z"), "{place}");
        assert!(once(&receiver).len() > 200, "{place}");
    }
}

#[test]
fn a_domain_that_keeps_events_longer_has_no_gap() {
    let (desk, receiver) = (desk(), Receiver::start());
    let first = serve(&desk, &receiver, "rows=10", "2026-01-01T12:00:00Z", ROUTES);
    run(&desk, "audit-events", &["--now", "2026-01-01T12:00:00Z"]);
    drop(first);
    let now = "2026-02-15T12:00:00Z";
    let _server = serve(&desk, &receiver, "rows=10", now, ROUTES);
    let (summary, _) = run(&desk, "audit-events", &["--now", now]);
    assert_eq!(summary["ledger"]["gaps"], Value::Array(vec![]));
}

#[test]
fn dates_that_invalid_login_refuses_cost_what_is_older_and_no_more() {
    // How far back the server takes dates, for how long its domain keeps events, and the first day that there is.
    for (reach, retention, first_day) in [(30, 30, "2026-01-16"), (29, 30, "2026-01-17"), (40, 90, "2026-01-06")] {
        let (desk, receiver) = (desk(), Receiver::start());
        let first = serve(&desk, &receiver, "rows=10", "2026-01-01T12:00:00Z", ROUTES);
        run(&desk, "invalid-login", &["--now", "2026-01-01T12:00:00Z"]);
        drop(first);
        let now = "2026-02-15T12:00:00Z";
        let scenario = format!("rows=10,retention={retention},reach={reach}");
        let _server = serve(&desk, &receiver, &scenario, now, ROUTES);
        let output = host(
            &desk,
            &["run", "invalid-login", "--now", now, "--summary", "summary.json"],
        );
        assert_eq!(output.status.code(), Some(8), "{scenario}: {}", stderr(&output));
        let summary = summary(&desk);
        let lost = format!("{first_day}T00:00:00Z");
        assert_eq!(summary["ledger"]["gaps"][0]["to"], lost, "{scenario}");
        let period = ["--from", first_day, "--now", now];
        let expected = served(&desk, "invalid-login", &period);
        let held = once(&receiver);
        assert!(expected.len() > 200, "{scenario}");
        assert!(expected.keys().all(|id| held.contains_key(id)), "{scenario}");
        run(&desk, "invalid-login", &["--now", "2026-02-15T13:00:00Z"]);
    }
}

#[test]
fn parameters_that_are_refused_for_every_day_lose_none() {
    let (desk, receiver) = (desk(), Receiver::start());
    let now = "2026-02-15T12:00:00Z";
    let scenario = "rows=10,refuse-job=1,fail-text=EPMCSS-20679: Failed.";
    let _server = serve(&desk, &receiver, scenario, now, ROUTES);
    let period = ["--from", "2026-02-10", "--now", now];
    let output = host(&desk, &[&["backfill", "invalid-login"], &period[..]].concat());
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    assert_eq!(listed[0]["gaps"], Value::Array(vec![]), "{listed:?}");
    let _server = serve(&desk, &receiver, "rows=10", now, ROUTES);
    run_of(&desk, "backfill", &period);
    assert_eq!(once(&receiver), served(&desk, "invalid-login", &period));
}

#[test]
fn a_job_that_the_server_forgot_costs_no_day() {
    let (desk, receiver) = (desk(), Receiver::start());
    let days = ["2026-02-14T12:00:00Z", "2026-02-15T12:00:00Z", "2026-02-16T12:00:00Z"];
    for (now, failpoint) in days.into_iter().zip([None, Some("submitted.after:0"), None]) {
        // Each is another server, which knows nothing of jobs of before.
        let _server = serve(&desk, &receiver, "rows=10", now, ROUTES);
        let mut command = desk.host(["run", "invalid-login", "-q", "--now", now]);
        command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
        command.envs(failpoint.map(|place| ("HOST_FAILPOINT", place)));
        let output = command.output().unwrap();
        let expected = if failpoint.is_some() { None } else { Some(0) };
        assert_eq!(output.status.code(), expected, "{now}: {}", stderr(&output));
    }
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    assert_eq!(listed[0]["gaps"], Value::Array(vec![]), "{listed:?}");
    let now = days[2];
    let _server = serve(&desk, &receiver, "rows=10", now, ROUTES);
    let expected = served(&desk, "invalid-login", &["--from", "2026-02-14", "--now", now]);
    assert_eq!(once(&receiver), expected);
}

/// A command about `invalid-login` that succeeds.
fn run_of(desk: &TestEnv, command: &str, more: &[&str]) {
    let output = host(desk, &[&[command, "invalid-login"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_was_fetched_long_ago_proves_nothing_of_what_the_server_has_now() {
    let (desk, receiver) = (desk(), Receiver::with(0, |_| Reply::status(503)));
    let first = serve(&desk, &receiver, "rows=10,retention=30", "2026-01-01T12:00:00Z", ROUTES);
    let begun = host(&desk, &["run", "audit-events", "--now", "2026-01-01T12:00:00Z"]);
    assert_eq!(begun.status.code(), Some(7), "{}", stderr(&begun));
    drop(first);
    let (now, receiver) = ("2026-02-15T12:00:00Z", Receiver::start());
    let _server = serve(&desk, &receiver, "rows=10,retention=30", now, ROUTES);
    let output = host(&desk, &["run", "audit-events", "-q", "--now", now]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(
        said.contains("DATA LOST: audit-events @ domain: 2026-01-01 11:45 to 2026-01-16"),
        "{said}"
    );
}

#[test]
fn days_of_silence_are_told_whatever_the_length_of_a_run_s_window() {
    let (desk, receiver) = (desk(), Receiver::start());
    let scenario = "rows=40,silent-since=2026-03-02T00:00:00Z";
    let mut last = None;
    let mut warned = Vec::new();
    for now in [
        "2026-03-01T23:30:00Z",
        "2026-03-02T12:00:00Z",
        "2026-03-03T12:00:00Z",
        "2026-03-04T12:00:00Z",
        "2026-03-05T12:00:00Z",
    ] {
        last = Some(serve(&desk, &receiver, scenario, now, ROUTES));
        let (summary, output) = run(&desk, "audit-events", &["--now", now]);
        warned.push(stderr(&output).contains("goes silent") || stderr(&output).contains("go silent"));
        assert!(
            summary["ledger"]["last_event"]
                .as_str()
                .unwrap()
                .starts_with("2026-03-01T2")
        );
    }
    drop(last);
    assert_eq!(warned, [false, false, false, true, true]);
    let listed = stdout(&host(&desk, &["ledger", "list", "--json"]));
    assert!(listed.contains("\"last_event\":\"2026-03-01T2"), "{listed}");
}

#[test]
fn what_had_not_happened_by_the_server_s_clock_is_asked_for_again() {
    let (desk, receiver) = (desk(), Receiver::start());
    // The server is right; this machine is three hours ahead, and then set right.
    let first = serve(
        &desk,
        &receiver,
        "rows=200,max-count=50",
        "2026-03-05T08:00:00Z",
        ROUTES,
    );
    let (summary, _) = run(&desk, "audit-events", &["--now", "2026-03-05T11:00:00Z"]);
    assert!(
        summary["ledger"]["watermark"].as_str().unwrap() <= "2026-03-05T07:45:01Z",
        "{summary}"
    );
    drop(first);
    let now = "2026-03-05T12:00:00Z";
    let _second = serve(&desk, &receiver, "rows=200,max-count=50", now, ROUTES);
    run(&desk, "audit-events", &["--now", now]);
    let period = ["--from", "2026-03-05", "--to", "2026-03-05T11:45:00Z", "--now", now];
    assert_eq!(once(&receiver), served(&desk, "audit-events", &period));
}

#[test]
fn a_watermark_in_the_future_is_rewound_by_the_command_of_the_hint() {
    let (desk, receiver) = (desk(), Receiver::start());
    let ahead = "2026-03-06T12:00:00Z";
    let first = serve(&desk, &receiver, "rows=40", ahead, ROUTES);
    run(&desk, "audit-events", &["--now", ahead]);
    drop(first);
    let now = "2026-03-05T12:00:00Z";
    let _second = serve(&desk, &receiver, "rows=40", now, ROUTES);
    let output = host(&desk, &["run", "audit-events", "--now", now]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let command = "host ledger rewind audit-events --connection domain --to 2026-03-05T12:00:00Z";
    assert!(stderr(&output).contains(command), "{}", stderr(&output));
    let words: Vec<_> = command.split(' ').skip(1).collect();
    let rewound = host(&desk, &words);
    assert_eq!(rewound.status.code(), Some(0), "{}", stderr(&rewound));
    run(&desk, "audit-events", &["--now", "2026-03-05T12:30:00Z"]);
}

#[test]
fn a_reset_that_would_hit_several_streams_is_refused() {
    let (desk, receiver) = (desk(), Receiver::start());
    let now = "2026-03-05T12:00:00Z";
    let _server = serve(&desk, &receiver, "rows=10", now, ROUTES);
    for connection in ["epm", "test"] {
        let text = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
        desk.write(
            "host.toml",
            text.replace("[connections.epm]", &format!("[connections.{connection}]")),
        );
        run(&desk, "user-login", &["--connection", connection, "--now", now]);
    }
    let refused = host(&desk, &["ledger", "reset", "user-login"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("host ledger reset user-login --connection test"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(stdout(&host(&desk, &["ledger", "list", "--json"])).lines().count(), 2);
    assert_eq!(
        host(&desk, &["ledger", "reset", "user-login", "--connection", "test"])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(stdout(&host(&desk, &["ledger", "list", "--json"])).lines().count(), 1);
}
