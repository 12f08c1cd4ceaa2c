//! One run: plan, fetch, parse, deliver, sum up.
//!
//! A [`Run`] is everything that was decided beforehand; [`Run::execute`] carries it out and answers with a [`Summary`]
//! whatever happens, beside the [`RunError`] that ended it early. A document is parsed on a thread of its own while the
//! next one is fetched and the last batch delivered; channels between them are short, so memory stays flat.
//!
//! With [`Keeping`], a run may be cut short at any instant, and the next one carries on.

mod ahead;
mod book;
#[cfg(test)]
mod calendar;
mod changes;
mod clock;
mod errand;
mod fan_out;
#[cfg(test)]
mod histories;
mod kept;
mod mark;
mod memory;
mod overlap;
mod parse;
pub mod probe;
mod retention;
pub mod route;
mod schedule;
mod shelf;
mod silence;
mod summary;
mod used;
mod window;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::{OwnedRwLockWriteGuard, Semaphore, mpsc};
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::counted::counted;
use crate::event::id::{IdError, Ids};
use crate::event::{Batch, Provenance};
use crate::fetch::{Cleanup, FetchError, Fetched, Fetcher};
use crate::ledger::{LedgerError, Record};
use crate::plugin::{self, ConnectionKind, Plugin, PluginError, ReportPlugin};
use crate::sink::{SinkError, in_one_line};

use errand::Gate;
use fan_out::{Count, Ending, FanOut, LaneError};
use kept::{Course, Done};
use mark::MarkError;
use overlap::Overlap;
use route::Router;

pub use book::Book;
pub use fan_out::{Outlet, SinkProgress, WhenDown};
pub use kept::{Keeping, Wanted};
pub use retention::oldest;
pub use summary::{
    GapSummary, LedgerSummary, PluginSummary, RemoteSummary, SinkSummary, Summary, UsageSummary, WindowSummary,
};
pub use window::{Bound, Period, Window, WindowError};

/// Documents fetched ahead of the one that is parsed.
const FETCH_AHEAD: usize = 4;
/// Batches parsed ahead of the one that is delivered.
const BATCHES_AHEAD: usize = 4;
/// Documents parsed at once by all runs of the process. A parser keeps a thread for blocking work until its sinks have taken
/// the events, and sinks need such threads themselves: of the 512 that tokio has by default, these may be taken.
static PARSERS: Semaphore = Semaphore::const_new(256);
/// Rejected rows that are written to the log, one by one.
const REJECTS_LOGGED: u64 = 5;

/// How long a run that is told to stop while its sinks complete may go on, because then nothing is left to do.
const ENDING: Duration = Duration::from_secs(2);
/// How long a run that is told to stop waits for the answers to requests that create jobs.
const SUBMITTING: Duration = Duration::from_millis(1500);

/// Why a run ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The plugin refused to plan, or planned what is not allowed.
    #[error(transparent)]
    Plan(PluginError),
    /// The progress cannot be read or kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A sink was given other events than those it has answered for.
    #[error("sink {name}: the window's events are not those of the run that was cut short")]
    Changed {
        /// The sink's name.
        name: String,
    },
    /// A window's document is lost, and the server no longer has all of its period.
    #[error("a document is lost that the server can no longer give in full: its window is given up")]
    Gone,
    /// The watermark lies in the future, so nothing would be due for long.
    #[error(
        "the ledger is ahead of the clock: {report} of {connection} is committed up to {watermark}, and it is {now} now"
    )]
    Ahead {
        /// The report's name.
        report: String,
        /// The connection's name.
        connection: String,
        /// The watermark.
        watermark: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// The windows cannot be computed.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Fetching failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A sink failed.
    #[error("sink {name}")]
    Sink {
        /// The sink's name.
        name: String,
        /// Why.
        source: SinkError,
    },
    /// Events of a required sink were neither delivered nor set aside.
    #[error(
        "sink {name}: {} neither delivered nor kept as dead letters: {reason}",
        counted(.events, "event is", "events are")
    )]
    Undelivered {
        /// The sink's name.
        name: String,
        /// How many.
        events: u64,
        /// Why they could not be kept.
        reason: String,
    },
    /// Everything was delivered but for dead letters of required sinks.
    #[error("{} went to the dead letters of {}", counted(.events, "event", "events"), sinks.join(", "))]
    DeadLettered {
        /// The sinks.
        sinks: Vec<String>,
        /// How many.
        events: u64,
    },
    /// A document cannot be kept until its window is committed.
    #[error("cannot keep the document in {}", folder.display())]
    Keep {
        /// The spool beside the ledger.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The spooled document could not be read back.
    #[error("cannot read the spooled document: {0}")]
    Spool(#[from] std::io::Error),
    /// The reader of stdout went away. Not a failure.
    #[error("standard output was closed")]
    Closed,
    /// The user or the system asked to stop.
    #[error("stopped before the end")]
    Stopped,
    /// The rows already seen cannot be kept.
    #[error(transparent)]
    Ids(#[from] IdError),
    /// A thread of ours died.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Listens to the course of a run. All methods may be called from any thread and must return at once.
pub trait Observer: Send + Sync {
    /// So many events and rejected rows have come out of the parser in all.
    fn parsed(&self, _events: u64, _rejected: u64) {}
    /// How far each sink is, while there is more than one or they are all that is left to wait for.
    fn delivering(&self, _sinks: &[SinkProgress]) {}

    /// Something that an earlier run did not end is taken up again.
    fn resuming(&self, _what: &str) {}

    /// So many windows are in flight.
    fn under_way(&self, _windows: usize) {}

    /// So many windows of so many are done, after so long.
    fn windows(&self, _done: usize, _of: usize, _elapsed: Duration) {}
}

/// Everything a run needs, decided and opened.
pub struct Run {
    /// Names the run in the summary.
    pub id: String,
    /// The loaded component.
    pub plugin: Plugin,
    /// What the plugin said it is.
    pub description: plugin::Description,
    /// What is asked of it.
    pub request: plugin::Request,
    /// The period, as the summary shows it.
    pub window: Window,
    /// Carries out fetches.
    pub fetcher: Arc<Fetcher>,
    /// Where events go.
    pub outlets: Vec<Outlet>,
    /// Which of them where.
    pub router: Router,
    /// What is true of all events.
    pub provenance: Arc<Provenance>,
    /// Told about the course of the run.
    pub observer: Arc<dyn Observer>,
    /// Cancelled when the run shall stop.
    pub stop: CancellationToken,
    /// Where progress is kept, if it is.
    pub keeping: Option<Keeping>,
}

/// What has been counted so far.
#[derive(Default)]
struct Counts {
    events: u64,
    rejected: u64,
    duplicates: u64,
    ledger: kept::Tally,
    polls: u64,
    bytes: u64,
    job: Option<String>,
    /// The time of the latest event, in ms since 1970.
    last_event: Option<i64>,
    usage: plugin::Usage,
}

/// Everything that there was, sent to the sinks and not yet safe.
struct Delivered {
    /// What may then be removed from the server.
    cleanups: Vec<Cleanup>,
    /// Windows to commit.
    pending: Vec<Done>,
}

/// Over when the run was told to stop, and no request that creates a job is under way: broken off, nobody would know
/// whether there is one. None is begun as long as the answer is held.
async fn told_to_stop(stop: &CancellationToken, gate: &Gate) -> Result<OwnedRwLockWriteGuard<()>, Elapsed> {
    stop.cancelled().await;
    tokio::time::timeout(SUBMITTING, gate.close()).await
}

/// Over when the run was told to stop, and had its time to end all the same.
async fn late(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(ENDING).await;
}

impl Run {
    /// Carries the run out. The summary's `exit` is 0; the caller knows the code of an error.
    pub async fn execute(mut self) -> (Summary, Result<(), RunError>) {
        let begun = Instant::now();
        let mut counts = Counts::default();
        let stop = self.stop.clone();
        let outlets = std::mem::take(&mut self.outlets);
        let router = std::mem::replace(&mut self.router, Router::All);
        let mut sinks = FanOut::start(
            outlets,
            router,
            Arc::clone(&self.provenance),
            self.keeping.as_ref().map(|keeping| &*keeping.book),
        );
        let gate = Arc::default();
        let delivered = tokio::select! {
            biased;
            _closed = told_to_stop(&stop, &gate) => Err(RunError::Stopped),
            delivered = self.deliver_all(&gate, &mut counts, &mut sinks) => delivered,
        };
        let result = match delivered {
            // So near the end, to end is the better way to stop.
            Ok(delivered) => tokio::select! {
                result = self.complete(delivered, &counts, &mut sinks) => result,
                () = late(&stop) => Err(RunError::Stopped),
            },
            Err(error) => Err(error),
        };
        sinks.give_up().await;
        let record = self.keeping.as_ref().map(|keeping| keeping.book.record());
        (self.summary(counts, &sinks, begun.elapsed(), record), result)
    }

    /// Delivers everything that there is.
    async fn deliver_all(
        &self,
        gate: &Arc<Gate>,
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<Delivered, RunError> {
        if let Some(keeping) = &self.keeping {
            self.check_clock(keeping)?;
        }
        let mut report = self.plugin.report()?;
        let mut cleanups = Vec::new();
        let mut pending = Vec::new();
        match &self.keeping {
            Some(keeping) => {
                pending = self.deliver_windows(keeping, gate, &mut report, counts, sinks).await?;
            }
            None => {
                let plan = report.plan(&self.request).map_err(RunError::Plan)?;
                tracing::info!(fetches = plan.len(), "planned");
                let documents = stream::iter(plan)
                    .map(|fetch| fetched(Arc::clone(&self.fetcher), fetch))
                    .buffered(FETCH_AHEAD);
                cleanups = self
                    .deliver_documents(&mut report, &self.request, documents, None, counts, sinks)
                    .await?;
            }
        }
        Ok(Delivered { cleanups, pending })
    }

    /// Closes the sinks, and commits what is safe only then.
    async fn complete(&self, delivered: Delivered, counts: &Counts, sinks: &mut FanOut) -> Result<(), RunError> {
        failpoint!("close.before");
        let endings = sinks.close(&*self.observer).await;
        failpoint!("close.after");
        let window = counts.ledger.hull.unwrap_or(self.window);
        if self.description.connection == ConnectionKind::IdentityDomain
            && let Some(notice) = silence::notice(counts.last_event, window)
        {
            tracing::warn!("{notice}");
        }
        if sinks.unrouted() > 0 {
            tracing::warn!(
                events = sinks.unrouted(),
                "no route takes these events: they go nowhere"
            );
        }
        let settled = settled(endings, &sinks.counts());
        if matches!(settled, Ok(()) | Err(RunError::DeadLettered { .. })) {
            for cleanup in delivered.cleanups {
                self.fetcher.clean_up(&cleanup).await;
            }
            if let Some(keeping) = &self.keeping {
                self.commit(keeping, delivered.pending, None).await?;
            }
        }
        settled
    }

    /// Parses documents as they come, and sends their events on. Says what may be removed from the server once these are
    /// answered for.
    async fn deliver_documents(
        &self,
        report: &mut ReportPlugin,
        request: &plugin::Request,
        documents: impl Stream<Item = Result<Fetched, RunError>>,
        mut course: Option<&mut Course<'_>>,
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<Vec<Cleanup>, RunError> {
        let (sender, mut arrived) = mpsc::channel(1);
        // Fetches only go on while somebody waits for them, and whoever delivers a document waits for its sinks.
        let fetching = async move {
            let mut documents = std::pin::pin!(documents);
            while let Some(fetched) = documents.next().await {
                let failed = fetched.is_err();
                if sender.send(fetched).await.is_err() || failed {
                    break;
                }
            }
        };
        let delivering = async move {
            let mut ids = Ids::new(&self.provenance.report, &self.provenance.connection);
            let mut cleanups = Vec::new();
            let mut index = 0;
            while let Some(mut fetched) = arrived.recv().await.transpose()? {
                counts.polls += fetched.polls;
                counts.bytes += fetched.len();
                if counts.job.is_none() {
                    counts.job = fetched.job.take();
                }
                cleanups.extend(fetched.cleanup.take());
                if let Some(course) = &mut course {
                    course.begin().await?;
                }
                ids = deliver_document(
                    report,
                    request,
                    index,
                    fetched,
                    ids,
                    course.as_deref_mut().map(|course| &mut course.overlap),
                    sinks,
                    &*self.observer,
                    counts,
                )
                .await?;
                index += 1;
                if sinks.is_over() {
                    break;
                }
            }
            Ok(cleanups)
        };
        let mut delivering = std::pin::pin!(delivering);
        tokio::select! {
            biased;
            delivered = &mut delivering => return delivered,
            () = fetching => {}
        }
        delivering.await
    }

    fn summary(&self, counts: Counts, sinks: &FanOut, duration: Duration, record: Option<Arc<Record>>) -> Summary {
        let watermark = record.as_ref().and_then(|record| record.watermark);
        let remote = self.fetcher.counters();
        let window = match (counts.ledger.hull, &self.keeping) {
            (Some(hull), _) => hull,
            // Nothing was due.
            (None, Some(keeping)) if keeping.wanted == Wanted::Due => {
                let at = watermark.unwrap_or(self.window.from);
                Window { from: at, to: at }
            }
            _ => self.window,
        };
        Summary {
            run_id: self.id.clone(),
            plugin: PluginSummary {
                name: self.description.name.clone(),
                version: self.description.version.clone(),
                sha256: self.plugin.digest().to_string(),
            },
            connection: self.provenance.connection.clone(),
            parameters: self.request.parameters.clone(),
            window: Some(WindowSummary {
                from: window.from,
                to: window.to,
            }),
            events: counts.events,
            rejected: counts.rejected,
            duplicates: counts.duplicates,
            unrouted: sinks.unrouted(),
            sinks: (sinks.counts().into_iter())
                .map(|count| SinkSummary {
                    name: count.name,
                    delivered: count.delivered,
                    delivered_before: count.before,
                    retries: count.retries,
                    dead_lettered: count.dead_lettered,
                    undelivered: count.undelivered,
                    guarantee: count.guarantee,
                })
                .collect(),
            remote: RemoteSummary {
                requests: remote.requests,
                retries: remote.retries,
                polls: counts.polls,
                bytes: counts.bytes,
                job: counts.job,
            },
            usage: UsageSummary {
                guest_ms: (counts.usage.guest.as_secs_f64() * 1e6).round() / 1e3,
                guest_peak_bytes: counts.usage.peak_bytes,
                calls: counts.usage.calls,
                peak_bytes: memory::peak_bytes(),
            },
            ledger: self.keeping.as_ref().map(|_| LedgerSummary {
                windows: counts.ledger.windows,
                resumed: counts.ledger.resumed,
                unsure: counts.ledger.unsure,
                in_flight: record.map_or(0, |record| record.windows.len() as u64),
                watermark,
                gaps: (counts.ledger.lost.iter())
                    .map(|gap| GapSummary {
                        from: gap.from,
                        to: gap.to,
                    })
                    .collect(),
            }),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            // How it began and ends is the caller's to know.
            ..Summary::default()
        }
    }
}

/// Begins a fetch. It is a task of its own, and so goes on while the document before it is waited for.
fn fetched(fetcher: Arc<Fetcher>, fetch: plugin::Fetch) -> impl Future<Output = Result<Fetched, RunError>> {
    let task = AbortOnDropHandle::new(tokio::spawn(async move { fetcher.fetch(&fetch).await }));
    async move {
        let fetched = task.await.map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(fetched?)
    }
}

/// Parses one document on its own thread and gives each batch to every sink.
#[allow(clippy::too_many_arguments)]
async fn deliver_document(
    report: &mut ReportPlugin,
    request: &plugin::Request,
    index: u32,
    fetched: Fetched,
    ids: Ids,
    mut overlap: Option<&mut Overlap>,
    sinks: &mut FanOut,
    observer: &dyn Observer,
    counts: &mut Counts,
) -> Result<Ids, RunError> {
    let document = plugin::Document {
        fetch: index,
        request: request.clone(),
        file_name: fetched.file_name.clone(),
        length: Some(fetched.len()),
    };
    // It fails only when it is closed, which it never is.
    let turn = PARSERS.acquire().await.ok();
    let parser = report.parser(document)?;
    let (sender, mut batches) = mpsc::channel::<Batch>(BATCHES_AHEAD);
    let used = sinks.used();
    let parsing = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        parse::parse(parser, &fetched, ids, &used, &sender)
    });
    while let Some(mut batch) = batches.recv().await {
        note_rejects(&batch, counts);
        counts.events += batch.events.len() as u64;
        counts.last_event = counts.last_event.max(batch.events.iter().map(|event| event.time).max());
        if let Some(overlap) = &mut overlap {
            overlap.sift(&mut batch.events);
        }
        sinks.send(batch.events).await;
        // What each of them ran into comes out when they are closed.
        if sinks.is_over() {
            break;
        }
        observer.parsed(counts.events, counts.rejected);
        if sinks.several() {
            observer.delivering(&sinks.progress());
        }
    }
    // A parser that still has something to say must not wait for a listener.
    drop(batches);
    let (ids, usage) = parsing.await.map_err(|error| RunError::Internal(error.to_string()))??;
    counts.usage.add(usage);
    Ok(ids)
}

/// What the endings of all sinks mean for the run.
fn settled(endings: Vec<Ending>, counts: &[Count]) -> Result<(), RunError> {
    let mut closed = 0;
    let mut first = None;
    let mut dead = Vec::new();
    let sinks = endings.len();
    for (ending, count) in endings.into_iter().zip(counts) {
        let failed = match ending.result {
            Err(LaneError::Sink(SinkError::Closed)) => {
                closed += 1;
                None
            }
            Err(LaneError::GivenUp) => Some(RunError::Stopped),
            Err(LaneError::Mark(MarkError::Ledger(source))) => Some(RunError::Ledger(source)),
            Err(LaneError::Mark(MarkError::Changed)) => Some(RunError::Changed {
                name: ending.name.clone(),
            }),
            Err(LaneError::Mark(error @ MarkError::Unseen { .. })) => Some(RunError::Sink {
                name: ending.name.clone(),
                source: SinkError::Journal {
                    sink: ending.name.clone(),
                    source: Box::new(error),
                },
            }),
            Err(LaneError::Sink(source)) => Some(RunError::Sink {
                name: ending.name.clone(),
                source,
            }),
            Ok(()) if count.undelivered > 0 => Some(RunError::Undelivered {
                name: ending.name.clone(),
                events: count.undelivered,
                reason: ending.trouble.unwrap_or_default(),
            }),
            Ok(()) => None,
        };
        match failed {
            Some(error) if ending.required && first.is_none() => first = Some(error),
            Some(error) if ending.required => tracing::error!("{}", in_one_line(&error)),
            Some(error) => {
                tracing::warn!("{}; it is not required, so the run goes on", in_one_line(&error));
            }
            None if ending.required && count.dead_lettered > 0 => dead.push((ending.name, count.dead_lettered)),
            None => {}
        }
    }
    if let Some(error) = first {
        return Err(error);
    }
    if sinks > 0 && closed == sinks {
        return Err(RunError::Closed);
    }
    if dead.is_empty() {
        return Ok(());
    }
    Err(RunError::DeadLettered {
        events: dead.iter().map(|(_, events)| events).sum(),
        sinks: dead.into_iter().map(|(name, _)| name).collect(),
    })
}

/// Rejected rows are counted all and logged only at first: a file of nothing else must not flood the log.
fn note_rejects(batch: &Batch, counts: &mut Counts) {
    for reject in &batch.rejects {
        counts.rejected += 1;
        if counts.rejected <= REJECTS_LOGGED {
            tracing::warn!(line = reject.line, reason = %reject.reason.escape_debug(), "row rejected");
        }
    }
}
