//! The stream of a run: whether it goes on from the ledger, and what the ledger is told of it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::args::RunArgs;
use crate::commands::ledger::warn_where_gone;
use crate::commands::report::Report;
use crate::error::CliError;
use crate::log;
use ::ledger::{Record, SqliteLedger, Tier};
use ::run::streams::{FoundStream, find};
use ::run::{LedgerOptions, RunMode, RunSink, StreamFacts, StreamLedger, depth, kept};
use event::Provenance;
use remote::Settings;
use sandbox::Granularity;
use setup::config::{Config, LookBackStep};

/// Seconds.
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How long after an event it may still be missing at the source, unless the configuration says otherwise.
const LAG: std::time::Duration = std::time::Duration::from_secs(15 * MINUTE);
/// How far runs look back, and how often, unless the configuration says otherwise: seconds.
const LOOK_BACK: [(u64, u64); 3] = [(HOUR, 0), (6 * HOUR, HOUR), (48 * HOUR, 24 * HOUR)];
/// The name of the sink that writes to the standard output.
const STDOUT: &str = "stdout";
/// Windows in flight at once, unless said otherwise.
const WINDOWS_AHEAD: u16 = 4;

/// Where a run keeps its progress.
pub struct RunLedger(PathBuf);

/// Where a run keeps its progress, unless it only looks: it delivers to other sinks than those that its stream is collected
/// for, and nobody said that it counts. A ledger that is not there yet is not made.
pub async fn ledger(
    path: PathBuf,
    args: &RunArgs,
    report: &Report,
    provenance: &Provenance,
    settings: &Settings,
) -> Result<Option<RunLedger>, CliError> {
    let mut sinks = None;
    if path.exists() {
        let found = RunStream::find(path.clone(), provenance, &report.request.parameters, settings).await?;
        sinks = found.found.record.and_then(collected_for);
    }
    let routed = routed(&report.config, &provenance.report);
    let named = match &routed {
        _ if !args.sinks.is_empty() => args.sinks.clone(),
        // What the routes say today is what the stream is collected for.
        Some(routed) => routed.clone(),
        None => vec![STDOUT.to_owned()],
    };
    let looks =
        |sinks: &Vec<String>| args.ledger.is_none() && routed.as_ref() != Some(&named) && !serves(&named, sinks);
    match sinks.or_else(|| routed.clone()).filter(looks) {
        Some(sinks) => {
            say_that_it_looks(&named, provenance, &sinks);
            Ok(None)
        }
        None => Ok(Some(RunLedger(path))),
    }
}

impl RunLedger {
    /// Opens it, and claims the stream for this run.
    pub async fn keeping(
        self,
        report: &Report,
        provenance: &Provenance,
        settings: &Settings,
        wanted: RunMode,
        windows_ahead: Option<u16>,
        outlets: &[RunSink],
    ) -> Result<LedgerOptions, CliError> {
        warn_where_gone(&self.0, wanted);
        let found = RunStream::find(self.0, provenance, &report.request.parameters, settings).await?;
        found.keeping(report, settings, wanted, windows_ahead, outlets).await
    }
}

/// A ledger, opened, and what it knows of a run's stream.
pub struct RunStream {
    ledger: SqliteLedger,
    found: FoundStream,
}

impl RunStream {
    /// Opens a ledger and finds a stream there, or that there is none yet.
    pub async fn find(
        path: PathBuf,
        provenance: &Provenance,
        parameters: &[(String, String)],
        settings: &Settings,
    ) -> Result<RunStream, CliError> {
        let ledger = SqliteLedger::open(path)?;
        let Provenance { connection, report, .. } = provenance;
        let found = find(&ledger, connection, report, parameters, Some(&origin(&settings.base))).await?;
        Ok(RunStream { ledger, found })
    }

    /// Claims the stream for this run.
    pub async fn keeping(
        self,
        report: &Report,
        settings: &Settings,
        wanted: RunMode,
        windows_ahead: Option<u16>,
        outlets: &[RunSink],
    ) -> Result<LedgerOptions, CliError> {
        log::about(|about| about.stream = Some(self.found.stream.to_string()));
        if self.found.record.is_none() && wanted == RunMode::Incremental {
            self.tell_of_others();
        }
        let config = &report.config;
        let look_back = match report.description.granularity {
            Granularity::Instant => tiers(config.ledger.look_back.as_deref()),
            Granularity::Day => Vec::new(),
        };
        let facts = StreamFacts {
            origin: Some(origin(&settings.base)),
            sinks: self.owners(names(outlets), routed(config, &report.description.name)),
            depth: depth(report.description.granularity, &look_back),
        };
        let spool = self.ledger.beside("spool");
        let connection = config.connections.get(&settings.name);
        let mut book = StreamLedger::open(Arc::new(self.ledger), self.found.stream, facts, spool).await?;
        if let Some(most) = config.ledger.spool_bytes {
            book = book.with_spool_bytes(most);
        }
        Ok(LedgerOptions {
            book: Arc::new(book),
            lag: config.ledger.lag.unwrap_or(LAG),
            kept: kept(
                &report.description.name,
                report.description.connection,
                connection.and_then(|connection| connection.retention),
            ),
            look_back,
            windows_ahead: windows_ahead
                .or(config.ledger.windows_ahead)
                .unwrap_or(WINDOWS_AHEAD)
                .into(),
            wanted,
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

    /// A stream that begins beside others of the same source may be one of them under another name.
    fn tell_of_others(&self) {
        let stream = &self.found.stream;
        for moved in &self.found.moved {
            tracing::warn!(
                target: log::EVIDENCE,
                "{stream} is new and begins with today; {moved} was collected from the same URL: if the connection was \
                 renamed, stop here and run `host ledger rename {} --to {}`",
                moved.arguments(),
                stream.connection
            );
        }
        for sibling in &self.found.siblings {
            tracing::warn!(
                target: log::EVIDENCE,
                "{stream} is new and begins with today, beside {sibling}; `host backfill {} --from DAY` gets what was before",
                stream.arguments()
            );
        }
    }
}

/// The sinks that a stream is collected for: those that its record names, else those of the routes; none where neither says.
pub async fn collects_for(
    config: &Config,
    provenance: &Provenance,
    parameters: &[(String, String)],
) -> Result<Option<Vec<String>>, CliError> {
    let Provenance { connection, report, .. } = provenance;
    let mut sinks = None;
    if let Ok(path) = setup::state::ledger(config)
        && path.exists()
    {
        let ledger = SqliteLedger::open(path)?;
        let found = find(&ledger, connection, report, parameters, None).await?;
        sinks = found.record.and_then(collected_for);
    }
    Ok(sinks.or_else(|| routed(config, report)))
}

/// The sinks that the configuration's routes give a report's events to; none where no route does.
fn routed(config: &Config, report: &str) -> Option<Vec<String>> {
    let of = |reports: &Option<Vec<String>>| {
        reports
            .as_ref()
            .is_none_or(|reports| reports.iter().any(|of| of == report))
    };
    let routes = config.routes.iter().filter(|route| of(&route.reports));
    let mut sinks: Vec<String> = routes.flat_map(|route| route.to.iter().cloned()).collect();
    sinks.sort_unstable();
    sinks.dedup();
    (!sinks.is_empty()).then_some(sinks)
}

/// The sinks that a stream is collected for. Whoever reads a pipe keeps nothing that anybody could count on.
fn collected_for(record: Record) -> Option<Vec<String>> {
    let sinks = record.sinks;
    sinks.iter().any(|sink| sink != STDOUT).then_some(sinks)
}

/// Whether all of these sinks are named.
pub fn serves(named: &[String], sinks: &[String]) -> bool {
    sinks.iter().all(|sink| named.contains(sink))
}

fn say_that_it_looks(named: &[String], provenance: &Provenance, sinks: &[String]) {
    let Provenance { report, connection, .. } = provenance;
    tracing::warn!(
        target: log::EVIDENCE,
        "{report} @ {connection} is collected for {}, and this run delivers to {}: it does not count as collected, and the \
         next run delivers these events too; --ledger FILE makes it count",
        sinks.join(", "),
        named.join(", ")
    );
}

fn names(outlets: &[RunSink]) -> Vec<String> {
    let mut names: Vec<String> = outlets.iter().map(|outlet| outlet.delivery.name().to_owned()).collect();
    names.sort_unstable();
    names
}

/// What a stream's record keeps of where it is collected from.
pub fn origin(base: &url::Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

fn tiers(configured: Option<&[LookBackStep]>) -> Vec<Tier> {
    let seconds = std::time::Duration::from_secs;
    match configured {
        Some(steps) => (steps.iter())
            .map(|step| Tier {
                age: step.age,
                every: step.every.unwrap_or_default(),
            })
            .collect(),
        None => (LOOK_BACK.iter())
            .map(|(age, every)| Tier {
                age: seconds(*age),
                every: seconds(*every),
            })
            .collect(),
    }
}
