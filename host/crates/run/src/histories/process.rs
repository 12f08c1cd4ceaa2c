//! One process: a [`Run`], carried out with its own plugin, server, ledger and sinks, and a look at what came of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::faulty_ledger::{FaultyLedger, FaultyLife, Receiver};
use super::plugin::ModelReport;
use super::script::{Ask, Process, Setting};
use super::server::{LateAnswer, Server, file};
use super::world::{Shared, at, lock, name};
use super::{LAG_MS, stream};
use crate::fan_out::{RunSink, WhenDown};
use crate::ledger_options::LedgerOptions;
use crate::route::Router;
use crate::stream_ledger::{SinkFact, StreamFacts, StreamLedger};
use crate::windows::depth;
use crate::{Rejects, Run, RunError, RunObserver};
use event::samples;
use ledger::{FetchState, Record, Tier};
use sandbox::{ConnectionKind, Description, Product};
use sink::{BatchLimits, DeadLetterContext, Delivery, DeliveryPolicy};

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

const POLICY: DeliveryPolicy = DeliveryPolicy {
    min_delay: Duration::from_millis(1),
    max_delay: Duration::from_millis(4),
    max_elapsed: Duration::from_millis(20),
};

/// The traces that a process leaves behind.
pub(super) struct Left {
    /// The change that the process was about to write down last.
    pub(super) late: Option<LateAnswer>,
    pub(super) result: Result<(), RunError>,
}

/// Where a process runs.
pub(super) struct ProcessPlace<'a> {
    pub(super) setting: &'a Setting,
    pub(super) life: FaultyLife,
    pub(super) world: Shared,
    pub(super) spool: &'a Path,
}

impl ProcessPlace<'_> {
    /// Carries a process out, the history's `number`th; `late` comes between two of its steps.
    pub(super) async fn carry_out(
        &self,
        number: usize,
        process: &Process,
        late: Option<LateAnswer>,
        ledger: FaultyLedger,
    ) -> Left {
        let book =
            match StreamLedger::open(Arc::new(ledger), stream(), self.facts(process), self.spool.to_owned()).await {
                Ok(book) => Arc::new(book),
                Err(error) => {
                    return Left {
                        late: None,
                        result: Err(error.into()),
                    };
                }
            };
        let before = book.record();
        let server = Arc::new(Server {
            jobs: self.setting.jobs,
            process: process.clone(),
            life: self.life.clone(),
            world: Arc::clone(&self.world),
            book: Arc::clone(&book),
            folder: self.spool.parent().unwrap().to_owned(),
            late: Mutex::new(late),
            last: Mutex::new(None),
            asked: Mutex::default(),
        });
        let only = self.only(process, &before);
        let run = self.run(number, process, &book, &server, &only);
        let (summary, result) = run.execute().await;
        if summary.duplicates > 0 {
            lock(&self.world).seen.note("rows seen before");
        }
        self.look(process, &only, &before, &book.record(), &server, &result);
        if matches!(result, Err(RunError::Stopped)) && process.glitch.is_none() {
            self.stopped(&before, &book.record());
        }
        let late = server.last.lock().unwrap().take();
        Left { late, result }
    }

    /// The sinks that a run is for alone, because they lack what others have.
    fn only(&self, process: &Process, record: &Record) -> Vec<String> {
        if !matches!(process.ask, Ask::Lacking(..)) {
            return Vec::new();
        }
        let names = self.sinks_of(process).map(name);
        let begins_later = |name: &String| record.places.get(name).is_some_and(|place| place.since.is_some());
        let only: Vec<String> = names.filter(begins_later).collect();
        if !only.is_empty() {
            lock(&self.world).seen.note("filled in for a sink");
        }
        only
    }

    fn run(
        &self,
        number: usize,
        process: &Process,
        book: &Arc<StreamLedger>,
        server: &Arc<Server>,
        only: &[String],
    ) -> Run {
        let is_of_run = |place: &usize| only.is_empty() || only.contains(&name(*place));
        let now = lock(&self.world).clock;
        let (wanted, period) = process.asks(now);
        Run {
            id: format!("run{number}"),
            report: Arc::new(ModelReport {
                places: process.places.unwrap_or(self.setting.places),
                broken: process.broken,
            }),
            plugin_sha256: String::new(),
            description: self.description(),
            request: sandbox::Request {
                window: period.into(),
                now,
                parameters: Vec::new(),
                unique_name: format!("run{number}"),
            },
            window: period,
            fetcher: Arc::clone(server) as _,
            outlets: (self.sinks_of(process).filter(is_of_run))
                .map(|place| self.outlet(place))
                .collect(),
            router: Router::All,
            provenance: Arc::new(samples::epm()),
            observer: Arc::new(Watching(Arc::clone(&self.world))),
            stop: self.life.stop().clone(),
            keeping: Some(LedgerOptions {
                book: Arc::clone(book),
                lag: Duration::from_millis(LAG_MS.unsigned_abs()),
                look_back: LOOK_BACK.to_vec(),
                kept: None,
                start: None,
                expect_events_every: None,
                windows_ahead: process.ahead,
                wanted,
                only: only.to_vec(),
            }),
            rejects: Rejects::default(),
            audit_log: None,
        }
    }

    fn description(&self) -> Description {
        Description {
            name: "user-login".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            connection: ConnectionKind::Epm,
            source: Product {
                vendor: "Oracle".into(),
                name: "Oracle EPM Cloud".into(),
            },
            requests: Vec::new(),
            granularity: self.setting.granularity,
            retention_days: self.setting.retention_days,
            window_days: self.setting.window_days,
            parameters: Vec::new(),
            deprecation: None,
        }
    }

    fn facts(&self, process: &Process) -> StreamFacts {
        let names: Vec<String> = self.sinks_of(process).map(name).collect();
        let all = (0..self.setting.sinks.len()).map(name);
        StreamFacts {
            depth: depth(self.setting.granularity, &LOOK_BACK),
            places: (names.iter())
                .map(|name| SinkFact {
                    name: name.clone(),
                    ..SinkFact::default()
                })
                .collect(),
            begins: Some(at(lock(&self.world).clock)),
            removed: all.filter(|name| !names.contains(name)).collect(),
            sinks: names,
            ..StreamFacts::default()
        }
    }

    /// The sinks that a process delivers to: one at the least.
    fn sinks_of(&self, process: &Process) -> impl Iterator<Item = usize> {
        let sinks = self.setting.sinks.len();
        let is_left_out = |place: &usize| process.without.get(*place) == Some(&true);
        let all = (0..sinks).all(|place| is_left_out(&place));
        let of: Vec<usize> = (0..sinks)
            .filter(|place| !is_left_out(place) || (all && *place == 0))
            .collect();
        if of.len() < sinks {
            lock(&self.world).seen.note("sink left out");
        }
        of.into_iter()
    }

    fn outlet(&self, place: usize) -> RunSink {
        let set = &self.setting.sinks[place];
        let receiver = Receiver {
            place,
            name: name(place),
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
            dead_letters: letters.unwrap_or_else(|| Arc::new(sink::DeadLetters::at(self.spool.join("none")))),
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

    /// Checks everything that must hold when a process has ended by itself.
    fn look(
        &self,
        process: &Process,
        only: &[String],
        before: &Record,
        after: &Record,
        server: &Server,
        result: &Result<(), RunError>,
    ) {
        let is_of_run = |place: &usize| only.is_empty() || only.contains(&name(*place));
        let of_process: Vec<usize> = self.sinks_of(process).filter(is_of_run).collect();
        let mut world = lock(&self.world);
        if self.life.is_over() {
            return;
        }
        let asked = server.asked.lock().unwrap();
        for (window, place) in spooled(before) {
            let done = after.window(window).is_none() && after.dead.iter().all(|dead| dead.name != *window);
            if done && !asked.contains(&file(window, place)) {
                world.seen.note("document taken up");
            }
        }
        if result.is_ok() && only.is_empty() && !after.windows.is_empty() {
            let names: Vec<_> = after.windows.iter().map(|window| &window.name).collect();
            world
                .violations
                .push(format!("a run that ended well leaves windows in flight: {names:?}"));
        }
        // Whoever is neither down nor left out is not behind.
        if matches!(result, Ok(()) | Err(RunError::Behind { .. })) {
            for place in of_process {
                let was_down = process.refuses.get(place).is_some_and(|refuses| *refuses > 0);
                if !was_down && !after.waiting_for(&name(place)).is_empty() {
                    let wrong = format!("sink {place} was up and stays behind");
                    world.violations.push(wrong);
                }
            }
        }
        match result {
            Err(RunError::Behind { .. }) => world.seen.note("sinks left behind"),
            Err(RunError::Stopped) => world.seen.note("told to stop"),
            Err(RunError::Ahead { .. }) => world.seen.note("watermark ahead of the clock"),
            Err(RunError::TooManyRejected(_)) => world.seen.note("window held open"),
            _ => {}
        }
    }
}

impl ProcessPlace<'_> {
    /// Whoever is told to stop waits until the request that creates a job is answered.
    fn stopped(&self, before: &Record, after: &Record) {
        let submitting = |record: &Record| {
            let fetches = record.windows.iter().flat_map(|window| window.fetches.clone());
            fetches.filter(|fetch| *fetch == FetchState::Submitting).count()
        };
        // Those that an earlier process left so may not have been taken up yet.
        if !self.life.is_over() && submitting(after) > submitting(before) {
            let wrong = "a run that was told to stop leaves a job of which nobody knows";
            lock(&self.world).violations.push(wrong.into());
        }
    }
}

/// The fetches whose documents are here.
fn spooled(record: &Record) -> BTreeSet<(&String, usize)> {
    let of = |state: &FetchState| matches!(state, FetchState::Spooled(_));
    let windows = record.windows.iter();
    windows
        .flat_map(|window| {
            let here = window.fetches.iter().enumerate().filter(move |(_, state)| of(state));
            here.map(|(place, _)| (&window.name, place))
        })
        .collect()
}

/// Notes what a run says of itself.
struct Watching(Shared);

impl RunObserver for Watching {
    fn resuming(&self, _: &str) {
        lock(&self.0).seen.note("window resumed");
    }

    fn under_way(&self, windows: usize) {
        if windows > 1 {
            lock(&self.0).seen.note("windows ahead");
        }
    }
}
