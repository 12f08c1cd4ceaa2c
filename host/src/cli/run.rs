//! `host run` and `host backfill`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::args::{BackfillArgs, RunArgs, Talk};
use super::error::hint;
use super::progress::Progress;
use super::recording::{self, Notes};
use super::report::{self, Report};
use super::sinks::{Opened, Wanted as Named};
use super::stop::Stop;
use super::summary::Target;
use super::{Exit, Failure, connection, ledger, sinks};
use crate::config;
use crate::counted::counted;
use crate::event::{Product, Provenance};
use crate::fetch::{self, FetchError, Fetcher};
use crate::plugin::ConnectionKind;
use crate::remote::{Exchange, Remote, Settings};
use crate::run::{Keeping, Run, RunError, Summary, Wanted};

/// Seconds.
const DAY: u64 = 86_400;

/// `host run`.
pub async fn run(args: &RunArgs, talk: &Talk) -> Result<(), Failure> {
    let wanted = if args.report.is_open() {
        Wanted::Due
    } else {
        Wanted::Period
    };
    carry_out(args, wanted, talk).await
}

/// `host backfill`: a run of what is missing.
pub async fn backfill(args: &BackfillArgs, talk: &Talk) -> Result<(), Failure> {
    let wrong = |reason: &str| Failure::usage(format!("--window: {reason}")).hint("for example --window 1d");
    let window = config::parse_duration(&args.window).map_err(|reason| wrong(&reason))?;
    let days = match window.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(DAY) => u32::try_from(seconds / DAY).ok(),
        _ => None,
    };
    let days = days.ok_or_else(|| wrong("a window is one or more whole days"))?;
    if args.run.report.is_open() {
        return Err(Failure::usage("a backfill needs a period").hint("give --from and --to"));
    }
    let wanted = Wanted::Missing { days };
    carry_out(&args.run, wanted, talk).await
}

async fn carry_out(args: &RunArgs, wanted: Wanted, talk: &Talk) -> Result<(), Failure> {
    let stop = Stop::listen(talk)?;
    let notes = args.replay.as_deref().map(Notes::read).transpose()?;
    let report = report::prepare(&args.report, notes.as_ref())?;
    let mut settings = match (&args.replay, &notes) {
        (Some(folder), Some(notes)) => recording::replay(folder, notes)?,
        _ => connection::settings(&report.config, &args.remote, report.description.connection)?,
    };
    if let Some(folder) = &args.record {
        let notes = Notes::of(&report, &settings.name)?;
        settings.exchange = Exchange::Record {
            folder: folder.clone(),
            notes,
        };
    }
    if let Some(deprecation) = &report.description.deprecation {
        let successor = deprecation
            .successor
            .as_ref()
            .map(|name| format!("; use {name} instead"))
            .unwrap_or_default();
        hint(
            &format!("{}: {}{successor}", report.description.name, deprecation.notice),
            talk,
        );
    }
    let provenance = Arc::new(provenance(&report, &settings));
    let ledger = ledger::file(args, &report.config)?;
    let named = Named {
        names: &args.sinks,
        plugin_config: args.sink_config.as_deref(),
        rendering: &args.rendering,
        extend: ledger.is_some() && wanted != Wanted::Period,
    };
    let sinks = sinks::open(&report.config, &named, &report.run_id, &provenance)?;
    let keeping = match ledger {
        Some(path) => Some(ledger::keeping(path, &report, &provenance, wanted, args.windows_ahead).await?),
        None if matches!(wanted, Wanted::Missing { .. }) => {
            return Err(
                Failure::usage("a backfill needs a ledger, to know what is missing").hint("name a file with --ledger")
            );
        }
        None => None,
    };
    let target = args.summary.as_deref().map(Target::open).transpose()?;
    stop.hold(match keeping {
        Some(_) => "what is reached is in the ledger: run again, and it goes on from there",
        None => "without a ledger nothing is kept: the next run begins anew",
    });
    let (mut summary, result) = execute(report, settings, sinks, provenance, keeping, talk, &stop).await?;
    let result = outcome(result, &summary, args.strict, &stop);
    summary.exit = result.as_ref().err().map_or(Exit::Done, |failure| failure.exit).code();
    if result.is_ok() {
        tell(&summary, talk);
    }
    match target {
        Some(target) => target.write(&summary, result),
        None => result,
    }
}

/// What is true of all events of a run.
pub fn provenance(report: &Report, settings: &Settings) -> Provenance {
    Provenance {
        report: report.description.name.clone(),
        connection: settings.name.clone(),
        service: settings.base.host_str().unwrap_or_default().to_string(),
        product: match report.description.connection {
            ConnectionKind::Epm => Product::EpmCloud,
            ConnectionKind::IdentityDomain => Product::IdentityDomain,
        },
    }
}

/// Opens the connection and the spool, and carries the run out, with its progress on the terminal.
pub async fn execute(
    report: Report,
    settings: Settings,
    sinks: Opened,
    provenance: Arc<Provenance>,
    keeping: Option<Keeping>,
    talk: &Talk,
    stop: &Stop,
) -> Result<(Summary, Result<(), RunError>), Failure> {
    let remote = Arc::new(Remote::new(settings)?);
    let progress = Arc::new(Progress::start(talk, &report.description.name));
    let watcher: Arc<dyn fetch::Progress> = progress.clone();
    let fetcher = Arc::new(Fetcher::new(
        remote,
        &spool_folder(),
        limits(&report.config.fetch),
        watcher,
    ));
    let run = Run {
        id: report.run_id,
        plugin: report.plugin,
        description: report.description,
        request: report.request,
        window: report.window,
        fetcher,
        outlets: sinks.outlets,
        router: sinks.router,
        provenance,
        observer: progress.clone(),
        stop: stop.token.clone(),
        keeping,
    };
    let done = run.execute().await;
    progress.finish();
    Ok(done)
}

fn limits(set: &config::Fetch) -> fetch::Limits {
    let mut limits = fetch::Limits::default();
    limits.document_bytes = set.document_bytes.unwrap_or(limits.document_bytes);
    limits.record_bytes = set.record_bytes.unwrap_or(limits.record_bytes);
    limits.archive.entries = set.archive_entries.unwrap_or(limits.archive.entries);
    limits.archive.total_bytes = set.archive_bytes.unwrap_or(limits.archive.total_bytes);
    limits.archive.ratio = set.archive_ratio.unwrap_or(limits.archive.ratio);
    limits.polling.total = set.job_timeout.unwrap_or(limits.polling.total);
    limits.polling.search = set.job_search.unwrap_or(limits.polling.search);
    limits.polling.file = set.file_wait.unwrap_or(limits.polling.file);
    limits
}

/// Documents wait on disk, not in a memory-backed `/tmp`: `$XDG_CACHE_HOME/host`, else the system's temporary folder.
fn spool_folder() -> PathBuf {
    super::plugins::cache_folder().unwrap_or_else(std::env::temp_dir)
}

fn outcome(result: Result<(), RunError>, summary: &Summary, strict: bool, stop: &Stop) -> Result<(), Failure> {
    match result {
        Err(RunError::Stopped) => Err(stopped(summary, stop)),
        Err(RunError::Closed) => Ok(()),
        Err(error @ RunError::Fetch(FetchError::Spool(_))) => {
            let folder = spool_folder();
            let hint = format!("{} must be writable and have room for the report", folder.display());
            Err(Failure::from(error).hint(hint))
        }
        Err(error) => Err(error.into()),
        Ok(()) if strict && summary.rejected > 0 => Err(Failure::new(
            Exit::Partial,
            counted(summary.rejected, "row was rejected", "rows were rejected"),
        )
        .hint("the first of them are logged above; without --strict they are only counted")),
        Ok(()) => Ok(()),
    }
}

/// The end of a run that a signal cut short, with what there is to go on with.
fn stopped(summary: &Summary, stop: &Stop) -> Failure {
    let failure = stop.failure();
    let in_flight = match summary.ledger.as_ref().map(|ledger| ledger.in_flight) {
        None => return failure,
        Some(0) => "no window is in flight".to_owned(),
        Some(some) => counted(some, "window is in flight", "windows are in flight"),
    };
    Failure {
        message: failure.message.map(|message| format!("{message}; {in_flight}")),
        ..failure
    }
}

/// The summary in one line for people.
pub fn tell(summary: &Summary, talk: &Talk) {
    if talk.quiet || (!std::io::stderr().is_terminal() && talk.verbose == 0) {
        return;
    }
    let rejected = if summary.rejected > 0 {
        format!(", {}", counted(summary.rejected, "row rejected", "rows rejected"))
    } else {
        String::new()
    };
    let _ = writeln!(
        anstream::stderr(),
        "{}: {}{rejected} from {} to {} in {} ms",
        summary.plugin.name,
        counted(summary.events, "event", "events"),
        summary.window.from,
        summary.window.to,
        summary.duration_ms
    );
}
