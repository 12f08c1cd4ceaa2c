//! `host ledger` and `host gaps`; and the ledger of `host run`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::{Value, json};

use super::args::{GapsArgs, LedgerCommand, LedgerFile, RunArgs, StreamArgs};
use super::{Exit, Failure, ledger_changes, print};
use crate::config::{Config, nearest};
use crate::counted::counted;
use crate::ledger::{Document, Interval, Ledger, Progress, Record, SqliteLedger, Stream, spool};
use crate::run::{Bound, WindowError};

/// The ledger of a run: what was named, else the configuration's, else `$XDG_STATE_HOME/host/ledger.db`. A server that
/// was named on the command line, and a recording, leave no progress unless asked to.
pub fn file(args: &RunArgs, config: &Config) -> Result<Option<PathBuf>, Failure> {
    let recorded = args.record.is_some() || args.replay.is_some();
    match args.ledger.as_deref() {
        Some("none") => Ok(None),
        Some("") => Err(Failure::usage("--ledger names no file").hint("give a path, or none")),
        Some(_) if recorded => Err(Failure::usage("a recording holds one period, so it has no ledger")
            .hint("leave out --ledger, or --record and --replay")),
        Some(path) => Ok(Some(PathBuf::from(path))),
        None if recorded || args.remote.url.is_some() => Ok(None),
        None => default(config).map(Some),
    }
}

/// The configured ledger, or the one in the state folder.
pub fn default(config: &Config) -> Result<PathBuf, Failure> {
    if let Some(path) = &config.ledger.path {
        return Ok(config.folder.join(path));
    }
    let folder = super::state_folder().ok_or_else(|| {
        Failure::usage("there is no place for the ledger: neither HOME nor XDG_STATE_HOME names a folder")
            .hint("name a file with --ledger, or with `path` under [ledger]; --ledger none keeps no progress")
    })?;
    Ok(folder.join("ledger.db"))
}

/// Carries out a subcommand.
pub async fn run(command: &LedgerCommand) -> Result<(), Failure> {
    match command {
        LedgerCommand::List { file, json } => list(file, *json).await,
        LedgerCommand::Show { stream } => show(stream).await,
        LedgerCommand::Reset(args) => ledger_changes::reset(args).await,
        LedgerCommand::Rewind(args) => ledger_changes::rewind(args).await,
        LedgerCommand::Rename(args) => ledger_changes::rename(args).await,
        LedgerCommand::Adopt { stream } => ledger_changes::adopt(stream).await,
    }
}

/// The ledger, where there is one: looking at none makes none.
fn open(file: &LedgerFile) -> Result<Option<SqliteLedger>, Failure> {
    let config = Config::load(file.config.config.as_deref())?;
    let path = match &file.ledger {
        Some(path) if !path.exists() => {
            return Err(Failure::usage(format!("there is no ledger {}", path.display()))
                .hint("`host run` with --ledger makes one"));
        }
        Some(path) => Some(path.clone()),
        None => Some(default(&config)?).filter(|path| path.exists()),
    };
    Ok(path.map(SqliteLedger::open).transpose()?)
}

async fn records(ledger: &SqliteLedger) -> Result<Vec<(Document, Record)>, Failure> {
    let mut records = Vec::new();
    for document in ledger.list(Stream::KEYS).await? {
        let record = Record::decode(&document.key, &document.body)?;
        records.push((document, record));
    }
    records.sort_by(|(_, a), (_, b)| {
        let words = |record: &Record| (record.stream.report.clone(), record.stream.connection.clone());
        words(a).cmp(&words(b))
    });
    Ok(records)
}

/// The streams that were named; at least one.
async fn named(args: &StreamArgs, ledger: &SqliteLedger) -> Result<Vec<(Document, Record)>, Failure> {
    let all = records(ledger).await?;
    let given = args.given()?;
    let (found, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, record)| {
        let stream = &record.stream;
        let of = args.connection.as_ref();
        let parameters = given.is_empty() || stream.parameters == given;
        stream.report == args.report && parameters && of.is_none_or(|connection| *connection == stream.connection)
    });
    if !found.is_empty() {
        return Ok(found);
    }
    let known = others.iter().map(|(_, record)| record.stream.report.as_str());
    let hint = match nearest(&args.report, known) {
        Some(report) if report != args.report => format!("did you mean `{report}`?"),
        _ => "`host ledger list` shows what there is".to_owned(),
    };
    Err(nothing(args).hint(hint))
}

fn nothing(args: &StreamArgs) -> Failure {
    let of = args.connection.as_ref();
    let of = of.map(|connection| format!(" of {connection}")).unwrap_or_default();
    Failure::usage(format!("the ledger knows nothing of {}{of}", args.report))
}

pub async fn opened(args: &StreamArgs) -> Result<(SqliteLedger, Vec<(Document, Record)>), Failure> {
    let Some(ledger) = open(&args.file)? else {
        return Err(nothing(args).hint("there is no ledger yet: `host run` makes one"));
    };
    let found = named(args, &ledger).await?;
    Ok((ledger, found))
}

async fn list(file: &LedgerFile, json: bool) -> Result<(), Failure> {
    let (found, folder) = match open(file)? {
        Some(ledger) => (records(&ledger).await?, ledger.beside("spool")),
        None => (Vec::new(), PathBuf::new()),
    };
    let mut text = String::new();
    if json {
        for (_, record) in &found {
            text += &line(&entry(record, &folder))?;
        }
        return print(text.as_bytes());
    }
    if found.is_empty() {
        text += "nothing is known of any stream\n";
        text += &left(&folder, &found);
        return print(text.as_bytes());
    }
    let _ = writeln!(
        text,
        "{:<16} {:<20} {:<20} {:>9} {:>7} {:>5}  PARAMETERS",
        "REPORT", "CONNECTION", "WATERMARK", "IN FLIGHT", "SPOOLED", "GAPS"
    );
    for (_, record) in &found {
        let parameters = record.stream.parameters.iter();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| format!("{name}={}", value.escape_debug()))
            .collect();
        let _ = writeln!(
            text,
            "{:<16} {:<20} {:<20} {:>9} {:>7} {:>5}  {}",
            record.stream.report,
            record.stream.connection,
            record.watermark.map_or("-".into(), seconds),
            record.windows.len(),
            spool::documents(&folder, Some(&record.stream)).len(),
            record.gaps().len(),
            parameters.join(" ")
        );
    }
    text += &left(&folder, &found);
    print(text.as_bytes())
}

/// A line about documents in the spool that belong to none of the streams, where there are any.
fn left(folder: &Path, found: &[(Document, Record)]) -> String {
    let of = |stream: &Stream| spool::documents(folder, Some(stream)).len();
    let known: usize = found.iter().map(|(_, record)| of(&record.stream)).sum();
    match spool::documents(folder, None).len().saturating_sub(known) {
        0 => String::new(),
        left => format!(
            "{} of no stream in {} can be removed\n",
            counted(left, "file", "files"),
            folder.display()
        ),
    }
}

fn entry(record: &Record, folder: &Path) -> Value {
    let spooled = spool::documents(folder, Some(&record.stream));
    let bytes: u64 = spooled.iter().map(|document| document.bytes).sum();
    json!({
        "report": record.stream.report,
        "connection": record.stream.connection,
        "parameters": record.stream.parameters,
        "watermark": record.watermark,
        "last_event": record.last_event,
        "origin": record.origin,
        "sinks": record.sinks,
        "in_flight": record.windows.len(),
        "spooled": { "documents": spooled.len(), "bytes": bytes },
        "gaps": record.gaps(),
    })
}

async fn show(args: &StreamArgs) -> Result<(), Failure> {
    let (ledger, found) = opened(args).await?;
    let mut text = String::new();
    for (document, record) in &found {
        let mut sinks = Vec::new();
        for document in ledger.list(&record.stream.progress_prefix()).await? {
            let progress = Progress::decode(&document.key, &document.body)?;
            let windows = progress
                .windows
                .iter()
                .map(|(name, reached)| json!({ "window": name, "events": reached.events, "batches": reached.batches }));
            sinks.push(json!({ "sink": progress.sink, "windows": windows.collect::<Vec<_>>() }));
        }
        let windows = record.windows.iter().map(|window| {
            json!({
                "name": window.name, "from": window.period.from, "to": window.period.to, "state": window.state(),
                "planned": window.clock, "fetches": window.fetches,
            })
        });
        // Ids say nothing to anybody; how many there are does.
        let recent: Vec<Value> = (record.recent.iter())
            .map(|(day, noted)| json!({ "day": day, "ids": noted.ids }))
            .collect();
        let all = json!({
            "report": record.stream.report,
            "connection": record.stream.connection,
            "parameters": record.stream.parameters,
            "revision": document.revision,
            "watermark": record.watermark,
            "covered": record.covered,
            "lost": record.lost,
            "gaps": record.gaps(),
            "windows": windows.collect::<Vec<_>>(),
            "dead": record.dead,
            "recent": recent,
            "sinks": sinks,
        });
        let shown =
            serde_json::to_string_pretty(&all).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        text += &shown;
        text.push('\n');
    }
    print(text.as_bytes())
}

/// `host gaps`.
pub async fn gaps(args: &GapsArgs) -> Result<(), Failure> {
    let from = bound("--from", args.from.as_deref(), false)?;
    let to = bound("--to", args.to.as_deref(), true)?;
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(WindowError::Empty { from, to }.into());
    }
    let (_, found) = opened(&args.stream).await?;
    let mut text = String::new();
    for (_, record) in &found {
        for gap in missing(record, from, to) {
            // What is lost and what was never asked for may touch.
            let lost = crate::ledger::without(gap, &crate::ledger::without(gap, &record.lost));
            let open = crate::ledger::without(gap, &record.lost);
            let mut parts: Vec<(Interval, &str)> = lost.into_iter().map(|part| (part, "lost")).collect();
            parts.extend(open.into_iter().map(|part| (part, "open")));
            parts.sort_unstable();
            for (part, why) in parts {
                let Interval { from, to } = part;
                let stream = &record.stream;
                if args.json {
                    text += &line(&json!({
                        "report": stream.report, "connection": stream.connection, "parameters": stream.parameters,
                        "from": from, "to": to, "why": why,
                    }))?;
                } else {
                    let _ = writeln!(text, "{}  {}  {why}  {stream}", seconds(from), seconds(to));
                }
            }
        }
    }
    if text.is_empty() && !args.json {
        text = "no gaps\n".into();
    }
    print(text.as_bytes())
}

/// What was never committed between two instants; without them, between the ends of what is known.
fn missing(record: &Record, from: Option<Timestamp>, to: Option<Timestamp>) -> Vec<Interval> {
    let known = || record.covered.iter().chain(&record.lost);
    let first = from.or_else(|| known().map(|known| known.from).min());
    let last = to.or_else(|| known().map(|known| known.to).max());
    match (first, last) {
        (Some(from), Some(to)) => record.missing(Interval::new(from, to)),
        _ => Vec::new(),
    }
}

pub fn bound(option: &'static str, text: Option<&str>, end: bool) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let out_of_range = |_| Failure::usage(format!("{option} is out of range"));
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

fn seconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn line(value: &impl Serialize) -> Result<String, Failure> {
    let line = serde_json::to_string(value).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    Ok(line + "\n")
}
