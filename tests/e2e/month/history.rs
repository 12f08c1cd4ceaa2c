//! A sink is added in the third week and gets all three weeks by one command. A run every other day bounds what it costs.

use super::*;

/// The stream's `start`, two days before its first run.
const BEGUN: &str = "2026-03-02";
/// The last run before the sink is added, in the third week.
const ADDED: &str = "2026-03-20T07:00:00Z";
/// The runs from then on.
const LATER: [&str; 2] = ["2026-03-22T07:00:00Z", "2026-03-24T07:00:00Z"];

/// A stream that was collected for nearly three weeks into an archive, a file for each run, and a receiver that is not a
/// sink of it yet.
fn collected() -> (SimulatedMonth, Receiver) {
    let (mut site, new) = (SimulatedMonth::begin("2026-03-04T07:00:00Z"), Receiver::start());
    configure(&site, &new, &["archive"]);
    for now in mornings(4..=20).step_by(2) {
        site.go_to(&now);
        site.ends(0, &["run", "logins"]);
    }
    assert_eq!(site.now, ADDED);
    (site, new)
}

fn configure(site: &SimulatedMonth, new: &Receiver, to: &[&str]) {
    let start = format!("start = \"{BEGUN}\"\n");
    site.configure(&[
        &site.epm("epm"),
        &file("archive", "archive/{report}.ndjson.gz"),
        &http("new", new),
        &stream("logins", "user-login", "epm", &start),
        &route(Some("logins"), to),
    ]);
}

/// The archive as it is: names and bytes of its files.
fn archive(site: &SimulatedMonth) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(site.desk.path().join("archive")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// Collects for both sinks what is due later; gives the ids of everything since the stream began.
fn goes_on(site: &mut SimulatedMonth) -> Vec<String> {
    for now in LATER {
        site.go_to(now);
        site.ends(0, &["run", "logins"]);
    }
    let line = site.stream("logins");
    assert_eq!(at(&line, "new")["place"], at(&line, "archive")["place"], "{line}");
    assert_eq!(at(&line, "new")["waiting"], 0, "{line}");
    site.no_dead_letters();
    site.served("user-login", "epm", [BEGUN, "2026-03-24"])
}

#[test]
fn a_sink_of_the_third_week_has_all_of_the_archive_after_one_command() {
    let (mut site, new) = collected();
    assert_eq!(archive(&site).len(), 1, "a file that grew with each run");
    configure(&site, &new, &["archive", "new"]);
    let (before, asked) = (archive(&site), site.asked());
    site.ends(0, &["redeliver", "--from-archive", "archive/**", "--sink", "new"]);
    assert_eq!(site.asked(), asked, "the server is not needed");
    assert_eq!(archive(&site), before);
    let so_far = site.served("user-login", "epm", [BEGUN, "2026-03-20"]);
    assert_eq!(sorted(taken(&new)), so_far, "three weeks");
    let all = goes_on(&mut site);
    assert_eq!(sorted(taken(&new)), all);
}

#[test]
fn a_sink_of_the_third_week_has_all_that_the_server_still_has_after_one_command() {
    let (mut site, new) = collected();
    configure(&site, &new, &["archive", "new"]);
    let before = archive(&site);
    let period = ["--from", BEGUN, "--to", "2026-03-20"];
    site.ends(0, &[&["backfill", "logins", "--sink", "new"][..], &period].concat());
    assert_eq!(archive(&site), before, "only the sink that lacks the period gets it");
    let so_far = site.served("user-login", "epm", [BEGUN, "2026-03-20"]);
    assert_eq!(sorted(taken(&new)), so_far, "three weeks");
    let all = goes_on(&mut site);
    assert_eq!(sorted(taken(&new)), all);
}

#[test]
fn a_sink_that_has_begun_already_gets_what_came_before_it_began() {
    let (mut site, new) = collected();
    configure(&site, &new, &["archive", "new"]);
    site.go_to("2026-03-21T07:00:00Z");
    site.ends(0, &["run", "logins"]);
    let begun = taken(&new);
    assert!(!begun.is_empty() && twice(&begun).is_empty());
    let line = site.stream("logins");
    assert!(at(&line, "new")["since"].is_string(), "{line}");

    let before = archive(&site);
    let period = ["--from", BEGUN, "--to", "2026-03-21"];
    site.ends(0, &[&["backfill", "logins", "--sink", "new"][..], &period].concat());
    assert_eq!(archive(&site), before, "only the sink that lacks the period gets it");
    let all = goes_on(&mut site);
    let mut held = sorted(taken(&new));
    // The day on which it began is asked for whole, so what it had of that day may come again, under its ids.
    let again = twice(&held);
    assert!(again.iter().all(|id| begun.contains(id)), "{again:?}");
    held.dedup();
    assert_eq!(held, all);
}
