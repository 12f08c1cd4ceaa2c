//! The contents of the databases of a state, held against each other.

use std::path::Path;

use rusqlite::Connection;

use crate::manifest::BackupStream;
use crate::paths::{StoreFile, is_plain_name};
use crate::{StateError, digest};
use base::database;
use ledger::{ClosedLedger, DayIds, Kept, LedgerError, Record};

/// A stream, for a manifest.
pub(crate) fn stream_of(record: &Record) -> BackupStream {
    BackupStream {
        stream: record.stream.to_string(),
        report: record.stream.report.clone(),
        connection: record.stream.connection.clone(),
        watermark: record.watermark,
        windows: record.windows.len(),
        spooled: record.spooled().count(),
        sinks: record.sinks.clone(),
    }
}

/// The damage that a ledger has, or that of its ids; documents of the spool are not looked at.
pub(crate) fn faults_of_ledger(ledger: &ClosedLedger) -> Result<Vec<String>, StateError> {
    match ledger.check() {
        Ok(_) => {}
        Err(error @ LedgerError::Damaged { .. }) => return Ok(vec![error.to_string()]),
        Err(error) => return Err(error.into()),
    }
    let records = match ledger.records() {
        Ok(records) => records,
        Err(error @ LedgerError::Document { .. }) => return Ok(vec![error.to_string()]),
        Err(error) => return Err(error.into()),
    };
    let mut faults = Vec::new();
    for (record, within) in &records {
        for (day, noted) in record.id_sets() {
            // An older program kept them within the record.
            if within.of(day).is_some() {
                continue;
            }
            let document = ledger.load(&record.stream.ids_key(day, noted))?;
            match document.map(|document| DayIds::decode(document.body, noted)) {
                Some(Some(_)) => {}
                Some(None) => faults.push(format!("{}: the ids of {day} are not what was noted", record.stream)),
                None => faults.push(format!("{}: the ids of {day} are missing", record.stream)),
            }
        }
    }
    Ok(faults)
}

/// The fault of a document in a spool, where it has one.
pub(crate) fn fault_of_document(spool: &Path, kept: &Kept) -> Option<String> {
    if !is_plain_name(&kept.file) {
        return Some(format!(
            "the ledger names {:?}, which is no file of the spool",
            kept.file
        ));
    }
    let path = spool.join(&kept.file);
    let is_file = path.symlink_metadata().is_ok_and(|about| about.is_file());
    if !is_file {
        return Some(format!("the document {} is missing from the spool", kept.file));
    }
    match digest::of_file(&path) {
        Ok((length, sha256)) if length == kept.length && sha256 == kept.sha256 => None,
        Ok(_) => Some(format!(
            "the document {} of the spool is not what was fetched",
            kept.file
        )),
        Err(error) => Some(format!(
            "the document {} of the spool cannot be read: {error}",
            kept.file
        )),
    }
}

/// The version of a store's file; none where nothing was ever put into it.
///
/// # Errors
///
/// [`StateError::Foreign`] where it is something else, or newer.
pub(crate) fn version_of_store(
    path: &Path,
    connection: &Connection,
    store: &StoreFile,
) -> Result<Option<u64>, StateError> {
    let read: rusqlite::Result<(i32, i64, u32)> = (|| {
        // Tables first: where a run makes them just now, the mark and the version come with them.
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((application, version, tables))
    })();
    let (application, version, tables) = read.map_err(StateError::database(path))?;
    let foreign = |problem: String| StateError::Foreign {
        path: path.to_owned(),
        what: store.form.what,
        problem,
    };
    match (application == store.form.application, u64::try_from(version)) {
        (false, _) if tables == 0 => Ok(None),
        (false, _) => Err(foreign("it is another program's database".into())),
        (true, Ok(version)) if version <= store.form.steps.len() as u64 => Ok(Some(version)),
        (true, _) => Err(foreign(format!(
            "it has version {version}, this program knows {}",
            store.form.steps.len()
        ))),
    }
}

/// The number of things in a store.
pub(crate) fn count(path: &Path, connection: &Connection, store: &StoreFile) -> Result<u64, StateError> {
    let query = format!("SELECT count(*) FROM {}", store.table);
    let counted: rusqlite::Result<i64> = connection.query_row(&query, [], |row| row.get(0));
    let counted = counted.map_err(StateError::database(path))?;
    Ok(u64::try_from(counted).unwrap_or_default())
}

/// The damage of a store's file that is there, where it has any. One that nobody works with is `closed`, and nothing is made beside it.
pub(crate) fn fault_of_store(path: &Path, store: &StoreFile, closed: bool) -> Result<Option<String>, StateError> {
    let opened = match closed {
        true => database::open_to_read(path),
        false => database::open(path),
    };
    let checked = opened.and_then(|connection| {
        let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok((connection, found))
    });
    let fault = |problem: &str| format!("{} in {} are damaged: {problem}", store.form.what, path.display());
    match checked {
        Ok((connection, found)) if found == "ok" => match version_of_store(path, &connection, store) {
            Ok(_) => Ok(None),
            Err(error @ StateError::Foreign { .. }) => Ok(Some(error.to_string())),
            Err(error) => Err(error),
        },
        Ok((_, found)) => Ok(Some(fault(&found.lines().collect::<Vec<_>>().join(" ")))),
        Err(error) => match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Ok(Some(fault(&error.to_string())))
            }
            _ => Err(StateError::database(path)(error)),
        },
    }
}
