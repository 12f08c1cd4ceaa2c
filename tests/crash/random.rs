//! `kill -9` at random times.

use std::fs::File;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::held::{self, ReceivedIds, Seen};
use super::scene::{CrashFixture, FILES, summary, taken, today};

/// The faults of the server, besides the kills; each stream gets two of them.
const FAULTS: [&str; 16] = [
    "slow-job=3",
    "latency=15",
    "submit:503=1",
    "submit:cut=1",
    "poll:503=1",
    "poll:429=1@1",
    "poll:cut=1",
    "list:503=1",
    "download:503=1",
    "download:cut=1",
    "download:429=1",
    "call:503=1",
    "call:cut=1",
    "page:429=1@1",
    "page:cut=1",
    "token:503=1",
];

/// Numbers that are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.throw(from.len() as u64)).unwrap()]
    }
}

/// The sums over all streams.
#[derive(Debug, Default)]
struct Toll {
    streams: u64,
    /// Streams of which a sink was down for some of the runs.
    with_outages: u64,
    /// Runs that came to their end and left events waiting for it.
    behind: u64,
    kills: u64,
    lost: usize,
    doubled: usize,
    repeated: usize,
    second_jobs: u64,
    unsure: u64,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
#[ignore = "as many kills as CRASHES says, or as fit into CRASH_SECONDS"]
fn random() {
    let seconds = number("CRASH_SECONDS");
    let wanted = number("CRASHES").unwrap_or(if seconds.is_some() { u64::MAX } else { 100 });
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = number("CRASH_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap().as_secs()
    });
    let at_once = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
    let (next, typical, toll) = (AtomicU64::new(seed), AtomicU64::new(1000), Mutex::new(Toll::default()));
    let goes_on = || toll.lock().unwrap().kills < wanted && end.is_none_or(|end| Instant::now() < end);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while goes_on() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let again = Repeat(seed);
                    stream(seed, &typical, &toll);
                    std::mem::forget(again);
                }
            });
        }
    });
    let Toll {
        streams,
        with_outages,
        behind,
        kills,
        lost,
        doubled,
        repeated,
        second_jobs,
        unsure,
    } = toll.into_inner().unwrap();
    println!(
        "{kills} kills in {streams} streams, {with_outages} of them with a sink that was down \
         ({behind} runs left events waiting for it): {lost} lost, {doubled} doubled, {repeated} batches repeated where nobody can tell, \
         {second_jobs} second jobs ({unsure} counted as unsure); CRASH_SEED={seed}"
    );
}

/// A guard that says how to see a failure again, where a stream fails.
struct Repeat(u64);

impl Drop for Repeat {
    fn drop(&mut self) {
        eprintln!("to repeat: CRASH_SEED={} CRASHES=1", self.0);
    }
}

/// The way a stream is run: a report, over one window or several.
struct Course {
    report: &'static str,
    arguments: Vec<&'static str>,
    period: [&'static str; 2],
    windows: u64,
}

fn course(dice: &mut Dice) -> Course {
    let report = dice.pick(&["user-login", "invalid-login", "user-audit", "audit-events"]);
    match dice.throw(3) {
        // Days that are over: the open one would be asked for again by each run that comes after.
        0 => {
            let mut arguments = vec!["backfill", report, "--from", "2026-03-02", "--to", "2026-03-04"];
            arguments.extend(["--window", "1d", "--summary", "summary.json"]);
            Course {
                report,
                arguments,
                period: ["2026-03-02", "2026-03-04"],
                windows: 3,
            }
        }
        _ => Course {
            report,
            arguments: vec!["run", report, "--summary", "summary.json"],
            period: today(report),
            windows: 1,
        },
    }
}

/// One stream: runs that are killed, one that is not, and a look at what came of them.
fn stream(seed: u64, typical: &AtomicU64, toll: &Mutex<Toll>) {
    let mut dice = Dice(seed);
    let Course {
        report,
        arguments,
        period,
        windows,
    } = course(&mut dice);
    let faults = [dice.pick(&FAULTS), dice.pick(&FAULTS)];
    // In every third stream one of two or three sinks is down for some of the runs.
    let outage = (dice.throw(3) == 0).then(|| dice.pick(&["keyed", "plain"]));
    let to_stdout = outage.is_none() && dice.throw(2) == 0;
    // Every other stream meets the habits of real servers too, in the draws that the walk goes through.
    let habits = match dice.throw(2) {
        0 => format!("real-world={},", seed % 27),
        _ => String::new(),
    };
    let scene = CrashFixture::new(&format!("retry-after=0,{habits}{}", faults.join(",")));
    let what = format!("{report} {} {habits}{faults:?}, down: {outage:?}", arguments[0]);

    let mut kept = vec!["keyed", "plain"];
    match outage {
        None => kept.extend(FILES),
        Some(_) if dice.throw(2) == 0 => kept.push(dice.pick(&FILES)),
        Some(_) => {}
    }
    let mut sinks = kept.clone();
    if to_stdout {
        sinks.push("stdout");
    }
    let mut outputs = Vec::new();
    let mut start = || -> Child {
        let path = scene.desk.path().join(format!("stdout-{}", outputs.len()));
        let mut command = scene.command(&arguments, &sinks);
        command.stdout(File::create(&path).unwrap());
        command.stderr(File::create(scene.desk.path().join("stderr")).unwrap());
        outputs.push(path);
        command.stdin(Stdio::null()).spawn().unwrap()
    };

    let set_down = |down: bool| match outage {
        Some("keyed") => scene.keyed.set_down(down),
        Some(_) => scene.plain.set_down(down),
        None => {}
    };
    let said = || std::fs::read_to_string(scene.desk.path().join("stderr")).unwrap();
    let unsure = || {
        summary(&scene.desk.path().join("summary.json"))["ledger"]["unsure"]
            .as_u64()
            .unwrap()
    };

    let (mut kills, mut seen) = (0, Seen::default());
    for _ in 0..2 + dice.throw(4) {
        set_down(dice.throw(2) == 0);
        let mut child = start();
        // A little longer than a run takes: the time is what the test is about.
        std::thread::sleep(Duration::from_micros(
            dice.throw(typical.load(Ordering::Relaxed) * 1200),
        ));
        child.kill().unwrap();
        kills += u64::from(child.wait().unwrap().code().is_none());
        seen = scene.look(&seen);
    }
    // One run comes to its end while the sink is down, and the others have everything then.
    let (mut behind, mut counted, mut ahead) = (0, 0, Vec::new());
    if let Some(down) = outage {
        set_down(true);
        let code = start().wait().unwrap().code();
        assert!(matches!(code, Some(0 | 7)), "{what}: {code:?} {}", said());
        (behind, counted) = (u64::from(code == Some(7)), unsure());
        seen = scene.look(&seen);
        let others = kept.iter().filter(|sink| **sink != down);
        ahead.extend(others.map(|sink| (*sink, scene.held(sink))));
    }
    set_down(false);
    let begun = Instant::now();
    let ended = start().wait().unwrap();
    assert!(ended.success(), "{what}: {}", said());
    typical.store(begun.elapsed().as_millis().try_into().unwrap(), Ordering::Relaxed);
    scene.look(&seen);
    assert_eq!(held::leftovers(&scene.files()), 0, "{what}");

    // A job that may be there twice is counted by the run that found so.
    let unsure = counted + unsure();
    let wanted = if ["invalid-login", "user-audit"].contains(&report) {
        windows
    } else {
        0
    };
    let second_jobs = scene.jobs() - wanted;
    assert!(
        second_jobs <= unsure,
        "{what}: {second_jobs} second jobs, {unsure} unsure"
    );

    let served = scene.served(report, period);
    for (sink, held) in ahead {
        assert_eq!(held, served, "{what}: {sink} was kept waiting");
    }
    let (mut lost, mut doubled) = (0, 0);
    for sink in &kept {
        let held = scene.held(sink);
        assert_eq!((held.lost(&served), held.doubled()), (0, 0), "{what}: {sink}");
        assert_eq!(held, served, "{what}: {sink}");
        lost += held.lost(&served);
        doubled += held.doubled();
    }
    // Whoever does not know keys has at most one batch a kill twice, and as it was.
    let bodies = taken(&scene.plain);
    let different: std::collections::HashSet<_> = bodies.iter().map(|request| &request.body).collect();
    let repeated = bodies.len() - different.len();
    assert!(
        repeated as u64 <= kills,
        "{what}: {repeated} batches came again after {kills} kills"
    );
    if to_stdout {
        let mut printed = ReceivedIds::default();
        for output in outputs {
            let text = String::from_utf8(std::fs::read(output).unwrap()).unwrap();
            // The last line of a run that was killed may be torn.
            let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
            printed.add(held::in_lines(whole));
        }
        assert_eq!(
            (printed.lost(&served), printed.events()),
            (0, served.events()),
            "{what}: stdout"
        );
        assert!(printed.most() <= 1 + kills, "{what}: stdout");
        lost += printed.lost(&served);
    }
    let mut toll = toll.lock().unwrap();
    toll.streams += 1;
    toll.with_outages += u64::from(outage.is_some());
    toll.behind += behind;
    toll.kills += kills;
    toll.lost += lost;
    toll.doubled += doubled;
    toll.repeated += repeated;
    toll.second_jobs += second_jobs;
    toll.unsure += unsure;
}
