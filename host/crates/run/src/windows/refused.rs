//! Days that the server refused: perhaps it keeps no events of them.

use jiff::SignedDuration;

use super::schedule::Planned;
use crate::RunError;
use crate::stream_ledger::{DurableChange, StreamLedger};
use crate::window::Window;
use ledger::{InFlight, Interval, Record, merged, without};
use sink::in_one_line;

/// How EPM Cloud refuses dates that lie further back than it keeps events, among other parameters.
const REFUSED_PARAMETERS: &str = "EPMCSS-20679";

/// True where the server refused a window, perhaps because it begins before what the server keeps.
pub(crate) fn refused_dates(error: &RunError) -> bool {
    matches!(error, RunError::Fetch(error) if error.remote_code() == Some(REFUSED_PARAMETERS))
}

/// True where a refusal of a window may mean that the server no longer keeps its first day: that was over when it was asked for.
pub(crate) fn may_be_gone(window: &InFlight) -> bool {
    first_day(window).to <= window.clock
}

fn first_day(window: &InFlight) -> Interval {
    let Interval { from, to } = window.period;
    let next = from.checked_add(SignedDuration::from_hours(24));
    Interval::new(from, next.map_or(to, |next| next.min(to)))
}

/// All of a window of an earlier run, to be asked for again by this one: what is refused may be the job that the server forgot
/// meanwhile, and not the dates.
pub(crate) fn anew(window: &InFlight) -> Planned {
    let Interval { from, to } = window.period;
    Planned {
        window: Window { from, to },
        settled: window.settled,
        asked_until: window.asked_until,
        doubtful_until: window.doubtful_until,
        looks_back: window.looks_back.clone(),
        only: window.only.clone(),
    }
}

/// The days that the server refused. They are lost once it accepts a later one: until then, something else may be wrong with
/// what it is asked.
#[derive(Default)]
pub(crate) struct RefusedDays {
    days: Vec<Interval>,
    /// The first refusal, while no later day was accepted.
    pub(crate) error: Option<RunError>,
}

impl RefusedDays {
    /// Takes the first day of a window that was refused; answers with what is left to ask for.
    pub(crate) fn put(&mut self, window: &InFlight, error: RunError) -> Option<Planned> {
        let to = window.period.to;
        let Interval { from, to: next } = first_day(window);
        tracing::warn!(%from, to = %next, "{}: perhaps the server keeps no events of that day", in_one_line(&error));
        self.days.push(Interval::new(from, next));
        self.error.get_or_insert(error);
        (next < to).then(|| Planned {
            window: Window { from: next, to },
            settled: window.settled.clamp(next, to),
            asked_until: window.asked_until,
            doubtful_until: window.doubtful_until.filter(|doubtful| next < *doubtful),
            looks_back: window.looks_back.clone(),
            only: window.only.clone(),
        })
    }

    /// Writes down that the days are lost, as far as nothing is known of them; answers with what that is.
    pub(crate) async fn lose(&mut self, book: &StreamLedger) -> Result<Vec<Interval>, RunError> {
        if self.error.take().is_none() {
            return Ok(Vec::new());
        }
        // What waits for a sink was had.
        let record = book.record().fetched();
        let known = [record.covered.as_slice(), record.lost.as_slice()].concat();
        let days = merged(std::mem::take(&mut self.days));
        let lost: Vec<_> = days.into_iter().flat_map(|days| without(days, &known)).collect();
        let all = lost.clone();
        let lose = move |record: &mut Record| all.into_iter().for_each(|lost| record.lose(lost));
        book.change(DurableChange::Lost, lose).await?;
        Ok(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn window(from: i64, to: i64, clock: i64) -> InFlight {
        InFlight {
            period: Interval::new(at(from), at(to)),
            settled: at(clock),
            clock: at(clock),
            ..InFlight::default()
        }
    }

    #[test]
    fn a_day_that_is_not_over_is_not_gone() {
        assert!(may_be_gone(&window(0, 72, 24)));
        assert!(may_be_gone(&window(0, 6, 6)));
        assert!(!may_be_gone(&window(0, 72, 23)));
        assert!(!may_be_gone(&window(24, 48, 32)));
    }

    #[test]
    fn what_is_asked_for_anew_is_all_of_the_window() {
        let window = InFlight {
            only: vec!["siem".into()],
            ..window(0, 48, 32)
        };
        let planned = anew(&window);
        assert_eq!((planned.window.from, planned.window.to), (at(0), at(48)));
        assert_eq!((planned.settled, planned.only), (at(32), window.only));
    }
}
