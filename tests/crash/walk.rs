//! Every place at which a run may end, one after the other.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::stderr;

use super::held::{self, Seen};
use super::scene::{CrashFixture, FILES, summary, today};

/// Each is a place before and a place after.
const PLACES: [&str; 27] = [
    "begun",
    "planned",
    "fetches",
    "submitting",
    "post",
    "submitted",
    "poll",
    "waiting",
    "ready",
    "download",
    "keep",
    "spooled",
    "delivering",
    "send",
    "mark",
    "settle",
    "close",
    "ids",
    "committed",
    "sweep",
    "cleanup",
    "intent",
    "rename",
    "sealed",
    "looked",
    "renewed",
    "forget",
];

/// Those that only a run reaches that takes up what another left when it ended at the second place.
const LATER: [(&str, &str); 3] = [
    ("looked", "rename.after:0"),
    ("renewed", "ids.after:0"),
    ("forget", "ids.after:0"),
];

/// One run that ends at the place, if it comes there for the `times`-th time, and the next one.
struct Step {
    place: String,
    times: usize,
}

#[test]
fn walk() {
    let places: Vec<String> = PLACES
        .iter()
        .flat_map(|place| [format!("{place}.before"), format!("{place}.after")])
        .collect();
    // The first time that the place is reached, and the third.
    let steps = places.iter().flat_map(|place| {
        [0, 2].map(|times| Step {
            place: place.clone(),
            times,
        })
    });
    let steps: Vec<Step> = steps.collect();
    let (next, met) = (AtomicUsize::new(0), Mutex::new(HashSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ended = [
                        batches("invalid-login", step),
                        batches("user-login", step),
                        files("invalid-login", step),
                    ];
                    if ended.contains(&true) {
                        met.lock().unwrap().insert(step.place.clone());
                    }
                }
            });
        }
    });
    let met = met.into_inner().unwrap();
    let missed: Vec<_> = places.iter().filter(|place| !met.contains(*place)).collect();
    // A job that is done when it is asked for the second time is written down as waiting once.
    assert!(missed.is_empty(), "never reached: {missed:?}");
    println!("{} places", met.len());
}

/// A receiver that knows batches by their key. Says whether the place was reached.
fn batches(report: &str, step: &Step) -> bool {
    let scene = CrashFixture::new("slow-job=1");
    let run = |failpoint: &str| scene.run(&["run", report, "-q"], &["keyed"], failpoint);
    if run(&format!("{}:{}", step.place, step.times)).success() {
        return false;
    }
    assert!(run("").success());
    let what = format!("{report} at {} after {}", step.place, step.times);
    assert_eq!(scene.jobs(), u64::from(report == "invalid-login"), "{what}");
    let held = scene.held("keyed");
    assert_eq!(held, scene.served(report, today(report)), "{what}");
    true
}

#[test]
fn walk_in_the_real_world() {
    let places: Vec<String> = PLACES.iter().map(|place| format!("{place}.after:0")).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let Some(place) = places.get(seed) else { break };
                    for report in ["invalid-login", "user-audit", "audit-events"] {
                        drawn(report, place, seed);
                    }
                }
            });
        }
    });
}

/// A receiver that knows batches by their key, and a server with the habits of a draw.
fn drawn(report: &str, failpoint: &str, seed: usize) {
    let scene = CrashFixture::new(&format!("retry-after=0,real-world={seed}"));
    let what = format!("{report} at {failpoint}, real-world={seed}");
    let arguments = ["run", report, "-q", "--summary", "summary.json"];
    scene.run(&arguments, &["keyed"], failpoint);
    assert!(scene.run(&arguments, &["keyed"], "").success(), "{what}");
    let unsure = summary(&scene.desk.path().join("summary.json"))["ledger"]["unsure"].as_u64();
    let wanted = u64::from(report != "audit-events");
    // The run of before may have ended well, and this one asked for the open day again.
    assert!(scene.jobs() <= 2 * wanted + unsure.unwrap(), "{what}");
    let held = scene.held("keyed");
    assert_eq!(held, scene.served(report, today(report)), "{what}");
}

/// Files that hold something already. Says whether the place was reached.
fn files(report: &str, step: &Step) -> bool {
    let scene = CrashFixture::new("slow-job=1");
    let day = ["run", report, "-q", "--from", "2026-03-04", "--to", "2026-03-04"];
    assert!(scene.run(&day, &FILES, "").success());
    let (before, jobs) = (scene.look(&Seen::default()), scene.jobs());
    let what = format!("{report} to files at {} after {}", step.place, step.times);
    let run = |failpoint: &str| scene.run(&["run", report, "-q"], &FILES, failpoint);
    for (later, first) in LATER {
        if step.place.starts_with(later) {
            assert!(!run(first).success());
        }
    }
    if run(&format!("{}:{}", step.place, step.times)).success() {
        return false;
    }
    let before = scene.look(&before);
    assert!(run("").success());
    scene.look(&before);
    assert_eq!(scene.jobs() - jobs, 1, "{what}");
    assert_eq!(held::leftovers(&scene.files()), 0, "{what}");
    let served = scene.served(report, ["2026-03-04", "2026-03-05"]);
    for file in FILES {
        assert_eq!(scene.held(file), served, "{what}: {file}");
    }
    true
}

/// Places where several windows are in flight, and how often each is passed before the process ends there.
const AHEAD: [(&str, u32); 14] = [
    ("planned.after", 2),
    ("fetches.before", 1),
    ("submitting.after", 1),
    ("post.before", 1),
    ("submitted.after", 2),
    ("poll.after", 2),
    ("waiting.after", 1),
    ("ready.after", 1),
    ("keep.after", 1),
    ("spooled.before", 2),
    ("delivering.after", 0),
    ("committed.before", 1),
    ("committed.after", 0),
    ("sweep.after", 1),
];

#[test]
fn walk_with_windows_ahead() {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((place, before)) = AHEAD.get(next.fetch_add(1, Ordering::Relaxed)) {
                    ahead(&format!("{place}:{before}"));
                }
            });
        }
    });
}

/// A backfill of four days, three of them in flight at once, to a receiver that knows batches by their key.
fn ahead(failpoint: &str) {
    let scene = CrashFixture::new("slow-job=1");
    let arguments = [
        "backfill",
        "invalid-login",
        "--from",
        "2026-03-02",
        "--to",
        "2026-03-05",
    ];
    let arguments = [&arguments[..], &["--windows-ahead", "3", "--summary", "summary.json"]].concat();
    let run = |failpoint: &str| scene.run(&arguments, &["keyed"], failpoint);
    assert!(!run(failpoint).success(), "{failpoint}: never reached");
    assert!(run("").success());
    // While one window is at the place, the request of another may not have left yet.
    let unsure = summary(&scene.desk.path().join("summary.json"))["ledger"]["unsure"].as_u64();
    assert!(scene.jobs() <= 4 + unsure.unwrap(), "{failpoint}");
    assert_eq!(
        scene.held("keyed"),
        scene.served("invalid-login", ["2026-03-02", "2026-03-05"]),
        "{failpoint}"
    );
}

#[test]
fn only_a_job_whose_request_never_left_is_submitted_again_and_counted() {
    for (place, unsure) in [("post.before", 1), ("post.after", 0), ("submitted.before", 0)] {
        let scene = CrashFixture::new("slow-job=3");
        let arguments = ["run", "invalid-login", "--summary", "summary.json"];
        assert!(!scene.run(&arguments, &["keyed"], &format!("{place}:0")).success());
        let output = scene.command(&arguments, &["keyed"]).output().unwrap();
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        let summary = summary(&scene.desk.path().join("summary.json"));
        assert_eq!(summary["ledger"]["unsure"], unsure, "{place}");
        assert_eq!(scene.jobs(), 1, "{place}");
        assert!(said.contains("for its file"), "{place}: {said}");
        assert_eq!(
            said.contains("requesting the report again"),
            unsure == 1,
            "{place}: {said}"
        );
    }
}
