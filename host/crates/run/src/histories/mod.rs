//! Histories: runs of one stream that are cut short anywhere, with clocks that jump, ledgers that lie, sinks that refuse
//! and documents that are damaged. Whatever happens, nothing is lost, doubled, forgotten or asked for twice.
//!
//! [`script`] says what happens; [`process`] carries out a [`Run`](crate::Run), the one that the program carries out, with a
//! [`plugin`] and a [`server`] of the model's; [`world`] is the oracle; [`frail`] is what fails.
//! `HISTORIES=100000 cargo test -p run histories -- --nocapture` runs so many, and `HISTORIES_SEED` the same ones
//! again.

mod faulty_ledger;
mod plugin;
mod process;
mod script;
mod server;
mod world;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::RunError;
use faulty_ledger::{FaultyLedger, FaultyLife};
use ledger::memory::MemoryLedger;
use ledger::{Ledger, Record, SqliteLedger, Stream};
use process::{Left, ProcessPlace};
use sandbox::Granularity;
use script::{Ask, Damage, History, Process, Setting, SinkSetting, history};
use server::LateAnswer;
use sink::DeadLetters;
use world::{DAY, EventTally, HOUR, MINUTE, Occurrence, Shared, World, at, lock};

/// The lag of all runs, in ms.
const LAG_MS: i64 = 15 * MINUTE;

/// How often a run without any fault may be needed until all is well.
const CLEAN: usize = 12;

impl History {
    /// Lives it, to an end at which nothing is wrong any more; says what was not as it must be.
    async fn live(&self, ledger: &dyn Fn() -> Arc<dyn Ledger>, folder: &Path) -> Result<EventTally, String> {
        let spool = folder.join("spool");
        let mut world = World::new(
            self.setting.granularity,
            self.setting.retention_days,
            self.setting.sinks.len(),
        );
        world.truth = self.begins;
        world.clocks_are_right = self.runs.iter().all(|run| run.skew == 0);
        world.is_orderly =
            (self.runs.iter()).all(|run| run.damage.is_none() && run.broken.is_none() && run.places.is_none());
        world.open = self.open();
        world.events.clone_from(&self.events);
        if self.setting.letters {
            let letters = DeadLetters::at(folder.join("letters.db"));
            world.letters = Some(Arc::new(letters));
        }
        let world: Shared = Arc::new(Mutex::new(world));
        let mut late = None;
        for (number, run) in self.runs.iter().enumerate() {
            if let Some(damage) = run.damage {
                hurt(&spool, damage, &world);
            }
            let (waiting, _) = self.process(number, run, late.take(), ledger(), &world, &spool).await;
            late = waiting;
        }
        drop(late);
        let (mut last, mut in_a_row) = (Err("never".to_owned()), 0);
        for number in 0..CLEAN {
            catch_up(&ledger(), &world).await;
            let run = Process::clean(if number == 0 { HOUR } else { MINUTE });
            (_, last) = self
                .process(self.runs.len() + number, &run, None, ledger(), &world, &spool)
                .await;
            // A period that was taken up is not asked for again in the same run: what is new in it is the next one's.
            in_a_row = if last.is_ok() { in_a_row + 1 } else { 0 };
            if in_a_row == 2 {
                break;
            }
        }
        // A day later runs look back as far as they ever do.
        let run = Process::clean(25 * HOUR);
        let number = self.runs.len() + CLEAN;
        if last.is_ok() {
            // What a clock that was ahead has counted as lost may lie further ahead than that day.
            catch_up(&ledger(), &world).await;
            (_, last) = self.process(number, &run, None, ledger(), &world, &spool).await;
        }
        self.ended(last, &ledger(), &world, &spool).await
    }

    async fn process(
        &self,
        number: usize,
        run: &Process,
        late: Option<LateAnswer>,
        ledger: Arc<dyn Ledger>,
        world: &Shared,
        spool: &Path,
    ) -> (Option<LateAnswer>, Result<(), String>) {
        {
            let mut world = lock(world);
            world.truth += run.advance;
            world.clock = world.truth + run.skew;
            world.slow = run.slow;
            world.fails = run.fails;
            if run.forgets {
                world.forget();
            }
            for (sink, refuses) in world.sinks.iter_mut().enumerate() {
                sink_refuses(refuses, run.refuses.get(sink).copied());
            }
        }
        let life = FaultyLife::of(run.ends, run.stops);
        let frail = FaultyLedger {
            ledger: Arc::clone(&ledger),
            life: life.clone(),
            world: Arc::clone(world),
            glitch: Mutex::new(run.glitch),
        };
        let place = ProcessPlace {
            setting: &self.setting,
            life: life.clone(),
            world: Arc::clone(world),
            spool,
        };
        let Left { late, result } = place.carry_out(number, run, late.filter(|_| run.late), frail).await;
        if life.is_over() {
            lock(world).seen.note("crash");
        }
        life.end();
        // What a process that has ended was still writing is on disk, or will never be.
        let _ = tokio::task::spawn_blocking(|| ()).await;
        if unnamed(&ledger).await > 0 {
            lock(world).seen.note("ids left that no record names");
        }
        // These are told at the end of a run that did what there was to do.
        let result = match result {
            Err(RunError::Gap { .. } | RunError::DeadLettered { .. } | RunError::GoneFor { .. }) => Ok(()),
            result => result,
        };
        (late, result.map_err(|error| format!("{error:?}")))
    }

    async fn ended(
        &self,
        last: Result<(), String>,
        ledger: &Arc<dyn Ledger>,
        world: &Shared,
        spool: &Path,
    ) -> Result<EventTally, String> {
        let key = stream().key();
        let left = unnamed(ledger).await;
        let found = ledger.load(&key).await.unwrap();
        let record = found.map(|found| Record::decode(&key, &found.body).unwrap());
        let mut world = lock(world);
        let asked_again = self.runs.iter().any(|run| run.ask != Ask::Due);
        let clock_off = self.runs.iter().any(|run| run.skew != 0);
        let damaged = self.runs.iter().any(|run| run.damage.is_some());
        let at_close = self.setting.sinks.iter().any(|sink| sink.at_close);
        // Where a receiver can only tell batches apart, these make others of the same events; their ids are the same.
        // Ids are kept for clocks that differ by a day. What a faster one asked for too early is asked for again.
        let skews = || self.runs.iter().map(|run| run.skew).chain([0]);
        let apart = skews().max() > skews().min().map(|least| least + DAY);
        let strict = !asked_again && !damaged && !at_close && !apart && !world.died_half;
        world.check(strict);
        if strict {
            world.seen.note("checked batch by batch");
        }
        let mut wrong = std::mem::take(&mut world.violations);
        if let Err(error) = last {
            wrong.push(format!("the last run failed: {error}"));
        }
        let early = |event: &&usize| world.events[**event].delay <= LAG_MS;
        let early: Vec<_> = world.late.iter().filter(early).collect();
        if !clock_off && !early.is_empty() {
            wrong.push(format!("asked for too early: {early:?}"));
        }
        if !clock_off && !asked_again && !world.purged.is_empty() {
            wrong.push(format!("asked for too late, and not said: {:?}", world.purged));
        }
        match record {
            Some(record) => {
                if !record.windows.is_empty() {
                    wrong.push(format!("still in flight: {:?}", record.windows));
                }
                let settled = at(world.truth - self.open());
                let looked_back = !clock_off && !asked_again && self.setting.retention_days.is_none();
                if self.setting.granularity == Granularity::Instant && looked_back {
                    let stored_late = world.stored_late(&record);
                    if !stored_late.is_empty() {
                        wrong.push(format!("stored late, and never delivered: {stored_late:?}"));
                    }
                }
                if record.watermark.is_none_or(|mark| mark < settled && !clock_off) && self.begun(settled) {
                    wrong.push(format!("the watermark stays at {:?}", record.watermark));
                }
            }
            None => wrong.push("there is no record".into()),
        }
        if left > 0 {
            wrong.push(format!("{left} documents of ids stay in the ledger"));
        }
        let left = std::fs::read_dir(spool).unwrap().count();
        if left > 0 {
            wrong.push(format!("{left} documents stay on the spool"));
        }
        match wrong.is_empty() {
            true => Ok(std::mem::take(&mut world.seen)),
            false => Err(wrong.join("\n")),
        }
    }

    /// How long a period stays open after its end, in ms.
    fn open(&self) -> i64 {
        match self.setting.granularity {
            Granularity::Instant | Granularity::Minutes(_) => LAG_MS,
            Granularity::Day => LAG_MS + 12 * HOUR,
        }
    }

    /// True where the first day has come so far that anything of it is settled.
    fn begun(&self, settled: jiff::Timestamp) -> bool {
        settled.as_millisecond() > (self.begins + self.runs[0].advance).div_euclid(DAY) * DAY
    }
}

/// The stream of all histories.
fn stream() -> Stream {
    Stream::new("epm", "user-login", &[])
}

/// A watermark that a fast clock wrote lies in the future, and nothing is collected until that is the present.
async fn catch_up(ledger: &Arc<dyn Ledger>, world: &Shared) {
    let key = stream().key();
    let found = ledger.load(&key).await.unwrap();
    let mark = found.and_then(|found| Record::decode(&key, &found.body).unwrap().fetched().watermark);
    let mut world = lock(world);
    world.truth = mark.map_or(world.truth, |mark| world.truth.max(mark.as_millisecond()));
}

/// How many documents of ids there are that the record does not name.
async fn unnamed(ledger: &Arc<dyn Ledger>) -> usize {
    let found = ledger.load(&stream().key()).await.unwrap();
    let record = found.map(|found| Record::decode(&found.key, &found.body).unwrap());
    let mut named = std::collections::BTreeSet::new();
    if let Some(record) = record {
        let waiting = record.windows.iter().filter_map(|window| window.known.as_ref());
        let noted = record.recent.iter().chain(waiting.flatten());
        named.extend(noted.map(|(day, noted)| stream().ids_key(*day, noted)));
    }
    let there = ledger.list(&stream().ids_prefix()).await.unwrap();
    there.iter().filter(|document| !named.contains(&document.key)).count()
}

fn sink_refuses(held: &mut world::ReceivedIds, refuses: Option<u32>) {
    held.refuses = refuses.unwrap_or(0);
}

fn hurt(spool: &Path, damage: Damage, world: &Shared) {
    for entry in std::fs::read_dir(spool).into_iter().flatten().flatten() {
        let path = entry.path();
        let mut bytes = std::fs::read(&path).unwrap();
        match damage {
            Damage::Gone => std::fs::remove_file(&path).unwrap(),
            Damage::Cut => {
                bytes.pop();
                std::fs::write(&path, bytes).unwrap();
            }
            Damage::Changed => {
                if let Some(byte) = bytes.last_mut() {
                    *byte ^= 1;
                }
                std::fs::write(&path, bytes).unwrap();
            }
        }
        lock(world).seen.note("document damaged");
    }
}

/// Opens the ledger of a history, as each of its processes does.
type LedgerOpener = Box<dyn Fn() -> Arc<dyn Ledger>>;

/// So many histories in as many threads; what was seen in all of them.
fn live_all(name: &str, default: u32, share: u32, ledger: fn(&Path) -> LedgerOpener) -> EventTally {
    let wanted = std::env::var("HISTORIES").map_or(default, |count| count.parse::<u32>().unwrap() / share);
    let threads = 2;
    let seed = std::env::var("HISTORIES_SEED").map_or_else(|_| seed_of_now(), |seed| seed.parse().unwrap());
    let seen = Mutex::new(EventTally::default());
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (seen, lived) = (&seen, AtomicU32::new(0));
            scope.spawn(move || {
                let runtime = runtime();
                let wrong = AtomicU32::new(0);
                let mut runner = TestRunner::new(Config {
                    cases: wanted.div_ceil(threads),
                    failure_persistence: None,
                    max_shrink_iters: 4000,
                    rng_seed: RngSeed::Fixed(seed + u64::from(thread)),
                    ..Config::default()
                });
                let result = runner.run(&history(), |history| {
                    let folder = scratch();
                    let number = lived.fetch_add(1, Ordering::Relaxed) + 1;
                    let lived = runtime.block_on(history.live(&ledger(folder.path()), folder.path()));
                    let lived = lived.map_err(|reason| {
                        // Those that come after it are smaller ones that may be wrong as well.
                        let _ = wrong.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
                        TestCaseError::fail(reason)
                    });
                    for (what, times) in lived?.0 {
                        *seen.lock().unwrap().0.entry(what).or_default() += times;
                    }
                    Ok(())
                });
                if let Err(TestError::Fail(reason, history)) = result {
                    let number = wrong.into_inner();
                    panic!("{reason}\nthe {number}th history of HISTORIES_SEED={seed}, thread {thread}: {history:#?}");
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    println!(
        "{wanted} histories with {name} in {:.1} s: {seen:?}",
        begun.elapsed().as_secs_f64()
    );
    seen
}

/// Another one with each run of the tests.
fn seed_of_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// One thread for what blocks, so that it is done in order.
fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let builder = builder.enable_time().start_paused(true).max_blocking_threads(1);
    builder.build().unwrap()
}

/// A folder in memory where there is one: the files are real, waiting for a disk would prove nothing more.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_forgotten() {
    let seen = live_all("a ledger in memory", 1000, 1, |_| {
        let ledger = MemoryLedger::default();
        Box::new(move || -> Arc<dyn Ledger> { Arc::new(ledger.clone()) })
    });
    for what in [
        "crash",
        "a change was never made",
        "a change was made and nobody learned",
        "a sink was down",
        "document taken up",
        "document damaged",
        "gap",
        "job submitted again, unsure",
        "late answer refused",
        "late answer taken",
        "rows seen before",
        "ids removed",
        "another plan",
        "window resumed",
        "window given up",
        "window held open",
        "windows ahead",
        "told to stop",
        "watermark ahead of the clock",
        "checked batch by batch",
        "window delivered in part",
        "window answered later",
        "sink left out",
        "sink added",
        "filled in for a sink",
    ] {
        assert!(
            seen.0.get(what).is_some_and(|times| *times > 10),
            "too rare: {what} in {seen:?}"
        );
    }
    // It takes a history whose clocks are right and that asks for nothing twice.
    assert!(seen.0.contains_key("stored late, and delivered"), "{seen:?}");
    // It takes an end between two changes.
    assert!(seen.0.contains_key("ids left that no record names"), "{seen:?}");
}

#[test]
fn the_same_with_a_file_that_each_process_opens_anew() {
    live_all("a file", 40, 100, |folder| {
        let path = folder.join("ledger.db");
        Box::new(move || -> Arc<dyn Ledger> { Arc::new(SqliteLedger::open(&path).unwrap()) })
    });
}

/// Cut short at each of its steps, and taken up when the server has deleted some or all of the period.
#[test]
fn a_window_that_the_server_no_longer_has_in_full_is_a_gap_and_not_covered() {
    let runtime = runtime();
    let mut seen = EventTally::default();
    for (ends, later) in (0..60).flat_map(|ends| [(ends, 3), (ends, 10)]) {
        let sink = SinkSetting {
            batch: 2,
            gather: true,
            at_close: false,
        };
        let cut_short = Process {
            ends: Some(ends),
            ..Process::clean(3 * DAY)
        };
        let history = History {
            setting: Setting {
                granularity: Granularity::Day,
                retention_days: Some(4),
                window_days: None,
                jobs: true,
                places: 2,
                sinks: vec![sink],
                letters: false,
            },
            begins: at_noon("2024-02-27"),
            events: (0..40)
                .map(|number| Occurrence {
                    time: at_noon("2024-02-27") + number * 5 * HOUR,
                    delay: 0,
                })
                .collect(),
            runs: vec![Process::clean(0), cut_short, Process::clean(later * DAY)],
        };
        let (folder, ledger) = (scratch(), MemoryLedger::default());
        let ledger = move || -> Arc<dyn Ledger> { Arc::new(ledger.clone()) };
        let lived = runtime.block_on(history.live(&ledger, folder.path()));
        for (what, times) in lived.unwrap_or_else(|wrong| panic!("after {ends} steps: {wrong}")).0 {
            *seen.0.entry(what).or_default() += times;
        }
    }
    assert!(seen.0["out of reach"] > 5 && seen.0["gap"] > 5, "{seen:?}");
}

/// Stored after its period was asked for by a run that did not end, in a window just as long as those of the look-back.
#[test]
fn a_window_that_is_taken_up_days_later_is_looked_at_once_more() {
    let begins = at_noon("2023-02-28") + 6 * HOUR;
    let midnight = at_noon("2023-03-01") + 12 * HOUR;
    let (mut late, mut resumed) = (0, 0);
    for ends in 0..30 {
        let cut_short = Process {
            ends: Some(ends),
            ..Process::clean(midnight + LAG_MS - begins - 8 * HOUR)
        };
        let history = History {
            setting: Setting {
                granularity: Granularity::Instant,
                retention_days: None,
                window_days: Some(1),
                jobs: true,
                places: 1,
                sinks: vec![SinkSetting {
                    batch: 1,
                    gather: false,
                    at_close: false,
                }],
                letters: false,
            },
            begins,
            events: vec![Occurrence {
                time: midnight - 1,
                delay: 2 * HOUR,
            }],
            runs: vec![Process::clean(8 * HOUR), cut_short, Process::clean(47 * HOUR)],
        };
        let (folder, ledger) = (scratch(), MemoryLedger::default());
        let ledger = move || -> Arc<dyn Ledger> { Arc::new(ledger.clone()) };
        let lived = runtime().block_on(history.live(&ledger, folder.path()));
        let seen = lived.unwrap_or_else(|wrong| panic!("after {ends} steps: {wrong}")).0;
        late += seen.get("stored late, and delivered").copied().unwrap_or(0);
        resumed += seen.get("window resumed").copied().unwrap_or(0);
    }
    assert!(late > 3 && resumed > 3, "{late} {resumed}");
}

fn at_noon(day: &str) -> i64 {
    let noon: jiff::Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
    noon.as_millisecond()
}
