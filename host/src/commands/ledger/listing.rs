//! `host ledger list`, `show` and `check`.

use std::path::Path;

use serde_json::{Value, json};

use super::look::{LedgerLook, look, opened};
use crate::args::{LedgerFile, StreamArgs};
use crate::error::CliError;
use crate::error::Exit;
use crate::render::{json_line, past_runs, print, seconds};
use ::ledger::{DeliveryProgress, Document, Ledger as _, ListedRun, Record, SinkStatus, SqliteLedger, Stream, spool};
use base::counted::counted;

pub async fn list(file: &LedgerFile, json: bool) -> Result<(), CliError> {
    let found = look(file).await?;
    // The spool is a folder that is read.
    print(&base::blocking(move || listed(&found, json)).await??)
}

fn listed(found: &LedgerLook, json: bool) -> Result<Vec<u8>, CliError> {
    let folder = found.ledger.as_ref().map(|ledger| ledger.beside("spool"));
    let folder = folder.unwrap_or_default();
    let streams = &found.streams;
    if json {
        let history = found.ledger.as_ref().map(SqliteLedger::history).transpose()?;
        let mut lines = Vec::new();
        for (_, record) in streams {
            let history = history.as_ref();
            let last_run = history.map(|history| history.latest(&record.stream)).transpose()?;
            lines.append(&mut json_line(&entry(record, &folder, last_run.flatten().as_ref()))?);
        }
        return Ok(lines);
    }
    if streams.is_empty() {
        let nothing = format!("No streams in {} yet.\n", found.file.display());
        return Ok((nothing + &left(&folder, streams)).into_bytes());
    }
    // 79 columns where names are short, and parameters where there are any.
    let widest = |least: usize, cell: fn(&Record) -> &str| {
        let cells = streams.iter().map(|(_, record)| cell(record).chars().count());
        cells.max().unwrap_or_default().max(least)
    };
    let wide = widest(13, |record| &record.stream.report);
    let narrow = widest(10, |record| &record.stream.connection);
    let row = |cells: [&str; 7]| {
        let [report, connection, watermark, last, windows, gaps, parameters] = cells;
        let row = format!(
            "{report:<wide$} {connection:<narrow$} {watermark:<20} {last:<20} {windows:>7} {gaps:>4} {parameters}"
        );
        row.trim_end().to_owned() + "\n"
    };
    let heads = ["REPORT", "CONNECTION", "WATERMARK", "LAST EVENT", "WINDOWS", "GAPS", ""];
    let mut text = row(heads);
    for (_, record) in streams {
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
            // A stream that has a name is known by that.
            &record.stream.name.clone().unwrap_or_else(|| parameters.join(" ")),
        ]);
    }
    for (_, record) in streams {
        text += &in_flight(record);
        text += &behind(record);
    }
    text += &left(&folder, streams);
    Ok(text.into_bytes())
}

/// A line about what of a stream waits, and since when, where anything does.
fn in_flight(record: &Record) -> String {
    let windows = counted(record.windows.len(), "window is", "windows are");
    let line = |since| format!("{}: {windows} in flight since {}\n", record.stream, seconds(since));
    record.in_flight_since().map_or(String::new(), line)
}

/// A line about each sink that windows of a stream wait for: others have them.
fn behind(record: &Record) -> String {
    let behind = record.sink_status().into_iter().filter(|sink| sink.waiting > 0);
    let line = |sink: SinkStatus| {
        let place = sink.place.map_or("its beginning".to_owned(), seconds);
        let windows = counted(sink.waiting, "window waits", "windows wait");
        let since = sink.waiting_since.map_or("-".to_owned(), seconds);
        let (stream, name) = (&record.stream, sink.name);
        format!("{stream}: sink {name} has everything up to {place}; {windows} for it since {since}\n")
    };
    behind.map(line).collect()
}

/// The place of each sink in a stream.
fn places(record: &Record) -> Vec<Value> {
    let place = |sink: SinkStatus| {
        let set = record.places.get(&sink.name);
        json!({
            "name": sink.name,
            "place": sink.place,
            "waiting": sink.waiting,
            "waiting_since": sink.waiting_since,
            "since": sink.since,
            "before": set.map(|set| set.before.clone()).unwrap_or_default(),
            "target": set.and_then(|set| set.target.clone()),
        })
    };
    record.sink_status().into_iter().map(place).collect()
}

/// Reads all of the ledger.
pub async fn check(file: &LedgerFile) -> Result<(), CliError> {
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
            "{} to no stream and can be deleted: {}\n",
            counted(left, "spool file belongs", "spool files belong"),
            folder.display()
        ),
    }
}

fn entry(record: &Record, folder: &Path, last_run: Option<&ListedRun>) -> Value {
    let spooled = spool::documents(folder, Some(&record.stream));
    let bytes: u64 = spooled.iter().map(|document| document.bytes).sum();
    json!({
        "stream": record.stream.name,
        "report": record.stream.report,
        "connection": record.stream.connection,
        "parameters": record.stream.parameters,
        "watermark": record.watermark,
        "last_event": record.last_event,
        "origin": record.origin,
        "sinks": record.sinks,
        "places": places(record),
        "in_flight": record.windows.len(),
        "in_flight_since": record.in_flight_since(),
        "spooled": { "documents": spooled.len(), "bytes": bytes },
        "gaps": record.gaps(),
        "last_run": last_run.map(past_runs::as_short_json),
    })
}

pub async fn show(args: &StreamArgs) -> Result<(), CliError> {
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
                "planned": window.clock, "fetches": window.fetches, "waits_for": window.waits_for().collect::<Vec<_>>(),
            })
        });
        // Ids say nothing to anybody; how many there are does.
        let recent: Vec<Value> = (record.recent.iter())
            .map(|(day, noted)| json!({ "day": day, "ids": noted.ids }))
            .collect();
        let all = json!({
            "stream": record.stream.name,
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
            "places": places(record),
            "sinks": sinks,
        });
        let shown =
            serde_json::to_string_pretty(&all).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        text += &shown;
        text.push('\n');
    }
    print(text.as_bytes())
}
