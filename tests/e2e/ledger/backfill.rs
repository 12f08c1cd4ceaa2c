//! Periods that are named: runs and backfills of them, of several windows at once.

use super::*;

#[test]
fn a_named_period_is_delivered_whole_and_counts_as_covered() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start("rows=60,plain-names,now=2026-03-05T22:00:00Z");
    configure(&desk, &server, &receiver.url(), "");
    let now = "2026-03-05T22:00:00Z";
    let named = ["--from", "2026-03-04", "--now", now, "--sink", "siem"];
    let (first, _) = run(&desk, "user-login", &named);
    let (again, _) = run(&desk, "user-login", &named);
    assert_eq!((&again["events"], &again["duplicates"]), (&first["events"], &0.into()));
    assert_eq!(receiver.taken().len() as u64, 2 * first["events"].as_u64().unwrap());
    // What goes on from there repeats nothing of the open day.
    receiver.clear();
    let (next, _) = run(
        &desk,
        "user-login",
        &["--now", "2026-03-05T22:10:00Z", "--sink", "siem"],
    );
    assert!(next["duplicates"].as_u64().unwrap() > 0);
    assert_eq!(receiver.taken().len(), 0);
}

#[test]
fn a_backfill_asks_for_what_is_missing_and_the_second_time_for_nothing() {
    let (desk, receiver) = (desk(), Receiver::start());
    let now = "2026-03-05T22:00:00Z";
    let server = Server::start(&format!("rows=60,plain-names,now={now}"));
    configure(&desk, &server, &receiver.url(), "");
    run(
        &desk,
        "user-login",
        &[
            "--from",
            "2026-03-02",
            "--to",
            "2026-03-02",
            "--now",
            now,
            "--sink",
            "siem",
        ],
    );
    let backfill = |more: &[&str]| {
        let period = [
            "backfill",
            "user-login",
            "--from",
            "2026-03-01",
            "--to",
            "2026-03-04",
            "--now",
            now,
        ];
        host(
            &desk,
            &[&period[..], &["--sink", "siem", "--summary", "summary.json"], more].concat(),
        )
    };
    for (windows, said) in [(3, "3 of 3 periods"), (0, "")] {
        let output = backfill(&[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        let summary = std::fs::read(desk.path().join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        assert_eq!(summary["ledger"]["windows"], windows);
    }
    let period = ["--from", "2026-03-01", "--to", "2026-03-04", "--now", now];
    assert_eq!(once(&receiver), expected(&desk, "user-login", &period));
    assert!(stdout(&host(&desk, &["gaps", "user-login"])).starts_with("No gaps in "));
    for wrong in [["--ledger", "none"], ["--window", "90m"]] {
        let output = backfill(&wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {}", stderr(&output));
    }
}

const FOUR_DAYS: [&str; 6] = [
    "--from",
    "2026-03-02",
    "--to",
    "2026-03-05",
    "--now",
    "2026-03-05T22:00:00Z",
];

#[test]
fn jobs_of_several_windows_are_waited_for_at_once_and_all_taken_up_by_the_next_run() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start("rows=60,plain-names,slow-job=4,now=2026-03-05T22:00:00Z");
    configure(&desk, &server, &receiver.url(), "");
    let begin = ["backfill", "invalid-login", "--sink", "siem"];
    let mut child = spawn(&desk, &[&begin[..], &FOUR_DAYS, &["--windows-ahead", "4"]].concat());
    wait_until("four jobs", || submissions(&server) == 4);
    let under_way = || {
        let shown: Value = serde_json::from_str(&stdout(&host(&desk, &["ledger", "show", "invalid-login"]))).unwrap();
        let windows = shown["windows"].as_array().unwrap();
        let states = windows.iter().map(|window| window["state"].as_str().unwrap());
        states.filter(|state| ["submitted", "waiting"].contains(state)).count()
    };
    wait_until("four links", || under_way() == 4);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(receiver.received().len(), 0);
    let asked = server.seen().len();

    // However few windows may be begun: those that are in flight are all asked for.
    let more = ["--windows-ahead", "1", "--summary", "summary.json"];
    let output = host(&desk, &[&begin[..], &FOUR_DAYS, &more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("4 of 4 periods"), "{}", stderr(&output));
    let seen = server.seen().split_off(asked);
    let before = seen.iter().take_while(|request| !request.contains("contents"));
    let jobs: BTreeSet<_> = before.filter(|request| request.contains("/jobs/")).collect();
    assert_eq!(jobs.len(), 4, "{seen:?}");
    assert_eq!(submissions(&server), 4);
    assert_eq!(once(&receiver), expected(&desk, "invalid-login", &FOUR_DAYS));
    // Delivered in the windows' order, whatever order the jobs ended in.
    let days: Vec<i64> = receiver
        .taken()
        .iter()
        .map(|event| event["time"].as_i64().unwrap() / 86_400_000)
        .collect();
    assert!(days.is_sorted(), "{days:?}");
}

#[test]
fn a_window_that_fails_for_good_leaves_the_others_to_the_next_run() {
    let (desk, receiver) = (desk(), Receiver::start());
    let server = Server::start("rows=60,plain-names,submit:400=1@1,now=2026-03-05T22:00:00Z");
    configure(&desk, &server, &receiver.url(), "");
    let backfill = [&["backfill", "invalid-login", "--sink", "siem"][..], &FOUR_DAYS].concat();
    let failed = host(&desk, &backfill);
    assert_eq!(failed.status.code(), Some(5), "{}", stderr(&failed));
    let shown: Value = serde_json::from_str(&stdout(&host(&desk, &["ledger", "show", "invalid-login"]))).unwrap();
    assert_eq!(shown["dead"].as_array().unwrap().len(), 1, "{shown}");

    let again = host(&desk, &backfill);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(
        submissions(&server),
        5,
        "only the one that was refused is asked for again"
    );
    assert_eq!(once(&receiver), expected(&desk, "invalid-login", &FOUR_DAYS));
    assert!(stdout(&host(&desk, &["gaps", "invalid-login"])).starts_with("No gaps in "));
}
