//! One run: plan, fetch, parse, deliver, sum up.
//!
//! A [`Run`] is everything that was decided beforehand; [`Run::execute`] carries it out and answers with a [`Summary`]
//! whatever happens, beside the [`RunError`] that ended it early. A document is parsed on a thread of its own while the
//! next one is fetched and the last batch delivered; channels between them are short, so memory stays flat.
//!
//! With [`Keeping`], a run may be cut short at any instant, and the next one carries on.

mod again;
mod ahead;
mod aside;
mod book;
#[cfg(test)]
mod calendar;
mod changes;
mod clock;
mod durable;
mod errand;
pub mod facts;
mod fan_out;
mod fetching;
#[cfg(test)]
mod histories;
mod keep_rejected;
mod kept;
mod lines;
mod loss;
mod mark;
mod memory;
mod overlap;
mod parse;
pub mod probe;
mod report;
mod reread;
mod retention;
pub mod route;
mod schedule;
mod shelf;
mod silence;
mod stamp;
pub mod streams;
mod summary;
mod used;
mod verdict;
mod window;

use std::collections::HashMap;
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

use base::counted::counted;
use base::store::StoreError;
use event::id::IdError;
use event::{Batch, Provenance};
use fetch::{Cleanup, FetchError, Fetched, Point};
use ledger::{Interval, LedgerError, Record};
use sandbox::{ConnectionKind, PluginError};
use sink::{SinkError, in_one_line};

use errand::Gate;
use fan_out::{Count, Ending, FanOut, LaneError};
use keep_rejected::Fate;
use kept::{Course, Done};
use mark::MarkError;
use parse::{Known, Reading};
use route::Router;
use stamp::Stamp;

pub use again::Again;
pub use book::{Book, StreamFacts};
pub use durable::DurableChange;
pub use fan_out::{Outlet, SinkProgress, WhenDown};
pub use fetching::Fetch;
pub use keep_rejected::Rejects;
pub use kept::{Keeping, Wanted};
pub use loss::Loss;
pub use report::{Parser, Report};
pub use reread::{Reread, RereadError, reread, reread_together};
pub use retention::{kept, oldest};
pub use schedule::depth;
pub use summary::{
    GapSummary, LedgerSummary, PluginSummary, RemoteSummary, SinkSummary, Summary, UsageSummary, WindowSummary,
};
pub use verdict::{MaxRejected, TooManyRejected};
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
        "{report} of {connection} is marked complete up to {watermark}, but by this machine's clock it is only {now}"
    )]
    Ahead {
        /// The report's name.
        report: String,
        /// The connection's name.
        connection: String,
        /// What names the stream on the command line.
        arguments: String,
        /// The watermark.
        watermark: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// The server no longer had periods that were never collected.
    #[error(
        "{report} of {connection}: data is lost: {} was never collected, and the server no longer has it",
        periods(gaps)
    )]
    Gap {
        /// The report's name.
        report: String,
        /// The connection's name.
        connection: String,
        /// The periods.
        gaps: Vec<Interval>,
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
    /// Required sinks have answered for everything, and optional ones have not: what was for them is lost.
    #[error("{}", loss::told(.sinks))]
    Lost {
        /// The sinks.
        sinks: Vec<Loss>,
    },
    /// Everything was delivered but for dead letters of required sinks.
    #[error(
        "{} not delivered and kept as {} of {}",
        counted(.events, "event was", "events were"),
        if *.events == 1 { "a dead letter" } else { "dead letters" },
        sinks.join(", ")
    )]
    DeadLettered {
        /// The sinks.
        sinks: Vec<String>,
        /// How many.
        events: u64,
    },
    /// Too many rows of a document are no events: it does not count as delivered.
    #[error(transparent)]
    TooManyRejected(Box<TooManyRejected>),
    /// Rejected rows cannot be kept, for a reason that may pass.
    #[error(transparent)]
    Rejects(#[from] StoreError),
    /// Rejected rows cannot be set aside until their document is read.
    #[error("cannot set rejected rows aside in a temporary file")]
    SetAside(#[source] std::io::Error),
    /// Everything was delivered, but rejected rows are neither delivered nor kept.
    #[error("{} not kept: {reason}", counted(*.rows, "rejected row was", "rejected rows were"))]
    RowsLost {
        /// How many.
        rows: u64,
        /// Why.
        reason: String,
    },
    /// A document cannot be kept until its window is committed.
    #[error("cannot keep the document in {}", folder.display())]
    Keep {
        /// The spool beside the ledger.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What waits until its window is committed is as much as may.
    #[error(
        "{} has no room for a document of {more} bytes: what waits there to be delivered has {bytes} bytes of {most} allowed",
        folder.display()
    )]
    SpoolFull {
        /// The spool beside the ledger.
        folder: PathBuf,
        /// Bytes there.
        bytes: u64,
        /// Bytes of the document.
        more: u64,
        /// Bytes allowed.
        most: u64,
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
    /// The report plugin.
    pub report: Arc<dyn Report>,
    /// SHA-256 of its component, hexadecimal.
    pub plugin_sha256: String,
    /// What the plugin said it is.
    pub description: sandbox::Description,
    /// What is asked of it.
    pub request: sandbox::Request,
    /// The period, as the summary shows it.
    pub window: Window,
    /// Carries out fetches.
    pub fetcher: Arc<dyn Fetch>,
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
    /// What becomes of rows that are no events.
    pub rejects: Rejects,
}

/// What has been counted so far.
#[derive(Default)]
struct Counts {
    events: u64,
    rejected: u64,
    fate: Fate,
    mended: u64,
    duplicates: u64,
    ledger: kept::Tally,
    polls: u64,
    bytes: u64,
    job: Option<String>,
    /// The time of the latest event, in ms since 1970.
    last_event: Option<i64>,
    usage: sandbox::Usage,
}

/// Everything that there was, sent to the sinks and not yet safe.
struct Delivered {
    /// What may then be removed from the server.
    cleanups: Vec<Cleanup>,
    /// Windows to commit.
    pending: Vec<Done>,
    /// Why a window stays open although others were delivered.
    held: Option<RunError>,
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
            Err(error) => {
                // Periods that are complete do not come again.
                for loss in sinks.losses() {
                    tracing::error!("{loss}");
                }
                Err(error)
            }
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
        let mut cleanups = Vec::new();
        let (mut pending, mut held) = (Vec::new(), None);
        match &self.keeping {
            Some(keeping) => {
                (pending, held) = self.deliver_windows(keeping, gate, counts, sinks).await?;
            }
            None => {
                let plan = self.report.plan(&self.request).map_err(RunError::Plan)?;
                tracing::info!(fetches = plan.len(), "planned");
                let documents = stream::iter(plan)
                    .map(|fetch| fetched(Arc::clone(&self.fetcher), fetch))
                    .buffered(FETCH_AHEAD);
                cleanups = self
                    .deliver_documents(&self.request, documents, None, counts, sinks)
                    .await?;
            }
        }
        Ok(Delivered {
            cleanups,
            pending,
            held,
        })
    }

    /// Closes the sinks, and commits what is safe only then.
    async fn complete(&self, mut delivered: Delivered, counts: &Counts, sinks: &mut FanOut) -> Result<(), RunError> {
        let mut held = delivered.held.take();
        let completed = self.commit_rest(delivered, counts, sinks, &mut held).await;
        kept::say_held(held);
        completed
    }

    /// As [`complete`](Run::complete); what it ends with or says of what is held, it takes.
    async fn commit_rest(
        &self,
        delivered: Delivered,
        counts: &Counts,
        sinks: &mut FanOut,
        held: &mut Option<RunError>,
    ) -> Result<(), RunError> {
        base::failpoint!("close.before");
        let endings = sinks.close(&*self.observer).await;
        base::failpoint!("close.after");
        if sinks.unrouted() > 0 {
            tracing::warn!(
                "{} no route and not delivered anywhere; a catch-all under [[routes]] keeps them",
                counted(sinks.unrouted(), "event matched", "events matched")
            );
        }
        let settled = settled(endings, &sinks.counts());
        let goes_on = matches!(
            settled,
            Ok(()) | Err(RunError::DeadLettered { .. } | RunError::Lost { .. })
        );
        if !goes_on {
            return settled;
        }
        for cleanup in delivered.cleanups {
            self.fetcher.clean_up(&cleanup).await;
        }
        let Some(keeping) = &self.keeping else {
            self.watch(counts.last_event, self.window);
            return settled.and_then(|()| counts.fate.result());
        };
        self.commit(keeping, delivered.pending, None).await?;
        let record = keeping.book.record();
        if let Some(watched) = silence::watched(&record) {
            self.watch(record.last_event.map(Timestamp::as_millisecond), watched);
        }
        // The first of these is what the run ends with; each is said.
        let lost = self.tell_lost(keeping).await?;
        let ends = [held.take(), settled.err(), lost, counts.fate.result().err()];
        let mut ends = ends.into_iter().flatten();
        let first = ends.next();
        ends.for_each(|error| tracing::error!("{}", in_one_line(&error)));
        first.map_or(Ok(()), Err)
    }

    /// Warns where a source that is known to go silent has had no event for suspiciously long.
    fn watch(&self, last_event: Option<i64>, watched: Window) {
        if self.description.connection == ConnectionKind::IdentityDomain
            && let Some(notice) = silence::notice(last_event, watched)
        {
            tracing::warn!("{notice}");
        }
    }

    /// What is lost and no run has told of: from now on it counts as told.
    async fn tell_lost(&self, keeping: &Keeping) -> Result<Option<RunError>, RunError> {
        let gaps = keeping.book.record().untold.clone();
        if gaps.is_empty() {
            return Ok(None);
        }
        let told = gaps.clone();
        let change = move |record: &mut Record| record.untold.retain(|gap| !told.contains(gap));
        keeping.book.change(DurableChange::Told, change).await?;
        Ok(Some(RunError::Gap {
            report: self.provenance.report.clone(),
            connection: self.provenance.connection.clone(),
            gaps,
        }))
    }

    /// Parses documents as they come, and sends their events on. Says what may be removed from the server once these are
    /// answered for.
    async fn deliver_documents(
        &self,
        request: &sandbox::Request,
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
            let record = self.keeping.as_ref().map(|keeping| keeping.book.record());
            let renamed = record.as_ref().and_then(|record| record.ids_of.as_deref());
            let mut known = Known {
                stamp: Stamp::new(&self.provenance, renamed, request.now),
                alike: HashMap::new(),
            };
            let mut cleanups = Vec::new();
            let mut index = 0;
            while let Some(mut fetched) = arrived.recv().await.transpose()? {
                counts.polls += fetched.polls;
                counts.bytes += fetched.len();
                counts.mended += fetched.mended;
                if counts.job.is_none() {
                    counts.job = fetched.job.take();
                }
                let cleanup = fetched.cleanup.take();
                if let Some(course) = &mut course {
                    course.begin().await?;
                }
                let lost = counts.fate.lost;
                known = self
                    .deliver_document(request, index, fetched, known, course.as_deref_mut(), sinks, counts)
                    .await?;
                if counts.fate.lost == lost {
                    cleanups.extend(cleanup);
                } else if let Some(cleanup) = cleanup {
                    let file = cleanup.file.escape_debug();
                    tracing::warn!("{file} stays on the server: rejected rows of it were not kept");
                }
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

    /// Parses one document on its own thread, gives each batch to every sink, and keeps what was rejected.
    #[allow(clippy::too_many_arguments)]
    async fn deliver_document(
        &self,
        request: &sandbox::Request,
        index: u32,
        fetched: Fetched,
        known: Known,
        mut course: Option<&mut Course<'_>>,
        sinks: &mut FanOut,
        counts: &mut Counts,
    ) -> Result<Known, RunError> {
        let about = sandbox::Document {
            fetch: index,
            request: request.clone(),
            file_name: fetched.file_name.clone(),
            length: Some(fetched.len()),
        };
        let reading = Reading {
            report: Arc::clone(&self.report),
            about: about.clone(),
            most: self.rejects.most,
            bounds: self.rejects.store.as_ref().map(|store| store.bounds()),
            waits: course.is_some(),
        };
        let origin = self.origin(&about, fetched.job.clone());
        // It fails only when it is closed, which it never is.
        let turn = PARSERS.acquire().await.ok();
        let parser = self.report.parser(about)?;
        let (sender, mut batches) = mpsc::channel::<Batch>(BATCHES_AHEAD);
        let used = sinks.used();
        let parsing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            parse::parse(parser, &reading, &fetched, known, &used, &sender)
        });
        while let Some(mut batch) = batches.recv().await {
            note_rejects(&batch, counts);
            counts.events += batch.events.len() as u64;
            counts.last_event = counts.last_event.max(batch.events.iter().map(|event| event.time).max());
            if let Some(course) = &mut course {
                course.overlap.sift(&mut batch.events);
            }
            sinks.send(batch.events).await;
            // What each of them ran into comes out when they are closed.
            if sinks.is_over() {
                break;
            }
            self.observer.parsed(counts.events, counts.rejected);
            if sinks.several() {
                self.observer.delivering(&sinks.progress());
            }
        }
        // A parser that still has something to say must not wait for a listener.
        drop(batches);
        let parsed = parsing.await.map_err(|error| RunError::Internal(error.to_string()))??;
        counts.usage.add(parsed.usage);
        match parsed.rejected {
            parse::Rejected::Nothing => {}
            parse::Rejected::Some(aside) => self.keep_rejected(origin, *aside, &mut counts.fate).await?,
            parse::Rejected::TooMany { why, unseen } => {
                counts.rejected += unseen;
                return Err(RunError::TooManyRejected(why));
            }
        }
        Ok(parsed.known)
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
                sha256: self.plugin_sha256.clone(),
            },
            connection: self.provenance.connection.clone(),
            parameters: self.request.parameters.clone(),
            window: Some(WindowSummary {
                from: window.from,
                to: window.to,
            }),
            events: counts.events,
            rejected: counts.rejected,
            rejected_kept: counts.fate.kept,
            mended: counts.mended,
            duplicates: counts.duplicates,
            unrouted: sinks.unrouted(),
            sinks: (sinks.counts().into_iter())
                .map(|count| SinkSummary {
                    name: count.name,
                    required: count.required,
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
                in_flight: record.as_ref().map_or(0, |record| record.windows.len() as u64),
                watermark,
                last_event: record.and_then(|record| record.last_event),
                late: counts.ledger.late.events,
                largest_lateness_s: counts.ledger.late.largest.as_secs().try_into().unwrap_or(0),
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
fn fetched(fetcher: Arc<dyn Fetch>, fetch: sandbox::Fetch) -> impl Future<Output = Result<Fetched, RunError>> {
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        fetcher.fetch_from(&fetch, Point::Start, &()).await
    }));
    async move {
        let fetched = task.await.map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(fetched?)
    }
}

/// What the endings of all sinks mean for the run.
fn settled(endings: Vec<Ending>, counts: &[Count]) -> Result<(), RunError> {
    let mut closed = 0;
    let mut first = None;
    let mut dead = Vec::new();
    let mut lost = Vec::new();
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
            Some(error) if count.undelivered > 0 => lost.push(Loss {
                name: ending.name,
                events: count.undelivered,
                reason: match error {
                    RunError::Undelivered { reason, .. } => reason,
                    RunError::Sink { source, .. } => in_one_line(&source),
                    error => in_one_line(&error),
                },
            }),
            Some(error) => {
                tracing::warn!("{}; it is not required, so the run goes on", in_one_line(&error));
            }
            None if ending.required && count.dead_lettered > 0 => dead.push((ending.name, count.dead_lettered)),
            None => {}
        }
    }
    if let Some(error) = first {
        for loss in &lost {
            tracing::error!("{loss}");
        }
        return Err(error);
    }
    if sinks > 0 && closed == sinks {
        return Err(RunError::Closed);
    }
    let dead = (!dead.is_empty()).then(|| RunError::DeadLettered {
        events: dead.iter().map(|(_, events)| events).sum(),
        sinks: dead.into_iter().map(|(name, _)| name).collect(),
    });
    if lost.is_empty() {
        return dead.map_or(Ok(()), Err);
    }
    if let Some(dead) = dead {
        tracing::error!("{dead}");
    }
    Err(RunError::Lost { sinks: lost })
}

/// Periods for people.
fn periods(gaps: &[Interval]) -> String {
    let period = |gap: &Interval| {
        let [from, to] = [gap.from, gap.to].map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
        let days = gap.to.duration_since(gap.from).as_hours() / 24;
        format!("{from} to {to} UTC ({})", counted(days.unsigned_abs(), "day", "days"))
    };
    gaps.iter().map(period).collect::<Vec<_>>().join(", ")
}

/// Rejected rows are counted all and logged only at first: a file of nothing else must not flood the log.
fn note_rejects(batch: &Batch, counts: &mut Counts) {
    for reject in &batch.rejects {
        counts.rejected += 1;
        if counts.rejected <= REJECTS_LOGGED {
            tracing::warn!("line {} was rejected: {}", reject.line, reject.reason.escape_debug());
        }
    }
}
