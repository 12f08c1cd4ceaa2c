//! `host run` and `host backfill`.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::args::{BackfillArgs, OutputOptions, RunArgs};
use crate::commands::asked;
use crate::error::CliError;
use crate::error::Exit;
use crate::error::hint;
use crate::log;
use crate::render::closing::{self, ClosingContext};
use crate::render::progress::ProgressLine;
use crate::render::seconds;
use crate::render::summary::RunAccount;
use crate::stop::Shutdown;
use ::run::{AuditLogConnection, LedgerOptions, Rejects, Run, RunError, RunMode, Summary};
use base::counted::counted;
use event::Provenance;
use fetch::FetchError;
use remote::{Exchange, Recording, Settings};
use setup::connections::ServerChoice;
use setup::recorded_run::RecordedRun;
use setup::report::PreparedReport;
use setup::run_ledger::{self, LedgerChoice, RunLedger, RunProgress};
use setup::sinks::{self, OpenedSinks, SinkChoice};
use setup::{connections, fetcher};

/// Seconds.
const DAY: u64 = 86_400;

/// `host run`.
pub async fn run(args: &RunArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let account = RunAccount::open(args)?;
    let wanted = if args.report.is_open() {
        RunMode::Incremental
    } else {
        RunMode::Period
    };
    let result = alone(args, wanted, talk, &account).await;
    account.end(result).await
}

/// `host backfill`: a run of what is missing.
pub async fn backfill(args: &BackfillArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let account = RunAccount::open(&args.run)?;
    let result = match missing(args) {
        Ok(wanted) => alone(&args.run, wanted, talk, &account).await,
        Err(failure) => Err(failure),
    };
    account.end(result).await
}

/// The mode of a backfill.
fn missing(args: &BackfillArgs) -> Result<RunMode, CliError> {
    let window = asked::duration("--window", &args.window)?;
    let days = match window.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(DAY) => u32::try_from(seconds / DAY).ok(),
        _ => None,
    };
    let days = days.ok_or_else(|| {
        CliError::usage("--window: a window is one or more whole days").hint("for example --window 1d")
    })?;
    if args.run.report.is_open() {
        return Err(CliError::usage("a backfill needs a period").hint("give --from and --to"));
    }
    Ok(RunMode::Backfill { days })
}

/// A run by itself.
async fn alone(args: &RunArgs, wanted: RunMode, talk: &OutputOptions, account: &RunAccount) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let surroundings = RunSurroundings {
        talk,
        stop: &stop,
        is_alone: true,
        answered: &CancellationToken::new(),
    };
    carry_out(args, wanted, surroundings, account).await
}

/// The process around a run.
#[derive(Clone, Copy)]
pub(super) struct RunSurroundings<'a> {
    /// The way in which the run talks.
    pub(super) talk: &'a OutputOptions,
    /// The end of the process.
    pub(super) stop: &'a Shutdown,
    /// False where other runs are beside it: its deadline is that of all, and whoever carries them out says how it ended.
    pub(super) is_alone: bool,
    /// Cancelled once the server has accepted the credentials.
    pub(super) answered: &'a CancellationToken,
}

/// Carries a run out.
pub(super) async fn carry_out(
    args: &RunArgs,
    wanted: RunMode,
    surroundings: RunSurroundings<'_>,
    account: &RunAccount,
) -> Result<(), CliError> {
    let RunSurroundings {
        talk,
        stop,
        is_alone,
        answered,
    } = surroundings;
    let cut_short = account.clone();
    stop.at_last(move |exit| cut_short.cut_short(exit));
    let report = prepare(args, account.run_id()).await?;
    account.know(|summary| report.introduce(summary));
    log::about(|about| about.report = Some(report.description.name.clone()));
    if let Some(deadline) = args.deadline.or(report.config.run.deadline).filter(|_| is_alone) {
        stop.end_after(deadline);
    }
    if let Some(name) = &report.named {
        log::about(|about| about.stream = Some(name.clone()));
    }
    let progress = progress_of(args, wanted, &report, account).await?;
    let (report, settings) = connect(args, report).await?;
    account.know(|summary| summary.connection.clone_from(&settings.name));
    log::about(|about| about.connection = Some(settings.name.clone()));
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
    let provenance = Arc::new(report.provenance(&settings));
    let extend = matches!(progress, Some(RunProgress::Kept(_))) && wanted != RunMode::Period;
    let wanted_sinks = SinkChoice {
        names: args.sinks.clone(),
        plugin_config: args.sink_config.clone(),
        presentation: args.rendering.presentation(),
        extend,
    };
    let (report, sinks) = open_sinks(report, wanted_sinks, &provenance).await?;
    sinks::admit(&report.config, &sinks.outlets).await?;
    let keeping = match progress {
        Some(RunProgress::Kept(ledger)) => {
            let stream = ledger.open(wanted, &report, &provenance, &settings).await?;
            log::about(|about| about.stream = Some(stream.stream().label()));
            account.know(|summary| summary.stream.clone_from(&stream.stream().name));
            if !account.is_entered()
                && let Some(entry) = stream.history(wanted).await
            {
                account.enter(entry);
            }
            let claimed = stream.claim(&report, &settings, wanted, args.windows_ahead, &sinks.outlets);
            let claimed = claimed.await?;
            account.begin().await;
            Some(claimed)
        }
        Some(RunProgress::Looks(looking)) => {
            if matches!(wanted, RunMode::Backfill { .. }) {
                return Err(looking.refuse_backfill().into());
            }
            looking.warn();
            None
        }
        None if matches!(wanted, RunMode::Backfill { .. }) => {
            return Err(
                CliError::usage("a backfill needs a ledger, to know what is missing").hint("name a file with --ledger")
            );
        }
        None => None,
    };
    let kept = keeping.as_ref().map(|keeping| ClosingContext {
        wanted: keeping.wanted,
        lag: keeping.lag,
    });
    let rejects = rejects(args, &report, &settings);
    stop.set_resume_hint(match keeping {
        Some(_) => "progress is saved; run the same command again to continue",
        None => "without a ledger nothing is kept: the next run starts over",
    });
    let (done, result) = execute(
        report, settings, sinks, provenance, keeping, rejects, talk, stop, answered,
    )
    .await?;
    let result = match outcome(result, &done, args.strict, stop) {
        Ok(()) => recorded_whole(args.record.clone()).await,
        failed => failed,
    };
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
    let is_delivered = result
        .as_ref()
        .err()
        .is_none_or(|failure| failure.exit == Exit::Partial);
    if is_alone && is_delivered {
        closing::tell(&summary, kept, talk);
    }
    result
}

/// The report that is asked for, its plugin loaded.
async fn prepare(args: &RunArgs, run_id: String) -> Result<PreparedReport, CliError> {
    let (report, replay, defaults) = (args.report.clone(), args.replay.clone(), args.remote.parameter_source());
    base::blocking(move || {
        let recorded = replay.as_deref().map(RecordedRun::read).transpose()?;
        asked::prepare(&report, defaults, Some(run_id), recorded)
    })
    .await?
}

/// The progress of the run, unless it was asked to keep none. From here on the run's end comes into the history of its
/// stream, where there is a ledger already.
async fn progress_of(
    args: &RunArgs,
    wanted: RunMode,
    report: &PreparedReport,
    account: &RunAccount,
) -> Result<Option<RunProgress>, CliError> {
    let Some(path) = asked::ledger_file(args, &report.config)? else {
        return Ok(None);
    };
    let choice = ServerChoice {
        connection: report.connection(args.remote.connection.as_deref()),
        ..args.remote.choice()
    };
    let connection = connections::name(&report.config, choice, report.description.connection)?;
    account.know(|summary| summary.connection.clone_from(&connection));
    log::about(|about| about.connection = Some(connection.clone()));
    let choice = LedgerChoice {
        path,
        named: args.ledger.is_some(),
        sinks: &args.sinks,
    };
    let progress = RunLedger::of_run(choice, wanted, report, &connection).await?;
    if let RunProgress::Kept(ledger) = &progress
        && let Some(entry) = ledger.history(wanted).await
    {
        account.enter(entry);
    }
    Ok(Some(progress))
}

/// The settings of the server that is asked, with its secret: somebody may have to type it.
async fn connect(args: &RunArgs, report: PreparedReport) -> Result<(PreparedReport, Settings), CliError> {
    let (server, record, replay) = (args.remote.clone(), args.record.clone(), args.replay.clone());
    base::blocking(move || {
        let mut settings = match replay {
            Some(folder) => RecordedRun::read(&folder)?.settings(&folder, report.description.connection)?,
            None => {
                let service = report.service()?;
                let choice = ServerChoice {
                    service: service.as_deref(),
                    connection: report.connection(server.connection.as_deref()),
                    ..server.choice()
                };
                connections::settings(&report.config, choice, report.description.connection)?
            }
        };
        settings.watch_clock = true;
        settings.now = report.clock;
        if let Some(folder) = record {
            let notes = report.to_be_recorded(&settings).notes(&report.description.name)?;
            settings.exchange = Exchange::Record { folder, notes };
        }
        Ok((report, settings))
    })
    .await?
}

/// Opens the sinks of a report that is prepared.
pub(super) async fn open_sinks(
    report: PreparedReport,
    wanted: SinkChoice,
    provenance: &Arc<Provenance>,
) -> Result<(PreparedReport, OpenedSinks), CliError> {
    let provenance = Arc::clone(provenance);
    base::blocking(move || {
        let sinks = sinks::open(&report.config, &wanted, &report.run_id, &provenance)?;
        Ok((report, sinks))
    })
    .await?
}

/// The fate of rows that are no events. A recording holds them itself, so running from one keeps none.
fn rejects(args: &RunArgs, report: &PreparedReport, settings: &Settings) -> Rejects {
    let config = &report.config;
    let configured = (args.remote.url.is_none() && args.replay.is_none())
        .then(|| config.connections.get(&settings.name)?.max_rejected)
        .flatten();
    Rejects {
        store: (args.replay.is_none()).then(|| Arc::new(setup::state::rejected_rows(config))),
        source: Some(run_ledger::source(config, settings)),
        most: args.max_rejected.or(configured).unwrap_or_default(),
        plugin: setup::report::lasting_name(&report.asked, config),
    }
}

/// Opens the connection and the spool, and carries the run out, with its progress on the terminal.
#[allow(clippy::too_many_arguments)]
pub async fn execute(
    report: PreparedReport,
    settings: Settings,
    sinks: OpenedSinks,
    provenance: Arc<Provenance>,
    keeping: Option<LedgerOptions>,
    rejects: Rejects,
    talk: &OutputOptions,
    stop: &Shutdown,
    answered: &CancellationToken,
) -> Result<(Summary, Result<(), RunError>), CliError> {
    let progress = Arc::new(ProgressLine::start(talk, &report.description.name).telling(answered.clone()));
    let watcher: Arc<dyn fetch::FetchProgress> = progress.clone();
    // A recording is no server: what it answers was kept when it was made, or was not to be.
    let keeps = !matches!(settings.exchange, Exchange::Replay { .. });
    let connection = settings.name.clone();
    let audit_log = connections::of_audit_log(&report.config).map(|(name, compartment)| AuditLogConnection {
        name: name.to_owned(),
        compartment: compartment.as_str().to_owned(),
    });
    let fetcher = fetcher::open(&report.config, settings, report.description.connection, watcher)?;
    let (report, plugin, evidence) = base::blocking(move || -> Result<_, CliError> {
        let plugin = report.plugin.report()?;
        let evidence = match keeps {
            true => setup::evidence::open(&report.config, &connection)?,
            false => None,
        };
        Ok((report, plugin, evidence))
    })
    .await??;
    let run = Run {
        id: report.run_id,
        plugin_sha256: report.plugin.digest().to_owned(),
        report: Arc::new(plugin),
        description: report.description,
        request: report.request,
        window: report.window,
        fetcher: Arc::new(fetcher),
        outlets: sinks.outlets,
        router: sinks.router,
        provenance,
        observer: progress.clone(),
        stop: stop.token.clone(),
        keeping,
        rejects,
        audit_log,
    };
    let run = match evidence {
        Some(store) => run.keeping_evidence(store),
        None => run,
    };
    let done = run.execute().await;
    progress.finish();
    Ok(done)
}

fn outcome(result: Result<(), RunError>, summary: &Summary, strict: bool, stop: &Shutdown) -> Result<(), CliError> {
    match result {
        Err(RunError::Stopped) => Err(stopped(summary, stop)),
        Err(RunError::Closed) => Ok(()),
        Err(RunError::Fetch(error @ FetchError::Spool(_))) if error.code() == "spool-failed" => {
            let folder = fetcher::spool_folder();
            let hint = format!("{} must be writable and have room for the report", folder.display());
            Err(CliError::from(RunError::Fetch(error)).hint(hint))
        }
        Err(error @ RunError::Sink { .. }) => {
            let waits = matches!(&error, RunError::Sink { source, .. } if source.leaves_events_waiting());
            let since = summary.ledger.as_ref().and_then(|ledger| ledger.in_flight_since);
            let since = since.filter(|_| waits).map_or(String::new(), waiting_since);
            let failure = CliError::from(error);
            Err(CliError {
                message: failure.message.map(|message| message + &since),
                ..failure
            })
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

/// Fails where a recording lacks bodies: a replay of it would end at the first of them.
async fn recorded_whole(folder: Option<PathBuf>) -> Result<(), CliError> {
    let Some(folder) = folder else {
        return Ok(());
    };
    let lacking = base::blocking(move || Recording::withheld(&folder)).await??;
    if lacking == 0 {
        return Ok(());
    }
    let lacking = counted(lacking, "answer", "answers");
    let message =
        format!("everything is delivered, but the recording lacks the body of {lacking}: too long to be masked");
    Err(CliError::new(Exit::Partial, message).hint("record a shorter period"))
}

/// The end of the message about a sink that leaves its events to the next run.
fn waiting_since(since: Timestamp) -> String {
    format!("; events wait since {}", seconds(since))
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
