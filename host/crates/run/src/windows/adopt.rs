//! Taking up the windows that an earlier run did not end.

use std::future::ready;
use std::sync::Arc;

use jiff::Timestamp;

use super::Windows;
use super::begin::begin_fetches;
use crate::RunError;
use base::counted::counted;
use ledger::{FetchState, InFlight, Interval};

/// Windows that are taken up again and named one by one.
const RESUMED_TOLD: usize = 10;

impl Windows<'_> {
    /// Takes up all windows that an earlier run did not end and that no sink has, at once. Answers with their periods.
    pub(super) async fn adopt(&mut self) -> Result<Vec<Interval>, RunError> {
        let mut adopted = Vec::new();
        let book = Arc::clone(&self.pipeline.keeping.book);
        let (record, rules) = (book.record(), self.pipeline.rules());
        let open: Vec<&Arc<InFlight>> = record
            .windows
            .iter()
            .filter(|window| self.is_taken_up(window))
            .collect();
        for (number, window) in open.iter().copied().enumerate() {
            let reached = rules.reaches(window.period)?;
            if !reached && is_to_be_asked(window) {
                book.give_up(&window.name, GONE.into()).await?;
                continue;
            }
            if number < RESUMED_TOLD || open.len() == RESUMED_TOLD + 1 {
                self.pipeline.run.observer.resuming(&resumed(window));
            } else if number == RESUMED_TOLD {
                let more = open.len() - RESUMED_TOLD;
                let more = counted(more, "more unfinished period", "more unfinished periods");
                self.pipeline.run.observer.resuming(&format!("Continuing {more}."));
            }
            self.pipeline.counts.ledger.resumed += 1;
            match self.pipeline.plan(window).await {
                Ok(plan) if !window.fetches.is_empty() && window.fetches.len() != plan.len() => {
                    let reason = "the plugin plans this window differently than when it was begun";
                    tracing::warn!(
                        window = %window.name,
                        "{reason}: giving the window up; its period will be requested again"
                    );
                    book.give_up(&window.name, reason.into()).await?;
                    continue;
                }
                Ok(plan) => begin_fetches(&book, Arc::clone(window), plan, reached, ready(Ok(())), &mut self.ahead),
                Err(error) => self.ahead.refuse(Arc::clone(window), error),
            }
            // What is for some sinks alone says nothing of what is due to all.
            if window.fills != self.pipeline.keeping.only.is_empty() {
                adopted.push(window.period);
            }
        }
        Ok(adopted)
    }

    /// True where a window of an earlier run is this run's: one that no sink has yet, and that is for a sink of this run. What waits
    /// for some of its sinks comes before.
    fn is_taken_up(&self, window: &InFlight) -> bool {
        let only = &self.pipeline.keeping.only;
        let of_run = match window.fills {
            true => window.only.iter().any(|sink| self.pipeline.sinks.has(sink)),
            false => only.is_empty(),
        };
        window.end.is_none() && of_run
    }
}

/// Why a window is given up whose period the server no longer keeps.
pub(crate) const GONE: &str = "the server no longer has all of its period";

/// True where some of a window has yet to be asked for. A period that the user named is delivered as far as it is there.
fn is_to_be_asked(window: &InFlight) -> bool {
    let open = |fetch: &FetchState| matches!(fetch, FetchState::Planned | FetchState::Submitting);
    !window.again && (window.fetches.is_empty() || window.fetches.iter().any(open))
}

/// The note about a window that is taken up again.
fn resumed(window: &InFlight) -> String {
    let Interval { from, to } = window.period;
    let [from, to] = [from, to].map(minute);
    let job = window.fetches.iter().find_map(|fetch| match fetch {
        FetchState::Submitted { link } | FetchState::Waiting { link, .. } => {
            link.trim_end_matches('/').rsplit('/').next().map(str::to_owned)
        }
        FetchState::Ready { job, .. } => job.clone(),
        FetchState::Spooled(kept) => kept.job.clone(),
        FetchState::Planned | FetchState::Submitting => None,
    });
    let job = job.map_or(String::new(), |job| format!(", job {job}"));
    let (state, begun) = (window.state(), minute(window.clock));
    format!("Continuing an unfinished period: {from} to {to} UTC (was: {state}{job}; begun {begun} UTC)")
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}
