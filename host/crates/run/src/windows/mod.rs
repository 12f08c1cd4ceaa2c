//! The windows of a run: first those that wait for a sink which was down, then those that an earlier run did not end, then those
//! that are due. Several are fetched at once and delivered in order; each is committed once every required sink has answered for
//! its events, and waits for those that are down while the others go on.
//!
//! [`schedule`] says which windows there are, [`prefetch`] fetches them, [`fetch_task`] is one fetch of one of them, and
//! [`deliver`] and [`commit`] see one to its end; [`waiting`] gives sinks what they lack. A run without a ledger is one window over a ledger in memory.

mod adopt;
mod begin;
mod clock;
mod commit;
mod dedup;
mod deliver;
mod failure;
mod fetch_task;
mod finality;
mod prefetch;
mod refused;
mod schedule;
mod waiting;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::RunError;
use crate::pipeline::Pipeline;
use crate::run_mode::RunMode;
use crate::stream_ledger::DurableChange;
use base::blocking;
use deliver::WindowOutcome;
use ledger::{Interval, Record};
use prefetch::{PrefetchedWindow, Prefetcher};
use refused::{RefusedDays, anew, may_be_gone, refused_dates};
use sandbox::Granularity;
use schedule::{Planned, Schedule};
use sink::in_one_line;

#[cfg(test)]
pub(crate) use adopt::GONE;
pub(crate) use commit::UncommittedWindow;
pub(crate) use deliver::WindowDelivery;
#[cfg(test)]
pub(crate) use fetch_task::FetchTask;
pub(crate) use finality::say_held;
pub use schedule::depth;

/// All windows, sent to the sinks; not all of them are safe yet.
pub(crate) struct Delivered {
    /// Windows to commit once the sinks are closed well.
    pub(crate) pending: Vec<UncommittedWindow>,
    /// Why a window stays open that the others did not wait for.
    pub(crate) held: Option<RunError>,
}

/// The windows of a run on their ways.
struct Windows<'a> {
    pipeline: &'a mut Pipeline,
    /// Windows that are begun.
    ahead: Prefetcher,
    /// Windows that are not begun.
    todo: VecDeque<(usize, Planned)>,
    /// How many of those that an earlier run began are not delivered yet.
    taken_up: usize,
    /// How many there are in all, and how many of them have had their turn.
    all: usize,
    done: usize,
    begun: Instant,
    pending: Vec<UncommittedWindow>,
    /// Periods that were named before and wait for a sink.
    named: Vec<Interval>,
    refused: RefusedDays,
    held: Option<RunError>,
}

impl Pipeline {
    /// Carries out all windows: fetched ahead, delivered one after another.
    pub(crate) async fn deliver_windows(&mut self) -> Result<Delivered, RunError> {
        self.check_clock()?;
        let mut windows = Windows {
            ahead: Prefetcher::new(&self.run.fetcher, &self.keeping.book, &self.gate),
            pipeline: self,
            todo: VecDeque::new(),
            taken_up: 0,
            all: 0,
            done: 0,
            begun: Instant::now(),
            pending: Vec::new(),
            named: Vec::new(),
            refused: RefusedDays::default(),
            held: None,
        };
        let delivered = windows.deliver_all().await;
        let Windows { pending, held, .. } = windows;
        match delivered {
            Ok(()) => Ok(Delivered { pending, held }),
            Err(error) => {
                say_held(held);
                Err(error)
            }
        }
    }
}

impl Windows<'_> {
    async fn deliver_all(&mut self) -> Result<(), RunError> {
        if !self.catch_up().await? {
            let _ = self.break_off().await;
            return self.end_refused();
        }
        let mut adopted = self.adopt().await?;
        // Whoever names it once more wants what is not delivered of it.
        if self.pipeline.keeping.wanted == RunMode::Period {
            adopted.append(&mut self.named);
        }
        self.taken_up = self.ahead.len();
        self.plan_ahead(&adopted).await?;
        self.all = self.ahead.len() + self.todo.len();
        loop {
            self.begin_next().await?;
            self.pipeline.run.observer.under_way(self.ahead.len());
            let Some(underway) = self.ahead.next() else { break };
            self.taken_up = self.taken_up.saturating_sub(1);
            if self.take_turn(underway).await?.is_break() {
                break;
            }
            self.done += 1;
            let observer = &self.pipeline.run.observer;
            observer.windows(self.done, self.all, self.begun.elapsed());
        }
        self.end_refused()
    }

    /// Finds what there is to ask for beside the windows that were adopted, and writes down what is lost of it.
    async fn plan_ahead(&mut self, adopted: &[Interval]) -> Result<(), RunError> {
        let pipeline = &mut *self.pipeline;
        let keeping = &pipeline.keeping;
        let schedule = match keeping.book.outlives() {
            true => schedule::after_adoption(
                &pipeline.rules(),
                keeping.wanted,
                pipeline.run.window,
                &keeping.book.record(),
                adopted,
                &keeping.only,
            )?,
            false => Schedule::once(pipeline.run.window),
        };
        for lost in schedule.lost {
            let lose = move |record: &mut Record| record.lose(lost);
            keeping.book.change(DurableChange::Lost, lose).await?;
            pipeline.counts.ledger.lost.push(lost);
        }
        if let Some(begin) = schedule.begin {
            let begin = move |record: &mut Record| record.watermark = record.watermark.or(Some(begin));
            keeping.book.change(DurableChange::Begun, begin).await?;
        }
        // What was taken up counts as asked for. But where that is looked at once more, it is for what was stored since, and its
        // answer may be as old as the run that began it.
        let looks_back =
            keeping.wanted == RunMode::Incremental && pipeline.run.description.granularity != Granularity::Day;
        let fresh =
            |planned: &Planned| looks_back || !adopted.contains(&Interval::new(planned.window.from, planned.window.to));
        self.todo = schedule.windows.into_iter().filter(fresh).enumerate().collect();
        Ok(())
    }

    /// Begins as many windows as may be under way.
    async fn begin_next(&mut self) -> Result<(), RunError> {
        let (wanted, most) = (self.pipeline.keeping.wanted, self.pipeline.keeping.windows_ahead);
        // What is due is asked for anew by each run, so while a window waits for its sinks nothing is begun behind it.
        let free = self.taken_up == 0 || wanted != RunMode::Incremental;
        while free && self.ahead.len() < most && !self.ahead.has_failed() && !self.todo.is_empty() {
            if let Err(error) = self.check_bounds().await {
                // What is under way comes to its end.
                self.all -= self.todo.len();
                self.todo.clear();
                self.hold(error);
                break;
            }
            let Some((number, planned)) = self.todo.pop_front() else {
                break;
            };
            let window = self.pipeline.in_flight(number, planned, wanted == RunMode::Period);
            self.begin(window).await?;
        }
        Ok(())
    }

    /// Refuses to fetch more while what waits for sinks has taken all room or time that there is.
    async fn check_bounds(&self) -> Result<(), RunError> {
        let (book, now) = (Arc::clone(&self.pipeline.keeping.book), self.pipeline.clock());
        match book.held_by() {
            (_, None) => Ok(()),
            (_, Some(_)) => blocking(move || book.check_bounds(now)).await?,
        }
    }

    /// Delivers the window whose turn it is, and sees to whatever comes of it. Says whether others follow.
    async fn take_turn(&mut self, mut underway: PrefetchedWindow) -> Result<ControlFlow<()>, RunError> {
        let next = self.ahead.peek();
        let step = self.pipeline.window(&mut underway, next, &self.pending).await;
        let pipeline = &mut *self.pipeline;
        let book = Arc::clone(&pipeline.keeping.book);
        pipeline.counts.ledger.unsure = pipeline.gate.unsure.load(Ordering::Relaxed);
        // What an earlier run fetched says nothing of what the server accepts now.
        if step.is_ok() && underway.window.clock == pipeline.clock() {
            let lost = self.refused.lose(&book).await?;
            pipeline.counts.ledger.lost.extend(lost);
        }
        match step {
            Ok(WindowOutcome::Committed | WindowOutcome::Waits) => {}
            Ok(WindowOutcome::AtClose(done)) => self.pending.push(*done),
            Ok(WindowOutcome::Over) => return Ok(self.break_off().await),
            Err(error) if book.outlives() && refused_dates(&error) && may_be_gone(&underway.window) => {
                let reason = in_one_line(&error);
                book.give_up_refused(&underway.window.name, reason).await?;
                self.ahead.forgive();
                // What an earlier run asked for says nothing of the dates.
                let left = match underway.window.clock == self.pipeline.clock() {
                    true => self.refused.put(&underway.window, error),
                    false => Some(anew(&underway.window)),
                };
                if let Some(rest) = left {
                    let window = self.pipeline.in_flight(self.all, rest, underway.window.again);
                    self.begin(window).await?;
                    self.all += 1;
                }
            }
            // Its document waits for a plugin that can read it, and the others need not.
            Err(error @ RunError::TooManyRejected(_)) if book.outlives() => {
                self.hold(error);
                let sinks = &mut self.pipeline.sinks;
                // What there was before it in its window is not to be taken for the next one's.
                if sinks.settle().await.failed || !sinks.goes_on() {
                    return Ok(self.break_off().await);
                }
            }
            Err(error) => {
                self.give_up_failed().await;
                return Err(error);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Ends what is under way: a sink takes no more.
    async fn break_off(&mut self) -> ControlFlow<()> {
        self.give_up_failed().await;
        ControlFlow::Break(())
    }

    /// Keeps what the run is to end with; it can end with one thing only.
    fn hold(&mut self, error: RunError) {
        match &self.held {
            None => self.held = Some(error),
            Some(_) => tracing::error!("{}", in_one_line(&error)),
        }
    }

    /// Where nothing was accepted after what was refused, it is not the dates that the server minds.
    fn end_refused(&mut self) -> Result<(), RunError> {
        let Some(error) = self.refused.error.take() else {
            return Ok(());
        };
        if self.held.is_none() && self.pending.is_empty() {
            return Err(error);
        }
        self.hold(error);
        Ok(())
    }
}
