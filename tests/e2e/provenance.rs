//! An event's provenance: where it is from, when it was collected, and what several reports call one sign-in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::{Receiver, Reply, Server, json_lines, stderr, stdout};

use super::ledger::{configure, host, run};
use super::{PASSWORD, desk};

const NOW: &str = "2026-03-05T22:00:00Z";
/// The time of the runs in milliseconds since 1970.
const NOW_MS: i64 = 1772748000000;
const DAY: [&str; 6] = ["--from", "2026-03-05", "--to", "2026-03-05", "--now", NOW];

/// By outcome, what a report calls the sign-ins of the day.
fn sign_ins(desk: &tests::TestEnv, report: &str) -> BTreeMap<String, BTreeSet<String>> {
    let options = ["--ledger", "none", "--sink", "stdout", "--encoding", "event"];
    let output = host(desk, &[&["run", report][..], &DAY, &options].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut names: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for event in json_lines(&output) {
        let name = event["correlation_uid"].as_str();
        assert_eq!(name.is_some(), event["activity"] == "logon", "{event}");
        if let Some(name) = name {
            let outcome = event["outcome"].as_str().unwrap().to_owned();
            names.entry(outcome).or_default().insert(name.to_owned());
        }
    }
    names
}

#[test]
fn one_sign_in_is_called_the_same_in_every_report_that_tells_of_it() {
    for tenant in ["", "tenant = \"acme\"\n"] {
        let (desk, server) = (desk(), Server::start(&format!("rows=60,now={NOW}")));
        let url = server.url();
        let connection = |name, kind, auth| {
            format!(
                "[connections.{name}]\nkind = \"{kind}\"\nurl = \"{url}\"\nallow-private-addresses = true\n{tenant}auth = {auth}\n"
            )
        };
        let epm = "{ kind = \"basic\", username = \"demo.user\", password = { env = \"EPM_PASSWORD\" } }";
        let domain = "{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = { env = \"SECRET\" } }";
        let both = connection("epm", "epm", epm) + &connection("domain", "identity-domain", domain);
        desk.write("host.toml", both);

        let audit = sign_ins(&desk, "audit-events");
        let failed = sign_ins(&desk, "invalid-login");
        let went_well = sign_ins(&desk, "user-login");
        assert!(failed["failure"].len() > 40, "{}", failed["failure"].len());
        assert_eq!(failed.keys().collect::<Vec<_>>(), ["failure"]);
        assert_eq!(failed["failure"], audit["failure"]);
        assert!(went_well["success"].len() > 40, "{}", went_well["success"].len());
        assert_eq!(went_well.keys().collect::<Vec<_>>(), ["success"]);
        assert_eq!(went_well["success"], audit["success"]);
    }
}

#[test]
fn an_event_says_whose_it_is_which_way_it_came_and_when_it_was_collected() {
    let (desk, server) = (desk(), Server::start(&format!("rows=60,plain-names,now={NOW}")));
    configure(&desk, &server, "http://127.0.0.1:9", "");
    let config = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    desk.write(
        "host.toml",
        config.replace("kind = \"epm\"\n", "kind = \"epm\"\ntenant = \"acme\"\n"),
    );
    let read = |report: &str, encoding: &str| -> Value {
        let options = ["--ledger", "none", "--sink", "stdout", "--encoding", encoding];
        let output = host(&desk, &[&["run", report][..], &DAY, &options].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        json_lines(&output).remove(0)
    };
    let ocsf = &read("user-login", "ocsf")["metadata"];
    assert_eq!(ocsf["log_source"], "epm");
    assert_eq!(ocsf["tenant_uid"], "acme");
    assert_eq!(ocsf["logged_time"], NOW_MS);
    let ecs = read("user-login", "ecs");
    assert_eq!(ecs["oracle"]["connection"], "epm");
    assert_eq!(ecs["cloud"], json!({"account": {"id": "acme"}}));
    assert_eq!(ecs["event"]["created"], "2026-03-05T22:00:00.000Z");
    assert_eq!(ecs["event"]["ingested"], ecs["event"]["created"]);
    let flat = read("user-login", "event");
    assert_eq!((&flat["connection"], &flat["tenant"]), (&json!("epm"), &json!("acme")));
    assert_eq!(flat["collected"], "2026-03-05T22:00:00.000Z");
    // One sign-in, one name, whatever the encoding.
    assert_eq!(ocsf["correlation_uid"], flat["correlation_uid"]);
    assert_eq!(ecs["oracle"]["correlation_uid"], flat["correlation_uid"]);

    // Of the other connection nobody said whose it is.
    let other = &read("audit-events", "ocsf")["metadata"];
    assert_eq!(
        (&other["log_source"], other.get("tenant_uid")),
        (&json!("domain"), None)
    );
}

#[test]
fn a_window_that_a_later_run_takes_up_keeps_the_time_at_which_it_was_begun() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
    let nowhere = "[dead-letters]\npath = \"host.toml/no\"\n";
    configure(&desk, &server, "http://127.0.0.1:9", nowhere);
    let failed = host(&desk, &["run", "invalid-login", "--now", NOW, "--sink", "siem"]);
    assert_eq!(failed.status.code(), Some(7), "{}", stderr(&failed));
    configure(&desk, &server, &receiver.url(), nowhere);
    run(
        &desk,
        "invalid-login",
        &["--now", "2026-03-05T22:30:00Z", "--sink", "siem"],
    );
    let taken = receiver.taken();
    assert!(taken.len() > 20, "{}", taken.len());
    assert!(
        taken.iter().all(|event| event["metadata"]["logged_time"] == NOW_MS),
        "{}",
        taken[0]
    );
}

#[test]
fn a_run_from_a_recording_is_the_same_bytes() {
    let (desk, server) = (desk(), Server::start(&format!("rows=60,plain-names,now={NOW}")));
    configure(&desk, &server, "http://127.0.0.1:9", "");
    let config = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    desk.write(
        "host.toml",
        config.replace("kind = \"epm\"\n", "kind = \"epm\"\ntenant = \"acme\"\n"),
    );
    let options = ["run", "user-login", "--ledger", "none", "--sink", "stdout"];
    let live = host(&desk, &[&options[..], &DAY, &["--record", "recording"]].concat());
    assert_eq!(live.status.code(), Some(0), "{}", stderr(&live));
    let replayed = host(&desk, &[&options[..], &["--replay", "recording"]].concat());
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert!(stdout(&live).contains("\"tenant_uid\":\"acme\""));
    assert_eq!(stdout(&live), stdout(&replayed));
}

/// `host check` of the only connection: its own line, and the facts below it.
fn check(desk: &tests::TestEnv) -> (String, Vec<String>) {
    let output = (desk.host(["check"]).env("SECRET", "demo-secret"))
        .env("EPM_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let said = stdout(&output);
    let mut lines = said.lines().map(str::to_owned);
    let first = lines.next().unwrap();
    let facts = lines.filter_map(|line| Some(line.strip_prefix("        ")?.to_owned()));
    (first, facts.collect())
}

fn only(desk: &tests::TestEnv, kind: &str, url: &str, auth: &str) {
    desk.write(
        "host.toml",
        format!(
            "[connections.it]\nkind = \"{kind}\"\nurl = \"{url}\"\nallow-private-addresses = true\nauth = {auth}\n"
        ),
    );
}

const CLIENT: &str =
    "{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = { env = \"SECRET\" } }";
const USER: &str = "{ kind = \"basic\", username = \"demo.user\", password = { env = \"EPM_PASSWORD\" } }";

#[test]
fn check_says_how_far_back_a_domain_reaches_and_that_it_does_not_know() {
    for (scenario, retention, times) in [
        (
            "retention=30",
            "the oldest audit event is from 20",
            "audit event times look like \"20",
        ),
        (
            "silent",
            "not known: no audit event was found",
            "not known: no audit event was found",
        ),
        ("refuse-sort", "not known: ", "not known: "),
        (
            "filter-required",
            "the oldest audit event is from 20",
            "audit event times look like \"20",
        ),
    ] {
        let (desk, server) = (desk(), Server::start(scenario));
        only(&desk, "identity-domain", &server.url(), CLIENT);
        let (first, facts) = check(&desk);
        assert!(
            first.starts_with("ok      it: reached, signed in, may read audit events; clock: "),
            "{first}"
        );
        let said = |name: &str| {
            facts
                .iter()
                .find_map(|fact| fact.strip_prefix(&format!("{name}: ")))
                .unwrap()
        };
        assert!(said("retention").starts_with(retention), "{scenario}: {facts:?}");
        assert!(said("times").starts_with(times), "{scenario}: {facts:?}");
        assert_eq!(said("rate limit"), "the server states none");
        if scenario == "retention=30" {
            assert!(
                ["29 days ago", "30 days ago"]
                    .iter()
                    .any(|ago| said("retention").ends_with(ago)),
                "{facts:?}"
            );
        }
    }
}

#[test]
fn check_looks_at_an_environment_without_making_a_job() {
    let (desk, server) = (desk(), Server::start("rows=1000"));
    only(&desk, "epm", &server.url(), USER);
    let (_, facts) = check(&desk);
    assert!(
        facts
            .iter()
            .any(|fact| fact.starts_with("retention: sign-ins reach back at least 119 days: 1000 on 20")),
        "{facts:?}"
    );
    assert!(
        facts
            .iter()
            .any(|fact| fact.starts_with("times: sign-in times look like \"") && fact.ends_with(" UTC\"")),
        "{facts:?}"
    );
    assert!(
        server.seen().iter().all(|request| request.starts_with("GET ")),
        "{:?}",
        server.seen()
    );
    drop(server);

    let nobody = Receiver::with(0, |_| Reply {
        body: "{\"status\":0,\"details\":[]}".into(),
        ..Reply::status(200)
    });
    only(&desk, "epm", &nobody.url(), USER);
    let (_, facts) = check(&desk);
    assert!(
        facts
            .iter()
            .any(|fact| fact.starts_with("retention: 119 days can be asked for, but there are no sign-ins on")),
        "{facts:?}"
    );
    assert!(
        facts.contains(&"times: not known: no sign-in was found".to_owned()),
        "{facts:?}"
    );
}

#[test]
fn check_says_what_a_server_says_of_its_limit_and_never_how_it_would_be_run() {
    let desk = desk();
    let receiver = Receiver::with(0, |_| Reply {
        status: 200,
        headers: vec![
            ("x-ratelimit-limit", "100".into()),
            ("x-ratelimit-remaining", "97".into()),
        ],
        body: "{\"status\":0,\"details\":[{\"accessdateandtime\":\"July 3\\u001b[2J, 2025\"}]}".into(),
    });
    only(&desk, "epm", &receiver.url(), USER);
    let (_, facts) = check(&desk);
    assert!(
        facts.contains(&"rate limit: the server says x-ratelimit-limit: 100, x-ratelimit-remaining: 97".to_owned()),
        "{facts:?}"
    );
    assert!(facts.iter().all(|fact| !fact.contains('\u{1b}')), "{facts:?}");
}
