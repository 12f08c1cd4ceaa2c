//! `host runs`: what ran, when, and how it ended.

use std::io::IsTerminal as _;

use crate::args::RunsArgs;
use crate::commands::ledger::look::{LedgerLook, config_of, look, place_of, with};
use crate::error::CliError;
use crate::render::{json_line, past_runs, print};
use ::ledger::{ListedRun, RunSelection, SqliteLedger};
use ::run::streams::is_meant;
use setup::config::nearest;
use sink::terminal;

/// Lists the last runs of the streams that were named.
pub async fn runs(args: &RunsArgs) -> Result<(), CliError> {
    let found = look(&args.file).await?;
    let (name, key) = named(args, &found).await?;
    let selection = RunSelection {
        report: args.report.clone().filter(|_| name.is_none()),
        name,
        key,
        connection: args.connection.clone(),
        parameters: args.given()?,
        is_meant: Some(is_meant),
        failed: args.failed,
        last: usize::try_from(args.last).unwrap_or(usize::MAX),
    };
    let Some(ledger) = found.ledger.clone() else {
        return match &args.report {
            Some(_) => {
                let message = format!("{} has not been collected yet: there is no ledger", of(args));
                let file = found.file.display();
                Err(CliError::usage(format!("{message} {file}")).hint("`host run` makes it"))
            }
            None => print(nothing(args, &found).as_bytes()),
        };
    };
    let asked = selection.clone();
    let ListedRuns { runs, reports } = base::blocking(move || listed(&ledger, &asked)).await??;
    if let (Some(reports), Some(report)) = (&reports, &args.report)
        && !is_known(&selection, &found)
    {
        return Err(unknown(report, args, &found, reports));
    }
    if args.json {
        let mut lines = Vec::new();
        for listed in &runs {
            lines.append(&mut json_line(&past_runs::as_json(listed))?);
        }
        return print(&lines);
    }
    let text = match runs.is_empty() {
        true => nothing(args, &found),
        false => {
            let columns = std::io::stdout().is_terminal().then(terminal::columns);
            past_runs::table(&runs, columns)
        }
    };
    print(text.as_bytes())
}

/// The runs that were asked for.
struct ListedRuns {
    runs: Vec<ListedRun>,
    /// The reports that there are runs of, where there is none of the streams that were named.
    reports: Option<Vec<String>>,
}

fn listed(ledger: &SqliteLedger, selection: &RunSelection) -> Result<ListedRuns, CliError> {
    let history = ledger.history()?;
    let any = RunSelection {
        failed: false,
        last: 1,
        ..selection.clone()
    };
    let reports = match history.list(&any)?.is_empty() {
        true => Some(history.reports()?),
        false => None,
    };
    let runs = history.list(selection)?;
    Ok(ListedRuns { runs, reports })
}

/// The name of the stream that was asked for, and the key of its record, where it is a name and not a report's.
async fn named(args: &RunsArgs, found: &LedgerLook) -> Result<(Option<String>, Option<String>), CliError> {
    let Some(name) = args.report.clone() else {
        return Ok((None, None));
    };
    let config = config_of(&args.file).await?;
    let entry = config.stream(&name).map(|entry| (&config, entry));
    let is_configured = entry.is_some();
    let key = place_of(&found.streams, &name, entry).and_then(|place| found.streams.get(place));
    let key = key.map(|(document, _)| document.key.clone());
    Ok(match is_configured || key.is_some() {
        true => (Some(name), key),
        false => (None, None),
    })
}

/// True where the ledger has a stream that was named, though no run of it.
fn is_known(selection: &RunSelection, found: &LedgerLook) -> bool {
    found.streams.iter().any(|(_, record)| {
        let stream = &record.stream;
        let same = |wanted: &Option<String>, is: &String| wanted.as_ref().is_none_or(|wanted| wanted == is);
        let is_called = |name: &String| stream.name.as_ref() == Some(name) || selection.key == Some(stream.key());
        selection.name.as_ref().is_none_or(is_called)
            && same(&selection.report, &stream.report)
            && same(&selection.connection, &stream.connection)
            && (selection.parameters.is_empty() || is_meant(stream, &selection.parameters))
    })
}

fn unknown(report: &str, args: &RunsArgs, found: &LedgerLook, reports: &[String]) -> CliError {
    let streams = found.streams.iter().flat_map(|(_, record)| {
        let name = record.stream.name.as_deref();
        name.into_iter().chain([record.stream.report.as_str()])
    });
    let hint = match nearest(report, streams.chain(reports.iter().map(String::as_str))) {
        Some(known) if known != report => format!("did you mean `{known}`?"),
        _ => "`host runs` shows the runs of all streams, `host ledger list` the streams".to_owned(),
    };
    CliError::usage(format!("there is no run of {} in {}", of(args), found.file.display())).hint(hint)
}

/// The streams that were named, for people.
fn of(args: &RunsArgs) -> String {
    // What cannot be told apart was refused before.
    let parameters = with(&args.given().unwrap_or_default());
    match (&args.report, &args.connection) {
        (Some(report), Some(connection)) => format!("{report} @ {connection}{parameters}"),
        (Some(report), None) => format!("{report}{parameters}"),
        (None, Some(connection)) => format!("connection {connection}{parameters}"),
        (None, None) if parameters.is_empty() => String::new(),
        (None, None) => format!("streams{parameters}"),
    }
}

/// The line where there is no run to be listed; for programs there is none.
fn nothing(args: &RunsArgs, found: &LedgerLook) -> String {
    if args.json {
        return String::new();
    }
    let of = match of(args) {
        of if of.is_empty() => of,
        of => format!(" of {of}"),
    };
    let file = found.file.display();
    match args.failed {
        true => format!("No failed runs{of} in {file}.\n"),
        false => format!("No runs{of} in {file} yet.\n"),
    }
}
