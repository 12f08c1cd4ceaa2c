//! The record of a stream: whatever must change together, in one document. Ids of events are documents of their own that
//! it names, so that not every change writes them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::interval::{merged, without};
use super::window::{self, Dead, InFlight, WindowEnd};
use super::{IdSetRef, Interval, LookBack, SinkPlace, Stream};

/// Changes when an older program could not read the record, or would forget what it does not know. The first had the ids
/// within it; the second knew of no look-back; the third had one place for all sinks.
pub(super) const FORM: u32 = 4;

/// Dead windows that are remembered, the latest ones.
const DEAD: usize = 20;

/// The progress of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this form.
    pub form: u32,
    /// The stream.
    pub stream: Stream,
    /// Everything before is committed, or lost: every sink that it is for has it. None before the first commit. What the next run
    /// asks for begins behind the windows that are fetched and wait for a sink: see [`fetched`](Record::fetched).
    pub watermark: Option<Timestamp>,
    /// The periods committed, in as few intervals as possible.
    pub covered: Vec<Interval>,
    /// The periods that the server no longer had when they were to be asked for.
    pub lost: Vec<Interval>,
    /// Windows begun and not ended, oldest first. Copies of the record share those that are the same.
    #[serde(with = "window::shared")]
    pub windows: Vec<Arc<InFlight>>,
    /// Windows given up lately.
    pub dead: Vec<Dead>,
    /// The ids of events committed, for the days that may be asked for again: what is in their documents.
    pub recent: BTreeMap<Date, IdSetRef>,
    /// The base URL of the connection that the stream is collected from. None where an older program wrote the record.
    #[serde(default)]
    pub origin: Option<String>,
    /// The connection's name in derived ids, where that is another than the stream's: it was renamed.
    #[serde(default)]
    pub ids_of: Option<String>,
    /// The sinks that the stream was collected for last, by name.
    #[serde(default)]
    pub sinks: Vec<String>,
    /// The time of the latest event that was ever committed.
    #[serde(default)]
    pub last_event: Option<Timestamp>,
    /// How far the past was asked for again.
    #[serde(default)]
    pub look_back: LookBack,
    /// The lost periods that no run has told of yet.
    #[serde(default)]
    pub untold: Vec<Interval>,
    /// The time at which somebody said that the stream is collected no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Timestamp>,
    /// The place of each configured sink that the stream's events are promised to, by its name.
    #[serde(default)]
    pub places: BTreeMap<String, SinkPlace>,
}

impl Record {
    /// Nothing is known of the stream.
    pub fn new(stream: Stream) -> Record {
        Record {
            form: FORM,
            stream,
            watermark: None,
            covered: Vec::new(),
            lost: Vec::new(),
            windows: Vec::new(),
            dead: Vec::new(),
            recent: BTreeMap::new(),
            origin: None,
            ids_of: None,
            sinks: Vec::new(),
            last_event: None,
            look_back: LookBack::default(),
            untold: Vec::new(),
            retired: None,
            places: BTreeMap::new(),
        }
    }

    /// The window of that name.
    pub fn window(&self, name: &str) -> Option<&Arc<InFlight>> {
        self.windows.iter().find(|window| window.name == name)
    }

    /// The window of that name.
    pub fn window_mut(&mut self, name: &str) -> Option<&mut InFlight> {
        let window = self.windows.iter_mut().find(|window| window.name == name);
        window.map(Arc::make_mut)
    }

    /// The instant since which events wait: when the oldest window in flight was begun, by its run's clock.
    pub fn in_flight_since(&self) -> Option<Timestamp> {
        self.windows.iter().map(|window| window.clock).min()
    }

    /// Ends a window well: it is covered but for what was lost, and the watermark moves. Ids of its events are to be noted
    /// before. A window that is delivered in part ends with what was found out then.
    pub fn commit(&mut self, end: &WindowEnd) {
        let Some(place) = self.windows.iter().position(|window| window.name == end.name) else {
            return;
        };
        let window = self.windows.remove(place);
        // A day, or a look-back, may have been begun before: what waits of that for a sink is covered when the sink has it.
        let older = self.windows.iter().take(place);
        let waiting: Vec<Interval> = older.filter_map(|older| older.waiting_part()).collect();
        match &window.end {
            Some(end) => self.cover(&window, end, &waiting),
            None => {
                self.note_delivered(&window, end);
                self.cover(&window, end, &waiting);
            }
        }
    }

    /// Notes what there is to know of a window once its events were delivered for the first time.
    pub(super) fn note_delivered(&mut self, window: &InFlight, end: &WindowEnd) {
        if window.fills {
            return;
        }
        let whole = window.settled_part(end);
        // What an earlier window had is not lost because the server has it no more.
        let had: Vec<Interval> = self.covered.iter().copied().chain(self.waiting_periods()).collect();
        let kept = without(whole, &end.lost.into_iter().collect::<Vec<_>>());
        let gone = without(whole, &[had, kept].concat());
        gone.into_iter().for_each(|gone| self.add_lost(gone));
        self.look_back.delivered(whole.from, whole.to);
        let asked = window.clock.min(end.served.unwrap_or(Timestamp::MAX));
        self.look_back.note(&window.looks_back, asked);
        self.last_event = self.last_event.max(end.last_event);
    }

    /// Counts a window's period for the sinks that it was for, but for what waits for some of them.
    fn cover(&mut self, window: &InFlight, end: &WindowEnd, waiting: &[Interval]) {
        let whole = window.settled_part(end);
        let not: Vec<_> = end.lost.iter().chain(waiting).copied().collect();
        let parts = without(whole, &not);
        self.give_before(window, &parts);
        if window.fills {
            return;
        }
        self.covered.extend(parts);
        self.covered = merged(std::mem::take(&mut self.covered));
        self.lift(whole.to);
    }

    /// Ends a window badly.
    pub fn give_up(&mut self, name: &str, reason: String, at: Timestamp) {
        let Some(place) = self.windows.iter().position(|window| window.name == name) else {
            return;
        };
        let window = self.windows.remove(place);
        self.dead.push(Dead {
            name: window.name.clone(),
            period: window.period,
            at,
            reason,
        });
        let older = self.dead.len().saturating_sub(DEAD);
        self.dead.drain(..older);
    }

    /// Notes a period that can never be asked for again.
    pub fn lose(&mut self, interval: Interval) {
        self.add_lost(interval);
        if self.watermark.is_some() {
            self.lift(interval.to);
        }
    }

    fn add_lost(&mut self, interval: Interval) {
        self.untold.extend(without(interval, &self.lost));
        self.untold = merged(std::mem::take(&mut self.untold));
        self.lost.push(interval);
        self.lost = merged(std::mem::take(&mut self.lost));
    }

    /// Moves the watermark over everything that is covered or lost from where it is; it begins at `first`.
    fn lift(&mut self, first: Timestamp) {
        let mark = self.watermark.unwrap_or(first);
        let gone = merged([self.covered.as_slice(), self.lost.as_slice()].concat());
        let around = gone
            .iter()
            .find(|interval| interval.from <= mark && mark <= interval.to);
        let mark = around.map_or(mark, |interval| interval.to);
        self.watermark = Some(mark);
        self.forget_ids_before(mark);
    }

    /// Forgets the ids of days that are never asked for again once everything before the mark was asked for.
    pub(super) fn forget_ids_before(&mut self, mark: Timestamp) {
        // An open day is asked for again as a whole, so its ids are needed until the watermark leaves it.
        let day = day_of(self.look_back.keeps_from(mark));
        self.recent = self.recent.split_off(&day);
        if let Ok(start) = day.to_zoned(TimeZone::UTC) {
            self.look_back.forget(start.timestamp());
        }
    }

    /// The periods between two instants that were never committed, in order.
    pub fn missing(&self, between: Interval) -> Vec<Interval> {
        without(between, &self.covered)
    }

    /// The periods that a run up to `end` has to ask for, in order: from the watermark on, without what is covered.
    pub fn due(&self, end: Timestamp) -> Vec<Interval> {
        let Some(from) = self.watermark else { return Vec::new() };
        let gone = [self.covered.as_slice(), self.lost.as_slice()].concat();
        without(Interval::new(from, end), &gone)
    }

    /// Periods between the first and the last that was ever asked for that were not collected, lost ones included. What is
    /// collected and waits for a sink is no gap.
    pub fn gaps(&self) -> Vec<Interval> {
        let fetched = self.fetched();
        let known = merged([fetched.covered.as_slice(), fetched.lost.as_slice()].concat());
        match (known.first(), known.last()) {
            (Some(first), Some(last)) => fetched.missing(Interval::new(first.from, last.to)),
            _ => Vec::new(),
        }
    }

    /// The record as it is once every sink that windows wait for has them: what is asked for next follows from that, so that
    /// nothing is asked for twice. The windows left are those that no sink has.
    pub fn fetched(&self) -> Record {
        let mut fetched = self.clone();
        fetched.windows.retain(|window| window.end.is_none());
        for window in &self.windows {
            if let Some(end) = &window.end {
                fetched.cover(window, end, &[]);
            }
        }
        fetched
    }

    /// Takes back what is known of the time behind an instant, so that it is asked for again; ids stay, so that what was
    /// delivered is known. What waits for a sink goes on waiting, and counts for that sink alone.
    pub fn rewind(&mut self, to: Timestamp, now: Timestamp) {
        self.watermark = Some(self.watermark.map_or(to, |watermark| watermark.min(to)));
        let behind = Interval::new(to, Timestamp::MAX);
        self.covered = (self.covered.iter())
            .flat_map(|covered| without(*covered, &[behind]))
            .collect();
        let open: Vec<_> = (self.windows.iter())
            .filter(|window| window.settled > to && !window.fills)
            .map(|window| (window.name.clone(), window.end.is_some()))
            .collect();
        for (name, in_part) in open {
            match self.window_mut(&name) {
                Some(window) if in_part => window.fills = true,
                _ => self.give_up(&name, "the stream was rewound".into(), now),
            }
        }
        for looked in self.look_back.looked.values_mut() {
            *looked = to.min(*looked);
        }
    }
}

/// The UTC day of an instant.
pub(super) fn day_of(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests;
