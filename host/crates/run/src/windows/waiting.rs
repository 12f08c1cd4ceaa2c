//! Windows that some sinks have and that wait for others: they come first in a run, in order, from the spool, and are never fetched
//! again while their documents are there. The sinks that have them are not asked.

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::Arc;

use super::Windows;
use super::begin::begin_fetches;
use super::deliver::WindowOutcome;
use super::finality::is_final;
use super::prefetch::Prefetcher;
use crate::RunError;
use ledger::InFlight;

impl Windows<'_> {
    /// Gives each sink that lags the windows that wait for it. A sink that is down again, or for which a window cannot be read, is
    /// left out from then on. Says whether the run goes on.
    pub(super) async fn catch_up(&mut self) -> Result<bool, RunError> {
        let book = Arc::clone(&self.pipeline.keeping.book);
        let waiting: Vec<Arc<InFlight>> = {
            let record = book.record();
            let waiting = record.windows.iter().filter(|window| window.end.is_some());
            waiting.cloned().collect()
        };
        let named = waiting.iter().filter(|window| window.again);
        self.named = named.map(|window| window.period).collect();
        let mut held = BTreeSet::new();
        for window in waiting {
            let of_run: Vec<String> = (window.waits_for())
                .filter(|sink| self.pipeline.sinks.takes(sink) && !held.contains(*sink))
                .cloned()
                .collect();
            if of_run.is_empty() {
                continue;
            }
            // All of them answer for it together, so what cannot be read for one of them is held for all.
            match self.deliver_waiting(window).await {
                Ok(WindowOutcome::Committed | WindowOutcome::Waits) => {}
                Ok(WindowOutcome::AtClose(done)) => self.pending.push(*done),
                Ok(WindowOutcome::Over) => return Ok(false),
                Err(RunError::Stopped) => return Err(RunError::Stopped),
                Err(error @ RunError::Ledger(_)) => return Err(error),
                // Nobody waits for that any more, and the next one can be had.
                Err(error @ RunError::GoneFor { .. }) => self.hold(error),
                Err(error) => {
                    self.hold(error);
                    // What came of it at a sink is not to be taken for the next window's.
                    if self.pipeline.sinks.settle().await.failed {
                        return Ok(false);
                    }
                    held.extend(of_run);
                }
            }
        }
        Ok(true)
    }

    async fn deliver_waiting(&mut self, mut window: Arc<InFlight>) -> Result<WindowOutcome, RunError> {
        let pipeline = &mut *self.pipeline;
        let book = Arc::clone(&pipeline.keeping.book);
        tracing::info!(window = %window.name, "delivering what waits for sinks");
        pipeline.counts.ledger.resumed += 1;
        let mut plan = pipeline.plan(&window).await?;
        if window.fetches.len() != plan.len() {
            tracing::warn!(
                window = %window.name,
                "the plugin plans this window differently than when it was begun: its period will be requested again for the \
                 sinks that it waits for"
            );
            window = Arc::new(book.fetch_anew(&window, plan.len()).await?);
            // Files on the server are called as the window is.
            plan = pipeline.plan(&window).await?;
        }
        let reached = pipeline.rules().reaches(window.period)?;
        let mut ahead = Prefetcher::new(&pipeline.run.fetcher, &book, &pipeline.gate);
        begin_fetches(&book, Arc::clone(&window), plan, reached, ready(Ok(())), &mut ahead);
        let Some(mut underway) = ahead.next() else {
            return Ok(WindowOutcome::Waits);
        };
        pipeline.counts.ledger.windows += 1;
        let outcome = pipeline.deliver(&mut underway, None, &self.pending).await;
        match outcome {
            Err(RunError::Gone) => {
                let sinks: Vec<String> = window.waits_for().cloned().collect();
                book.lose_for(&window.name, sinks.clone()).await?;
                Err(RunError::GoneFor {
                    sinks,
                    from: window.period.from,
                    to: window.period.to,
                    arguments: book.stream().arguments(),
                })
            }
            // Another attempt with the same job would fail the same way: the next run asks under another name.
            Err(error @ RunError::Fetch(_)) if is_final(&error, &window) => {
                book.fetch_anew(&window, window.fetches.len()).await?;
                Err(error)
            }
            outcome => outcome,
        }
    }
}
