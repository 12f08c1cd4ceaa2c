//! Which windows a run asks for: what is due since the watermark, or the period that was named, cut to what the server
//! takes at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::retention::oldest;
use crate::run_mode::RunMode;
use crate::window::{Window, WindowError, after, day_of, end_of_day, minutes_after, start_of, whole_minutes};
use ledger::{Interval, Record, Tier, WindowEnd, merged, without};
use sandbox::Granularity;

/// A server may cut its days in any zone, and the last one ends a day twelve hours after UTC: until then rows may come
/// for a day.
const LAST_ZONE: SignedDuration = SignedDuration::from_hours(12);

/// How long ids are kept behind the watermark, in seconds. A server that cuts its days in another zone gives a row of the
/// evening before with a day that is still open.
pub fn depth(granularity: Granularity, look_back: &[Tier]) -> u64 {
    match granularity {
        Granularity::Day => 24 * 3600,
        Granularity::Instant | Granularity::Minutes(_) => {
            look_back.iter().map(|tier| tier.age.as_secs()).max().unwrap_or(0)
        }
    }
}

/// The rules by which windows are chosen, besides the record.
#[derive(Debug, Clone)]
pub(crate) struct ScheduleRules {
    /// The host's clock.
    pub(crate) now: Timestamp,
    /// How long after an event it may still be missing at the source.
    pub(crate) lag: Duration,
    pub(crate) granularity: Granularity,
    /// How many days back the server can be asked.
    pub(crate) retention_days: Option<u32>,
    /// How long the server is known to keep events, where that is less.
    pub(crate) kept: Option<Duration>,
    /// The beginning of a stream that has no watermark yet, where that is not today's.
    pub(crate) start: Option<Timestamp>,
    /// The longest window of one request, in days.
    pub(crate) window_days: Option<u32>,
    /// How far runs look back for events that are stored late, where the source is asked for instants.
    pub(crate) look_back: Vec<Tier>,
}

/// A window to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) window: Window,
    /// Up to here it counts as covered once committed.
    pub(crate) settled: Timestamp,
    /// Up to here it was asked for before.
    pub(crate) asked_until: Option<Timestamp>,
    /// Up to here the server may have deleted events.
    pub(crate) doubtful_until: Option<Timestamp>,
    /// The look-backs that it carries out, by their ages in seconds.
    pub(crate) looks_back: Vec<u64>,
    /// The sinks that it is for, where others have it; empty where it is for all.
    pub(crate) only: Vec<String>,
}

/// The windows that a run is to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Where a stream begins that has no watermark yet.
    pub(crate) begin: Option<Timestamp>,
    /// In order.
    pub(crate) windows: Vec<Planned>,
    /// Periods that were due and that the server no longer keeps.
    pub(crate) lost: Vec<Interval>,
}

impl Schedule {
    /// One window, as it was asked for: where nothing is kept, nothing is cut, and nothing was before.
    pub(crate) fn once(window: Window) -> Schedule {
        let planned = Planned {
            window,
            settled: window.to,
            asked_until: None,
            doubtful_until: None,
            looks_back: Vec::new(),
            only: Vec::new(),
        };
        Schedule {
            windows: vec![planned],
            ..Schedule::default()
        }
    }
}

impl ScheduleRules {
    /// The windows that are due since the watermark, and those that are looked for again behind it. A stream without one begins with its
    /// start, or with today; before its start there is nothing to ask for.
    pub(crate) fn due(&self, record: &Record) -> Result<Schedule, WindowError> {
        let end = self.reported()?;
        let begin = self.begin()?;
        if record.watermark.is_none() && begin > self.now {
            return Ok(Schedule::default());
        }
        let due = match record.watermark {
            // The open days are asked for again and again, but not twice at the same time.
            Some(_) if self.granularity == Granularity::Day && self.was_asked(record) => Vec::new(),
            Some(_) => record.due(end),
            None => {
                let end = match self.granularity {
                    Granularity::Day => end_of_day(self.now.max(after(start_of(day_of(self.now))?)?))?,
                    Granularity::Instant | Granularity::Minutes(_) => end,
                };
                merged(vec![Interval::new(begin, end)])
            }
        };
        let oldest = self.oldest()?;
        let mut schedule = Schedule {
            begin: record.watermark.is_none().then_some(begin),
            ..Schedule::default()
        };
        let mut wanted = Vec::new();
        for interval in due {
            let from = oldest.map_or(interval.from, |oldest| interval.from.max(oldest));
            let gone = Interval::new(interval.from, from.min(interval.to));
            if !gone.is_empty() {
                schedule.lost.push(gone);
            }
            wanted.push(Interval::new(from, interval.to));
        }
        let looks_back = match self.granularity {
            Granularity::Day => vec![0],
            Granularity::Instant | Granularity::Minutes(_) => self.looks_back(record, end, &mut wanted)?,
        };
        schedule.windows = self.cut(wanted)?;
        for planned in &mut schedule.windows {
            let asked_until = record.watermark.filter(|watermark| planned.window.from < *watermark);
            // An open day is asked for again because it is open: what is new of it is not late.
            planned.asked_until = asked_until.filter(|_| self.granularity != Granularity::Day);
        }
        if let Some(last) = schedule.windows.last_mut() {
            last.looks_back = looks_back;
        }
        Ok(schedule)
    }

    /// The beginning of a stream that has no watermark yet: its start, where it has one, else today's.
    fn begin(&self) -> Result<Timestamp, WindowError> {
        match (self.start, self.granularity) {
            (None, _) => start_of(day_of(self.now)),
            (Some(start), Granularity::Day) => start_of(day_of(start)),
            (Some(start), Granularity::Instant) => Ok(start),
            (Some(start), Granularity::Minutes(minutes)) => whole_minutes(start, minutes),
        }
    }

    /// Adds what is to be looked for again behind the watermark, where anything is asked for at all.
    fn looks_back(&self, record: &Record, end: Timestamp, wanted: &mut Vec<Interval>) -> Result<Vec<u64>, WindowError> {
        let Some(watermark) = record.watermark.filter(|watermark| *watermark < end) else {
            return Ok(Vec::new());
        };
        let Some((from, ages)) = record.look_back.due(&self.look_back, self.now, watermark) else {
            return Ok(Vec::new());
        };
        let oldest = self.oldest()?;
        let from = oldest.map_or(from, |oldest| from.max(oldest));
        wanted.push(Interval::new(from, watermark));
        Ok(ages)
    }

    /// True where the open days were asked for by a run of this clock, or of a later one.
    fn was_asked(&self, record: &Record) -> bool {
        record.look_back.looked.get(&0).is_some_and(|asked| self.now <= *asked)
    }

    /// The windows of a period that was named.
    pub(crate) fn period(&self, period: Window) -> Result<Schedule, WindowError> {
        let windows = self.cut(vec![Interval::new(period.from, period.to)])?;
        Ok(Schedule {
            windows,
            ..Schedule::default()
        })
    }

    /// The parts of a period that were never committed, in windows of at most so many days. What of it the server no longer has is
    /// lost, unless that is known already.
    pub(crate) fn missing(&self, record: &Record, period: Window, days: u32) -> Result<Schedule, WindowError> {
        let rules = ScheduleRules {
            window_days: Some(self.window_days.map_or(days, |most| most.min(days))),
            ..self.clone()
        };
        let (mut lost, mut wanted) = (Vec::new(), Vec::new());
        let oldest = self.oldest()?.unwrap_or(period.from);
        for missing in record.missing(Interval::new(period.from, period.to)) {
            let from = missing.from.max(oldest).min(missing.to);
            let gone = Interval::new(missing.from, from);
            lost.extend(without(gone, &record.lost).into_iter().filter(|part| !part.is_empty()));
            wanted.push(Interval::new(from, missing.to));
        }
        Ok(Schedule {
            windows: rules.cut(wanted)?,
            lost,
            ..Schedule::default()
        })
    }

    /// The parts of a period that lie before the beginning of these sinks and that they were not given, in windows of at most so
    /// many days. What of it the server no longer has is nothing new: others may have it.
    pub(crate) fn lacking(
        &self,
        record: &Record,
        period: Window,
        days: u32,
        sinks: &[String],
    ) -> Result<Schedule, WindowError> {
        let rules = ScheduleRules {
            window_days: Some(self.window_days.map_or(days, |most| most.min(days))),
            ..self.clone()
        };
        let oldest = self.oldest()?.unwrap_or(period.from);
        let lacks = |sink: &String, period| record.places.get(sink).map(|place| place.lacks(period));
        let period = Interval::new(period.from.max(oldest).min(period.to), period.to);
        let wanted = sinks.iter().filter_map(|sink| lacks(sink, period)).flatten().collect();
        let mut windows = rules.cut(wanted)?;
        for planned in &mut windows {
            let of = Interval::new(planned.window.from, planned.window.to);
            let lack = |sink: &&String| lacks(sink, of).is_some_and(|parts| !parts.is_empty());
            planned.only = sinks.iter().filter(lack).cloned().collect();
        }
        windows.retain(|planned| !planned.only.is_empty());
        Ok(Schedule {
            windows,
            ..Schedule::default()
        })
    }

    /// True where the server still has all of a period.
    pub(crate) fn reaches(&self, period: Interval) -> Result<bool, WindowError> {
        Ok(self.oldest()?.is_none_or(|oldest| oldest <= period.from))
    }

    /// The first instant that the server can be asked for.
    fn oldest(&self) -> Result<Option<Timestamp>, WindowError> {
        oldest(self.now, self.granularity, self.retention_days)
    }

    /// Events before this instant can have been stored by now.
    fn reported(&self) -> Result<Timestamp, WindowError> {
        let lag = SignedDuration::try_from(self.lag).map_err(|_| WindowError::OutOfRange)?;
        let reported = self.now.checked_sub(lag).map_err(|_| WindowError::OutOfRange)?;
        // What has not begun to be asked for cannot be cut through.
        match self.granularity {
            Granularity::Minutes(minutes) => whole_minutes(reported, minutes),
            Granularity::Day | Granularity::Instant => Ok(reported),
        }
    }

    /// Before this instant a period that was asked for is complete, whatever zone the server cuts its days in.
    pub(crate) fn stable_until(&self) -> Result<Timestamp, WindowError> {
        let reported = self.reported()?;
        match self.granularity {
            Granularity::Instant | Granularity::Minutes(_) => Ok(reported),
            Granularity::Day => reported.checked_sub(LAST_ZONE).map_err(|_| WindowError::OutOfRange),
        }
    }

    /// Before this instant the server may have deleted events.
    fn doubtful(&self) -> Result<Option<Timestamp>, WindowError> {
        let Some(kept) = self.kept else { return Ok(None) };
        let kept = SignedDuration::try_from(kept).map_err(|_| WindowError::OutOfRange)?;
        let oldest = self.now.checked_sub(kept).map_err(|_| WindowError::OutOfRange)?;
        Ok(Some(match self.granularity {
            Granularity::Day => start_of(day_of(oldest))?,
            Granularity::Instant | Granularity::Minutes(_) => oldest,
        }))
    }

    /// Moves intervals out to what the source can be asked for, and cuts them to what it takes at once.
    fn cut(&self, wanted: Vec<Interval>) -> Result<Vec<Planned>, WindowError> {
        let (settled, doubtful) = (self.stable_until()?, self.doubtful()?);
        let wanted = merged(wanted);
        let whole = match self.granularity {
            Granularity::Instant => wanted,
            Granularity::Minutes(minutes) => {
                let spans = wanted.into_iter().map(|interval| {
                    let from = whole_minutes(interval.from, minutes)?;
                    Ok(Interval::new(from, minutes_after(interval.to, minutes)?))
                });
                merged(spans.collect::<Result<_, WindowError>>()?)
            }
            Granularity::Day => {
                let days = wanted.into_iter().map(|interval| {
                    Ok(Interval::new(
                        start_of(day_of(interval.from))?,
                        end_of_day(interval.to)?,
                    ))
                });
                merged(days.collect::<Result<_, WindowError>>()?)
            }
        };
        let mut windows = Vec::new();
        for interval in whole {
            let mut from = interval.from;
            while from < interval.to {
                let to = match self.window_days {
                    Some(days) => forth(from, days)?.min(interval.to),
                    None => interval.to,
                };
                windows.push(Planned {
                    window: Window { from, to },
                    settled: settled.clamp(from, to),
                    asked_until: None,
                    doubtful_until: doubtful
                        .map(|doubtful| doubtful.min(to))
                        .filter(|doubtful| from < *doubtful),
                    looks_back: Vec::new(),
                    only: Vec::new(),
                });
                from = to;
            }
        }
        Ok(windows)
    }
}

/// The windows that are left to ask for; the adopted windows are committed, or will be at the end of this run. What waits for a
/// sink was asked for.
pub(crate) fn after_adoption(
    rules: &ScheduleRules,
    wanted: RunMode,
    period: Window,
    record: &Record,
    adopted: &[Interval],
    only: &[String],
) -> Result<Schedule, WindowError> {
    let mut record = record.fetched();
    // Windows that are committed at the end of this run are due no more.
    let waiting = std::mem::take(&mut record.windows);
    for window in waiting.into_iter().filter(|window| adopted.contains(&window.period)) {
        let end = WindowEnd {
            name: window.name.clone(),
            ..WindowEnd::default()
        };
        record.windows.push(window);
        record.commit(&end);
    }
    match wanted {
        RunMode::Period => rules.period(period),
        RunMode::Backfill { days } if !only.is_empty() => rules.lacking(&record, period, days, only),
        RunMode::Backfill { days } => rules.missing(&record, period, days),
        RunMode::Incremental => rules.due(&record),
    }
}

/// A UTC day has 24 hours.
fn days(count: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(count))
}

fn forth(from: Timestamp, count: u32) -> Result<Timestamp, WindowError> {
    from.checked_add(days(count.max(1)))
        .map_err(|_| WindowError::OutOfRange)
}

#[cfg(test)]
mod tests;
