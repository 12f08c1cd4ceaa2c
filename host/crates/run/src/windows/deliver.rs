//! Delivering one window: its documents are read as they come, and its events sent to the sinks, which answer for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commit::UncommittedWindow;
use super::dedup::Deduplicator;
use super::finality::is_final;
use super::prefetch::PrefetchedWindow;
use super::refused::refused_dates;
use crate::RunError;
use crate::fan_out::FlushOutcome;
use crate::pipeline::Pipeline;
use crate::stream_ledger::{DurableChange, StreamLedger};
use crate::window::Window;
use event::Event;
use ledger::{InFlight, Interval, Record};
use sink::in_one_line;

/// The end of a window's turn.
pub(super) enum WindowOutcome {
    Committed,
    /// The window's events are all delivered, but not all are safe before the sinks are closed.
    AtClose(UncommittedWindow),
    /// A sink did not take all of it: the run ends.
    Over,
}

/// A window under way.
pub(crate) struct WindowDelivery {
    book: Arc<StreamLedger>,
    window: Arc<InFlight>,
    begun: bool,
    /// Finds events that were delivered before; none where nothing is kept.
    overlap: Option<Deduplicator>,
}

impl WindowDelivery {
    /// The first document is here: from now on sinks may have events of this window.
    pub(crate) async fn begin(&mut self) -> Result<(), RunError> {
        let record = self.book.record();
        let marked = (record.window(&self.window.name)).is_some_and(|window| window.delivering);
        if !self.begun && !marked {
            let name = self.window.name.clone();
            let change = move |record: &mut Record| {
                if let Some(window) = record.window_mut(&name) {
                    window.delivering = true;
                }
            };
            self.book.change(DurableChange::Delivering, change).await?;
        }
        self.begun = true;
        Ok(())
    }

    /// Takes out events that were delivered before.
    pub(crate) fn sift(&mut self, events: &mut Vec<Event>) {
        if let Some(overlap) = &mut self.overlap {
            overlap.sift(events);
        }
    }
}

impl Pipeline {
    /// Delivers a window, and gives it up where another attempt would fail the same way. The `next` one is delivered after
    /// it; those that are `pending` are committed when the sinks are closed.
    pub(super) async fn window(
        &mut self,
        underway: &mut PrefetchedWindow,
        next: Option<Arc<InFlight>>,
        pending: &[UncommittedWindow],
    ) -> Result<WindowOutcome, RunError> {
        self.counts.ledger.windows += 1;
        let Interval { from, to } = underway.window.period;
        self.counts.ledger.covered_span = Some(match self.counts.ledger.covered_span {
            Some(covered_span) => Window {
                from: covered_span.from.min(from),
                to: covered_span.to.max(to),
            },
            None => Window { from, to },
        });
        let step = self.deliver(underway, next, pending).await;
        if let Err(error) = &step
            && is_final(error, &underway.window)
            && !refused_dates(error)
        {
            let reason = in_one_line(error);
            self.keeping.book.give_up(&underway.window.name, reason).await?;
        }
        step
    }

    async fn deliver(
        &mut self,
        underway: &mut PrefetchedWindow,
        next: Option<Arc<InFlight>>,
        pending: &[UncommittedWindow],
    ) -> Result<WindowOutcome, RunError> {
        let (book, window) = (Arc::clone(&self.keeping.book), Arc::clone(&underway.window));
        self.begin_at_sinks(&window).await;
        let mut course = WindowDelivery {
            overlap: match book.outlives() {
                true => Some(self.overlap(&window, pending).await),
                false => None,
            },
            book: Arc::clone(&book),
            window: Arc::clone(&window),
            begun: false,
        };
        let request = self.request_for(&window);
        let documents = underway.documents(&book);
        let delivered = self.deliver_documents(&request, documents, &mut course).await;
        if let Some(overlap) = &course.overlap {
            self.counts.duplicates += overlap.duplicates;
            self.counts.ledger.late.add(overlap.late);
        }
        let cleanups = delivered?;
        let times = course.overlap.as_ref().and_then(|overlap| overlap.times);
        let end = self.end_of(&window, times)?;
        let ids = course
            .overlap
            .map(|mut overlap| std::mem::take(&mut overlap.new).collect());
        let done = UncommittedWindow {
            end,
            ids: ids.unwrap_or_default(),
            cleanups,
        };
        if !book.outlives() {
            // Nobody goes on from here, so there is nothing to wait for before the sinks are closed.
            return Ok(WindowOutcome::AtClose(done));
        }
        base::failpoint!("settle.before");
        let standing = self.sinks.settle().await;
        base::failpoint!("settle.after");
        Ok(match standing {
            FlushOutcome::Safe => {
                self.commit(vec![done], next).await?;
                WindowOutcome::Committed
            }
            FlushOutcome::AtClose if !self.sinks.is_over() => WindowOutcome::AtClose(done),
            FlushOutcome::AtClose | FlushOutcome::Failed => WindowOutcome::Over,
        })
    }

    /// Tells the sinks that a window begins.
    async fn begin_at_sinks(&mut self, window: &InFlight) {
        let record = self.keeping.book.record();
        // Only windows whose events are on their way can have progress at a sink.
        let delivering = record.windows.iter().filter(|window| window.delivering);
        let mut in_flight: BTreeSet<String> = delivering.map(|window| window.name.clone()).collect();
        in_flight.insert(window.name.clone());
        self.sinks.begin(&window.name, in_flight).await;
    }

    /// Finds events of a window that were delivered before.
    async fn overlap(&self, window: &InFlight, pending: &[UncommittedWindow]) -> Deduplicator {
        let book = &self.keeping.book;
        let mut known = book.known().await;
        // Those will have been committed before this one is.
        pending.iter().for_each(|done| known.extend(&done.ids));
        let depth = book.record().look_back.depth;
        Deduplicator::new(window, self.run.description.granularity, depth, known)
    }
}
