//! One process: a run as `kept.rs` carries it out, step by step, with the server and the plugin played by the oracle. The
//! record, the errands, the marks, the queues, the deliveries, the rules for windows and rows seen before are the real ones.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::fetch::Late;
use super::frail::{FaultyLedger, FaultyLife, Receiver};
use super::script::{Run, Setting};
use super::stream;
use super::world::{Shared, at, id, lock};
use crate::book::{StreamFacts, StreamLedger};
use crate::errand::{FetchTask, SubmissionGate};
use crate::fan_out::{FanOut, FlushOutcome, RunSink, WhenDown};
use crate::kept::{RunMode, after_adoption, is_final, is_to_be_asked};
use crate::overlap::Deduplicator;
use crate::route::Router;
use crate::schedule::{Rules, depth};
use crate::{FETCH_AHEAD, Observer, RunError};
use event::{Activity, Event, Outcome, Principal, samples};
use ledger::{FetchState, InFlight, Interval, KnownIds, Record, Tier, WindowEnd};
use sink::{BatchLimits, DeadLetterContext, Delivery, DeliveryPolicy};

/// The lag of all runs.
pub(super) const LAG: Duration = Duration::from_secs(15 * 60);

/// How far all runs look back.
const LOOK_BACK: [Tier; 2] = [
    Tier {
        age: Duration::from_secs(3600),
        every: Duration::ZERO,
    },
    Tier {
        age: Duration::from_secs(48 * 3600),
        every: Duration::from_secs(24 * 3600),
    },
];

/// Events come out of the parser in batches of so many.
const PARSED: usize = 5;

const POLICY: DeliveryPolicy = DeliveryPolicy {
    min_delay: Duration::from_millis(1),
    max_delay: Duration::from_millis(4),
    max_elapsed: Duration::from_millis(20),
};

struct Silent;

impl Observer for Silent {}

pub(super) struct Process<'a> {
    pub(super) setting: &'a Setting,
    pub(super) run: &'a Run,
    /// Which of the history's runs.
    pub(super) number: usize,
    pub(super) life: FaultyLife,
    pub(super) world: Shared,
    pub(super) spool: &'a Path,
    /// Comes between two steps of this one.
    pub(super) late: Mutex<Option<Late>>,
    pub(super) last: Mutex<Option<Late>>,
}

struct UncommittedWindow {
    end: WindowEnd,
    ids: KnownIds,
    files: Vec<String>,
}

enum WindowOutcome {
    Committed,
    AtClose(UncommittedWindow),
    GivenUp,
    Over,
}

impl Process<'_> {
    pub(super) async fn carry_out(&self, ledger: FaultyLedger) -> Result<(), RunError> {
        let book = Arc::new(StreamLedger::open(Arc::new(ledger), stream(), self.facts(), self.spool.to_owned()).await?);
        let outlets = (0..self.setting.sinks.len()).map(|place| self.outlet(place)).collect();
        let mut sinks = FanOut::start(outlets, Router::All, Arc::new(samples::epm()), Some(&book));
        let result = self.deliver(&book, &mut sinks).await;
        sinks.give_up().await;
        result
    }

    fn facts(&self) -> StreamFacts {
        StreamFacts {
            depth: depth(self.setting.granularity, &LOOK_BACK),
            ..StreamFacts::default()
        }
    }

    fn outlet(&self, place: usize) -> RunSink {
        let set = &self.setting.sinks[place];
        let receiver = Receiver {
            place,
            name: format!("sink-{place}"),
            limits: BatchLimits {
                events: set.batch,
                bytes: 1 << 20,
                gather: set.gather,
            },
            at_close: set.at_close,
            waiting: Vec::new(),
            life: self.life.clone(),
            world: Arc::clone(&self.world),
        };
        let letters = lock(&self.world).letters.clone();
        let remains = DeadLetterContext {
            dead_letters: letters
                .unwrap_or_else(|| Arc::new(sink::DeadLetters::at(self.spool.join("none"), Default::default()))),
            destination: None,
            run_id: "run".into(),
            provenance: Arc::new(samples::epm()),
        };
        RunSink {
            delivery: Delivery::new(Box::new(receiver), POLICY, remains),
            required: true,
            when_down: Some(match self.setting.letters {
                true => WhenDown::DeadLetters,
                false => WhenDown::Wait,
            }),
        }
    }

    async fn deliver(&self, book: &Arc<StreamLedger>, sinks: &mut FanOut) -> Result<(), RunError> {
        let pending = self.windows(book, sinks).await?;
        let endings = sinks.close(&Silent).await;
        if let Some(failed) = endings.into_iter().find(|ending| ending.result.is_err()) {
            return Err(RunError::Internal(format!("{}: {:?}", failed.name, failed.result)));
        }
        self.commit(book, pending, None).await
    }

    async fn windows(&self, book: &Arc<StreamLedger>, sinks: &mut FanOut) -> Result<Vec<UncommittedWindow>, RunError> {
        let now = lock(&self.world).truth + self.run.skew;
        let (mut pending, mut adopted) = (Vec::new(), Vec::new());
        let rules = self.rules();
        let record = book.record();
        for (place, window) in record.windows.iter().enumerate() {
            if !rules.reaches(window.period)? && is_to_be_asked(window) {
                lock(&self.world).seen.note("out of reach");
                book.give_up(&window.name, "out of reach".into()).await?;
                continue;
            }
            lock(&self.world).seen.note("window resumed");
            let next = record.windows.get(place + 1);
            match self.window(book, window, next, &pending, sinks).await? {
                WindowOutcome::Committed => adopted.push(window.period),
                WindowOutcome::AtClose(done) => {
                    adopted.push(window.period);
                    pending.push(done);
                }
                WindowOutcome::GivenUp => {}
                WindowOutcome::Over => return Ok(pending),
            }
        }
        let (wanted, period) = self.run.asks(now);
        let schedule = after_adoption(&rules, wanted, period, Record::clone(&book.record()), &adopted)?;
        for lost in schedule.lost {
            lock(&self.world).seen.note("gap");
            book.change("lost", move |record| record.lose(lost)).await?;
        }
        if let Some(begin) = schedule.begin {
            let begin = move |record: &mut Record| record.watermark = record.watermark.or(Some(begin));
            book.change("begun", begin).await?;
        }
        for (number, planned) in schedule.windows.into_iter().enumerate() {
            let period = Interval::new(planned.window.from, planned.window.to);
            if adopted.contains(&period) {
                continue;
            }
            let window = InFlight {
                name: format!("run{}-{number}", self.number),
                period,
                settled: planned.settled,
                clock: at(now),
                plugin: String::new(),
                again: wanted == RunMode::Period,
                asked_until: planned.asked_until,
                doubtful_until: planned.doubtful_until,
                looks_back: planned.looks_back,
                ..InFlight::default()
            };
            let begun = window.clone();
            book.change("planned", move |record| record.windows.push(begun.into()))
                .await?;
            match self.window(book, &window, None, &pending, sinks).await? {
                WindowOutcome::Committed | WindowOutcome::GivenUp => {}
                WindowOutcome::AtClose(done) => pending.push(done),
                WindowOutcome::Over => break,
            }
        }
        Ok(pending)
    }

    fn rules(&self) -> Rules {
        Rules {
            now: at(lock(&self.world).truth + self.run.skew),
            lag: LAG,
            granularity: self.setting.granularity,
            retention_days: self.setting.retention_days,
            kept: None,
            window_days: self.setting.window_days,
            look_back: LOOK_BACK.to_vec(),
        }
    }

    async fn window(
        &self,
        book: &Arc<StreamLedger>,
        window: &InFlight,
        next: Option<&Arc<InFlight>>,
        pending: &[UncommittedWindow],
        sinks: &mut FanOut,
    ) -> Result<WindowOutcome, RunError> {
        let step = self.through(book, window, next, pending, sinks).await;
        if let Err(error) = &step
            && is_final(error, window)
        {
            book.give_up(&window.name, error.to_string()).await?;
        }
        step
    }

    async fn through(
        &self,
        book: &Arc<StreamLedger>,
        window: &InFlight,
        next: Option<&Arc<InFlight>>,
        pending: &[UncommittedWindow],
        sinks: &mut FanOut,
    ) -> Result<WindowOutcome, RunError> {
        let mut window = window.clone();
        let planned = self.run.places.unwrap_or(self.setting.places);
        if window.fetches.is_empty() {
            window.fetches = vec![FetchState::Planned; planned];
            let (name, fetches) = (window.name.clone(), window.fetches.clone());
            let change = move |record: &mut Record| {
                if let Some(window) = record.window_mut(&name) {
                    window.fetches = fetches;
                }
            };
            book.change("fetches", change).await?;
        } else if window.fetches.len() != planned {
            lock(&self.world).seen.note("another plan");
            book.give_up(&window.name, "another plan".into()).await?;
            return Ok(WindowOutcome::GivenUp);
        }
        let record = book.record();
        let in_flight: BTreeSet<String> = record.windows.iter().map(|window| window.name.clone()).collect();
        sinks.begin(&window.name, in_flight).await;
        let mut known = book.known().await;
        pending.iter().for_each(|done| known.extend(&done.ids));
        let mut overlap = Deduplicator::new(&window, self.setting.granularity, book.record().look_back.depth, known);
        let gate = Arc::<SubmissionGate>::default();
        let asked = Arc::new(window.clone());
        let whole = self.rules().reaches(window.period)? || window.again;
        let (gate, asked) = (&gate, &asked);
        let places = 0..window.fetches.len();
        let documents = stream::iter(places)
            .map(|place| async move {
                let errand = FetchTask::new(book, gate, asked, place, whole);
                let fetched = AtomicBool::new(false);
                let brought = errand.carry_out(async |_| {
                    fetched.store(true, Ordering::Relaxed);
                    let document = self.fetch(book, &errand).await?;
                    self.life.step()?;
                    Ok((document, None))
                });
                let brought = brought.await?;
                if !fetched.into_inner() {
                    lock(&self.world).seen.note("document taken up");
                }
                brought.open(book).await
            })
            .buffered(FETCH_AHEAD);
        let mut documents = std::pin::pin!(documents);
        let mut begun = window.delivering;
        while let Some(fetched) = documents.try_next().await? {
            if !std::mem::replace(&mut begun, true) {
                let name = window.name.clone();
                let change = move |record: &mut Record| {
                    if let Some(window) = record.window_mut(&name) {
                        window.delivering = true;
                    }
                };
                book.change("delivering", change).await?;
            }
            let mut text = String::new();
            fetched.open().read_to_string(&mut text)?;
            let events: Vec<Event> = text.lines().filter_map(event).collect();
            for part in events.chunks(PARSED) {
                let mut part = part.to_vec();
                overlap.sift(&mut part);
                sinks.send(part).await;
                if sinks.is_over() {
                    break;
                }
            }
            if sinks.is_over() {
                break;
            }
        }
        if overlap.duplicates > 0 {
            lock(&self.world).seen.note("rows seen before");
        }
        let job = |place: usize| self.setting.jobs.then(|| file(&window.name, place));
        let end = WindowEnd {
            name: window.name.clone(),
            ..WindowEnd::default()
        };
        let done = UncommittedWindow {
            end,
            ids: overlap.new.collect(),
            files: (0..window.fetches.len()).filter_map(job).collect(),
        };
        Ok(match sinks.settle().await {
            FlushOutcome::Safe => {
                self.commit(book, vec![done], next).await?;
                WindowOutcome::Committed
            }
            FlushOutcome::AtClose if !sinks.is_over() => WindowOutcome::AtClose(done),
            FlushOutcome::AtClose | FlushOutcome::Failed => WindowOutcome::Over,
        })
    }

    async fn commit(
        &self,
        book: &StreamLedger,
        done: Vec<UncommittedWindow>,
        next: Option<&Arc<InFlight>>,
    ) -> Result<(), RunError> {
        let (windows, files): (Vec<_>, Vec<_>) =
            done.into_iter().map(|done| ((done.end, done.ids), done.files)).unzip();
        book.commit(windows, next.map(|next| next.name.clone())).await?;
        for file in files.into_iter().flatten() {
            self.life.step()?;
            lock(&self.world).delete(&file);
        }
        Ok(())
    }
}

/// The file that a job writes.
pub(super) fn file(window: &str, place: usize) -> String {
    format!("{window}-{place}.csv")
}

fn event(line: &str) -> Option<Event> {
    let (number, time) = line.split_once(' ')?;
    let mut event = Event::new(
        time.parse().ok()?,
        Activity::Logon,
        Outcome::Success,
        Principal::named(number),
    );
    event.id = Some(id(number.parse().ok()?));
    Some(event)
}
