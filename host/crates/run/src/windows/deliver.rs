//! Delivering one window: its documents are read as they come, and its events sent to the sinks, which answer for them.

use std::sync::Arc;

use super::commit::UncommittedWindow;
use super::dedup::Deduplicator;
use super::finality::is_final;
use super::prefetch::PrefetchedWindow;
use super::refused::{may_be_gone, refused_dates};
use crate::RunError;
use crate::fan_out::FlushOutcome;
use crate::pipeline::Pipeline;
use crate::stream_ledger::{DurableChange, StreamLedger, WindowAnswers};
use crate::window::Window;
use event::Event;
use ledger::{InFlight, Interval, KnownIds, Record, without};
use sink::in_one_line;

/// The end of a window's turn.
pub(super) enum WindowOutcome {
    Committed,
    /// The window's events are all delivered, but not all are safe before the sinks are closed.
    AtClose(Box<UncommittedWindow>),
    /// Some of its sinks have not got it, and it waits for them.
    Waits,
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
    /// True where sinks have all of the window already: what there is to count and to keep of it is.
    pub(crate) fn is_known(&self) -> bool {
        self.window.end.is_some()
    }
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
            && !(refused_dates(error) && may_be_gone(&underway.window))
        {
            let reason = in_one_line(error);
            self.keeping.book.give_up(&underway.window.name, reason).await?;
        }
        step
    }

    /// Delivers a window to the sinks that it is for and that have not got it.
    pub(super) async fn deliver(
        &mut self,
        underway: &mut PrefetchedWindow,
        next: Option<Arc<InFlight>>,
        pending: &[UncommittedWindow],
    ) -> Result<WindowOutcome, RunError> {
        let (book, window) = (Arc::clone(&self.keeping.book), Arc::clone(&underway.window));
        self.sinks.begin(&window, &book.record()).await;
        let mut course = WindowDelivery {
            overlap: match book.outlives() {
                true => Some(self.overlap(&window, pending).await?),
                false => None,
            },
            book: Arc::clone(&book),
            window: Arc::clone(&window),
            begun: false,
        };
        let request = self.request_for(&window);
        let documents = underway.documents(&book);
        let delivered = self.deliver_documents(&request, documents, &mut course).await;
        if let Some(overlap) = &course.overlap
            && !course.is_known()
        {
            self.counts.duplicates += overlap.duplicates;
            self.counts.ledger.late.add(overlap.late);
        }
        let cleanups = delivered?;
        let times = course.overlap.as_ref().and_then(|overlap| overlap.times);
        let mut answers = match &window.end {
            Some(end) => WindowAnswers {
                end: end.clone(),
                ..WindowAnswers::default()
            },
            None => WindowAnswers {
                end: self.end_of(&window, times)?,
                ids: (course.overlap)
                    .map(|mut overlap| std::mem::take(&mut overlap.new).collect())
                    .unwrap_or_default(),
                targets: self.targets(&window),
                ..WindowAnswers::default()
            },
        };
        if window.fills {
            // They are of the past, and what they are of was known before.
            answers.ids = KnownIds::default();
        }
        let mut done = UncommittedWindow {
            answers,
            at_close: Vec::new(),
            cleanups,
        };
        if !book.outlives() {
            // Nobody goes on from here, so there is nothing to wait for before the sinks are closed.
            return Ok(WindowOutcome::AtClose(Box::new(done)));
        }
        base::failpoint!("settle.before");
        let FlushOutcome {
            answered,
            at_close,
            down,
            failed,
        } = self.sinks.settle().await;
        base::failpoint!("settle.after");
        if failed {
            return Ok(WindowOutcome::Over);
        }
        done.answers.answered = answered;
        done.at_close = at_close;
        if !done.at_close.is_empty() {
            return Ok(match self.sinks.is_over() {
                true => WindowOutcome::Over,
                false => WindowOutcome::AtClose(Box::new(done)),
            });
        }
        if done.answers.answered.is_empty() && !down.is_empty() {
            // Nobody has it. The next run delivers it to all of them; what only fills a gap of some holds nobody else up.
            return Ok(match window.end.is_some() || window.fills {
                true => WindowOutcome::Waits,
                false => WindowOutcome::Over,
            });
        }
        let whole = done
            .answers
            .is_whole(book.record().window(&window.name).map(AsRef::as_ref));
        if !whole && window.end.is_none() && !pending.is_empty() {
            // Whoever reads it again has to know the ids of those before it, and these are noted when the sinks are closed.
            return Ok(WindowOutcome::AtClose(Box::new(done)));
        }
        self.commit(vec![done], next).await?;
        Ok(match whole {
            true => WindowOutcome::Committed,
            false => WindowOutcome::Waits,
        })
    }

    /// The sinks that a window is for which no sink has yet: those of the run that are to answer, and those that have a place in the
    /// stream and that the run does not deliver to.
    fn targets(&self, window: &InFlight) -> Vec<String> {
        if window.fills {
            return window.only.clone();
        }
        let mut targets = self.sinks.required();
        let record = self.keeping.book.record();
        // What was collected before, and is only delivered once more, is for those that it is delivered to.
        let fetched = record.fetched();
        let is_new = !window.again || !without(window.period, &fetched.covered).is_empty();
        let absent = record.places.iter().filter(|(sink, place)| {
            let behind = place.since.is_none_or(|since| since < window.period.to);
            is_new && behind && !self.sinks.has(sink)
        });
        targets.extend(absent.map(|(sink, _)| sink.clone()));
        targets
    }

    /// Finds events of a window that were delivered before.
    async fn overlap(&self, window: &InFlight, pending: &[UncommittedWindow]) -> Result<Deduplicator, RunError> {
        let book = &self.keeping.book;
        let known = match &window.known {
            Some(noted) => book.known_before(noted).await?,
            // The sinks that it is for have nothing of it.
            None if window.fills => KnownIds::default(),
            None => {
                let mut known = book.known().await;
                // Those will have been committed before this one is.
                pending.iter().for_each(|done| known.extend(&done.answers.ids));
                known
            }
        };
        let depth = book.record().look_back.depth;
        let granularity = self.run.description.granularity;
        Ok(Deduplicator::new(window, granularity, depth, known))
    }
}
