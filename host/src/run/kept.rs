//! A run with a ledger: first the windows that an earlier run did not end, then those that are due; each is committed
//! once every required sink has answered for its events.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::book::{Book, Errand};
use super::fan_out::{FanOut, Standing};
use super::overlap::Overlap;
use super::schedule::{Planned, Rules, Schedule};
use super::window::Window;
use super::{Counts, FETCH_AHEAD, Run, RunError};
use crate::fetch::{Cleanup, FetchError};
use crate::ledger::{FetchState, InFlight, Interval, LedgerError, Recent, Record};
use crate::plugin::{self, Blame, ReportPlugin};
use crate::remote::Class;
use crate::sink::in_one_line;

/// After so long, a job that does not end is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// How a run keeps its progress.
pub struct Keeping {
    /// The stream's record.
    pub book: Book,
    /// How long after an event it may still be missing at the source.
    pub lag: Duration,
    /// What is asked for besides the windows in flight.
    pub wanted: Wanted,
}

/// What a run with a ledger asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What is due since the watermark.
    Due,
    /// The period of the run, whatever was committed of it.
    Period,
    /// What of the period of the run was never committed, in windows of at most so many days.
    Missing {
        /// Days.
        days: u32,
    },
}

/// What a run did with the ledger.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) windows: u64,
    pub(super) resumed: u64,
    pub(super) unsure: AtomicU64,
    pub(super) lost: Vec<Interval>,
    /// From the first to the last window.
    pub(super) hull: Option<Window>,
}

/// A window whose events are all delivered, but not all safely before the sinks are closed.
pub(super) struct Done {
    name: String,
    ids: Recent,
    cleanups: Vec<Cleanup>,
}

/// What became of a window.
enum Step {
    Committed,
    AtClose(Done),
    /// The plugin plans it differently by now: its period is asked for anew.
    GivenUp,
    /// A sink did not take all of it: the run ends.
    Over,
}

/// A window under way.
pub(super) struct Course<'a> {
    book: &'a Book,
    window: &'a InFlight,
    begun: bool,
    pub(super) overlap: Overlap,
}

impl Course<'_> {
    /// The first document is here: from now on sinks may have events of this window.
    pub(super) async fn begin(&mut self) -> Result<(), RunError> {
        if !self.begun && !self.window.delivering {
            let name = self.window.name.clone();
            let change = move |record: &mut Record| {
                if let Some(window) = record.window_mut(&name) {
                    window.delivering = true;
                }
            };
            self.book.change("delivering", change).await?;
        }
        self.begun = true;
        Ok(())
    }
}

impl Run {
    /// Carries out all windows. Those it answers with are to be committed once the sinks are closed well.
    pub(super) async fn deliver_windows(
        &self,
        keeping: &Keeping,
        report: &mut ReportPlugin,
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<Vec<Done>, RunError> {
        let mut pending = Vec::new();
        let mut adopted = Vec::new();
        for window in keeping.book.record().await.windows {
            self.observer.resuming(&resumed(&window));
            counts.ledger.resumed += 1;
            match self.window(keeping, &window, report, counts, sinks).await? {
                Step::Committed => adopted.push(window.period),
                Step::AtClose(done) => {
                    adopted.push(window.period);
                    pending.push(done);
                }
                Step::GivenUp => {}
                Step::Over => return Ok(pending),
            }
        }
        let schedule = self.schedule(keeping, &adopted).await?;
        for lost in &schedule.lost {
            tracing::warn!(
                from = %lost.from,
                to = %lost.to,
                "GAP: the server no longer has this period, and it was never committed; `host gaps` lists it"
            );
            let lost = *lost;
            keeping.book.change("lost", move |record| record.lose(lost)).await?;
            counts.ledger.lost.push(lost);
        }
        if let Some(begin) = schedule.begin {
            let begin = move |record: &mut Record| record.watermark = record.watermark.or(Some(begin));
            keeping.book.change("begun", begin).await?;
        }
        let (begun, all) = (Instant::now(), schedule.windows.len());
        for (number, planned) in schedule.windows.into_iter().enumerate() {
            if adopted.contains(&Interval::new(planned.window.from, planned.window.to)) {
                continue;
            }
            let window = self.plan_window(keeping, number, planned).await?;
            match self.window(keeping, &window, report, counts, sinks).await? {
                Step::Committed | Step::GivenUp => {}
                Step::AtClose(done) => pending.push(done),
                Step::Over => break,
            }
            self.observer.windows(number + 1, all, begun.elapsed());
        }
        Ok(pending)
    }

    /// What there is to ask for, after what was adopted.
    async fn schedule(&self, keeping: &Keeping, adopted: &[Interval]) -> Result<Schedule, RunError> {
        let rules = Rules {
            now: self.clock(),
            lag: keeping.lag,
            granularity: self.description.granularity,
            retention_days: self.description.retention_days,
            window_days: self.description.window_days,
        };
        if keeping.wanted == Wanted::Period {
            return Ok(rules.period(self.window)?);
        }
        let mut record = keeping.book.record().await;
        // Windows that are committed at the end of this run are due no more.
        let waiting: Vec<InFlight> = std::mem::take(&mut record.windows);
        for window in waiting.into_iter().filter(|window| adopted.contains(&window.period)) {
            let name = window.name.clone();
            record.windows.push(window);
            record.commit(&name, Recent::default());
        }
        Ok(match keeping.wanted {
            Wanted::Missing { days } => rules.missing(&record, self.window, days)?,
            _ => rules.due(&record)?,
        })
    }

    pub(super) fn clock(&self) -> Timestamp {
        Timestamp::from_millisecond(self.request.now).unwrap_or_else(|_| Timestamp::now())
    }

    /// Writes a window down.
    async fn plan_window(&self, keeping: &Keeping, number: usize, planned: Planned) -> Result<InFlight, RunError> {
        let name = match number {
            0 => self.request.unique_name.clone(),
            number => format!("{}-{number}", self.request.unique_name),
        };
        let window = InFlight {
            name,
            period: Interval::new(planned.window.from, planned.window.to),
            settled: planned.settled,
            clock: self.clock(),
            plugin: self.plugin.digest().to_string(),
            again: keeping.wanted == Wanted::Period,
            fetches: Vec::new(),
            delivering: false,
        };
        let begun = window.clone();
        keeping
            .book
            .change("planned", move |record| record.windows.push(begun))
            .await?;
        Ok(window)
    }

    async fn window(
        &self,
        keeping: &Keeping,
        window: &InFlight,
        report: &mut ReportPlugin,
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<Step, RunError> {
        counts.ledger.windows += 1;
        let Interval { from, to } = window.period;
        counts.ledger.hull = Some(match counts.ledger.hull {
            Some(hull) => Window {
                from: hull.from.min(from),
                to: hull.to.max(to),
            },
            None => Window { from, to },
        });
        let step = self.carry_out(keeping, window, report, counts, sinks).await;
        if let Err(error) = &step
            && is_final(error, window)
        {
            let reason = in_one_line(error);
            keeping.book.give_up(&window.name, reason).await?;
        }
        step
    }

    async fn carry_out(
        &self,
        keeping: &Keeping,
        window: &InFlight,
        report: &mut ReportPlugin,
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<Step, RunError> {
        let book = &keeping.book;
        let request = plugin::Request {
            window: plugin::Window {
                from: window.period.from.as_millisecond(),
                to: window.period.to.as_millisecond(),
            },
            now: window.clock.as_millisecond(),
            parameters: self.request.parameters.clone(),
            unique_name: window.name.clone(),
        };
        let plan = report.plan(&request).map_err(RunError::Plan)?;
        let mut window = window.clone();
        if window.fetches.is_empty() {
            window.fetches = vec![FetchState::Planned; plan.len()];
            let fetches = window.fetches.clone();
            let name = window.name.clone();
            let change = move |record: &mut Record| {
                if let Some(window) = record.window_mut(&name) {
                    window.fetches = fetches;
                }
            };
            book.change("fetches", change).await?;
        } else if window.fetches.len() != plan.len() {
            let reason = "the plugin plans this window differently than when it was begun";
            tracing::warn!(window = %window.name, "{reason}: it is given up, and its period asked for anew");
            book.give_up(&window.name, reason.into()).await?;
            return Ok(Step::GivenUp);
        }
        tracing::info!(window = %window.name, fetches = plan.len(), "planned");
        let record = book.record().await;
        let in_flight: BTreeSet<String> = record.windows.iter().map(|window| window.name.clone()).collect();
        sinks.begin(&window.name, in_flight).await;
        let mut course = Course {
            book,
            window: &window,
            begun: false,
            overlap: Overlap::new(&window, self.description.granularity, record.recent),
        };
        let unsure = AtomicU64::new(0);
        let (unsure_jobs, asked) = (&unsure, &window);
        let documents = stream::iter(plan.iter().enumerate())
            .map(|(place, fetch)| async move {
                let errand = Errand {
                    book,
                    window: asked,
                    place,
                    unsure: unsure_jobs,
                };
                if let Some(fetched) = errand.kept().await? {
                    return Ok(fetched);
                }
                let fetched = self.fetcher.fetch_from(fetch, errand.point(), &errand).await;
                errand.keep(fetched.map_err(of_fetch)?).await
            })
            .buffered(FETCH_AHEAD);
        let delivered = self
            .deliver_documents(report, &request, documents, Some(&mut course), counts, sinks)
            .await;
        counts.duplicates += course.overlap.duplicates;
        counts
            .ledger
            .unsure
            .fetch_add(unsure.load(Ordering::Relaxed), Ordering::Relaxed);
        let done = Done {
            name: window.name.clone(),
            ids: std::mem::take(&mut course.overlap.new),
            cleanups: delivered?,
        };
        failpoint!("settle.before");
        let standing = sinks.settle().await;
        failpoint!("settle.after");
        Ok(match standing {
            Standing::Safe => {
                self.commit(keeping, done).await?;
                Step::Committed
            }
            Standing::AtClose if !sinks.is_over() => Step::AtClose(done),
            Standing::AtClose | Standing::Failed => Step::Over,
        })
    }

    /// Commits a window; only then is its file removed from the server.
    pub(super) async fn commit(&self, keeping: &Keeping, done: Done) -> Result<(), RunError> {
        keeping.book.commit(&done.name, done.ids).await?;
        for cleanup in &done.cleanups {
            failpoint!("cleanup.before");
            self.fetcher.clean_up(cleanup).await;
            failpoint!("cleanup.after");
        }
        Ok(())
    }
}

/// A ledger's error comes back out of a fetch in a box.
fn of_fetch(error: FetchError) -> RunError {
    match error {
        FetchError::Journal(source) => match source.downcast::<LedgerError>() {
            Ok(error) => RunError::Ledger(*error),
            Err(source) => RunError::Internal(source.to_string()),
        },
        error => RunError::Fetch(error),
    }
}

/// Whether another attempt with the same job and the same document would fail the same way.
fn is_final(error: &RunError, window: &InFlight) -> bool {
    match error {
        RunError::Plan(_) => true,
        RunError::Plugin(error) => error.blame() == Blame::Remote,
        RunError::Fetch(FetchError::JobTimeout { .. }) => Timestamp::now().duration_since(window.clock) > PATIENCE,
        RunError::Fetch(error) => matches!(error.class(), Class::Failed | Class::Plugin),
        _ => false,
    }
}

/// What is said of a window that is taken up again.
fn resumed(window: &InFlight) -> String {
    let Interval { from, to } = window.period;
    let job = window.fetches.iter().find_map(|fetch| match fetch {
        FetchState::Submitted { link } | FetchState::Waiting { link, .. } => {
            link.trim_end_matches('/').rsplit('/').next().map(str::to_owned)
        }
        FetchState::Ready { job, .. } => job.clone(),
        FetchState::Spooled(kept) => kept.job.clone(),
        FetchState::Planned | FetchState::Submitting => None,
    });
    let state = window.state();
    match job {
        Some(job) => format!("resuming job {job} of {from} to {to} ({state})"),
        None => format!("resuming the window {from} to {to} ({state})"),
    }
}
