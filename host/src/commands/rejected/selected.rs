//! The rejected rows that a command is about, and where they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::args::RejectedRowArgs;
use crate::commands::set_aside::{Elsewhere, check_numbers};
use crate::error::CliError;
use ::rejected::{RejectedGroup, RejectedRow, RejectedRows, RejectedSelection};
use base::counted::counted;
use base::store::{StoreClaim, StoreError};
use setup::config::{Config, nearest};
use setup::run_ledger;

/// Rows that are read together; more only where they are of one document.
const TOGETHER: usize = 1000;
/// Rows of a document that are read as one, at most.
const OF_ONE: usize = 50_000;
/// Bytes of them, at most.
const OF_ONE_BYTES: u64 = 32 << 20;

/// Rows to be read again, and where they are.
pub struct SelectedRows {
    pub config: Arc<Config>,
    pub elsewhere: Elsewhere,
    store: Arc<RejectedRows>,
    selection: RejectedSelection,
    /// Two replays at once would deliver rows twice.
    _claim: Option<StoreClaim>,
}

impl SelectedRows {
    /// Claims the store and selects rows of it, once somebody has looked at the configuration. Blocks.
    pub fn of(
        numbers: &[i64],
        rows: &RejectedRowArgs,
        any_source: bool,
        check: impl FnOnce(&Config) -> Result<(), CliError>,
    ) -> Result<SelectedRows, CliError> {
        let (config, store) = load(rows)?;
        check(&config)?;
        let claim = store.claim()?;
        let found = find_in(config, store, numbers, rows, any_source)?;
        found.elsewhere.say(&found.store, &found.selection)?;
        say_unknown(&found.store, &found.selection)?;
        Ok(SelectedRows {
            config: Arc::new(found.config),
            elsewhere: found.elsewhere,
            store: Arc::new(found.store),
            selection: found.selection,
            _claim: claim,
        })
    }

    /// The next rows after a number.
    pub async fn next(&self, after: i64) -> Result<Vec<RejectedRow>, CliError> {
        let selection = self.selection.clone();
        self.in_store(move |store| next(store, &selection, after)).await
    }

    /// The number of rows that there are still.
    pub async fn count(&self) -> Result<u64, CliError> {
        let selection = self.selection.clone();
        self.in_store(move |store| store.count(&selection)).await
    }

    /// Asks the store, which waits for the disk.
    pub async fn in_store<T: Send + 'static, E: Send + 'static>(
        &self,
        ask: impl FnOnce(&RejectedRows) -> Result<T, E> + Send + 'static,
    ) -> Result<T, CliError>
    where
        CliError: From<E>,
    {
        let store = Arc::clone(&self.store);
        Ok(base::blocking(move || ask(&store)).await??)
    }
}

/// A selection of rows, but for those that belong elsewhere.
pub struct FoundRows {
    pub config: Config,
    pub store: RejectedRows,
    pub selection: RejectedSelection,
    pub elsewhere: Elsewhere,
}

/// Finds the rows that are meant.
pub fn find(numbers: &[i64], rows: &RejectedRowArgs, any_source: bool) -> Result<FoundRows, CliError> {
    let (config, store) = load(rows)?;
    find_in(config, store, numbers, rows, any_source)
}

fn find_in(
    config: Config,
    store: RejectedRows,
    numbers: &[i64],
    rows: &RejectedRowArgs,
    any_source: bool,
) -> Result<FoundRows, CliError> {
    let mut selection = selection(rows, numbers);
    check_numbers(&store, &selection)?;
    let elsewhere = match any_source {
        true => nothing_elsewhere(),
        false => leave_out_elsewhere(&config, &store, &mut selection)?,
    };
    Ok(FoundRows {
        config,
        store,
        selection,
        elsewhere,
    })
}

pub fn load(rows: &RejectedRowArgs) -> Result<(Config, RejectedRows), CliError> {
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
        let what = format!("there is no connection {name:?}, neither in the configuration nor among the rejected rows");
        return Err(CliError::usage(what).hint(hint));
    }
    Ok((config, store))
}

pub fn selection(rows: &RejectedRowArgs, numbers: &[i64]) -> RejectedSelection {
    RejectedSelection {
        report: rows.report.clone(),
        connection: rows.connection.clone(),
        numbers: numbers.to_vec(),
        except: Vec::new(),
    }
}

/// The advice about rows that were collected from elsewhere.
const ELSEWHERE: &str =
    "use the configuration whose connection leads there (--config), or, if the server has moved, --any-source";

/// Takes rows that were collected from where no connection of the configuration leads out of the selection. Rows of a version
/// that kept no source are none of them.
fn leave_out_elsewhere(
    config: &Config,
    store: &RejectedRows,
    selection: &mut RejectedSelection,
) -> Result<Elsewhere, CliError> {
    let today: BTreeSet<String> = (config.connections.values())
        .map(|connection| run_ledger::origin(&connection.url))
        .collect();
    let leads = match today.is_empty() {
        true => "the configuration has no connection".to_owned(),
        false => format!(
            "the configuration's connections lead to {}",
            today.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        ),
    };
    let mut elsewhere = nothing_elsewhere();
    for RejectedGroup { source, rows } in store.groups(selection)? {
        let Some(source) = source.filter(|source| !today.contains(source)) else {
            continue;
        };
        let line = format!(
            "{} collected from {source}, and {leads}: {}",
            counted(rows, "rejected row was", "rejected rows were"),
            if rows == 1 { "it stays" } else { "they stay" },
        );
        elsewhere.add(rows, line);
        selection.except.push(source);
    }
    Ok(elsewhere)
}

fn nothing_elsewhere() -> Elsewhere {
    let stays = [
        "row stays: it was collected from elsewhere",
        "rows stay: they were collected from elsewhere",
    ];
    Elsewhere::none(stays, ELSEWHERE)
}

/// Warns once that rows of an earlier version go by the configuration's routes alone.
fn say_unknown(store: &RejectedRows, selection: &RejectedSelection) -> Result<(), CliError> {
    let groups = store.groups(selection)?;
    let unknown = groups.iter().filter(|group| group.source.is_none());
    match unknown.map(|group| group.rows).sum() {
        0_u64 => {}
        rows => tracing::warn!(
            "an earlier version stored {} without the connection's URL; {} counted as collected by this configuration",
            counted(rows, "rejected row", "rejected rows"),
            if rows == 1 { "it is" } else { "they are" }
        ),
    }
    Ok(())
}

/// Rows after a number: so many, and those of the last one's document that follow.
fn next(store: &RejectedRows, selection: &RejectedSelection, after: i64) -> Result<Vec<RejectedRow>, StoreError> {
    let mut rows = store.read(selection, after, TOGETHER)?;
    let mut bytes: u64 = rows.iter().map(|row| row.entry.bytes).sum();
    while let Some(last) = rows.last().filter(|_| rows.len() < OF_ONE && bytes < OF_ONE_BYTES) {
        let document = last.document;
        let mut more = store.read(selection, last.entry.number, TOGETHER)?;
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
