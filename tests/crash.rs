//! The process ends where it hurts, and the next run carries on: nothing lost, nothing doubled, no second job.
//!
//! `walk` ends it at every named place in turn, `walk_with_windows_ahead` at some of them while several windows are in
//! flight. `random` kills it at random times, as often as `CRASHES` says (100):
//! `CRASHES=1000 cargo test -p tests --test crash -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, HashSet};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tests::{Desk, Receiver, Server, json_lines, stderr};

const NOW: &str = "2026-03-05T22:00:00Z";
const SCENARIO: &str = "rows=60,plain-names,slow-job=1,now=2026-03-05T22:00:00Z";

/// Each is a place before and a place after.
const PLACES: [&str; 20] = [
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
    "committed",
    "sweep",
    "cleanup",
];

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
    ("delivering.after", 1),
    ("committed.before", 1),
    ("committed.after", 0),
    ("sweep.after", 1),
];

/// A desk with a configuration for the server, and a sink that knows batches by their key.
struct Scene {
    desk: Desk,
    server: Server,
    receiver: Receiver,
}

impl Scene {
    fn new() -> Scene {
        let (desk, server) = (
            Desk::new(env!("CARGO_BIN_EXE_host-under-test")),
            Server::start(SCENARIO),
        );
        let (url, receiver) = (server.url(), Receiver::start());
        let endpoint = receiver.url();
        desk.write(
            "host.toml",
            format!(
                "[connections.epm]\nkind = \"epm\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
                 auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
                 [connections.domain]\nkind = \"identity-domain\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
                 auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"SECRET\" }} }}\n\
                 [sinks.siem]\nkind = \"http\"\nbatch-events = 7\nendpoint = {{ url = \"{endpoint}\", allow-private-addresses = true }}\n\
                 [sinks.archive]\nkind = \"file\"\npath = \"archive.ndjson\"\n"
            ),
        );
        Scene { desk, server, receiver }
    }

    fn command(&self, report: &str, more: &[&str]) -> Command {
        let mut command = self.desk.process(["run", report, "--now", NOW]);
        command
            .args(more)
            .env("EPM_PASSWORD", "demo-password")
            .env("SECRET", "demo-secret");
        command
    }

    /// Runs to the end, whatever that is.
    fn run(&self, report: &str, failpoints: &str) -> ExitStatus {
        let mut command = self.command(report, &["--sink", "siem", "-q"]);
        command.env("HOST_FAILPOINT", failpoints).stdout(Stdio::null());
        let output = command.output().unwrap();
        let ended = output.status.success() || output.status.code().is_none();
        assert!(ended, "{report} {failpoints}: {}", stderr(&output));
        output.status
    }

    /// A backfill of four days, three of them in flight at once, to the end. Says how many jobs may be there twice.
    fn backfill(&self, failpoints: &str) -> Option<usize> {
        let period = ["--from", "2026-03-02", "--to", "2026-03-05", "--now", NOW];
        let mut command = self.desk.process(["backfill", "invalid-login", "--windows-ahead", "3"]);
        command
            .args(period)
            .args(["--sink", "siem", "-q", "--summary", "summary.json"])
            .env("EPM_PASSWORD", "demo-password")
            .env("HOST_FAILPOINT", failpoints);
        let output = command.output().unwrap();
        if output.status.code().is_none() {
            return None;
        }
        assert!(output.status.success(), "{failpoints}: {}", stderr(&output));
        let summary = std::fs::read(self.desk.path().join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        Some(summary["ledger"]["unsure"].as_u64().unwrap() as usize)
    }

    /// What the sink has must be what the server had since that day, once each by the batches' keys.
    fn check(&self, report: &str, from: &str, what: &str) {
        let end = if report == "audit-events" {
            "2026-03-05T21:45:00Z"
        } else {
            "2026-03-05"
        };
        let period = ["--ledger", "none", "--sink", "stdout", "--from", from, "--to", end];
        let served = self.command(report, &period).output().unwrap();
        assert!(served.status.success(), "{}", stderr(&served));
        let uid = |event: &Value| event["metadata"]["uid"].as_str().unwrap().to_owned();
        let mut served: Vec<String> = json_lines(&served).iter().map(uid).collect();
        let mut batches = BTreeMap::new();
        for request in self.receiver.received() {
            batches.insert(
                request.headers["idempotency-key"].to_str().unwrap().to_owned(),
                request.body,
            );
        }
        let lines = batches
            .values()
            .flat_map(|body| std::str::from_utf8(body).unwrap().lines());
        let mut held: Vec<String> = lines.map(|line| uid(&serde_json::from_str(line).unwrap())).collect();
        served.sort();
        held.sort();
        assert!(served.len() > 20);
        assert_eq!(held.len(), held.iter().collect::<HashSet<_>>().len(), "{what}: doubled");
        assert_eq!(held, served, "{what}");
    }

    /// The requests that created a job.
    fn jobs(&self) -> usize {
        let seen = self.server.seen();
        let creates = |seen: &&String| {
            seen.starts_with("POST") && (seen.contains("invalidloginreport") || seen.contains("/reports"))
        };
        seen.iter().filter(creates).count()
    }
}

#[test]
fn walk() {
    let places: Vec<String> = PLACES
        .iter()
        .flat_map(|place| [format!("{place}.before"), format!("{place}.after")])
        .collect();
    let (next, met) = (AtomicUsize::new(0), Mutex::new(HashSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for report in ["invalid-login", "user-login"] {
                        // The first time that the place is reached, and the third.
                        for before in [0, 2] {
                            let scene = Scene::new();
                            let ended = scene.run(report, &format!("{place}:{before}"));
                            if ended.success() {
                                continue;
                            }
                            met.lock().unwrap().insert(place.clone());
                            assert!(scene.run(report, "").success());
                            let what = format!("{report} at {place} after {before}");
                            let jobs = scene.jobs();
                            scene.check(report, "2026-03-05", &what);
                            // Between a POST and the record of its answer, nobody can know.
                            let unsure = ["post.after", "submitted.before"].contains(&place.as_str());
                            assert!(jobs <= 1 + usize::from(unsure), "{what}: {jobs} jobs");
                        }
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

#[test]
fn walk_with_windows_ahead() {
    let (next, twice) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((place, before)) = AHEAD.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (scene, what) = (Scene::new(), format!("{place} after {before}"));
                    assert_eq!(
                        scene.backfill(&format!("{place}:{before}")),
                        None,
                        "{what}: never reached"
                    );
                    let unsure = scene.backfill("").expect("the end");
                    let second = scene.jobs().saturating_sub(4);
                    scene.check("invalid-login", "2026-03-02", &what);
                    // While one window is at the place, another may be between a POST and the record of its answer.
                    assert!(
                        second <= unsure,
                        "{what}: {second} jobs created a second time, {unsure} said"
                    );
                    twice.fetch_add(second, Ordering::Relaxed);
                }
            });
        }
    });
    println!(
        "{} places, {} jobs created a second time",
        AHEAD.len(),
        twice.into_inner()
    );
}

#[test]
#[ignore = "as many kills as CRASHES says"]
fn random() {
    let wanted: usize = std::env::var("CRASHES").map_or(100, |count| count.parse().unwrap());
    let reports = ["user-login", "invalid-login", "user-audit", "audit-events"];
    let (mut kills, mut rounds, mut second_jobs, mut seed) = (0, 0, 0, 0x2545_f491_4f6c_dd1d_u64);
    while kills < wanted {
        let report = reports[rounds % reports.len()];
        let scene = Scene::new();
        rounds += 1;
        // Several kills of one stream, then a run to its end.
        for _ in 0..3 {
            let mut command = scene.command(report, &["--sink", "siem", "-q"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            // The time is what the test is about.
            std::thread::sleep(Duration::from_micros(seed % 1_200_000));
            child.kill().unwrap();
            if child.wait().unwrap().code().is_none() {
                kills += 1;
            }
        }
        assert!(scene.run(report, "").success());
        second_jobs += scene.jobs().saturating_sub(1);
        scene.check(report, "2026-03-05", &format!("{report}, round {rounds}"));
    }
    println!("{kills} kills in {rounds} streams: 0 lost, 0 doubled, {second_jobs} jobs created a second time");
}
