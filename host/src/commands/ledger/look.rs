//! Looking at a ledger: its streams, or those that were named.

use std::path::PathBuf;

use crate::args::{GapsArgs, LedgerFile, StreamArgs};
use crate::error::CliError;
use crate::error::Exit;
use ::ledger::{Document, Ledger as _, Record, SqliteLedger, Stream};
use ::run::streams::is_meant;
use base::database;
use setup::config::{Config, StreamEntry, nearest};
use setup::run_ledger;

/// A ledger and its streams.
pub struct LedgerLook {
    /// The file that was looked at.
    pub file: PathBuf,
    /// The ledger, where there is one: looking at none makes none.
    pub ledger: Option<SqliteLedger>,
    /// The streams, in the order of their names.
    pub streams: Vec<(Document, Record)>,
}

/// Reads the ledger.
///
/// # Errors
///
/// Also where nobody can say whether there is one: no rights are not the same as nothing.
pub async fn look(file: &LedgerFile) -> Result<LedgerLook, CliError> {
    let path = match &file.ledger {
        Some(path) => path.clone(),
        None => setup::state::ledger(&Config::load(file.config.config.as_deref())?)?,
    };
    match database::is_there(&path) {
        // One that is half restored is refused also where it has no name yet.
        Ok(there) if there || SqliteLedger::restore_mark(&path).exists() => {}
        Ok(_) if file.ledger.is_none() => {
            return Ok(LedgerLook {
                file: path,
                ledger: None,
                streams: Vec::new(),
            });
        }
        Ok(_) => {
            return Err(CliError::usage(format!("there is no ledger {}", path.display()))
                .hint("`host run` with --ledger makes one"));
        }
        Err(error) => {
            return Err(CliError::usage(format!("cannot read {}: {error}", path.display()))
                .hint("ask as the user that runs `host`, or name another file with --ledger"));
        }
    }
    let ledger = run_ledger::open(path.clone()).await?;
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
                name,
                ..
            } = record.stream.clone();
            (report, connection, parameters, name)
        };
        words(a).cmp(&words(b))
    });
    Ok(LedgerLook {
        file: path,
        ledger: Some(ledger),
        streams,
    })
}

/// The configuration, for the names of its streams. Who named the ledger can do without.
///
/// # Errors
///
/// Where it cannot be read, and the ledger is the one that it says.
pub async fn config_of(file: &LedgerFile) -> Result<Config, CliError> {
    let named = file.config.config.clone();
    match base::blocking(move || Config::load(named.as_deref())).await? {
        Err(_) if file.ledger.is_some() => Ok(Config::default()),
        loaded => Ok(loaded?),
    }
}

/// The place of the stream of a name among those of a ledger: the one that is called so, else the one that the next run gives the name that
/// is configured.
pub fn place_of(streams: &[(Document, Record)], name: &str, entry: Option<(&Config, &StreamEntry)>) -> Option<usize> {
    let called = |(_, record): &(Document, Record)| record.stream.name.as_deref() == Some(name);
    if let Some(place) = streams.iter().position(called) {
        return Some(place);
    }
    let (config, entry) = entry?;
    let parameters = config.parameters_of(entry);
    let meant = streams.iter().enumerate().filter(|(_, (_, record))| {
        let stream = &record.stream;
        stream.name.is_none()
            && stream.report == entry.report
            && stream.connection == entry.connection
            && is_meant(stream, &parameters)
    });
    // As a run does, that of the least advanced.
    let first = meant.min_by_key(|(_, (_, record))| {
        (
            record.stream.parameters != parameters,
            record.watermark.is_none(),
            record.watermark,
        )
    });
    first.map(|(place, _)| place)
}

/// The one stream of that name, where there is one; what was given beside the name must not contradict it.
fn of_name(
    all: &mut LedgerLook,
    name: &str,
    connection: Option<&str>,
    parameters: &[(String, String)],
    config: &Config,
) -> Result<Option<(Document, Record)>, CliError> {
    let entry = config.stream(name).map(|entry| (config, entry));
    let Some(place) = place_of(&all.streams, name, entry) else {
        return match config.stream(name) {
            Some(_) => Err(CliError::usage(format!(
                "the stream {name} has not been collected yet: it is not in {}",
                all.file.display()
            ))
            .hint(format!("`host run {name}` collects it"))),
            None => Ok(None),
        };
    };
    let found = all.streams.swap_remove(place);
    let stream = &found.1.stream;
    let other = connection.is_some_and(|connection| connection != stream.connection);
    if other || !(parameters.is_empty() || is_meant(stream, parameters)) {
        let said = match other {
            true => "--connection",
            false => "--param",
        };
        return Err(CliError::usage(format!("{said} names another stream than {stream}"))
            .hint("the name of a stream says enough: leave out --connection and --param"));
    }
    Ok(Some(found))
}

/// The streams that were named; at least one.
async fn named(
    report: &str,
    connection: Option<&str>,
    parameters: &[(String, String)],
    file: &LedgerFile,
) -> Result<LedgerLook, CliError> {
    let mut all = look(file).await?;
    let path = all.file.display().to_string();
    let at = connection
        .map(|connection| format!(" @ {connection}"))
        .unwrap_or_default()
        + &with(parameters);
    if all.ledger.is_none() {
        return Err(CliError::usage(format!(
            "{report}{at} has not been collected yet: there is no ledger {path}"
        ))
        .hint("`host run` makes it"));
    }
    let config = config_of(file).await?;
    if let Some(found) = of_name(&mut all, report, connection, parameters, &config)? {
        return Ok(LedgerLook {
            streams: vec![found],
            ..all
        });
    }
    // A ledger of an older version may have streams that differ only in parameters that choose no events.
    let named = |stream: &Stream| {
        stream.report == report && connection.is_none_or(|connection| connection == stream.connection)
    };
    let exact = |record: &Record| named(&record.stream) && record.stream.parameters == parameters;
    let is_exact = all.streams.iter().any(|(_, record)| exact(record));
    let (streams, others): (Vec<_>, Vec<_>) = all.streams.into_iter().partition(|(_, record)| {
        let stream = &record.stream;
        let same = parameters.is_empty()
            || match is_exact {
                true => exact(record),
                false => is_meant(stream, parameters),
            };
        same && named(stream)
    });
    if !streams.is_empty() {
        return Ok(LedgerLook { streams, ..all });
    }
    let known = others.iter().flat_map(|(_, record)| {
        let name = record.stream.name.as_deref();
        name.into_iter().chain([record.stream.report.as_str()])
    });
    let hint = match nearest(report, known) {
        Some(known) if known != report => format!("did you mean `{known}`?"),
        _ => "`host ledger list` shows what there is".to_owned(),
    };
    Err(CliError::usage(format!("{report}{at} has not been collected yet: it is not in {path}")).hint(hint))
}

/// Parameters that were typed, for messages.
pub fn with(parameters: &[(String, String)]) -> String {
    let each: Vec<_> = (parameters.iter())
        .map(|(name, value)| format!("{name}={}", value.escape_debug()))
        .collect();
    match each.is_empty() {
        true => String::new(),
        false => format!(" with {}", each.join(" ")),
    }
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
pub async fn of_gaps(args: &GapsArgs) -> Result<LedgerLook, CliError> {
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
