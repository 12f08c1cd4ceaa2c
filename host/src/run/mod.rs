//! One run: plan, fetch, parse, deliver, sum up.
//!
//! A [`Run`] is everything that was decided beforehand; [`Run::execute`] carries it out and answers with a [`Summary`]
//! whatever happens, beside the [`RunError`] that ended it early. A document is parsed on a thread of its own while the
//! next one is fetched and the last batch delivered; channels between them are short, so memory stays flat.

mod memory;
mod parse;
pub mod probe;
mod silence;
mod summary;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::event::id::{IdError, Ids};
use crate::event::{Batch, Provenance};
use crate::fetch::{FetchError, Fetched, Fetcher};
use crate::plugin::{self, ConnectionKind, Plugin, PluginError, ReportPlugin};
use crate::sink::{Sink, SinkError, Verdict};

pub use summary::{PluginSummary, RemoteSummary, SinkSummary, Summary, UsageSummary, WindowSummary};
pub use window::{Bound, Period, Window, WindowError};

/// Documents fetched ahead of the one that is parsed.
const FETCH_AHEAD: usize = 4;
/// Batches parsed ahead of the one that is delivered.
const BATCHES_AHEAD: usize = 4;
/// Rejected rows that are written to the log, one by one.
const REJECTS_LOGGED: u64 = 5;

/// Why a run ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
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
    pub fetcher: Fetcher,
    /// Where the events go.
    pub sinks: Vec<Box<dyn Sink>>,
    /// What is true of all events.
    pub provenance: Arc<Provenance>,
    /// Told about the course of the run.
    pub observer: Arc<dyn Observer>,
    /// Cancelled when the run shall stop.
    pub stop: CancellationToken,
}

/// What a sink has taken.
#[derive(Default, Clone)]
struct Taken {
    delivered: u64,
    /// Its reader has gone.
    closed: bool,
}

/// What has been counted so far.
#[derive(Default)]
struct Counts {
    events: u64,
    rejected: u64,
    polls: u64,
    bytes: u64,
    sinks: Vec<Taken>,
    job: Option<String>,
    /// The time of the latest event, in ms since 1970.
    last_event: Option<i64>,
    usage: plugin::Usage,
}

impl Run {
    /// Carries the run out. The summary's `exit` is 0; the caller knows the code of an error.
    pub async fn execute(mut self) -> (Summary, Result<(), RunError>) {
        let begun = Instant::now();
        let mut counts = Counts {
            sinks: vec![Taken::default(); self.sinks.len()],
            ..Counts::default()
        };
        let stop = self.stop.clone();
        let result = tokio::select! {
            result = self.deliver_all(&mut counts) => result,
            () = stop.cancelled() => Err(RunError::Stopped),
        };
        (self.summary(counts, begun.elapsed()), result)
    }

    async fn deliver_all(&mut self, counts: &mut Counts) -> Result<(), RunError> {
        let mut report = self.plugin.report()?;
        let plan = report.plan(&self.request)?;
        tracing::info!(fetches = plan.len(), "planned");
        let fetcher = &self.fetcher;
        let mut documents = stream::iter(plan.iter())
            .map(|fetch| fetcher.fetch(fetch))
            .buffered(FETCH_AHEAD);
        let mut ids = Ids::new(&self.provenance.report, &self.provenance.connection);
        let mut cleanups = Vec::new();
        let mut index = 0;
        while let Some(mut fetched) = documents.try_next().await? {
            counts.polls += fetched.polls;
            counts.bytes += fetched.len();
            if counts.job.is_none() {
                counts.job = fetched.job.take();
            }
            cleanups.extend(fetched.cleanup.take());
            ids = deliver_document(
                &mut report,
                &self.request,
                index,
                fetched,
                ids,
                &mut self.sinks,
                &*self.observer,
                counts,
            )
            .await?;
            index += 1;
        }
        drop(documents);
        for (sink, taken) in self.sinks.iter_mut().zip(&mut counts.sinks) {
            if taken.closed {
                continue;
            }
            match sink.close().await {
                Ok(()) => {}
                Err(SinkError::Closed) => taken.closed = true,
                Err(source) => return Err(sink_error(sink.name(), source)),
            }
        }
        if self.description.connection == ConnectionKind::IdentityDomain
            && let Some(notice) = silence::notice(counts.last_event, self.window)
        {
            tracing::warn!("{notice}");
        }
        for cleanup in cleanups {
            self.fetcher.clean_up(&cleanup).await;
        }
        Ok(())
    }

    fn summary(&self, counts: Counts, duration: Duration) -> Summary {
        let remote = self.fetcher.counters();
        Summary {
            run_id: self.id.clone(),
            plugin: PluginSummary {
                name: self.description.name.clone(),
                version: self.description.version.clone(),
                sha256: self.plugin.digest().to_string(),
            },
            connection: self.provenance.connection.clone(),
            window: WindowSummary {
                from: self.window.from,
                to: self.window.to,
            },
            events: counts.events,
            rejected: counts.rejected,
            duplicates: 0,
            sinks: (self.sinks.iter().zip(&counts.sinks))
                .map(|(sink, taken)| SinkSummary {
                    name: sink.name().to_string(),
                    delivered: taken.delivered,
                    retries: 0,
                    dead_lettered: 0,
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
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            exit: 0,
        }
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
    sinks: &mut [Box<dyn Sink>],
    observer: &dyn Observer,
    counts: &mut Counts,
) -> Result<Ids, RunError> {
    let document = plugin::Document {
        fetch: index,
        request: request.clone(),
        file_name: fetched.file_name.clone(),
        length: Some(fetched.len()),
    };
    let parser = report.parser(document)?;
    let (sender, mut batches) = mpsc::channel::<Batch>(BATCHES_AHEAD);
    let parsing = tokio::task::spawn_blocking(move || parse::parse(parser, &fetched, ids, &sender));
    while let Some(batch) = batches.recv().await {
        note_rejects(&batch, counts);
        counts.events += batch.events.len() as u64;
        counts.last_event = counts.last_event.max(batch.events.iter().map(|event| event.time).max());
        for (sink, taken) in sinks.iter_mut().zip(&mut counts.sinks) {
            if taken.closed {
                continue;
            }
            match sink.deliver(&batch.events).await {
                Ok(Verdict::Accepted) => taken.delivered += batch.events.len() as u64,
                Ok(verdict) => {
                    let source = SinkError::Unusable {
                        sink: sink.name().to_owned(),
                        problem: format!("{verdict:?}"),
                        hint: None,
                    };
                    return Err(sink_error(sink.name(), source));
                }
                // Its reader has gone, as `head` does; the others want the rest.
                Err(SinkError::Closed) => taken.closed = true,
                Err(source) => return Err(sink_error(sink.name(), source)),
            }
        }
        if counts.sinks.iter().all(|taken| taken.closed) {
            return Err(RunError::Closed);
        }
        observer.parsed(counts.events, counts.rejected);
    }
    let (ids, usage) = parsing.await.map_err(|error| RunError::Internal(error.to_string()))??;
    counts.usage.add(usage);
    Ok(ids)
}

fn sink_error(name: &str, source: SinkError) -> RunError {
    RunError::Sink {
        name: name.to_string(),
        source,
    }
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
