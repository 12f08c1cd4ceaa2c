//! The ledger of a run: whether its progress counts, which stream it goes on with, and what the ledger is told of it.
//!
//! A [`RunLedger`] is the file that a run keeps its progress in; a [`RunStream`] is that ledger, opened, with the stream of the
//! run, and makes [`LedgerOptions`] once the sinks are there.

mod told;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{EVIDENCE, ErrorKind, database};
use event::Provenance;
use ledger::{Record, SqliteLedger, Stream, Tier};
use remote::Settings;
use run::streams::{FoundStream, StreamQuery, find};
use run::{HistoryEntry, LedgerOptions, RunMode, RunSink, StreamFacts, StreamLedger, depth, kept};
use sandbox::Granularity;

use crate::SetupError;
use crate::config::{Config, LookBackStep};
use crate::report::PreparedReport;
pub use crate::sink_places::routed;
use crate::sink_places::{are_new_to, places, tell_news};
use crate::state;

/// Seconds.
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How long after an event it may still be missing at the source, unless the configuration says otherwise.
const LAG: Duration = Duration::from_secs(15 * MINUTE);
/// How far runs look back, and how often, unless the configuration says otherwise: seconds.
const LOOK_BACK: [(u64, u64); 3] = [(HOUR, 0), (6 * HOUR, HOUR), (48 * HOUR, 24 * HOUR)];
/// The name of the sink that writes to the standard output.
const STDOUT: &str = "stdout";
/// Windows in flight at once, unless said otherwise.
const WINDOWS_AHEAD: u16 = 4;

/// The ledger of a run, as somebody asks for it.
#[derive(Debug)]
pub struct LedgerChoice<'a> {
    /// The file.
    pub path: PathBuf,
    /// True where somebody named the file, and so said that the run counts whatever sinks it delivers to.
    pub named: bool,
    /// The sinks that were named; where there are none, the routes say where events go.
    pub sinks: &'a [String],
}

/// The ledger that a run keeps its progress in.
#[derive(Debug)]
pub struct RunLedger {
    path: PathBuf,
    /// The ledger and the run's stream, where the ledger was there before the run.
    known: Option<(SqliteLedger, Stream)>,
    /// The sinks that a backfill is for, where these alone lack what others have.
    only: Vec<String>,
}

/// A run that only looks: it delivers to other sinks than those that its stream is collected for, and nobody said that it counts.
#[derive(Debug)]
pub struct LookingRun {
    /// The stream, for people.
    stream: String,
    /// The sinks that it delivers to.
    named: Vec<String>,
    /// The sinks that the stream is collected for.
    sinks: Vec<String>,
}

/// The progress of a run: kept, or of a run that only looks.
#[derive(Debug)]
pub enum RunProgress {
    /// The progress is kept there.
    Kept(RunLedger),
    /// The run counts for nobody.
    Looks(LookingRun),
}

impl RunLedger {
    /// The ledger of a run, unless the run only looks. A ledger that is not there yet is not made.
    ///
    /// # Errors
    ///
    /// Where the ledger is there and cannot be read.
    pub async fn of_run(
        choice: LedgerChoice<'_>,
        wanted: RunMode,
        report: &PreparedReport,
        connection: &str,
    ) -> Result<RunProgress, SetupError> {
        let name = &report.description.name;
        let stream = report.stream(connection)?.map(|stream| stream.name.as_str());
        let (mut sinks, mut known, mut only) = (None, None, Vec::new());
        if choice.path.exists() {
            let ledger = open(choice.path.clone()).await?;
            let query = StreamQuery {
                name: stream,
                connection,
                report: name,
                parameters: &report.request.parameters,
                origin: None,
            };
            let found = find(&ledger, query).await?;
            if matches!(wanted, RunMode::Backfill { .. })
                && !choice.named
                && let Some(record) = &found.record
                && are_new_to(record, choice.sinks, report, stream)
            {
                only = choice.sinks.to_vec();
            }
            sinks = found.record.and_then(collected_for);
            known = Some((ledger, found.stream));
        }
        let routed = routed(&report.config, name, stream);
        let named = match &routed {
            _ if !choice.sinks.is_empty() => choice.sinks.to_vec(),
            // What the routes say today is what the stream is collected for.
            Some(routed) => routed.clone(),
            None => vec![STDOUT.to_owned()],
        };
        let looks = |sinks: &Vec<String>| {
            only.is_empty() && !choice.named && routed.as_ref() != Some(&named) && !serves(&named, sinks)
        };
        Ok(match sinks.or_else(|| routed.clone()).filter(looks) {
            Some(sinks) => RunProgress::Looks(LookingRun {
                stream: match (known.as_ref())
                    .and_then(|(_, stream)| stream.name.as_deref())
                    .or(stream)
                {
                    Some(stream) => format!("{stream} ({name} @ {connection})"),
                    None => format!("{name} @ {connection}"),
                },
                named,
                sinks,
            }),
            None => RunProgress::Kept(RunLedger {
                path: choice.path,
                known,
                only: only.clone(),
            }),
        })
    }

    /// The entry of the run in the history of its stream. None where the ledger is still to be made: a run that is refused makes none.
    pub async fn history(&self, mode: RunMode) -> Option<HistoryEntry> {
        let (ledger, stream) = self.known.clone()?;
        entry(ledger, stream, mode).await
    }

    /// Opens the ledger, and finds the run's stream there.
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be opened.
    pub async fn open(
        self,
        wanted: RunMode,
        report: &PreparedReport,
        provenance: &Provenance,
        settings: &Settings,
    ) -> Result<RunStream, SetupError> {
        let RunLedger { path, known, only } = self;
        if let Some((ledger, _)) = known {
            let stream = RunStream::within(ledger, report, provenance, settings).await?;
            return Ok(RunStream { only, ..stream });
        }
        let gone = path.clone();
        // Whatever becomes of the warning, the ledger is opened.
        let _ = base::blocking(move || warn_where_gone(&gone, wanted)).await;
        RunStream::find(path, report, provenance, settings).await
    }
}

/// The entry of a run in the history of a stream, opened on a thread that may wait for the disk.
async fn entry(ledger: SqliteLedger, stream: Stream, mode: RunMode) -> Option<HistoryEntry> {
    let opened = base::blocking(move || HistoryEntry::open(&ledger, stream, mode)).await;
    opened.ok().flatten()
}

/// Says so where there was a ledger and is none: the locks beside it stay when it goes.
fn warn_where_gone(path: &Path, wanted: RunMode) {
    let gone = database::is_there(path).is_ok_and(|there| !there);
    let mut locks = path.to_owned().into_os_string();
    locks.push("-locks");
    let locks = PathBuf::from(locks);
    if !gone || !std::fs::read_dir(&locks).is_ok_and(|mut locks| locks.next().is_some()) {
        return;
    }
    let then = match wanted {
        RunMode::Incremental => "this run begins with today",
        RunMode::Period | RunMode::Backfill { .. } => "nothing is known of what was collected before",
    };
    tracing::warn!(
        target: EVIDENCE,
        "the ledger {} is gone, though {} shows that there was one: {then}. To restore it, put a backup in its place and run \
         again; without one, `host backfill` collects the days before",
        path.display(),
        locks.display()
    );
}

/// A ledger, opened, and what it knows of a run's stream.
pub struct RunStream {
    ledger: SqliteLedger,
    found: FoundStream,
    /// The sinks that a backfill is for, where these alone lack what others have.
    only: Vec<String>,
}

impl RunStream {
    /// Opens a ledger and finds the stream of a run there, or that there is none yet.
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be opened or read.
    pub async fn find(
        path: PathBuf,
        report: &PreparedReport,
        provenance: &Provenance,
        settings: &Settings,
    ) -> Result<RunStream, SetupError> {
        let ledger = open(path).await?;
        RunStream::within(ledger, report, provenance, settings).await
    }

    /// Finds the stream of a run in a ledger that is open, or that there is none yet.
    async fn within(
        ledger: SqliteLedger,
        report: &PreparedReport,
        provenance: &Provenance,
        settings: &Settings,
    ) -> Result<RunStream, SetupError> {
        let origin = source(&report.config, settings);
        let Provenance {
            connection,
            report: name,
            ..
        } = provenance;
        let stream = report.stream(connection)?;
        let query = StreamQuery {
            name: stream.map(|stream| stream.name.as_str()),
            connection,
            report: name,
            parameters: &report.request.parameters,
            origin: Some(&origin),
        };
        let found = find(&ledger, query).await?;
        let only = Vec::new();
        Ok(RunStream { ledger, found, only })
    }

    /// The stream.
    pub fn stream(&self) -> &Stream {
        &self.found.stream
    }

    /// The entry of the run in the history of its stream.
    pub async fn history(&self, mode: RunMode) -> Option<HistoryEntry> {
        entry(self.ledger.clone(), self.found.stream.clone(), mode).await
    }

    /// Claims the stream for this run.
    ///
    /// # Errors
    ///
    /// Where another run has it, or it was collected from another server.
    pub async fn claim(
        self,
        report: &PreparedReport,
        settings: &Settings,
        wanted: RunMode,
        windows_ahead: Option<u16>,
        outlets: &[RunSink],
    ) -> Result<LedgerOptions, SetupError> {
        let config = &report.config;
        let entry = report.stream(&settings.name)?;
        if self.found.record.is_none() && wanted == RunMode::Incremental {
            self.tell_of_others(config, entry.and_then(|entry| entry.start));
        }
        self.tell_of_change();
        let look_back = match report.description.granularity {
            Granularity::Instant | Granularity::Minutes(_) => tiers(config.ledger.look_back.as_deref()),
            Granularity::Day => Vec::new(),
        };
        let name = entry.map(|entry| entry.name.as_str());
        let routed = routed(config, &report.description.name, name);
        let sinks = match self.only.is_empty() {
            true => self.owners(names(outlets), routed.clone()),
            // What a backfill is for alone changes nothing of whom the stream is collected for.
            false => self.with_new(),
        };
        let facts = StreamFacts {
            origin: Some(source(&report.config, settings)),
            depth: depth(report.description.granularity, &look_back),
            stream: Some(self.found.stream.clone()),
            places: places(report, name, outlets, &sinks),
            // Some of what happened before may have come to others already.
            begins: Some(report.now),
            removed: self.removed(config, routed.as_ref(), outlets),
            sinks,
        };
        let spool = self.ledger.beside("spool");
        let connection = config.connections.get(&settings.name);
        let stream = self.found.stream.clone();
        let mut book = StreamLedger::open(Arc::new(self.ledger), self.found.stream, facts, spool).await?;
        if let Some(most) = config.ledger.spool_bytes {
            book = book.with_spool_bytes(most);
        }
        if let Some(most) = config.ledger.spool_age {
            book = book.with_spool_age(most);
        }
        tell_news(book.news(), &stream);
        Ok(LedgerOptions {
            book: Arc::new(book),
            lag: config.ledger.lag.unwrap_or(LAG),
            kept: kept(
                &report.description.name,
                report.description.connection,
                entry
                    .and_then(|entry| entry.retention)
                    .or_else(|| connection.and_then(|connection| connection.retention)),
            ),
            start: entry.and_then(|entry| entry.start),
            expect_events_every: entry.and_then(|entry| entry.expect_events_every),
            look_back,
            windows_ahead: windows_ahead
                .or(config.ledger.windows_ahead)
                .unwrap_or(WINDOWS_AHEAD)
                .into(),
            wanted,
            only: self.only,
        })
    }

    /// The sinks that the stream is collected for from now on: a sink that a run names besides those is served by that run alone.
    fn owners(&self, named: Vec<String>, routed: Option<Vec<String>>) -> Vec<String> {
        if routed.as_ref() == Some(&named) {
            return named;
        }
        let known = self.found.record.clone().and_then(collected_for);
        known.filter(|known| serves(&named, known)).unwrap_or(named)
    }

    /// The sinks that the stream is collected for, with those that a backfill is for alone.
    fn with_new(&self) -> Vec<String> {
        let known = self.found.record.as_ref().map(|record| record.sinks.clone());
        let mut sinks = known.unwrap_or_default();
        sinks.extend(self.only.iter().cloned());
        sinks.sort_unstable();
        sinks.dedup();
        sinks
    }

    /// Sinks that have a place in the stream, and that the configuration no longer sends its events to.
    fn removed(&self, config: &Config, routed: Option<&Vec<String>>, outlets: &[RunSink]) -> Vec<String> {
        let Some(record) = &self.found.record else {
            return Vec::new();
        };
        let is_of_run = |name: &String| outlets.iter().any(|outlet| outlet.delivery.name() == name);
        let is_configured =
            |name: &String| config.sinks.contains_key(name) && routed.is_none_or(|routed| routed.contains(name));
        let places = record.places.keys();
        places
            .filter(|name| !is_of_run(name) && !is_configured(name))
            .cloned()
            .collect()
    }
}

/// The sinks that a stream is collected for: those that its record names, else those of the routes; none where neither says.
///
/// # Errors
///
/// Where the ledger is there and cannot be read.
pub async fn collects_for(
    config: &Config,
    provenance: &Provenance,
    parameters: &[(String, String)],
) -> Result<Option<Vec<String>>, SetupError> {
    let Provenance { connection, report, .. } = provenance;
    let mut sinks = None;
    if let Ok(path) = state::ledger(config)
        && path.exists()
    {
        let ledger = open(path).await?;
        let query = StreamQuery {
            name: provenance.stream.as_deref(),
            connection,
            report,
            parameters,
            origin: None,
        };
        let found = find(&ledger, query).await?;
        sinks = found.record.and_then(collected_for);
    }
    Ok(sinks.or_else(|| routed(config, report, provenance.stream.as_deref())))
}

/// Opens a ledger, on a thread that may wait for the disk.
///
/// # Errors
///
/// Where it cannot be opened.
pub async fn open(path: PathBuf) -> Result<SqliteLedger, SetupError> {
    match base::blocking(move || SqliteLedger::open(path)).await {
        Ok(opened) => Ok(opened?),
        Err(died) => Err(SetupError::new(ErrorKind::Internal, died.to_string())),
    }
}

/// The sinks that a stream is collected for. Whoever reads a pipe keeps nothing that anybody could count on.
fn collected_for(record: Record) -> Option<Vec<String>> {
    let sinks = record.sinks;
    sinks.iter().any(|sink| sink != STDOUT).then_some(sinks)
}

/// True where all of these sinks are named.
pub fn serves(named: &[String], sinks: &[String]) -> bool {
    sinks.iter().all(|sink| named.contains(sink))
}

fn names(outlets: &[RunSink]) -> Vec<String> {
    let mut names: Vec<String> = outlets.iter().map(|outlet| outlet.delivery.name().to_owned()).collect();
    names.sort_unstable();
    names
}

/// The URL that the records of a run with these settings keep of where it collects from. A connection by region has one, whichever of
/// the region's services the run asks.
pub fn source(config: &Config, settings: &Settings) -> String {
    let connection = config.connections.get(&settings.name);
    let by_region = connection.filter(|connection| connection.region.is_some());
    origin(by_region.map_or(&settings.base, |connection| &connection.url))
}

/// A connection's URL as records keep it.
pub fn origin(base: &url::Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

fn tiers(configured: Option<&[LookBackStep]>) -> Vec<Tier> {
    match configured {
        Some(steps) => (steps.iter())
            .map(|step| Tier {
                age: step.age,
                every: step.every.unwrap_or_default(),
            })
            .collect(),
        None => (LOOK_BACK.iter())
            .map(|(age, every)| Tier {
                age: Duration::from_secs(*age),
                every: Duration::from_secs(*every),
            })
            .collect(),
    }
}
