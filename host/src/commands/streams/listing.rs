//! `host streams` without a subcommand: a line for each stream.

use std::io::IsTerminal as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::health::StreamHealth;
use super::places;
use crate::args::StreamsArgs;
use crate::commands::asked;
use crate::commands::gaps::oldest_of;
use crate::commands::ledger::look::{LedgerLook, config_of, look, place_of};
use crate::error::{CliError, Exit};
use crate::render::{json_line, past_runs, print, seconds};
use ::ledger::{ListedRun, Record, Stream};
use setup::config::{Config, StreamEntry};
use setup::report::this_machine_s_clock;
use sink::terminal;

/// A stream of the configuration, of the ledger, or of both.
struct ListedStream {
    entry: Option<StreamEntry>,
    record: Option<Record>,
    state: StreamHealth,
    last_run: Option<ListedRun>,
}

/// Lists the streams.
pub async fn list(args: &StreamsArgs) -> Result<(), CliError> {
    let now = match &args.now {
        Some(text) => asked::instant(text)?,
        None => this_machine_s_clock(),
    };
    let config = config_of(&args.file).await?;
    let found = look(&args.file).await?;
    let file = found.file.clone();
    // Plugins say how far back their servers can be asked, and the history of runs is a file.
    let streams = base::blocking(move || listed(&config, found, now)).await??;
    let is_trouble = streams.iter().any(ListedStream::is_trouble);
    let text = match args.json {
        true => {
            let mut lines = Vec::new();
            for stream in &streams {
                lines.append(&mut json_line(&as_json(stream))?);
            }
            lines
        }
        false if streams.is_empty() => {
            format!("No streams are configured, and none are in {} yet.\n", file.display()).into_bytes()
        }
        false => table(&streams).into_bytes(),
    };
    print(&text)?;
    match is_trouble && args.exit_code {
        true => Err(CliError::silent(Exit::Partial)),
        false => Ok(()),
    }
}

/// The streams: those that are configured in the order of the file, then those of the ledger alone.
fn listed(config: &Config, mut found: LedgerLook, now: Timestamp) -> Result<Vec<ListedStream>, CliError> {
    let history = found.ledger.as_ref().map(|ledger| ledger.history()).transpose()?;
    let judged = |entry: Option<&StreamEntry>, record: Option<Record>| -> Result<ListedStream, CliError> {
        let (mut oldest, mut last_run) = (None, None);
        if let Some(record) = &record {
            oldest = oldest_of(config, record, now)?;
            let history = history.as_ref().map(|history| history.latest(&record.stream));
            last_run = history.transpose()?.flatten();
        }
        Ok(ListedStream {
            state: StreamHealth::of(entry, record.as_ref(), oldest, now),
            entry: entry.cloned(),
            record,
            last_run,
        })
    };
    let mut streams = Vec::new();
    for entry in &config.streams {
        let place = place_of(&found.streams, &entry.name, Some((config, entry)));
        let record = place.map(|place| found.streams.remove(place).1);
        streams.push(judged(Some(entry), record)?);
    }
    for (_, record) in found.streams {
        streams.push(judged(None, Some(record))?);
    }
    Ok(streams)
}

impl ListedStream {
    /// True where somebody should look: no run delivers what waits on the spool for a stream that is not configured.
    fn is_trouble(&self) -> bool {
        let waits = self.record.as_ref().is_some_and(|record| !record.windows.is_empty());
        self.state.is_trouble() || (self.state == StreamHealth::NotConfigured && waits)
    }

    /// The name; none of a stream that was never given one.
    fn name(&self) -> Option<&str> {
        let configured = self.entry.as_ref().map(|entry| entry.name.as_str());
        configured.or(self.stream().and_then(|stream| stream.name.as_deref()))
    }

    fn stream(&self) -> Option<&Stream> {
        self.record.as_ref().map(|record| &record.stream)
    }

    /// The report and the connection: those that are configured, for the next run takes them.
    fn source(&self) -> (&str, &str) {
        match (&self.entry, self.stream()) {
            (Some(entry), _) => (entry.report.as_str(), entry.connection.as_str()),
            (None, Some(stream)) => (stream.report.as_str(), stream.connection.as_str()),
            (None, None) => ("", ""),
        }
    }
}

fn as_json(stream: &ListedStream) -> Value {
    let record = stream.record.as_ref();
    let (report, connection) = stream.source();
    let parameters = match (&stream.entry, stream.stream()) {
        (Some(entry), _) => entry.given(),
        (None, known) => known.map(|known| known.parameters.clone()).unwrap_or_default(),
    };
    json!({
        "name": stream.name(),
        "report": report,
        "connection": connection,
        "parameters": parameters,
        "state": stream.state.word(),
        "configured": stream.entry.is_some(),
        "retired": record.and_then(|record| record.retired),
        "watermark": record.and_then(|record| record.watermark),
        "last_event": record.and_then(|record| record.last_event),
        "in_flight": record.map_or(0, |record| record.windows.len()),
        "in_flight_since": record.and_then(Record::in_flight_since),
        "gaps": record.map(Record::gaps).unwrap_or_default(),
        "sinks": record.map(places::as_json).unwrap_or_default(),
        "last_run": stream.last_run.as_ref().map(past_runs::as_short_json),
    })
}

/// A line for each stream, and one more for each sink that is behind.
fn table(streams: &[ListedStream]) -> String {
    let heads = ["NAME", "REPORT", "CONNECTION", "STATE", "WATERMARK", "LAST EVENT"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(heads).chain(streams.iter().map(cells)).collect();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let (name, report, connection, state, watermark) = (widest(0), widest(1), widest(2), widest(3), widest(4));
    let columns = std::io::stdout().is_terminal().then(terminal::columns);
    let mut text = String::new();
    let mut add = |line: &str| {
        text += &match columns {
            Some(columns) => terminal::cut(line, columns),
            None => terminal::printable(line),
        };
        text.push('\n');
    };
    let behind = streams
        .iter()
        .map(|stream| stream.record.as_ref().map(places::behind).unwrap_or_default());
    for (row, behind) in rows.iter().zip(std::iter::once(String::new()).chain(behind)) {
        let [a, b, c, d, e, last] = row;
        add(&format!(
            "{a:<name$}  {b:<report$}  {c:<connection$}  {d:<state$}  {e:<watermark$}  {last}"
        ));
        behind.lines().for_each(&mut add);
    }
    text
}

fn cells(stream: &ListedStream) -> [String; 6] {
    let record = stream.record.as_ref();
    let at = |instant: Option<Timestamp>| instant.map_or_else(|| "-".to_owned(), seconds);
    let (report, connection) = stream.source();
    [
        stream.name().unwrap_or("-").to_owned(),
        report.to_owned(),
        connection.to_owned(),
        stream.state.word().to_owned(),
        at(record.and_then(|record| record.watermark)),
        at(record.and_then(|record| record.last_event)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_of_a_stream_that_is_not_configured_is_trouble() {
        let mut record = Record::new(Stream::named("a", "prod", "user-login", &[]));
        let listed = |record: &Record| ListedStream {
            entry: None,
            record: Some(record.clone()),
            state: StreamHealth::NotConfigured,
            last_run: None,
        };
        assert!(!listed(&record).is_trouble());
        record.windows = vec![::ledger::InFlight::default().into()];
        assert!(listed(&record).is_trouble());
    }
}
