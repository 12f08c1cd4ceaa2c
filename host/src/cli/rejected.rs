//! `host rejected`.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::args::{RejectedCommand, RenderingArgs, Rows, Talk};
use super::error::note;
use super::sinks::{Opened, Wanted};
use super::stop::Stop;
use super::{Exit, Failure, dead_letters, plugins, print, sinks};
use crate::config::{Config, SinkKind, Transport, nearest};
use crate::counted::counted;
use crate::plugin::{Plugin, PluginKind, ReportPlugin, built_in};
use crate::rejected::{Bounds, Reader, RejectedRow, RejectedRows, Selection};
use crate::run::{Again, Observer, Reread, RunError, reread};
use crate::sink::terminal;

/// Rows that are read together.
const REPLAYED: usize = 1000;
/// Rows that `list` shows unless told otherwise.
const LISTED: usize = 100;

/// The store of the configuration, else `rejected.db` beside the dead letters, or beside the ledger where these have no place
/// either; without any, none.
pub fn store(config: &Config) -> RejectedRows {
    let set = &config.rejected;
    let default = Bounds::default();
    let bounds = Bounds {
        rows: set.rows.unwrap_or(default.rows),
        bytes: set.bytes.unwrap_or(default.bytes),
    };
    let beside = || {
        let letters = dead_letters::store(config).path().map(ToOwned::to_owned);
        let ledger = || config.ledger.path.as_ref().map(|path| config.folder.join(path));
        Some(letters.or_else(ledger)?.with_file_name("rejected.db"))
    };
    let set = set.path.as_ref().map(|path| config.folder.join(path));
    match set.or_else(beside) {
        Some(path) => RejectedRows::at(path, bounds),
        None => RejectedRows::nowhere(bounds),
    }
}

/// What names a plugin wherever it is asked for later: its name, or the whole of its path.
pub fn asked(plugin: &str, config: &Config) -> String {
    if config.plugins.contains_key(plugin) || built_in(plugin).is_some() {
        return plugin.to_owned();
    }
    let whole = std::path::absolute(plugin).ok();
    whole.map_or_else(|| plugin.to_owned(), |path| path.display().to_string())
}

/// Carries out a subcommand.
pub async fn run(command: &RejectedCommand, talk: &Talk) -> Result<(), Failure> {
    match command {
        RejectedCommand::List {
            rows,
            limit,
            json,
            exit_code,
        } => list(rows, *limit, *json, *exit_code),
        RejectedCommand::Show { number, rows } => show(*number, rows),
        RejectedCommand::Replay {
            numbers,
            rows,
            sinks,
            rendering,
            plugin,
        } => {
            let how = How {
                sinks,
                rendering,
                plugin: plugin.as_deref(),
            };
            replay(numbers, rows, &how, talk).await
        }
        RejectedCommand::Drop { numbers, all, rows } => forget(numbers, *all, rows),
    }
}

fn load(rows: &Rows) -> Result<(Config, RejectedRows), Failure> {
    let config = Config::load(rows.config.config.as_deref())?;
    let store = store(&config);
    store.need_place()?;
    if let Some(name) = &rows.connection
        && !config.connections.contains_key(name)
        && store.count(&selection(rows, &[]))? == 0
    {
        let hint = match nearest(name, config.connections.keys().map(String::as_str)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "`host rejected list` shows what there is".to_owned(),
        };
        let what = format!("there is no connection {name:?}, and no rejected row of one");
        return Err(Failure::usage(what).hint(hint));
    }
    Ok((config, store))
}

/// Refuses numbers of which there is no row.
fn check_numbers(store: &RejectedRows, selection: &Selection) -> Result<(), Failure> {
    if selection.numbers.is_empty() {
        return Ok(());
    }
    let there = store.list(selection, selection.numbers.len())?;
    let missing = (selection.numbers.iter()).find(|number| !there.iter().any(|entry| entry.number == **number));
    missing.map_or(Ok(()), |number| Err(unknown(*number)))
}

fn unknown(number: i64) -> Failure {
    Failure::usage(format!("there is no rejected row {number}")).hint("`host rejected list` shows them")
}

fn selection(rows: &Rows, numbers: &[i64]) -> Selection {
    Selection {
        report: rows.report.clone(),
        connection: rows.connection.clone(),
        numbers: numbers.to_vec(),
    }
}

fn list(rows: &Rows, limit: Option<usize>, json: bool, exit_code: bool) -> Result<(), Failure> {
    let (_, store) = load(rows)?;
    let selection = selection(rows, &[]);
    let most = limit.unwrap_or(if json { usize::MAX >> 1 } else { LISTED });
    let entries = store.list(&selection, most)?;
    let total = store.count(&selection)?;
    let mut text = String::new();
    if json {
        for entry in &entries {
            text += &serde_json::to_string(entry).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
            text.push('\n');
        }
    } else if entries.is_empty() {
        let path = store.path().map(|path| path.display().to_string()).unwrap_or_default();
        let _ = writeln!(text, "No rejected rows in {path}.");
    } else {
        let _ = writeln!(
            text,
            "{:>8}  {:<16} {:<16} {:<20} {:>7}  REASON",
            "NUMBER", "REPORT", "CONNECTION", "REJECTED AT", "LINE"
        );
        for entry in &entries {
            let reason: String = entry.reason.chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(
                text,
                "{:>8}  {:<16} {:<16} {:<20} {:>7}  {reason}",
                entry.number,
                entry.report,
                entry.connection,
                entry.rejected_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                entry.line
            );
        }
        if total > entries.len() as u64 {
            let _ = writeln!(text, "… {} of {total}; --limit shows more, --json all", entries.len());
        }
    }
    print(text.as_bytes())?;
    match exit_code && total > 0 {
        true => Err(Failure::silent(Exit::Partial)),
        false => Ok(()),
    }
}

fn show(number: i64, rows: &Rows) -> Result<(), Failure> {
    let (_, store) = load(rows)?;
    let found = store.read(&selection(rows, &[number]), 0, 1)?;
    let row = found.first().ok_or_else(|| unknown(number))?;
    let text: Result<String, serde_json::Error> = (|| {
        let mut object = serde_json::to_value(&row.entry)?;
        if let Some(object) = object.as_object_mut() {
            let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            object.insert("preamble".into(), lossy(&row.preamble).into());
            object.insert("row".into(), lossy(&row.raw).into());
            if std::str::from_utf8(&row.raw).is_err() {
                object.insert("row_base64".into(), STANDARD.encode(&row.raw).into());
            }
        }
        serde_json::to_string_pretty(&object)
    })();
    let text = text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let mut text = (text + "\n").into_bytes();
    if std::io::stdout().is_terminal() {
        terminal::defuse(&mut text, true);
    }
    print(&text)
}

/// How rows are read and delivered again.
struct How<'a> {
    sinks: &'a [String],
    rendering: &'a RenderingArgs,
    plugin: Option<&'a str>,
}

/// What came of a replay so far.
#[derive(Default)]
struct Outcome {
    /// Events that were delivered.
    delivered: u64,
    /// Rows that stay.
    kept: u64,
    /// The first thing that went wrong.
    failed: Option<Failure>,
    /// Whether events went to standard output, so that nothing else may.
    data: bool,
}

/// Reads rows again, delivers their events, and forgets them. The others stay, with what is wrong with them now.
async fn replay(numbers: &[i64], rows: &Rows, how: &How<'_>, talk: &Talk) -> Result<(), Failure> {
    let stop = Stop::listen(talk)?;
    let (config, store) = load(rows)?;
    if how.sinks.is_empty() && config.routes.is_empty() {
        return Err(Failure::usage("no route says where the events go")
            .hint("name a sink with --sink, or add [[routes]] to host.toml"));
    }
    let _claim = store.claim()?;
    let selection = selection(rows, numbers);
    check_numbers(&store, &selection)?;
    let mut readers = Readers {
        config: &config,
        plugin: how.plugin,
        loaded: HashMap::new(),
    };
    let (mut after, mut outcome) = (0, Outcome::default());
    stop.hold("what was not delivered is still kept");
    while !stop.token.is_cancelled() {
        let mut batch = store.read(&selection, after, REPLAYED)?;
        let Some(last) = batch.last() else { break };
        after = last.entry.number;
        batch.sort_by_cached_key(|row| {
            let of = &row.origin;
            let provenance = &of.provenance;
            (
                of.plugin.asked.clone(),
                provenance.report.clone(),
                provenance.connection.clone(),
                provenance.service.clone(),
            )
        });
        let together = |a: &RejectedRow, b: &RejectedRow| {
            a.origin.plugin.asked == b.origin.plugin.asked && a.origin.provenance == b.origin.provenance
        };
        for group in batch.chunk_by(together) {
            if stop.token.is_cancelled() {
                break;
            }
            if let Err((failure, kept)) = deliver(&config, &store, &mut readers, how, group, &mut outcome).await {
                outcome.kept += kept;
                outcome.failed.get_or_insert(failure);
            }
        }
    }
    if stop.token.is_cancelled() {
        outcome.kept = store.count(&selection)?;
    }
    let said = format!("{} delivered, {} still rejected", outcome.delivered, outcome.kept);
    match outcome.data {
        true => note(&said, talk),
        false => print((said + "\n").as_bytes())?,
    }
    if stop.token.is_cancelled() {
        return Err(stop.failure());
    }
    match outcome.failed {
        Some(failure) => Err(failure),
        None if outcome.kept > 0 => Err(Failure::new(
            Exit::Partial,
            counted(outcome.kept, "row is still rejected", "rows are still rejected"),
        )
        .hint("`host rejected list` says why")),
        None => Ok(()),
    }
}

/// Reads rows of one plugin and one origin again, and delivers their events. Where that fails, says how many rows stay.
async fn deliver(
    config: &Config,
    store: &RejectedRows,
    readers: &mut Readers<'_>,
    how: &How<'_>,
    group: &[RejectedRow],
    outcome: &mut Outcome,
) -> Result<(), (Failure, u64)> {
    let all = group.len() as u64;
    let Some(first) = group.first() else { return Ok(()) };
    let (report, reader) = readers
        .get(&first.origin.plugin.asked, &first.entry.report)
        .map_err(|failure| (failure, all))?;
    let (mut events, mut done, mut vain) = (Vec::new(), Vec::new(), Vec::new());
    for row in group {
        let number = row.entry.number;
        match tokio::task::block_in_place(|| reread(report, row)).map_err(|error| (error.into(), all))? {
            Reread::Events(found) => {
                events.extend(found);
                done.push(number);
            }
            Reread::Rejected(reason) => vain.push((number, reason)),
        }
    }
    store.note(reader, &vain).map_err(|error| (error.into(), all))?;
    outcome.kept += vain.len() as u64;
    if done.is_empty() {
        return Ok(());
    }
    let (readable, delivered) = (done.len() as u64, events.len() as u64);
    let provenance = Arc::new(first.origin.provenance.clone());
    let wanted = Wanted {
        names: how.sinks,
        plugin_config: None,
        rendering: how.rendering,
        extend: true,
    };
    let opened =
        sinks::open(config, &wanted, &first.entry.run_id, &provenance).map_err(|failure| (failure, readable))?;
    outcome.data |= writes_to_stdout(config, &opened);
    let mut again = Again::start(opened.outlets, opened.router, provenance);
    again.send(events).await;
    if again.unrouted() > 0 {
        tracing::warn!(
            events = again.unrouted(),
            "no route takes these events: they go nowhere"
        );
    }
    let settled = again.finish(&Silent).await;
    let lettered = match settled {
        Ok(()) => None,
        // They are kept there.
        Err(error @ RunError::DeadLettered { .. }) => Some(Failure::from(error)),
        Err(error) => return Err((error.into(), readable)),
    };
    let selection = Selection {
        numbers: done,
        ..Selection::default()
    };
    // The receiver has the events already: they are delivered, and still rejected rows.
    let after_sending = |error| Failure {
        exit: Exit::DeliveryFailed,
        ..Failure::from(error)
    };
    store
        .remove(&selection)
        .map_err(|error| (after_sending(error), readable))?;
    outcome.delivered += delivered;
    match lettered {
        Some(failure) => Err((failure, 0)),
        None => Ok(()),
    }
}

/// Plugins that rows are read with, each loaded once.
struct Readers<'a> {
    config: &'a Config,
    /// Named for all of them.
    plugin: Option<&'a str>,
    loaded: HashMap<String, (ReportPlugin, Reader)>,
}

impl Readers<'_> {
    /// The plugin of that name or path as it is today; it must still be this report.
    fn get(&mut self, asked: &str, report: &str) -> Result<&(ReportPlugin, Reader), Failure> {
        let asked = self.plugin.unwrap_or(asked).to_owned();
        if !self.loaded.contains_key(&asked) {
            let loaded = read_with(&plugins::load(self.config, &asked)?, &asked)?;
            self.loaded.insert(asked.clone(), loaded);
        }
        let found = self.loaded.get(&asked);
        let found = found.ok_or_else(|| Failure::new(Exit::Internal, "a plugin that was loaded is gone"))?;
        let name = found.0.name();
        if name != report {
            return Err(
                Failure::usage(format!("the plugin {asked} is {name}, and the rows are of {report}"))
                    .hint("name the plugin that reads them with --plugin, or choose rows with --report"),
            );
        }
        Ok(found)
    }
}

fn read_with(plugin: &Plugin, asked: &str) -> Result<(ReportPlugin, Reader), Failure> {
    if plugin.kind() != PluginKind::Report {
        return Err(Failure::usage(format!("{asked} is a sink plugin, not a report"))
            .hint("name a report plugin with --plugin"));
    }
    let mut report = plugin.report()?;
    let reader = Reader {
        asked: asked.to_owned(),
        version: report.describe()?.version,
        sha256: plugin.digest().to_owned(),
    };
    Ok((report, reader))
}

/// Whether one of the sinks is standard output.
fn writes_to_stdout(config: &Config, opened: &Opened) -> bool {
    opened.outlets.iter().any(|outlet| {
        let name = outlet.delivery.name();
        match config.sinks.get(name).map(|sink| &sink.kind) {
            Some(SinkKind::Stdout(_)) => true,
            Some(SinkKind::Plugin(plugin)) => {
                plugin.endpoint.is_none() && matches!(plugin.transport, None | Some(Transport::Stdout))
            }
            Some(_) => false,
            None => !name.starts_with("file:"),
        }
    })
}

/// Nobody watches.
struct Silent;

impl Observer for Silent {}

fn forget(numbers: &[i64], all: bool, rows: &Rows) -> Result<(), Failure> {
    if numbers.is_empty() && rows.report.is_none() && rows.connection.is_none() && !all {
        return Err(Failure::usage("this would drop every rejected row")
            .hint("give numbers, --report or --connection, or --all if that is meant"));
    }
    let (_, store) = load(rows)?;
    let selection = selection(rows, numbers);
    check_numbers(&store, &selection)?;
    let dropped = store.remove(&selection)?;
    print(format!("{dropped} dropped\n").as_bytes())
}
