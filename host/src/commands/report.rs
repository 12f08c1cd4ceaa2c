//! From the arguments that name a report to what the plugin is asked: window, parameters, clock.

use jiff::Timestamp;
use setup::plugins;

use crate::args::ReportArgs;
use crate::commands::recording::Notes;
use crate::error::CliError;
use run::{Bound, Period, PluginSummary, Summary, Window, WindowSummary};
use sandbox::{Description, Parameter, Plugin, PluginKind, Request};
use setup::config::{self, Config};

/// A report plugin and what is asked of it.
pub struct Report {
    /// The configuration that was read.
    pub config: Config,
    /// The loaded component.
    pub plugin: Plugin,
    /// What it says it is.
    pub description: Description,
    /// The period.
    pub window: Window,
    /// The clock.
    pub now: Timestamp,
    /// The same where it is not this machine's.
    pub clock: Option<Timestamp>,
    /// The request that it gets.
    pub request: Request,
    /// Names the run; part of the unique name.
    pub run_id: String,
}

impl Report {
    /// Says in a summary which plugin it is, and what is asked of it.
    pub fn introduce(&self, summary: &mut Summary) {
        summary.plugin = PluginSummary {
            name: self.description.name.clone(),
            version: self.description.version.clone(),
            sha256: self.plugin.digest().to_string(),
        };
        summary.parameters.clone_from(&self.request.parameters);
        summary.window = Some(WindowSummary {
            from: self.window.from,
            to: self.window.to,
        });
    }
}

/// Loads the plugin and checks everything about the request that needs no server. With the notes of a recording, that is
/// what is asked.
pub fn prepare(args: &ReportArgs, notes: Option<&Notes>) -> Result<Report, CliError> {
    prepare_as(run_id(clock(args)?), args, notes)
}

/// The same, for a run that has its name already.
pub fn prepare_as(run_id: String, args: &ReportArgs, notes: Option<&Notes>) -> Result<Report, CliError> {
    let config = Config::load(args.config.config.as_deref())?;
    let clock = match (&args.now, notes) {
        (_, Some(notes)) => Some(notes.now),
        (Some(text), None) => Some(instant(text)?),
        (None, None) => None,
    };
    let now = match clock {
        Some(clock) => clock,
        None => self::clock(args)?,
    };
    let period = period(args)?;
    let plugin = plugins::load(&config, &args.plugin)?;
    if plugin.kind() != PluginKind::Report {
        return Err(CliError::new(
            crate::error::Exit::PluginFailed,
            format!("{} is a sink plugin, not a report", args.plugin),
        )
        .hint("name a sink with --sink"));
    }
    let description = plugin.report()?.describe()?;
    let window = match notes {
        Some(notes) => notes.window,
        None => period.window(now, description.granularity)?,
    };
    let parameters = match notes {
        Some(notes) => notes.parameters.clone(),
        None => parameters(&args.parameters, &description)?,
    };
    let request = Request {
        window: window.into(),
        now: now.as_millisecond(),
        parameters,
        unique_name: match notes {
            Some(notes) => notes.unique_name.clone(),
            None => format!("host-{}-{run_id}", description.name),
        },
    };
    Ok(Report {
        config,
        plugin,
        description,
        window,
        now,
        clock,
        request,
        run_id,
    })
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
        // Milliseconds are what plugins and servers know.
        None => Ok(Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_else(|_| Timestamp::now())),
    }
}

fn period(args: &ReportArgs) -> Result<Period, CliError> {
    if let Some(since) = &args.since {
        let duration = config::parse_duration(since)
            .map_err(|reason| CliError::usage(format!("--since: {reason}")).hint("for example --since 7d"))?;
        return Ok(Period::Since(duration));
    }
    let Some(from) = &args.from else {
        return Ok(Period::Today);
    };
    let to = args.to.as_deref().map(|to| Bound::parse("--to", to)).transpose()?;
    Ok(Period::Between(Bound::parse("--from", from)?, to))
}

fn parameters(given: &[String], description: &Description) -> Result<Vec<(String, String)>, CliError> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            CliError::usage(format!("--param {text:?} is not KEY=VALUE")).hint("for example --param keep-file=true")
        })?;
        let known = description.parameters.iter().find(|parameter| parameter.name == name);
        let parameter = known.ok_or_else(|| unknown_parameter(name, description))?;
        check_value(parameter, value)?;
        if !parameter.repeatable && parameters.iter().any(|(seen, _)| seen == name) {
            return Err(CliError::usage(format!("parameter {name} is given twice")).hint("give it once"));
        }
        parameters.push((name.to_string(), value.to_string()));
    }
    Ok(parameters)
}

/// Parameters that a report had once, each with what does its work today.
const RETIRED: [(&str, &str, &str); 1] = [(
    "audit-events",
    "lag",
    "leave it out: each run looks back for events that were stored late, as far as `look-back` under [ledger] says",
)];

fn unknown_parameter(name: &str, description: &Description) -> CliError {
    let names = || description.parameters.iter().map(|parameter| parameter.name.as_str());
    let retired = RETIRED
        .iter()
        .find(|(report, parameter, _)| *report == description.name && *parameter == name);
    let hint = match (retired, config::nearest(name, names())) {
        (Some((_, _, instead)), _) => instead.to_string(),
        (None, Some(known)) => format!("did you mean `{known}`?"),
        (None, None) if description.parameters.is_empty() => "it has no parameters".to_string(),
        (None, None) => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
    };
    CliError::usage(format!("{} has no parameter {name:?}", description.name)).hint(hint)
}

fn check_value(parameter: &Parameter, value: &str) -> Result<(), CliError> {
    if parameter.values.is_empty() || parameter.values.iter().any(|allowed| allowed == value) {
        return Ok(());
    }
    Err(
        CliError::usage(format!("parameter {} cannot be {value:?}", parameter.name))
            .hint(format!("it is one of {}", parameter.values.join(", "))),
    )
}

/// Sortable by time, and unique across processes and machines: `20250331T153000-5f2c9a1be07d4c33`.
pub fn run_id(now: Timestamp) -> String {
    format!("{}-{:016x}", now.strftime("%Y%m%dT%H%M%S"), fastrand::u64(..))
}
