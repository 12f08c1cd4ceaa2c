//! `host rejected`.

use setup::plugins;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::io::IsTerminal as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::args::{OutputOptions, RejectedCommand, RenderingArgs, Rows};
use crate::commands::stream;
use crate::error::CliError;
use crate::error::Exit;
use crate::error::note;
use crate::render::print;
use crate::stop::Shutdown;
use ::rejected::{Reader, RejectedEntry, RejectedGroup, RejectedRow, RejectedRows, RejectedSelection};
use ::run::route::Router;
use ::run::{Again, Observer, Reread, RunError, reread_together};
use base::counted::counted;
use built_in::built_in;
use event::{Event, Provenance};
use sandbox::{Plugin, PluginKind, ReportPlugin};
use setup::config::{Config, PluginTransport, SinkKind, nearest};
use setup::sinks::{self, OpenedSinks, SinkChoice};
use sink::terminal;

/// Rows that are read together; more only where they are of one document.
const REPLAYED: usize = 1000;
/// Rows of a document that are read as one, at most.
const OF_ONE: usize = 50_000;
/// Bytes of them, at most.
const OF_ONE_BYTES: u64 = 32 << 20;
/// Rows that `list` shows unless told otherwise.
const LISTED: usize = 100;

/// What names a plugin wherever it is asked for later: its name, or the whole of its path.
pub fn asked(plugin: &str, config: &Config) -> String {
    if config.plugins.contains_key(plugin) || built_in(plugin).is_some() {
        return plugin.to_owned();
    }
    let whole = std::path::absolute(plugin).ok();
    whole.map_or_else(|| plugin.to_owned(), |path| path.display().to_string())
}

/// Carries out a subcommand.
pub async fn run(command: &RejectedCommand, talk: &OutputOptions) -> Result<(), CliError> {
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
            forget,
            any_source,
        } => {
            let how = How {
                sinks,
                rendering,
                plugin: plugin.as_deref(),
                forget: *forget,
                any_source: *any_source,
            };
            replay(numbers, rows, &how, talk).await
        }
        RejectedCommand::Drop {
            numbers,
            all,
            any_source,
            rows,
        } => forget(numbers, *all, rows, *any_source),
    }
}

fn load(rows: &Rows) -> Result<(Config, RejectedRows), CliError> {
    let config = Config::load(rows.config.config.as_deref())?;
    let store = setup::state::rejected_rows(&config);
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
        return Err(CliError::usage(what).hint(hint));
    }
    Ok((config, store))
}

/// Refuses numbers of which there is no row.
fn check_numbers(store: &RejectedRows, selection: &RejectedSelection) -> Result<(), CliError> {
    if selection.numbers.is_empty() {
        return Ok(());
    }
    let there = store.list(selection, selection.numbers.len())?;
    let missing = (selection.numbers.iter()).find(|number| !there.iter().any(|entry| entry.number == **number));
    missing.map_or(Ok(()), |number| Err(unknown(*number)))
}

fn unknown(number: i64) -> CliError {
    CliError::usage(format!("there is no rejected row {number}")).hint("`host rejected list` shows them")
}

fn selection(rows: &Rows, numbers: &[i64]) -> RejectedSelection {
    RejectedSelection {
        report: rows.report.clone(),
        connection: rows.connection.clone(),
        numbers: numbers.to_vec(),
        except: Vec::new(),
    }
}

/// What to do about rows that were collected from elsewhere.
const ELSEWHERE: &str =
    "use the configuration whose connection leads there (--config), or, if the server has moved, --any-source";

/// Rows that were collected from where no connection of the configuration leads.
#[derive(Default)]
struct Elsewhere {
    rows: u64,
    /// A line for each source.
    lines: Vec<String>,
    sources: Vec<String>,
}

impl Elsewhere {
    /// Finds them among the selected ones. Rows of a version that kept no source are none of them.
    fn of(config: &Config, store: &RejectedRows, selection: &RejectedSelection) -> Result<Elsewhere, CliError> {
        let today: BTreeSet<String> = (config.connections.values())
            .map(|connection| stream::origin(&connection.url))
            .collect();
        let leads = match today.is_empty() {
            true => "the configuration has no connection".to_owned(),
            false => format!(
                "the configuration's connections lead to {}",
                today.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            ),
        };
        let mut elsewhere = Elsewhere::default();
        for RejectedGroup { source, rows } in store.groups(selection)? {
            let Some(source) = source.filter(|source| !today.contains(source)) else {
                continue;
            };
            elsewhere.rows += rows;
            elsewhere.lines.push(format!(
                "{} collected from {source}, and {leads}: {}",
                counted(rows, "rejected row was", "rejected rows were"),
                if rows == 1 { "it stays" } else { "they stay" },
            ));
            elsewhere.sources.push(source);
        }
        Ok(elsewhere)
    }

    /// Says them and takes them out of the selection; where nothing else is selected, that is an error.
    fn leave_out(&self, store: &RejectedRows, selection: &mut RejectedSelection) -> Result<(), CliError> {
        if self.rows == 0 {
            return Ok(());
        }
        selection.except.clone_from(&self.sources);
        if store.count(selection)? == 0 {
            return Err(CliError::usage(self.lines.join("; ")).hint(ELSEWHERE));
        }
        for line in &self.lines {
            tracing::warn!("{line}");
        }
        Ok(())
    }

    /// The end of a command that did the rest.
    fn end(&self) -> Result<(), CliError> {
        match self.rows {
            0 => Ok(()),
            rows => {
                let stay = counted(
                    rows,
                    "row stays: it was collected from elsewhere",
                    "rows stay: they were collected from elsewhere",
                );
                Err(CliError::new(Exit::Partial, stay).hint(ELSEWHERE))
            }
        }
    }
}

/// Says once that rows of an earlier version go by the configuration's routes alone.
fn say_unknown(store: &RejectedRows, selection: &RejectedSelection) -> Result<(), CliError> {
    let groups = store.groups(selection)?;
    let unknown = groups.iter().filter(|group| group.source.is_none());
    match unknown.map(|group| group.rows).sum() {
        0_u64 => {}
        rows => tracing::warn!(
            "an earlier version kept {} without the URL of the connection: this configuration is taken for {}",
            counted(rows, "rejected row", "rejected rows"),
            if rows == 1 { "its own" } else { "theirs" }
        ),
    }
    Ok(())
}

fn list(rows: &Rows, limit: Option<usize>, json: bool, exit_code: bool) -> Result<(), CliError> {
    let (_, store) = load(rows)?;
    let selection = selection(rows, &[]);
    let most = limit.unwrap_or(if json { usize::MAX >> 1 } else { LISTED });
    let entries = store.list(&selection, most)?;
    let total = store.count(&selection)?;
    let mut text = String::new();
    if json {
        for entry in &entries {
            text += &serde_json::to_string(entry).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
            text.push('\n');
        }
    } else if entries.is_empty() {
        let path = store.path().map(|path| path.display().to_string()).unwrap_or_default();
        let _ = writeln!(text, "No rejected rows in {path}.");
    } else {
        let source = |entry: &RejectedEntry| terminal::printable(entry.source.as_deref().unwrap_or("-"));
        let widest = (entries.iter().map(|entry| source(entry).chars().count())).fold("SOURCE".len(), usize::max);
        let _ = writeln!(
            text,
            "{:>8}  {:<16} {:<16} {:<20} {:>7}  {:<widest$}  REASON",
            "NUMBER", "REPORT", "CONNECTION", "REJECTED AT", "LINE", "SOURCE"
        );
        for entry in &entries {
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
        if total > entries.len() as u64 {
            let _ = writeln!(text, "… {} of {total}; --limit shows more, --json all", entries.len());
        }
    }
    print(text.as_bytes())?;
    match exit_code && total > 0 {
        true => Err(CliError::silent(Exit::Partial)),
        false => Ok(()),
    }
}

fn show(number: i64, rows: &Rows) -> Result<(), CliError> {
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
    let text = text.map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
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
    /// Rows whose events were delivered are forgotten, whatever sinks had them.
    forget: bool,
    /// Rows are taken wherever they were collected from.
    any_source: bool,
}

/// What came of a replay so far.
#[derive(Default)]
struct Outcome {
    /// Events that were delivered.
    delivered: u64,
    /// Rows that stay.
    kept: u64,
    /// Of these, rows whose events no route takes.
    unrouted: u64,
    /// Of these, rows whose events were delivered, to other sinks than their stream's.
    looked_at: u64,
    /// The streams of such rows, as they were said.
    said: BTreeSet<String>,
    /// The first thing that went wrong.
    failed: Option<CliError>,
    /// Whether events went to standard output, so that nothing else may.
    data: bool,
}

/// Reads rows again, delivers their events, and forgets them. The others stay, with what is wrong with them now.
async fn replay(numbers: &[i64], rows: &Rows, how: &How<'_>, talk: &OutputOptions) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let (config, store) = load(rows)?;
    if how.sinks.is_empty() && config.routes.is_empty() {
        return Err(CliError::usage("no route says where the events go")
            .hint("name a sink with --sink, or add [[routes]] to host.toml")
            .read_from(&config));
    }
    let _claim = store.claim()?;
    let mut selection = selection(rows, numbers);
    check_numbers(&store, &selection)?;
    let elsewhere = match how.any_source {
        true => Elsewhere::default(),
        false => Elsewhere::of(&config, &store, &selection)?,
    };
    elsewhere.leave_out(&store, &mut selection)?;
    say_unknown(&store, &selection)?;
    let mut readers = Readers {
        config: &config,
        plugin: how.plugin,
        loaded: HashMap::new(),
    };
    let (mut after, mut outcome) = (0, Outcome::default());
    stop.set_resume_hint("what was not delivered is still kept");
    while !stop.token.is_cancelled() {
        let mut batch = next(&store, &selection, after)?;
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
                of.parameters.clone(),
                row.document,
                row.entry.line,
            )
        });
        let together = |a: &RejectedRow, b: &RejectedRow| {
            let (a, b) = (&a.origin, &b.origin);
            a.plugin.asked == b.plugin.asked && a.provenance == b.provenance && a.parameters == b.parameters
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
    let vain = outcome.kept.saturating_sub(outcome.unrouted + outcome.looked_at);
    match outcome.failed {
        Some(failure) => Err(failure),
        None if vain > 0 => Err(CliError::new(
            Exit::Partial,
            counted(vain, "row is still rejected", "rows are still rejected"),
        )
        .hint("`host rejected list` says why")),
        None if outcome.unrouted > 0 => Err(CliError::new(
            Exit::Partial,
            counted(
                outcome.unrouted,
                "row stays: no route takes its events",
                "rows stay: no route takes their events",
            ),
        )
        .hint("add a route that does under [[routes]], or drop them with `host rejected drop`")),
        None => elsewhere.end(),
    }
}

/// Rows after a number: so many, and those of the last one's document that follow.
fn next(store: &RejectedRows, selection: &RejectedSelection, after: i64) -> Result<Vec<RejectedRow>, CliError> {
    let mut rows = store.read(selection, after, REPLAYED)?;
    let mut bytes: u64 = rows.iter().map(|row| row.entry.bytes).sum();
    while let Some(last) = rows.last().filter(|_| rows.len() < OF_ONE && bytes < OF_ONE_BYTES) {
        let document = last.document;
        let mut more = store.read(selection, last.entry.number, REPLAYED)?;
        let of_it = more.iter().take_while(|row| row.document == document).count();
        let ends = of_it < more.len() || more.is_empty();
        more.truncate(of_it);
        bytes += more.iter().map(|row| row.entry.bytes).sum::<u64>();
        rows.append(&mut more);
        if ends {
            break;
        }
    }
    Ok(rows)
}

/// Reads rows of one plugin and one origin again, and delivers their events. Where that fails, says how many rows stay.
async fn deliver(
    config: &Config,
    store: &RejectedRows,
    readers: &mut Readers<'_>,
    how: &How<'_>,
    group: &[RejectedRow],
    outcome: &mut Outcome,
) -> Result<(), (CliError, u64)> {
    let all = group.len() as u64;
    let Some(first) = group.first() else { return Ok(()) };
    let (report, reader) = readers
        .get(&first.origin.plugin.asked, &first.entry.report)
        .map_err(|failure| (failure, all))?;
    let (mut found, mut vain) = (Vec::new(), Vec::new());
    for document in group.chunk_by(|a, b| a.document == b.document) {
        let read = tokio::task::block_in_place(|| read(store, report, document)).map_err(|failure| (failure, all))?;
        for (row, read) in document.iter().zip(read) {
            match read {
                Reread::Events(events) => found.push((row.entry.number, events)),
                Reread::Rejected(reason) => vain.push((row.entry.number, reason)),
            }
        }
    }
    store.note(reader, &vain).map_err(|error| (error.into(), all))?;
    outcome.kept += vain.len() as u64;
    if found.is_empty() {
        return Ok(());
    }
    let readable = found.len() as u64;
    let looks = looks(config, how, first, outcome)
        .await
        .map_err(|error| (error, readable))?;
    let provenance = Arc::new(first.origin.provenance.clone());
    let wanted = SinkChoice {
        names: how.sinks,
        plugin_config: None,
        presentation: how.rendering.presentation(),
        extend: true,
    };
    let mut opened =
        sinks::open(config, &wanted, &first.entry.run_id, &provenance).map_err(|error| (error.into(), readable))?;
    // Nothing of a row is delivered that stays for a route, so that nothing is delivered twice once there is one.
    let sinks = opened.outlets.len();
    found.retain(|(_, events)| are_routed(&mut opened.router, events, &provenance, sinks));
    let unrouted = readable - found.len() as u64;
    outcome.kept += unrouted;
    outcome.unrouted += unrouted;
    let readable = found.len() as u64;
    if found.is_empty() {
        for mut outlet in opened.outlets {
            outlet.delivery.abort().await;
        }
        return Ok(());
    }
    let (done, events): (Vec<i64>, Vec<_>) = found.into_iter().unzip();
    let events: Vec<Event> = events.into_iter().flatten().collect();
    let delivered = events.len() as u64;
    outcome.data |= writes_to_stdout(config, &opened);
    let mut again = Again::start(opened.outlets, opened.router, provenance);
    again.send(events).await;
    let settled = again.finish(&Silent).await;
    let lettered = match settled {
        Ok(()) => None,
        // They are kept there.
        Err(error @ RunError::DeadLettered { .. }) => Some(CliError::from(error)),
        Err(error) => return Err((error.into(), readable)),
    };
    let selection = RejectedSelection {
        numbers: done,
        ..RejectedSelection::default()
    };
    outcome.delivered += delivered;
    if looks {
        outcome.kept += readable;
        outcome.looked_at += readable;
        return lettered.map_or(Ok(()), |failure| Err((failure, 0)));
    }
    // The receiver has the events already: they are delivered, and still rejected rows.
    let after_sending = |error| CliError {
        exit: Exit::DeliveryFailed,
        ..CliError::from(error)
    };
    store
        .remove(&selection)
        .map_err(|error| (after_sending(error), readable))?;
    match lettered {
        Some(failure) => Err((failure, 0)),
        None => Ok(()),
    }
}

/// Reads rows of a document again: as one where they are all that is kept of it, else each by itself. Some of them may settle
/// what all of them would contradict.
fn read(store: &RejectedRows, report: &ReportPlugin, rows: &[RejectedRow]) -> Result<Vec<Reread>, CliError> {
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let whole = rows.len() > 1 && store.of_document(first.document)? == rows.len() as u64;
    let rows: Vec<&RejectedRow> = rows.iter().collect();
    let together = if whole { rows.len() } else { 1 };
    let mut read = Vec::with_capacity(rows.len());
    for rows in rows.chunks(together) {
        read.append(&mut reread_together(report, rows)?);
    }
    Ok(read)
}

/// Whether a replay of rows of this one's stream only looks, and their rows stay: as a run, where it delivers to other sinks
/// than those that the stream is collected for.
async fn looks(config: &Config, how: &How<'_>, row: &RejectedRow, outcome: &mut Outcome) -> Result<bool, CliError> {
    if how.sinks.is_empty() || how.forget {
        return Ok(false);
    }
    let origin = &row.origin;
    let sinks = stream::collects_for(config, &origin.provenance, &origin.parameters).await?;
    let Some(sinks) = sinks.filter(|sinks| !stream::serves(how.sinks, sinks)) else {
        return Ok(false);
    };
    let stream = format!("{} @ {}", row.entry.report, row.entry.connection);
    if !outcome.said.contains(&stream) {
        tracing::warn!(
            "{stream} is collected for {}, and this replay delivers to {}: the rows stay, for a replay that delivers there; \
             --forget forgets them",
            sinks.join(", "),
            how.sinks.join(", ")
        );
        outcome.said.insert(stream);
    }
    Ok(true)
}

/// Whether every one of these events goes to some sink.
fn are_routed(router: &mut Router, events: &[Event], provenance: &Provenance, sinks: usize) -> bool {
    let mut chosen = Vec::new();
    events.iter().all(|event| {
        router.choose(event, provenance, sinks, &mut chosen);
        chosen.contains(&true)
    })
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
    fn get(&mut self, asked: &str, report: &str) -> Result<&(ReportPlugin, Reader), CliError> {
        let asked = self.plugin.unwrap_or(asked).to_owned();
        if !self.loaded.contains_key(&asked) {
            let loaded = read_with(&plugins::load(self.config, &asked)?, &asked)?;
            self.loaded.insert(asked.clone(), loaded);
        }
        let found = self.loaded.get(&asked);
        let found = found.ok_or_else(|| CliError::new(Exit::Internal, "a plugin that was loaded is gone"))?;
        let name = found.0.name();
        if name != report {
            return Err(
                CliError::usage(format!("the plugin {asked} is {name}, and the rows are of {report}"))
                    .hint("name the plugin that reads them with --plugin, or choose rows with --report"),
            );
        }
        Ok(found)
    }
}

fn read_with(plugin: &Plugin, asked: &str) -> Result<(ReportPlugin, Reader), CliError> {
    if plugin.kind() != PluginKind::Report {
        return Err(CliError::usage(format!("{asked} is a sink plugin, not a report"))
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
fn writes_to_stdout(config: &Config, opened: &OpenedSinks) -> bool {
    opened.outlets.iter().any(|outlet| {
        let name = outlet.delivery.name();
        match config.sinks.get(name).map(|sink| &sink.kind) {
            Some(SinkKind::Stdout(_)) => true,
            Some(SinkKind::Plugin(plugin)) => {
                plugin.endpoint.is_none() && matches!(plugin.transport, None | Some(PluginTransport::Stdout))
            }
            Some(_) => false,
            None => !name.starts_with("file:"),
        }
    })
}

/// Nobody watches.
struct Silent;

impl Observer for Silent {}

fn forget(numbers: &[i64], all: bool, rows: &Rows, any_source: bool) -> Result<(), CliError> {
    if numbers.is_empty() && rows.report.is_none() && rows.connection.is_none() && !all {
        return Err(CliError::usage("this would drop every rejected row")
            .hint("give numbers, --report or --connection, or --all if that is meant"));
    }
    let (config, store) = load(rows)?;
    let mut selection = selection(rows, numbers);
    check_numbers(&store, &selection)?;
    // Who gives a number has seen the row.
    let elsewhere = match any_source || !numbers.is_empty() {
        true => Elsewhere::default(),
        false => Elsewhere::of(&config, &store, &selection)?,
    };
    elsewhere.leave_out(&store, &mut selection)?;
    let dropped = store.remove(&selection)?;
    print(format!("{dropped} dropped\n").as_bytes())?;
    elsewhere.end()
}
