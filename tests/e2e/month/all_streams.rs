//! `host run --all` over streams that fare differently.

use std::collections::BTreeMap;

use super::*;

const NAMES: [&str; 6] = ["alfa", "bravo", "charlie", "delta", "echo", "foxtrot"];

/// Six streams of three connections, one of which signs in as that user, and a sink of one of them.
fn configure(site: &SimulatedMonth, user: &str, up: &Receiver, down: &Receiver) {
    site.configure(&[
        &site.epm("epm"),
        &site.domain("domain"),
        &site.epm("other").replace("demo.user", user),
        &http("up", up),
        &http("down", down),
        &stream("alfa", "invalid-login", "epm", ""),
        &stream("bravo", "user-login", "epm", ""),
        &stream("charlie", "user-audit", "epm", ""),
        &stream("delta", "audit-events", "domain", ""),
        &stream(
            "echo",
            "audit-events",
            "domain",
            "parameters = { event-id = \"sso.authentication.failure\" }\n",
        ),
        &stream("foxtrot", "user-login", "other", ""),
        &route(None, &["up"]),
        &route(Some("charlie"), &["down"]),
    ]);
}

/// Runs all; says how, and the exit code of each by its name.
fn run_all(site: &SimulatedMonth) -> (Output, BTreeMap<String, i64>) {
    let output = site.host(&["run", "--all", "--jobs", "3", "--summary", "summary.ndjson"]);
    let said = stderr(&output);
    for name in NAMES {
        assert!(said.lines().any(|line| line.contains(name)), "{name}: {said}");
    }
    let summaries = std::fs::read_to_string(site.desk.path().join("summary.ndjson")).unwrap();
    let of_each = summaries.lines().map(|line| {
        let summary: Value = serde_json::from_str(line).unwrap();
        let name = summary["stream"].as_str().unwrap_or_else(|| panic!("{line}"));
        (name.to_owned(), summary["exit"].as_i64().unwrap())
    });
    let of_each: Vec<_> = of_each.collect();
    assert_eq!(of_each.len(), NAMES.len(), "{summaries}");
    (output, of_each.into_iter().collect())
}

fn exits(of: [i64; 6]) -> BTreeMap<String, i64> {
    NAMES.map(str::to_owned).into_iter().zip(of).collect()
}

#[test]
fn all_streams_run_side_by_side_and_the_worst_exit_code_tells() {
    let mut site = SimulatedMonth::begin("2026-03-02T20:00:00Z");
    let (up, down) = (Receiver::start(), Receiver::start());
    configure(&site, "who.is.this", &up, &down);
    let never: Vec<Value> = site.streams().iter().map(|stream| stream["state"].clone()).collect();
    assert_eq!(never, ["never ran"; 6]);
    site.ends(8, &["streams", "--exit-code"]);

    down.set_down(true);
    let (output, of_each) = run_all(&site);
    assert_eq!(of_each, exits([0, 0, 7, 0, 0, 3]), "{}", stderr(&output));
    // Somebody has to see to the user first.
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(!up.taken().is_empty() && down.taken().is_empty());
    let state = |name: &str| site.stream(name)["state"].clone();
    assert_eq!((state("alfa"), state("charlie")), ("ok".into(), "waiting".into()));

    // The sink is back, and then the right user is named.
    down.set_down(false);
    let (output, of_each) = run_all(&site);
    assert_eq!(of_each, exits([0, 0, 0, 0, 0, 3]), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    configure(&site, "demo.user", &up, &down);
    site.go_to("2026-03-02T22:00:00Z");
    let (output, of_each) = run_all(&site);
    assert_eq!(of_each, exits([0; 6]), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    site.ends(0, &["streams", "--exit-code"]);
    site.no_dead_letters();

    let audits = site.served("user-audit", "epm", ["2026-03-02", "2026-03-02"]);
    assert_eq!(
        sorted(taken(&down)),
        audits,
        "what waited, and what came since, once each"
    );
    let held = taken(&up);
    let of_each = ["invalid-login", "user-login", "user-audit"].map(|report| {
        let served = site.served(report, "epm", ["2026-03-02", "2026-03-02"]);
        served.iter().all(|id| held.contains(id))
    });
    assert_eq!(of_each, [true; 3]);
}
