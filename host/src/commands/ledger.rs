//! `host ledger`; and the ledger of `host run`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::{GapsArgs, LedgerCommand, LedgerFile, RunArgs, StreamArgs};
use crate::commands::ledger_changes;
use crate::error::CliError;
use crate::error::Exit;
use crate::log;
use crate::render::print;
use ::ledger::{DeliveryProgress, Document, Ledger, Record, SqliteLedger, Stream, spool};
use ::run::RunMode;
use base::counted::counted;
use base::database;
use setup::config::{Config, nearest};

/// The ledger of a run: what was named, else the configuration's, else `$XDG_STATE_HOME/host/ledger.db`. A server that
/// was named on the command line, and a recording, leave no progress unless asked to.
pub fn file(args: &RunArgs, config: &Config) -> Result<Option<PathBuf>, CliError> {
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

/// Says so where there was a ledger and is none: the locks beside it stay when it goes.
pub fn warn_where_gone(path: &Path, wanted: RunMode) {
    let gone = database::is_there(path).is_ok_and(|there| !there);
    let mut locks = path.to_owned().into_os_string();
    locks.push("-locks");
    let locks = PathBuf::from(locks);
    if !gone || !std::fs::read_dir(&locks).is_ok_and(|mut locks| locks.next().is_some()) {
        return;
    }
    let then = match wanted {
        RunMode::Incremental => "this run begins with today",
        RunMode::Period | RunMode::Backfill { .. } => "nothing is known of what was collected before",
    };
    tracing::warn!(
        target: log::EVIDENCE,
        "the ledger {} is gone, though {} shows that there was one: {then}. To restore it, put a backup in its place and run \
         again; without one, `host backfill` collects the days before",
        path.display(),
        locks.display()
    );
}

/// Carries out a subcommand.
pub async fn run(command: &LedgerCommand) -> Result<(), CliError> {
    match command {
        LedgerCommand::List { file, json } => list(file, *json).await,
        LedgerCommand::Show { stream } => show(stream).await,
        LedgerCommand::Reset(args) => ledger_changes::reset(args).await,
        LedgerCommand::Rewind(args) => ledger_changes::rewind(args).await,
        LedgerCommand::Rename(args) => ledger_changes::rename(args).await,
        LedgerCommand::Check { file } => check(file).await,
        LedgerCommand::Adopt { stream } => ledger_changes::adopt(stream).await,
    }
}

/// What was found in a ledger.
pub struct Found {
    /// The file that was looked at.
    pub file: PathBuf,
    /// The ledger, where there is one: looking at none makes none.
    ledger: Option<SqliteLedger>,
    /// Its streams, in the order of their names.
    pub streams: Vec<(Document, Record)>,
}

/// Reads the ledger.
///
/// # Errors
///
/// Also where nobody can say whether there is one: no rights are not the same as nothing.
async fn look(file: &LedgerFile) -> Result<Found, CliError> {
    let path = match &file.ledger {
        Some(path) => path.clone(),
        None => setup::state::ledger(&Config::load(file.config.config.as_deref())?)?,
    };
    match database::is_there(&path) {
        Ok(true) => {}
        Ok(false) if file.ledger.is_none() => {
            return Ok(Found {
                file: path,
                ledger: None,
                streams: Vec::new(),
            });
        }
        Ok(false) => {
            return Err(CliError::usage(format!("there is no ledger {}", path.display()))
                .hint("`host run` with --ledger makes one"));
        }
        Err(error) => {
            return Err(CliError::usage(format!("cannot read {}: {error}", path.display()))
                .hint("ask as the user that runs `host`, or name another file with --ledger"));
        }
    }
    let ledger = SqliteLedger::open(&path)?;
    let mut streams = Vec::new();
    for document in ledger.list(Stream::KEYS).await? {
        let record = Record::decode(&document.key, &document.body)?;
        streams.push((document, record));
    }
    streams.sort_by(|(_, a), (_, b)| {
        let words = |record: &Record| {
            let Stream {
                report,
                connection,
                parameters,
            } = record.stream.clone();
            (report, connection, parameters)
        };
        words(a).cmp(&words(b))
    });
    Ok(Found {
        file: path,
        ledger: Some(ledger),
        streams,
    })
}

/// The streams that were named; at least one.
async fn named(
    report: &str,
    connection: Option<&str>,
    parameters: &[(String, String)],
    file: &LedgerFile,
) -> Result<Found, CliError> {
    let all = look(file).await?;
    let path = all.file.display().to_string();
    let at = connection
        .map(|connection| format!(" @ {connection}"))
        .unwrap_or_default();
    if all.ledger.is_none() {
        return Err(CliError::usage(format!(
            "{report}{at} has not been collected yet: there is no ledger {path}"
        ))
        .hint("`host run` makes it"));
    }
    let (streams, others): (Vec<_>, Vec<_>) = all.streams.into_iter().partition(|(_, record)| {
        let stream = &record.stream;
        let same = parameters.is_empty() || stream.parameters == parameters;
        stream.report == report && same && connection.is_none_or(|connection| connection == stream.connection)
    });
    if !streams.is_empty() {
        return Ok(Found { streams, ..all });
    }
    let known = others.iter().map(|(_, record)| record.stream.report.as_str());
    let hint = match nearest(report, known) {
        Some(known) if known != report => format!("did you mean `{known}`?"),
        _ => "`host ledger list` shows what there is".to_owned(),
    };
    Err(CliError::usage(format!("{report}{at} has not been collected yet: it is not in {path}")).hint(hint))
}

/// The streams that were named and are there, with the ledger.
pub async fn opened(args: &StreamArgs) -> Result<(SqliteLedger, Vec<(Document, Record)>), CliError> {
    let found = named(&args.report, args.connection.as_deref(), &args.given()?, &args.file).await?;
    let ledger = found
        .ledger
        .ok_or_else(|| CliError::new(Exit::Internal, "the ledger is not open"))?;
    Ok((ledger, found.streams))
}

/// The streams that `host gaps` is about: those of a report, or all.
pub async fn of_gaps(args: &GapsArgs) -> Result<Found, CliError> {
    if let Some(report) = &args.report {
        return named(report, args.connection.as_deref(), &[], &args.file).await;
    }
    let mut found = look(&args.file).await?;
    found.streams.retain(|(_, record)| {
        let of = args.connection.as_ref();
        of.is_none_or(|connection| *connection == record.stream.connection)
    });
    Ok(found)
}

async fn list(file: &LedgerFile, json: bool) -> Result<(), CliError> {
    let Found {
        file,
        ledger,
        streams: found,
    } = look(file).await?;
    let folder = ledger.map(|ledger| ledger.beside("spool")).unwrap_or_default();
    let mut text = String::new();
    if json {
        for (_, record) in &found {
            text += &line(&entry(record, &folder))?;
        }
        return print(text.as_bytes());
    }
    if found.is_empty() {
        let _ = writeln!(text, "No streams in {} yet.", file.display());
        text += &left(&folder, &found);
        return print(text.as_bytes());
    }
    // 79 columns, and parameters where there are any.
    let row = |cells: [&str; 7]| {
        let [report, connection, watermark, last, windows, gaps, parameters] = cells;
        let row =
            format!("{report:<13} {connection:<10} {watermark:<20} {last:<20} {windows:>7} {gaps:>4} {parameters}");
        row.trim_end().to_owned() + "\n"
    };
    let heads = ["REPORT", "CONNECTION", "WATERMARK", "LAST EVENT", "WINDOWS", "GAPS", ""];
    text += &row(heads);
    for (_, record) in &found {
        let parameters = record.stream.parameters.iter();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| format!("{name}={}", value.escape_debug()))
            .collect();
        text += &row([
            &record.stream.report,
            &record.stream.connection,
            &record.watermark.map_or("-".into(), seconds),
            &record.last_event.map_or("-".into(), seconds),
            &record.windows.len().to_string(),
            &record.gaps().len().to_string(),
            &parameters.join(" "),
        ]);
    }
    text += &left(&folder, &found);
    print(text.as_bytes())
}

/// Reads all of the ledger.
async fn check(file: &LedgerFile) -> Result<(), CliError> {
    let found = look(file).await?;
    let path = found.file.display();
    let said = match found.ledger {
        Some(ledger) => {
            let entries = counted(ledger.check().await?, "entry", "entries");
            format!("{path} is sound: {entries}\n")
        }
        None => format!("There is no ledger {path} yet.\n"),
    };
    print(said.as_bytes())
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

async fn show(args: &StreamArgs) -> Result<(), CliError> {
    let (ledger, found) = opened(args).await?;
    let mut text = String::new();
    for (_, record) in &found {
        let mut sinks = Vec::new();
        for document in ledger.list(&record.stream.progress_prefix()).await? {
            let progress = DeliveryProgress::decode(&document.key, &document.body)?;
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
            "watermark": record.watermark,
            "last_event": record.last_event,
            "origin": record.origin,
            "covered": record.covered,
            "lost": record.lost,
            "gaps": record.gaps(),
            "windows": windows.collect::<Vec<_>>(),
            "dead": record.dead,
            "recent": recent,
            "collected_for": record.sinks,
            "sinks": sinks,
        });
        let shown =
            serde_json::to_string_pretty(&all).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        text += &shown;
        text.push('\n');
    }
    print(text.as_bytes())
}

pub fn seconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub fn line(value: &impl Serialize) -> Result<String, CliError> {
    let line = serde_json::to_string(value).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    Ok(line + "\n")
}
