//! Committing windows whose events are delivered: what is known of them is written down, and their files are removed from the
//! server.

use std::sync::Arc;

use jiff::Timestamp;

use super::schedule::ScheduleRules;
use crate::RunError;
use crate::pipeline::Pipeline;
use crate::stream_ledger::WindowAnswers;
use crate::window::{day_of, start_of};
use fetch::Cleanup;
use ledger::{FetchState, InFlight, Interval, WindowEnd, without};

/// A window whose events are all delivered, but not all safely before the sinks are closed.
pub(crate) struct UncommittedWindow {
    pub(crate) answers: WindowAnswers,
    /// Sinks that have it once they are closed well.
    pub(crate) at_close: Vec<String>,
    pub(super) cleanups: Vec<Cleanup>,
}

impl Pipeline {
    /// The facts about a window whose documents are all read; the earliest and the latest of their events have these times.
    pub(super) fn end_of(&mut self, window: &InFlight, times: Option<(i64, i64)>) -> Result<WindowEnd, RunError> {
        let record = self.keeping.book.record();
        let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
        let (earliest, latest) = times.map_or((None, None), |(earliest, latest)| (time(earliest), time(latest)));
        // What was fetched before this run says nothing of what the server has now.
        let lost = if window.clock == self.clock() {
            self.counts.ledger.earliest = [self.counts.ledger.earliest, earliest].into_iter().flatten().min();
            gone(window, self.counts.ledger.earliest)
        } else {
            gone(window, earliest)
        };
        let fetched = record.fetched();
        let known = [fetched.covered.as_slice(), fetched.lost.as_slice()].concat();
        let lost = lost.filter(|_| !window.fills);
        self.counts
            .ledger
            .lost
            .extend(lost.iter().flat_map(|lost| without(*lost, &known)));
        let fetches = record.window(&window.name).map(|window| window.fetches.as_slice());
        let served = fetches.unwrap_or_default().iter().filter_map(|fetch| match fetch {
            FetchState::Spooled(kept) => kept.served,
            _ => None,
        });
        let served = served.min();
        let rules = |now: Timestamp| ScheduleRules { now, ..self.rules() };
        Ok(WindowEnd {
            name: window.name.clone(),
            served,
            // A clock that was fast when the window was planned says nothing of what has happened by now.
            happened_until: Some(rules(served.unwrap_or(self.clock()).min(self.clock())).stable_until()?),
            lost,
            last_event: latest.map(|latest| latest.min(window.period.to)),
        })
    }

    /// Writes down who has windows, and commits those that all sinks have, in one step: a file that holds several is made anew from all of them or not at all. Only then are
    /// their files removed from the server. The `next` one is delivered after that.
    pub(crate) async fn commit(
        &self,
        done: Vec<UncommittedWindow>,
        next: Option<Arc<InFlight>>,
    ) -> Result<(), RunError> {
        let record = self.keeping.book.record();
        let (mut windows, mut cleanups) = (Vec::new(), Vec::new());
        for done in done {
            let window = record.window(&done.answers.end.name).map(AsRef::as_ref);
            // Whoever fetches it once more for a sink that waits may need what is on the server.
            cleanups.push(match done.answers.is_whole(window) {
                true => done.cleanups,
                false => Vec::new(),
            });
            windows.push(done.answers);
        }
        self.keeping
            .book
            .commit(windows, next.map(|next| next.name.clone()))
            .await?;
        for cleanup in cleanups.iter().flatten() {
            base::failpoint!("cleanup.before");
            self.run.fetcher.clean_up(cleanup).await;
            base::failpoint!("cleanup.after");
        }
        Ok(())
    }
}

/// The part of a window's period that the server had deleted when it was asked: from its beginning to the day of its first event, as
/// far as the server is not known to keep events.
fn gone(window: &InFlight, earliest: Option<Timestamp>) -> Option<Interval> {
    let doubtful = window.doubtful_until?;
    let first = earliest.and_then(|earliest| start_of(day_of(earliest)).ok());
    let gone = Interval::new(window.period.from, first.map_or(doubtful, |first| first.min(doubtful)));
    (!gone.is_empty()).then_some(gone)
}
