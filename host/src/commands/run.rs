//! `host run` and `host backfill`.

use setup::connections;
use std::path::PathBuf;
use std::sync::Arc;

use crate::args::{BackfillArgs, OutputOptions, RunArgs};
use crate::commands::ledger;
use crate::commands::recording::{self, Notes};
use crate::commands::rejected;
use crate::commands::report::{self, Report};
use crate::commands::stream;
use crate::error::CliError;
use crate::error::Exit;
use crate::error::hint;
use crate::log;
use crate::render::closing::{self, Kept};
use crate::render::progress::ProgressLine;
use crate::render::summary::Account;
use crate::stop::Shutdown;
use ::run::{LedgerOptions, Rejects, Run, RunError, RunMode, Summary};
use base::counted::counted;
use event::{Product, Provenance};
use fetch::{FetchError, Fetcher};
use remote::{Exchange, Remote, Settings};
use sandbox::ConnectionKind;
use setup::config::{self, Config};
use setup::sinks::{self, OpenedSinks, SinkChoice};

/// Seconds.
const DAY: u64 = 86_400;

/// `host run`.
pub async fn run(args: &RunArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let account = Account::open(args)?;
    let wanted = if args.report.is_open() {
        RunMode::Incremental
    } else {
        RunMode::Period
    };
    let result = carry_out(args, wanted, talk, &account).await;
    account.close(result)
}

/// `host backfill`: a run of what is missing.
pub async fn backfill(args: &BackfillArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let account = Account::open(&args.run)?;
    let result = match missing(args) {
        Ok(wanted) => carry_out(&args.run, wanted, talk, &account).await,
        Err(failure) => Err(failure),
    };
    account.close(result)
}

/// What a backfill wants.
fn missing(args: &BackfillArgs) -> Result<RunMode, CliError> {
    let wrong = |reason: &str| CliError::usage(format!("--window: {reason}")).hint("for example --window 1d");
    let window = config::parse_duration(&args.window).map_err(|reason| wrong(&reason))?;
    let days = match window.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(DAY) => u32::try_from(seconds / DAY).ok(),
        _ => None,
    };
    let days = days.ok_or_else(|| wrong("a window is one or more whole days"))?;
    if args.run.report.is_open() {
        return Err(CliError::usage("a backfill needs a period").hint("give --from and --to"));
    }
    Ok(RunMode::Backfill { days })
}

async fn carry_out(args: &RunArgs, wanted: RunMode, talk: &OutputOptions, account: &Account) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let cut_short = account.clone();
    stop.at_last(move |exit| cut_short.cut_short(exit));
    let notes = args.replay.as_deref().map(Notes::read).transpose()?;
    let report = report::prepare_as(account.run_id(), &args.report, notes.as_ref())?;
    account.know(|summary| report.introduce(summary));
    log::about(|about| about.report = Some(report.description.name.clone()));
    if let Some(deadline) = args.deadline.or(report.config.run.deadline) {
        stop.end_after(deadline);
    }
    let mut settings = match (&args.replay, &notes) {
        (Some(folder), Some(notes)) => recording::replay(folder, notes)?,
        _ => connections::settings(&report.config, args.remote.choice(), report.description.connection)?,
    };
    settings.watch_clock = true;
    settings.now = report.clock;
    account.know(|summary| summary.connection.clone_from(&settings.name));
    log::about(|about| about.connection = Some(settings.name.clone()));
    if let Some(folder) = &args.record {
        let notes = Notes::of(&report, &settings)?;
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
    let ledger = match ledger::file(args, &report.config)? {
        Some(path) => stream::ledger(path, args, &report, &provenance, &settings).await?,
        None => None,
    };
    let named = SinkChoice {
        names: &args.sinks,
        plugin_config: args.sink_config.as_deref(),
        presentation: args.rendering.presentation(),
        extend: ledger.is_some() && wanted != RunMode::Period,
    };
    let sinks = sinks::open(&report.config, &named, &report.run_id, &provenance)?;
    sinks::admit(&report.config, &sinks.outlets).await?;
    let keeping = match ledger {
        Some(ledger) => Some(
            ledger
                .keeping(
                    &report,
                    &provenance,
                    &settings,
                    wanted,
                    args.windows_ahead,
                    &sinks.outlets,
                )
                .await?,
        ),
        None if matches!(wanted, RunMode::Backfill { .. }) => {
            return Err(
                CliError::usage("a backfill needs a ledger, to know what is missing").hint("name a file with --ledger")
            );
        }
        None => None,
    };
    let kept = keeping.as_ref().map(|keeping| Kept {
        wanted: keeping.wanted,
        lag: keeping.lag,
    });
    let rejects = rejects(args, &report.config, &settings);
    stop.set_resume_hint(match keeping {
        Some(_) => "progress is saved; run the same command again to continue",
        None => "without a ledger nothing is kept: the next run starts over",
    });
    let (done, result) = execute(report, settings, sinks, provenance, keeping, rejects, talk, &stop).await?;
    let result = outcome(result, &done, args.strict, &stop);
    let summary = account.know(|known| {
        let exit = result.as_ref().err().map_or(Exit::Done, |failure| failure.exit);
        let started = known.started;
        *known = Summary {
            started,
            exit: exit.code(),
            ..done
        };
        known.clone()
    });
    if result
        .as_ref()
        .err()
        .is_none_or(|failure| failure.exit == Exit::Partial)
    {
        closing::tell(&summary, kept, talk);
    }
    result
}

/// What becomes of rows that are no events. A recording holds them itself, so running from one keeps none.
fn rejects(args: &RunArgs, config: &Config, settings: &Settings) -> Rejects {
    let configured = (args.remote.url.is_none() && args.replay.is_none())
        .then(|| config.connections.get(&settings.name)?.max_rejected)
        .flatten();
    Rejects {
        store: (args.replay.is_none()).then(|| Arc::new(setup::state::rejected_rows(config))),
        source: Some(stream::origin(&settings.base)),
        most: args.max_rejected.or(configured).unwrap_or_default(),
        plugin: rejected::asked(&args.report.plugin, config),
    }
}

/// What is true of all events of a run.
pub fn provenance(report: &Report, settings: &Settings) -> Provenance {
    let product = match report.description.connection {
        ConnectionKind::Epm => Product::EpmCloud,
        ConnectionKind::IdentityDomain => Product::IdentityDomain,
    };
    let service = settings.base.host_str().unwrap_or_default();
    let report = &report.description.name;
    Provenance::new(report, &settings.name, service, product).of_tenant(settings.tenant.clone())
}

/// Opens the connection and the spool, and carries the run out, with its progress on the terminal.
#[allow(clippy::too_many_arguments)]
pub async fn execute(
    report: Report,
    settings: Settings,
    sinks: OpenedSinks,
    provenance: Arc<Provenance>,
    keeping: Option<LedgerOptions>,
    rejects: Rejects,
    talk: &OutputOptions,
    stop: &Shutdown,
) -> Result<(Summary, Result<(), RunError>), CliError> {
    let remote = Arc::new(Remote::new(settings)?);
    let progress = Arc::new(ProgressLine::start(talk, &report.description.name));
    let watcher: Arc<dyn fetch::FetchProgress> = progress.clone();
    let fetcher = Arc::new(Fetcher::new(
        remote,
        &spool_folder(),
        report.config.fetch.limits(),
        watcher,
    ));
    let run = Run {
        id: report.run_id,
        plugin_sha256: report.plugin.digest().to_owned(),
        report: Arc::new(report.plugin.report()?),
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
        rejects,
    };
    let done = run.execute().await;
    progress.finish();
    Ok(done)
}

/// Documents wait on disk, not in a memory-backed `/tmp`: `$XDG_CACHE_HOME/host`, else the system's temporary folder.
fn spool_folder() -> PathBuf {
    setup::plugins::cache_folder().unwrap_or_else(std::env::temp_dir)
}

fn outcome(result: Result<(), RunError>, summary: &Summary, strict: bool, stop: &Shutdown) -> Result<(), CliError> {
    match result {
        Err(RunError::Stopped) => Err(stopped(summary, stop)),
        Err(RunError::Closed) => Ok(()),
        Err(RunError::Fetch(error @ FetchError::Spool(_))) if error.code() == "spool-failed" => {
            let folder = spool_folder();
            let hint = format!("{} must be writable and have room for the report", folder.display());
            Err(CliError::from(RunError::Fetch(error)).hint(hint))
        }
        Err(error) => Err(error.into()),
        Ok(()) if strict && summary.rejected > 0 => Err(CliError::new(
            Exit::Partial,
            counted(summary.rejected, "row was rejected", "rows were rejected"),
        )
        .hint("`host rejected list` shows them; without --strict they fail no run")),
        Ok(()) => Ok(()),
    }
}

/// The end of a run that a signal cut short, with what there is to go on with.
fn stopped(summary: &Summary, stop: &Shutdown) -> CliError {
    let failure = stop.failure();
    let in_flight = match summary.ledger.as_ref().map(|ledger| ledger.in_flight) {
        None => return failure,
        Some(0) => "no window is in flight".to_owned(),
        Some(some) => counted(some, "window is in flight", "windows are in flight"),
    };
    CliError {
        message: failure.message.map(|message| format!("{message}; {in_flight}")),
        ..failure
    }
}
