//! The place of each sink in a stream: what it is given, what it has, what waits for it.
//!
//! A window that some of its sinks have and others do not, because they are down, is *delivered in part*: its document stays
//! until the last of them has it. What every sink has is covered; what is asked for next follows from what was fetched.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::interval::{merged, without};
use super::{IdSetRef, InFlight, Interval, Record, WindowEnd};

/// The place of a sink in a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkPlace {
    /// The sink is given what lies behind this instant; none where that is the stream's beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// True where that beginning was wished: nothing of what happened before it comes to the sink.
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict: bool,
    /// Periods before that beginning that were delivered to the sink later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Interval>,
    /// The sink's destination, in words without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl SinkPlace {
    /// True where the sink is given what happened at that time.
    pub fn holds(&self, time: Timestamp) -> bool {
        let within = |before: &Interval| before.from <= time && time < before.to;
        self.since.is_none_or(|since| since <= time) || self.before.iter().any(within)
    }

    /// The parts of a period that the sink was not given, and that lie before its beginning.
    pub fn lacks(&self, period: Interval) -> Vec<Interval> {
        match self.since {
            Some(since) => without(Interval::new(period.from, period.to.min(since)), &self.before),
            None => Vec::new(),
        }
    }

    /// Notes a period before its beginning that the sink has now.
    fn give(&mut self, period: Interval) {
        let Some(since) = self.since else { return };
        self.before.push(Interval::new(period.from, period.to.min(since)));
        self.before = merged(std::mem::take(&mut self.before));
        if let Some(last) = self.before.pop_if(|last| last.to >= since) {
            self.since = Some(last.from);
        }
    }

    /// Notes a period that the sink can never be given.
    fn lose(&mut self, period: Interval) {
        let since = self.since.unwrap_or(Timestamp::MIN);
        if period.to <= since {
            return;
        }
        self.before.push(Interval::new(since, period.from));
        self.before = merged(std::mem::take(&mut self.before));
        self.since = Some(period.to.max(since));
    }
}

/// The delivery of a window to some of its sinks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartDelivery {
    /// The window's end, as it is committed once the others have it.
    pub end: WindowEnd,
    /// The sinks that the window is for.
    pub only: Vec<String>,
    /// The sinks that have the window, of those that it is for.
    pub answered: Vec<String>,
    /// The ids that were known before its events were delivered.
    pub known: BTreeMap<Date, IdSetRef>,
}

/// The state of a sink in a stream, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkStatus {
    /// The sink's name.
    pub name: String,
    /// Everything before was given to the sink, or is lost.
    pub place: Option<Timestamp>,
    /// Windows that wait for it.
    pub waiting: usize,
    /// The clock of the run that began the oldest of them.
    pub waiting_since: Option<Timestamp>,
    /// The sink is given what lies behind this instant; none where that is the stream's beginning.
    pub since: Option<Timestamp>,
}

impl Record {
    /// Everything before this instant was given to the sink, or is lost.
    pub fn place_of(&self, sink: &str) -> Option<Timestamp> {
        let waiting = self.waiting_for(sink).into_iter().filter(|window| !window.fills);
        let first = waiting.map(InFlight::begins).min();
        let fetched = self.fetched().watermark;
        first.into_iter().chain(fetched).min()
    }

    /// The windows that wait for a sink, oldest first: other sinks have them.
    pub fn waiting_for(&self, sink: &str) -> Vec<&InFlight> {
        let windows = self.windows.iter().map(Arc::as_ref);
        windows
            .filter(|window| window.waits_for().any(|name| name == sink))
            .collect()
    }

    /// The state of every sink that has a place in the stream, or that windows wait for.
    pub fn sink_status(&self) -> Vec<SinkStatus> {
        let waiting = self.windows.iter().flat_map(|window| window.waits_for());
        let mut names: Vec<&String> = self.places.keys().chain(waiting).collect();
        names.sort_unstable();
        names.dedup();
        let fetched = self.fetched().watermark;
        let status = |name: &String| {
            let windows = self.waiting_for(name);
            let first = windows
                .iter()
                .filter(|window| !window.fills)
                .map(|window| window.begins());
            SinkStatus {
                name: name.clone(),
                place: first.chain(fetched).min(),
                waiting: windows.len(),
                waiting_since: windows.iter().map(|window| window.clock).min(),
                since: self.places.get(name).and_then(|place| place.since),
            }
        };
        names.into_iter().map(status).collect()
    }

    /// The periods of windows that some sinks have.
    pub(super) fn waiting_periods(&self) -> impl Iterator<Item = Interval> {
        self.windows.iter().filter_map(|window| window.waiting_part())
    }

    /// Delivers a window in part: it waits for the sinks that have not answered. Ids of its events are to be noted before.
    pub fn deliver_in_part(&mut self, part: PartDelivery) {
        let PartDelivery {
            end,
            only,
            answered,
            known,
        } = part;
        let Some(window) = self.window(&end.name).cloned() else {
            return;
        };
        self.note_delivered(&window, &end);
        if let Some(window) = self.window_mut(&end.name) {
            window.only = only;
            window.answered = answered;
            window.known = Some(known);
            window.end = Some(end);
        }
        // Windows that come next know nothing of what was long ago; this one keeps what it needs.
        if let Some(mark) = self.fetched().watermark {
            self.forget_ids_before(mark);
        }
    }

    /// Notes that sinks have a window that waited for them; others still have not.
    pub fn answer(&mut self, name: &str, sinks: &[String]) {
        if let Some(window) = self.window_mut(name) {
            let new = sinks.iter().filter(|sink| !window.answered.contains(sink));
            let new: Vec<String> = new.cloned().collect();
            window.answered.extend(new);
        }
    }

    /// Takes sinks off a window that can never be delivered to them: its period is a gap of theirs. Where nobody waits for it
    /// any more it is committed.
    pub fn lose_for(&mut self, name: &str, sinks: &[String]) {
        let Some(window) = self.window(name).cloned() else {
            return;
        };
        for sink in sinks {
            if let Some(place) = self.places.get_mut(sink) {
                // Also of what it looked back at something may have been new.
                place.lose(window.period);
            }
        }
        self.take_off(name, sinks);
    }

    /// Forgets a sink: nothing is owed to it any more. Windows that then nobody waits for are committed, and one that was for it
    /// alone is given up; answers with their names.
    pub fn drop_sink(&mut self, sink: &str, now: Timestamp) -> Vec<String> {
        self.places.remove(sink);
        self.sinks.retain(|name| name != sink);
        let of_sink = |window: &&Arc<InFlight>| window.only.iter().any(|name| name == sink);
        let windows = self.windows.iter().filter(of_sink);
        let windows: Vec<String> = windows.map(|window| window.name.clone()).collect();
        let sinks = [sink.to_owned()];
        for name in &windows {
            self.take_off(name, &sinks);
            if let Some(window) = self.window(name)
                && window.fills
                && window.only.is_empty()
            {
                self.give_up(name, format!("sink {sink} was dropped"), now);
            }
        }
        windows.into_iter().filter(|name| self.window(name).is_none()).collect()
    }

    fn take_off(&mut self, name: &str, sinks: &[String]) {
        let Some(window) = self.window_mut(name) else { return };
        window.only.retain(|sink| !sinks.contains(sink));
        window.answered.retain(|sink| !sinks.contains(sink));
        let over = window.waits_for().next().is_none();
        if let Some(end) = window.end.clone().filter(|_| over) {
            self.commit(&end);
        }
    }

    /// Notes periods that lie before the beginning of a window's sinks as theirs, where these got all of them: of another window
    /// events were left out that others had before.
    pub(super) fn give_before(&mut self, window: &InFlight, parts: &[Interval]) {
        if !window.fills && !window.again {
            return;
        }
        for (sink, place) in &mut self.places {
            if window.only.is_empty() || window.only.contains(sink) {
                parts.iter().for_each(|part| place.give(*part));
            }
        }
    }
}

#[cfg(test)]
mod tests;
