//! Beginning a window: it is written down, planned, and its fetches are begun.

use std::sync::Arc;

use jiff::Timestamp;

use super::Windows;
use super::prefetch::Prefetcher;
use super::schedule::{Planned, ScheduleRules};
use crate::RunError;
use crate::pipeline::Pipeline;
use crate::run_mode::RunMode;
use crate::stream_ledger::{DurableChange, StreamLedger};
use base::blocking;
use ledger::{FetchState, InFlight, Interval, LedgerError, Record};

impl Windows<'_> {
    /// Begins a window: writes it down, then begins its fetches.
    pub(super) async fn begin(&mut self, window: InFlight) -> Result<(), RunError> {
        let window = Arc::new(window);
        let begun = Arc::clone(&window);
        let book = Arc::clone(&self.pipeline.keeping.book);
        let written = book.change(DurableChange::Planned, move |record| record.windows.push(begun));
        match self.pipeline.plan(&window).await {
            Ok(plan) => begin_fetches(&book, window, plan, true, written, &mut self.ahead),
            Err(error @ RunError::Plan(_)) => self.ahead.refuse(window, error),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Pipeline {
    /// The rules by which windows are chosen now.
    pub(super) fn rules(&self) -> ScheduleRules {
        let (keeping, about) = (&self.keeping, &self.run.description);
        ScheduleRules {
            now: self.clock(),
            lag: keeping.lag,
            granularity: about.granularity,
            retention_days: about.retention_days,
            kept: keeping.kept,
            start: keeping.start,
            window_days: about.window_days,
            look_back: keeping.look_back.clone(),
        }
    }

    /// The clock of the run.
    pub(crate) fn clock(&self) -> Timestamp {
        Timestamp::from_millisecond(self.run.request.now).unwrap_or_else(|_| Timestamp::now())
    }

    /// A window to begin.
    pub(super) fn in_flight(&self, number: usize, planned: Planned, again: bool) -> InFlight {
        let name = match number {
            0 => self.run.request.unique_name.clone(),
            number => format!("{}-{number}", self.run.request.unique_name),
        };
        InFlight {
            name,
            period: Interval::new(planned.window.from, planned.window.to),
            settled: planned.settled,
            clock: self.clock(),
            plugin: self.run.plugin_sha256.clone(),
            again,
            asked_until: planned.asked_until,
            doubtful_until: planned.doubtful_until,
            looks_back: planned.looks_back,
            named: self.keeping.wanted != RunMode::Incremental,
            fills: !planned.only.is_empty(),
            only: planned.only,
            ..InFlight::default()
        }
    }

    /// The request to the plugin for a window.
    pub(super) fn request_for(&self, window: &InFlight) -> sandbox::Request {
        sandbox::Request {
            window: sandbox::Window {
                from: window.period.from.as_millisecond(),
                to: window.period.to.as_millisecond(),
            },
            now: window.clock.as_millisecond(),
            parameters: self.run.request.parameters.clone(),
            unique_name: window.name.clone(),
        }
    }

    /// The fetches that the plugin plans for a window.
    pub(super) async fn plan(&self, window: &InFlight) -> Result<Vec<sandbox::Fetch>, RunError> {
        let (report, request) = (Arc::clone(&self.run.report), self.request_for(window));
        let planned = blocking(move || report.plan(&request)).await?;
        planned.map_err(RunError::Plan)
    }
}

/// Begins the fetches of a window, once it is `written` down; what it consists of is written now where it is not yet.
pub(super) fn begin_fetches(
    book: &StreamLedger,
    mut window: Arc<InFlight>,
    plan: Vec<sandbox::Fetch>,
    reached: bool,
    written: impl Future<Output = Result<(), LedgerError>> + Send + 'static,
    ahead: &mut Prefetcher,
) {
    tracing::info!(window = %window.name, fetches = plan.len(), "planned");
    let change = window.fetches.is_empty().then(|| {
        Arc::make_mut(&mut window).fetches = vec![FetchState::Planned; plan.len()];
        let (fetches, name) = (window.fetches.clone(), window.name.clone());
        book.change(DurableChange::Fetches, move |record: &mut Record| {
            if let Some(window) = record.window_mut(&name) {
                window.fetches = fetches;
            }
        })
    });
    ahead.begin(window, plan, reached, async move {
        written.await?;
        match change {
            Some(change) => change.await,
            None => Ok(()),
        }
    });
}
