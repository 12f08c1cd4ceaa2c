//! The things that arguments ask for: a report with its period and clock, and the ledger of a run.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::args::{ReportArgs, RunArgs};
use crate::error::CliError;
use run::{Bound, Period};
use setup::config::{self, Config};
use setup::connections::ParameterSource;
use setup::recorded_run::RecordedRun;
use setup::report::{self, PreparedReport, ReportChoice};

/// Reads the configuration, loads the plugin, and checks everything about the request that needs no server. Blocks.
pub fn prepare(
    args: &ReportArgs,
    defaults: ParameterSource,
    run_id: Option<String>,
    recorded: Option<RecordedRun>,
) -> Result<PreparedReport, CliError> {
    let config = Config::load(args.config.config.as_deref())?;
    let choice = ReportChoice {
        plugin: args.plugin.clone(),
        clock: match recorded {
            Some(_) => None,
            None => args.now.as_deref().map(instant).transpose()?,
        },
        period: period(args)?,
        parameters: args.parameters.clone(),
        defaults,
        recorded,
        run_id,
    };
    Ok(report::prepare(config, &choice)?)
}

/// A clock that stands still.
pub fn instant(text: &str) -> Result<Timestamp, CliError> {
    let wrong = |_| CliError::usage(format!("--now {text:?} is not an RFC 3339 time"));
    text.parse().map_err(wrong)
}

/// The clock: the machine's, unless another one was given.
pub fn clock(args: &ReportArgs) -> Result<Timestamp, CliError> {
    match &args.now {
        Some(text) => instant(text),
        None => Ok(report::this_machine_s_clock()),
    }
}

/// A duration as it was typed for an option.
pub fn duration(option: &str, text: &str) -> Result<Duration, CliError> {
    config::parse_duration(text).map_err(|reason| {
        let (wrong, advice) = reason.split_once("; ").unwrap_or((&reason, "for example 7d"));
        CliError::usage(format!("{option} {text:?}: {wrong}")).hint(advice)
    })
}

fn period(args: &ReportArgs) -> Result<Period, CliError> {
    if let Some(since) = &args.since {
        return Ok(Period::Since(duration("--since", since)?));
    }
    let Some(from) = &args.from else {
        return Ok(Period::Today);
    };
    let to = args.to.as_deref().map(|to| Bound::parse("--to", to)).transpose()?;
    Ok(Period::Between(Bound::parse("--from", from)?, to))
}

/// A day or an instant as it was typed for an option; of a day that ends a period, its end.
pub fn bound(option: &'static str, text: Option<&str>, end: bool) -> Result<Option<Timestamp>, CliError> {
    let Some(text) = text else { return Ok(None) };
    let out_of_range = |_| CliError::usage(format!("{option} is out of range"));
    Ok(Some(match Bound::parse(option, text)? {
        Bound::Instant(instant) => instant,
        Bound::Day(day) => {
            let day = if end {
                day.tomorrow().map_err(out_of_range)?
            } else {
                day
            };
            day.to_zoned(TimeZone::UTC).map_err(out_of_range)?.timestamp()
        }
    }))
}

/// The ledger of a run: what was named, else the configuration's, else `$XDG_STATE_HOME/host/ledger.db`. A server that
/// was named on the command line, and a recording, leave no progress unless asked to.
pub fn ledger_file(args: &RunArgs, config: &Config) -> Result<Option<PathBuf>, CliError> {
    let recorded = args.record.is_some() || args.replay.is_some();
    match args.ledger.as_deref() {
        Some("none") => Ok(None),
        Some("") => Err(CliError::usage("--ledger names no file").hint("give a path, or none")),
        Some(_) if recorded => Err(CliError::usage("a recording holds one period, so it has no ledger")
            .hint("leave out --ledger, or --record and --replay")),
        Some(path) => Ok(Some(PathBuf::from(path))),
        None if recorded || args.remote.url.is_some() => Ok(None),
        None => Ok(Some(setup::state::ledger(config)?)),
    }
}
