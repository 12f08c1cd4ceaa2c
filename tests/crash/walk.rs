//! Every place at which a run may end, one after the other.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use run::DurableChange;
use tests::stderr;

use super::held::{self, ReceivedIds, Seen};
use super::scene::{CrashFixture, FILES, summary, today};

/// The effects of a run on others, beside the changes that it makes durable: each has a place before and a place after.
const EFFECTS: [&str; 9] = [
    "post", "poll", "download", "manifest", "send", "settle", "close", "cleanup", "rename",
];

/// The circumstances in which a run comes to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Any run does.
    Plain,
    /// A run does that takes up what another left when it ended at this place.
    After(&'static str),
    /// A run does that comes when the server no longer has some of what is due.
    TooLate,
    /// A run does whose job fails.
    Failing,
    /// `e2e/rejected.rs` goes there: it takes a plugin that rejects rows.
    OfAPlugin,
    /// `e2e/sinks/places.rs` goes there by `host streams drop`; the histories of the crate `run` go to the others, which take a server
    /// that no longer has what waits for a sink.
    OfAPlace,
}

/// The way to a change. Whoever adds one has to say.
fn way(change: DurableChange) -> Way {
    use DurableChange as Change;
    match change {
        Change::Looked => Way::After("rename.after:0"),
        Change::Renewed | Change::Forget => Way::After("ids.after:0"),
        Change::Facts | Change::Lost | Change::Told => Way::TooLate,
        Change::Dead => Way::Failing,
        Change::Rejects => Way::OfAPlugin,
        Change::Anew | Change::LostFor | Change::Dropped => Way::OfAPlace,
        Change::Begun
        | Change::Planned
        | Change::Fetches
        | Change::Submitting
        | Change::Submitted
        | Change::Waiting
        | Change::Ready
        | Change::Evidence
        | Change::Keep
        | Change::Spooled
        | Change::Delivering
        | Change::Checkpoint
        | Change::Intent
        | Change::Sealed
        | Change::Ids
        | Change::InPart
        | Change::Answered
        | Change::Committed
        | Change::Sweep => Way::Plain,
    }
}

/// Before and after each change and each effect, and the way there.
fn places() -> Vec<(String, Way)> {
    let changes = DurableChange::ALL.iter().map(|change| (change.word(), way(*change)));
    let effects = EFFECTS.map(|effect| (effect, Way::Plain));
    changes
        .chain(effects)
        .filter(|(_, way)| !matches!(way, Way::OfAPlugin | Way::OfAPlace))
        .flat_map(|(word, way)| ["before", "after"].map(|side| (format!("{word}.{side}"), way)))
        .collect()
}

/// One run that ends at the place, if it comes there for the `times`-th time, and the next one.
struct Step {
    place: String,
    way: Way,
    times: usize,
}

#[test]
fn walk() {
    let places = places();
    let steps = places.iter().flat_map(|(place, way)| {
        // The first time that the place is reached, and the third; a run is late once, and fails once.
        let times: &[usize] = match way {
            Way::TooLate | Way::Failing => &[0],
            _ => &[0, 2],
        };
        times.iter().map(|times| Step {
            place: place.clone(),
            way: *way,
            times: *times,
        })
    });
    let steps: Vec<Step> = steps.collect();
    let (next, met) = (AtomicUsize::new(0), Mutex::new(HashSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ended = match step.way {
                        Way::TooLate => vec![too_late(step)],
                        Way::Failing => vec![failing(step)],
                        _ => {
                            let mut ended = vec![
                                batches("invalid-login", step),
                                batches("user-login", step),
                                files("invalid-login", step),
                            ];
                            if step.times == 0 {
                                ended.extend([falls_behind("invalid-login", step), catches_up("invalid-login", step)]);
                            }
                            ended
                        }
                    };
                    if ended.contains(&true) {
                        met.lock().unwrap().insert(step.place.clone());
                    }
                }
            });
        }
    });
    let met = met.into_inner().unwrap();
    let missed: Vec<_> = places.iter().filter(|(place, _)| !met.contains(place)).collect();
    // A job that is done when it is asked for the second time is written down as waiting once.
    assert!(missed.is_empty(), "never reached: {missed:?}");
    println!("{} places", met.len());
}

/// Half a year goes by, and the server has not kept all of it: the run that comes then finds a gap, and is to tell of it. It
/// delivers to one sink more than the one before. Says whether the place was reached.
fn too_late(step: &Step) -> bool {
    let (before, arguments) = ("2025-09-05T22:00:00Z", ["run", "user-login", "-q"]);
    let scene = CrashFixture::new(&format!("rows=2,now={before}"));
    let first = scene.command_at(before, &arguments, &["keyed"]).output().unwrap();
    assert!(first.status.success(), "{}", stderr(&first));
    let scene = scene.with_server("rows=2");
    let run = |failpoint: &str| {
        let mut command = scene.command(&arguments, &["keyed", "plain"]);
        command.env("HOST_FAILPOINT", failpoint).output().unwrap()
    };
    if run(&format!("{}:0", step.place)).status.code().is_some() {
        return false;
    }
    let again = run("");
    // Whether whoever reads the message has seen it, nobody knows; it is told once more where that is not written down.
    let expected = if step.place == "told.after" { 0 } else { 8 };
    assert_eq!(
        again.status.code(),
        Some(expected),
        "{}: {}",
        step.place,
        stderr(&again)
    );
    assert!(run("").status.success(), "{}", step.place);
    let held = scene.held("keyed");
    let served = scene.served("user-login", ["2026-02-01", "2026-03-05"]);
    assert_eq!((held.lost(&served), held.doubled()), (0, 0), "{}", step.place);
    true
}

/// A job fails, and its window is given up: the next run asks for the period anew. Says whether the place was reached.
fn failing(step: &Step) -> bool {
    let scene = CrashFixture::new("fail-job=3");
    let arguments = ["run", "invalid-login", "-q"];
    let mut command = scene.command(&arguments, &["keyed"]);
    let ended = command
        .env("HOST_FAILPOINT", format!("{}:0", step.place))
        .output()
        .unwrap();
    if ended.status.code().is_some() {
        return false;
    }
    let scene = scene.with_server("slow-job=1");
    let run = || scene.command(&arguments, &["keyed"]).output().unwrap();
    // Where the failure was not written down, the run goes on with a job that the new server does not know.
    let _ = run();
    let last = run();
    assert!(last.status.success(), "{}: {}", step.place, stderr(&last));
    let what = format!("{} of a job that fails", step.place);
    assert_eq!(
        scene.held("keyed"),
        scene.served("invalid-login", today("invalid-login")),
        "{what}"
    );
    true
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
    scene.check_evidence(&what);
    true
}

#[test]
fn walk_in_the_real_world() {
    let places = places();
    let places = places
        .iter()
        .filter(|(place, way)| place.ends_with(".after") && !matches!(way, Way::TooLate | Way::Failing));
    let places: Vec<String> = places.map(|(place, _)| format!("{place}:0")).collect();
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

/// Two receivers, one of which is down.
const BOTH: [&str; 2] = ["keyed", "plain"];

/// One of two sinks is down, and the run in which it stays behind ends at the place. Says whether the place was reached.
fn falls_behind(report: &str, step: &Step) -> bool {
    let (scene, arguments) = (CrashFixture::new("slow-job=1"), ["run", report, "-q"]);
    let what = format!("{report} at {} after {} with a sink down", step.place, step.times);
    scene.plain.set_down(true);
    let run = |failpoint: &str| scene.run_in_part(&arguments, &BOTH, failpoint);
    if run(&format!("{}:{}", step.place, step.times)).is_some() {
        return false;
    }
    assert_eq!(run(""), Some(7), "{what}");
    let ahead = behind(&scene, "keyed", &what);
    scene.plain.set_down(false);
    assert_eq!(run(""), Some(0), "{what}");
    caught_up(&scene, report, &ahead, &what);
    true
}

/// Two of three sinks were down, and a run in which one of them catches up ends at the place. Says whether the place was reached.
fn catches_up(report: &str, step: &Step) -> bool {
    let (scene, arguments) = (CrashFixture::new("slow-job=1"), ["run", report, "-q"]);
    let what = format!("{report} at {} after {} of catching up", step.place, step.times);
    let run = |failpoint: &str| scene.run_in_part(&arguments, &["archive", "keyed", "plain"], failpoint);
    let failpoint = format!("{}:{}", step.place, step.times);
    scene.keyed.set_down(true);
    scene.plain.set_down(true);
    assert_eq!(run(""), Some(7), "{what}");
    assert_eq!(scene.held("keyed").events(), 0, "{what}");
    let ahead = behind(&scene, "archive", &what);
    // The first of the two is back, and then the other, which waits for nobody's kill.
    scene.plain.set_down(false);
    let mut reached = run(&failpoint).is_none();
    if reached {
        assert_eq!(run(""), Some(7), "{what}");
    }
    scene.keyed.set_down(false);
    if !reached {
        reached = run(&failpoint).is_none();
    }
    assert_eq!(run(""), Some(0), "{what}");
    caught_up(&scene, report, &ahead, &what);
    reached
}

/// The events of a sink that is up, while the other has none and nothing was removed that it waits for.
fn behind(scene: &CrashFixture, up: &str, what: &str) -> ReceivedIds {
    assert_eq!(scene.held("plain").events(), 0, "{what}");
    let removed = |request: &String| request.contains("delete");
    assert!(!scene.server.seen().iter().any(removed), "{what}");
    scene.held(up)
}

/// Both receivers have everything once, of one job; the sink that was up had it while others were down.
fn caught_up(scene: &CrashFixture, report: &str, ahead: &ReceivedIds, what: &str) {
    assert_eq!(scene.jobs(), 1, "{what}");
    let served = scene.served(report, today(report));
    assert_eq!(*ahead, served, "{what}");
    for sink in BOTH {
        assert_eq!(scene.held(sink), served, "{what}: {sink}");
    }
}

/// Files that hold something already. Says whether the place was reached.
fn files(report: &str, step: &Step) -> bool {
    let scene = CrashFixture::new("slow-job=1");
    let day = ["run", report, "-q", "--from", "2026-03-04", "--to", "2026-03-04"];
    assert!(scene.run(&day, &FILES, "").success());
    let (before, jobs) = (scene.look(&Seen::default()), scene.jobs());
    let what = format!("{report} to files at {} after {}", step.place, step.times);
    let run = |failpoint: &str| scene.run(&["run", report, "-q"], &FILES, failpoint);
    if let Way::After(first) = step.way {
        assert!(!run(first).success());
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
    scene.check_evidence(&what);
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
