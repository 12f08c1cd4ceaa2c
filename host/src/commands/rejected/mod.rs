//! `host rejected`.

mod readers;
mod replay;
mod selected;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::args::{OutputOptions, RejectedCommand, RejectedRowArgs};
use crate::commands::runtime::block_on;
use crate::commands::set_aside::{self, Listing, drop_selected};
use crate::error::CliError;
use ::rejected::{RejectedEntry, RejectedRows};
use replay::ReplayOptions;
use selected::{SelectedRows, load, selection};
use setup::config::Config;
use sink::terminal;

/// Carries out a subcommand.
pub fn run(command: &RejectedCommand, talk: &OutputOptions) -> Result<(), CliError> {
    match command {
        RejectedCommand::List {
            rows,
            limit,
            json,
            exit_code,
        } => {
            let listing = Listing {
                limit: *limit,
                json: *json,
                exit_code: *exit_code,
            };
            list(rows, listing)
        }
        RejectedCommand::Show { number, rows } => show(*number, rows),
        RejectedCommand::Replay {
            numbers,
            rows,
            sinks,
            rendering,
            plugin,
            forget,
            any_source,
        } => {
            let (numbers, rows) = (numbers.clone(), rows.clone());
            let (any_source, named) = (*any_source, sinks.clone());
            let check = move |config: &Config| replay::check_destination(config, &named);
            let select = move || SelectedRows::of(&numbers, &rows, any_source, check);
            let options = ReplayOptions {
                sinks: sinks.clone(),
                presentation: rendering.presentation(),
                plugin: plugin.clone(),
                forget: *forget,
            };
            block_on(talk, replay::replay(select, options, talk))
        }
        RejectedCommand::Drop {
            numbers,
            all,
            any_source,
            rows,
        } => forget(numbers, *all, rows, *any_source),
    }
}

fn list(rows: &RejectedRowArgs, listing: Listing) -> Result<(), CliError> {
    let (_, store) = load(rows)?;
    let path = store.path().map(|path| path.display().to_string()).unwrap_or_default();
    let nothing = format!("No rejected rows in {path}.");
    set_aside::list(&store, &selection(rows, &[]), listing, &nothing, table)
}

/// A line for each row.
fn table(entries: &[RejectedEntry]) -> String {
    let source = |entry: &RejectedEntry| terminal::printable(entry.source.as_deref().unwrap_or("-"));
    let widest = (entries.iter().map(|entry| source(entry).chars().count())).fold("SOURCE".len(), usize::max);
    let mut text = format!(
        "{:>8}  {:<16} {:<16} {:<20} {:>7}  {:<widest$}  REASON\n",
        "NUMBER", "REPORT", "CONNECTION", "REJECTED AT", "LINE", "SOURCE"
    );
    for entry in entries {
        let reason = terminal::printable(&entry.reason);
        let _ = writeln!(
            text,
            "{:>8}  {:<16} {:<16} {:<20} {:>7}  {:<widest$}  {reason}",
            entry.number,
            entry.report,
            entry.connection,
            entry.rejected_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            entry.line,
            source(entry)
        );
    }
    text
}

fn show(number: i64, rows: &RejectedRowArgs) -> Result<(), CliError> {
    let (_, store) = load(rows)?;
    let found = store.read(&selection(rows, &[number]), 0, 1)?;
    let row = found
        .first()
        .ok_or_else(|| set_aside::unknown::<RejectedRows>(number))?;
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut content = vec![
        ("preamble", lossy(&row.preamble).into()),
        ("row", lossy(&row.raw).into()),
    ];
    if std::str::from_utf8(&row.raw).is_err() {
        content.push(("row_base64", STANDARD.encode(&row.raw).into()));
    }
    set_aside::show(&row.entry, content)
}

fn forget(numbers: &[i64], all: bool, rows: &RejectedRowArgs, any_source: bool) -> Result<(), CliError> {
    if numbers.is_empty() && rows.report.is_none() && rows.connection.is_none() && !all {
        return Err(CliError::usage("this would drop every rejected row")
            .hint("give numbers, --report or --connection, or --all if that is meant"));
    }
    // Who gives a number has seen the row.
    let found = selected::find(numbers, rows, any_source || !numbers.is_empty())?;
    drop_selected(&found.store, &found.selection, &found.elsewhere)
}
