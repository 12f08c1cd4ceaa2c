//! The oracle: what happened at the source, what the server made of it, what the sinks hold. Nothing here knows how a run
//! works; it only says what must never be so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;

use crate::windows::GONE;
use ledger::{FetchState, InFlight, Interval, Record, without};
use sandbox::Granularity;
use sink::DeadLetters;
use sink::dead_letters::DeadLetterSelection;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// After so long every job has ended, asked or not.
const JOB: i64 = 10 * MINUTE;

/// Something that happened at the source.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    /// In ms since 1970.
    pub(super) time: i64,
    /// How long after that a report has it, in ms.
    pub(super) delay: i64,
}

/// The status of a job.
pub(super) enum JobStatus {
    Running,
    Done,
    Failed,
}

struct Job {
    name: String,
    since: i64,
    /// So many answers say that it is running.
    slow: u32,
    content: Vec<usize>,
    fails: bool,
    /// Its file was written.
    over: bool,
}

impl Job {
    /// The file, where it is written now.
    fn end(&mut self) -> Option<Vec<usize>> {
        self.slow = 0;
        let ends = !self.fails && !std::mem::replace(&mut self.over, true);
        ends.then(|| self.content.clone())
    }
}

/// What one sink's receiver has.
#[derive(Default)]
pub(super) struct ReceivedIds {
    /// By the batches' keys: the same batch twice is one.
    pub(super) batches: BTreeMap<String, Vec<usize>>,
    /// So many deliveries are refused.
    pub(super) refuses: u32,
}

/// How often what happened, so that no test passes because nothing did.
#[derive(Debug, Default, Clone)]
pub(super) struct EventTally(pub(super) BTreeMap<&'static str, u64>);

impl EventTally {
    pub(super) fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

/// Everything outside the process.
pub(super) struct World {
    /// The source's clock, which is right.
    pub(super) truth: i64,
    pub(super) events: Vec<Occurrence>,
    pub(super) granularity: Granularity,
    pub(super) retention_days: Option<u32>,
    /// How the next jobs behave.
    pub(super) slow: u32,
    pub(super) fails: bool,
    jobs: Vec<Job>,
    submissions: BTreeMap<String, u32>,
    files: BTreeMap<String, Vec<usize>>,
    pub(super) sinks: Vec<ReceivedIds>,
    pub(super) letters: Option<Arc<DeadLetters>>,
    /// The clock of the process that is under way, in ms since 1970.
    pub(super) clock: i64,
    /// How long a period stays open after its end, in ms.
    pub(super) open: i64,
    /// Events that a report left out because they came later than the host's clock allows for.
    pub(super) late: BTreeSet<usize>,
    /// Events that the server had deleted when it was asked for them.
    pub(super) purged: BTreeSet<usize>,
    /// Where the stream begins.
    first: Option<Timestamp>,
    /// Jobs of which nobody knew, by their file's name.
    pub(super) unsure: BTreeMap<String, u32>,
    /// True where windows died of which sinks had events.
    pub(super) died_half: bool,
    /// True where no process has a clock that is off.
    pub(super) clocks_are_right: bool,
    /// True where every document can be read whenever it is delivered.
    pub(super) is_orderly: bool,
    pub(super) seen: EventTally,
    pub(super) violations: Vec<String>,
}

pub(super) type Shared = Arc<Mutex<World>>;

pub(super) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

pub(super) fn id(event: usize) -> String {
    format!("event-{event}")
}

impl World {
    pub(super) fn new(granularity: Granularity, retention_days: Option<u32>, sinks: usize) -> World {
        World {
            truth: 0,
            events: Vec::new(),
            granularity,
            retention_days,
            slow: 0,
            fails: false,
            jobs: Vec::new(),
            submissions: BTreeMap::new(),
            files: BTreeMap::new(),
            sinks: (0..sinks).map(|_| ReceivedIds::default()).collect(),
            letters: None,
            clock: 0,
            open: 0,
            late: BTreeSet::new(),
            purged: BTreeSet::new(),
            first: None,
            unsure: BTreeMap::new(),
            died_half: false,
            clocks_are_right: false,
            is_orderly: false,
            seen: EventTally::default(),
            violations: Vec::new(),
        }
    }

    fn is_purged(&self, time: i64) -> bool {
        let Some(days) = self.retention_days else { return false };
        let oldest = self.truth - i64::from(days) * DAY;
        match self.granularity {
            Granularity::Day => time.div_euclid(DAY) < oldest.div_euclid(DAY),
            Granularity::Instant | Granularity::Minutes(_) => time < oldest,
        }
    }

    /// The rows that the server has now for one fetch of a window, in the order of their times: a window's rows are spread
    /// over its fetches.
    pub(super) fn rows(&mut self, window: &InFlight, place: usize) -> Vec<usize> {
        let period = window.period.from.as_millisecond()..window.period.to.as_millisecond();
        let settled = window.settled.as_millisecond();
        let mut rows = Vec::new();
        for (number, event) in self.events.iter().enumerate() {
            if !period.contains(&event.time) || number % window.fetches.len() != place {
                continue;
            }
            if event.time + event.delay > self.truth {
                if event.time < settled {
                    self.late.insert(number);
                }
            } else if self.is_purged(event.time) {
                if event.time < settled {
                    self.purged.insert(number);
                }
            } else {
                rows.push(number);
            }
        }
        rows.sort_by_key(|number| (self.events[*number].time, *number));
        rows
    }

    /// Creates a job that writes a file of that name.
    pub(super) fn submit(&mut self, name: &str, content: Vec<usize>) {
        *self.submissions.entry(name.to_owned()).or_default() += 1;
        self.jobs.push(Job {
            name: name.to_owned(),
            since: self.truth,
            slow: self.slow,
            content,
            fails: self.fails,
            over: false,
        });
    }

    /// The status of the latest job of that name; none where the server knows none.
    pub(super) fn poll(&mut self, name: &str) -> Option<JobStatus> {
        self.finish();
        let Some(job) = self.jobs.iter_mut().rfind(|job| job.name == name) else {
            return self.files.contains_key(name).then_some(JobStatus::Done);
        };
        if job.slow > 0 {
            job.slow -= 1;
            return Some(JobStatus::Running);
        }
        if job.fails {
            return Some(JobStatus::Failed);
        }
        if let Some(content) = job.end() {
            self.files.insert(name.to_owned(), content);
        }
        Some(JobStatus::Done)
    }

    /// Jobs end without being asked.
    fn finish(&mut self) {
        for job in &mut self.jobs {
            if self.truth - job.since > JOB
                && let Some(content) = job.end()
            {
                self.files.insert(job.name.clone(), content);
            }
        }
    }

    pub(super) fn file(&mut self, name: &str) -> Option<Vec<usize>> {
        self.finish();
        self.files.get(name).cloned()
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.files.remove(name);
    }

    /// The server loses its jobs and files.
    pub(super) fn forget(&mut self) {
        self.jobs.clear();
        self.files.clear();
    }

    /// True where a sink has an event, or it is set aside for it.
    fn has(&self, sink: usize, event: usize, letters: &BTreeSet<String>) -> bool {
        self.sinks[sink].batches.values().flatten().any(|held| *held == event) || letters.contains(&id(event))
    }

    fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// A record is about to replace another.
    pub(super) fn swapped(&mut self, old: Option<&Record>, new: &Record) {
        if let Some(old) = old {
            if old.watermark > new.watermark {
                self.violation(format!(
                    "the watermark goes back from {:?} to {:?}",
                    old.watermark, new.watermark
                ));
            }
            for (what, before, after) in [("covered", &old.covered, &new.covered), ("lost", &old.lost, &new.lost)] {
                if before.iter().any(|interval| !without(*interval, after).is_empty()) {
                    self.violation(format!("what was {what} is no longer"));
                }
            }
            for window in &old.windows {
                self.outlived(window, new);
            }
            self.in_order(old, new);
            self.asked_once(old, new);
            if old.places.keys().len() < new.places.len() && old.watermark.is_some() {
                self.seen.note("sink added");
            }
            if new.lost != old.lost {
                self.seen.note("gap");
            }
        }
        self.first = self.first.or(new.watermark);
        if let (Some(first), Some(mark)) = (self.first, new.watermark) {
            let gone = [new.covered.as_slice(), new.lost.as_slice()].concat();
            for hole in without(Interval::new(first, mark), &gone) {
                self.violation(format!("a hole before the watermark: {hole:?}"));
            }
        }
        for event in self.missing(new) {
            self.violation(format!("covered, but a sink has never had it: {event}"));
        }
    }

    /// A sink gets the windows that wait for it from the oldest to the latest.
    fn in_order(&mut self, old: &Record, new: &Record) {
        let in_part = |window: &InFlight| window.end.is_some();
        let waits = |window: &InFlight, sink: &String| in_part(window) && window.waits_for().any(|name| name == sink);
        for (place, window) in old.windows.iter().enumerate().filter(|(_, window)| in_part(window)) {
            for sink in window.waits_for() {
                let now = new.window(&window.name);
                if now.is_some_and(|now| waits(now, sink)) {
                    continue;
                }
                self.seen.note("window answered later");
                let earlier = old.windows.iter().take(place);
                let left = earlier.filter(|earlier| {
                    let now = new.window(&earlier.name);
                    now.is_some_and(|now| waits(now, sink))
                });
                if self.is_orderly && left.count() > 0 {
                    self.violations
                        .push(format!("{} came to {sink} before its turn", window.name));
                }
            }
        }
        let in_part = |record: &Record| record.windows.iter().filter(|window| window.end.is_some()).count();
        if in_part(new) > in_part(old) {
            self.seen.note("window delivered in part");
        }
    }

    /// Holds that nothing fetched is asked for again because a sink lacks it.
    fn asked_once(&mut self, old: &Record, new: &Record) {
        if self.granularity == Granularity::Day || !self.clocks_are_right {
            return;
        }
        let covered = old.fetched().covered;
        let begun = new.windows.iter().filter(|window| old.window(&window.name).is_none());
        for window in begun.filter(|window| !window.named && window.end.is_none()) {
            let asked = Interval::new(window.begins(), window.period.to);
            if without(asked, &covered) != ledger::merged(vec![asked]) {
                self.violations
                    .push(format!("{asked:?} is asked for again: {covered:?}"));
            }
        }
    }

    /// A window that is in flight stays so until it is covered or given up, and its fetches never fall back.
    fn outlived(&mut self, window: &InFlight, new: &Record) {
        let anew = format!(
            "{}-r",
            window.name.rsplit_once("-r").map_or(&*window.name, |(first, _)| first)
        );
        let Some(now) = new.windows.iter().find(|now| now.name == window.name) else {
            if new.windows.iter().any(|now| now.name.starts_with(&anew)) {
                self.seen.note("window fetched anew");
                self.died_half = true;
                return;
            }
            // What had not happened by the clock of whoever ends it may stay open.
            let now = at(self.clock - self.open);
            // That of a window which was delivered in part is what was known then.
            let known = window.end.as_ref().map_or(Some(now), |end| end.happened_until);
            let settled = window.settled.min(known.unwrap_or(now));
            let settled = Interval::new(window.period.from, settled.clamp(window.period.from, window.period.to));
            let died = new.dead.iter().find(|dead| dead.name == window.name);
            match died.map(|dead| dead.reason.as_str()) {
                Some(GONE) => self.seen.note("out of reach"),
                Some(reason) if reason.contains("plans this window differently") => self.seen.note("another plan"),
                _ => {}
            }
            let died = died.is_some();
            if !died && !window.fills && !without(settled, &new.fetched().covered).is_empty() {
                self.violation(format!("the window {} is forgotten", window.name));
            }
            self.died_half |= died && window.delivering;
            self.seen
                .note(if died { "window given up" } else { "window committed" });
            return;
        };
        for (before, after) in window.fetches.iter().zip(&now.fetches) {
            // A lost document is fetched again, and a request that was never sent was not sent.
            let back = matches!(before, FetchState::Spooled(_)) || matches!(after, FetchState::Planned);
            if rank(after) < rank(before) && !back {
                self.violation(format!("{} falls back to {}", before.word(), after.word()));
            }
        }
    }

    /// Events that are covered and that not every sink has, though the server could give them.
    fn missing(&self, record: &Record) -> Vec<usize> {
        let letters = self.letters.as_ref().map(|letters| {
            let entries = letters.list(&DeadLetterSelection::default(), 10_000).unwrap();
            entries.into_iter().map(|entry| entry.event_id).collect()
        });
        let letters: BTreeSet<String> = letters.unwrap_or_default();
        let covered = |time: i64| {
            let time = at(time);
            let mut covered = record.covered.iter();
            covered.any(|interval| interval.from <= time && time < interval.to)
        };
        // A sink is given what lies behind its place; what a wrong clock has fetched may lie there already.
        let owed = |sink: usize, event: usize| {
            let place = record.places.get(&name(sink));
            let place = place.filter(|place| place.since.is_none() || self.clocks_are_right);
            place.is_some_and(|place| place.holds(at(self.events[event].time)))
        };
        let lacks =
            |event: &usize| (0..self.sinks.len()).any(|sink| owed(sink, *event) && !self.has(sink, *event, &letters));
        (0..self.events.len())
            .filter(|event| covered(self.events[*event].time))
            .filter(|event| !self.late.contains(event) && !self.purged.contains(event))
            .filter(lacks)
            .collect()
    }

    /// Events that were stored after their time had been asked for, and that not every sink has by now.
    pub(super) fn stored_late(&mut self, record: &Record) -> Vec<usize> {
        let stored: Vec<usize> = (self.late.iter().copied())
            .filter(|event| self.events[*event].time + self.events[*event].delay <= self.truth)
            .collect();
        stored.iter().for_each(|event| {
            self.late.remove(event);
        });
        let missing = self.missing(record);
        for event in &stored {
            if !missing.contains(event) {
                self.seen.note("stored late, and delivered");
            }
        }
        missing
    }

    /// Checks everything that must hold whenever no process is under way.
    pub(super) fn check(&mut self, strict: bool) {
        let doubled: Vec<String> = (self.submissions.iter())
            .filter(|(name, count)| **count > 1 + self.unsure.get(*name).copied().unwrap_or(0))
            .map(|(name, count)| format!("{count} jobs of {name}"))
            .collect();
        self.violations.extend(doubled);
        if !strict {
            return;
        }
        for place in 0..self.sinks.len() {
            let mut times = BTreeMap::<usize, u32>::new();
            for event in self.sinks[place].batches.values().flatten() {
                *times.entry(*event).or_default() += 1;
            }
            for (event, count) in times.into_iter().filter(|(_, count)| *count > 1) {
                self.violation(format!("sink {place} has event {event} in {count} batches"));
            }
        }
    }
}

/// The name of a sink.
pub(super) fn name(place: usize) -> String {
    format!("sink-{place}")
}

/// How far a fetch is.
fn rank(state: &FetchState) -> u8 {
    match state {
        FetchState::Planned => 0,
        FetchState::Submitting => 1,
        FetchState::Submitted { .. } => 2,
        FetchState::Waiting { .. } => 3,
        FetchState::Ready { .. } => 4,
        FetchState::Spooled(_) => 5,
    }
}
