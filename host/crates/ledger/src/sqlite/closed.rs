//! The file of a ledger that nobody works with, such as a copy in a backup.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::check::whole;
use super::failed;
use super::row::{StoredDocument, row, unsound};
use super::schema::version_of;
use crate::{Document, KnownIds, LedgerError, Record, Stream};
use base::database;

/// A ledger that nobody works with. It is read as it is: nothing is written to it, brought to today's version, or made beside it.
/// All of it blocks.
#[derive(Debug)]
pub struct ClosedLedger {
    path: PathBuf,
    connection: Connection,
    version: usize,
}

impl ClosedLedger {
    /// Opens the file to read it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is no ledger, or is of a later version.
    pub fn open(path: &Path) -> Result<ClosedLedger, LedgerError> {
        let opened = database::open_to_read(path).and_then(|connection| Ok((version_of(&connection)?, connection)));
        let (version, connection) = opened.map_err(|source| failed(path, source))?;
        let version = version.map_err(|problem| LedgerError::Foreign {
            path: path.to_owned(),
            problem,
        })?;
        Ok(ClosedLedger {
            path: path.to_owned(),
            connection,
            version,
        })
    }

    /// The version of its form.
    pub fn version(&self) -> usize {
        self.version
    }

    /// Reads every page, every index and every document, and says how many documents there are.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Damaged`] where something is not what was written.
    pub fn check(&self) -> Result<u64, LedgerError> {
        let checked = whole(&self.connection).map_err(|source| failed(&self.path, source))?;
        checked.map_err(|problem| self.damaged(problem))
    }

    /// The document under a key.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is not what was written.
    pub fn load(&self, key: &str) -> Result<Option<Document>, LedgerError> {
        let found = self.select("key = ?1", key)?;
        found.into_iter().next().map(|row| self.sound(row)).transpose()
    }

    /// The records of all streams, each with the ids that it has within it where an older program wrote it.
    ///
    /// # Errors
    ///
    /// Where one cannot be read, or is not what was written.
    pub fn records(&self) -> Result<Vec<(Record, KnownIds)>, LedgerError> {
        let found = self.select("key >= ?1 AND key < ?1 || '~'", Stream::KEYS)?;
        let records = found.into_iter().map(|row| {
            let document = self.sound(row)?;
            Record::decode_with_ids(&document.key, &document.body)
        });
        records.collect()
    }

    /// The names of the runs in its history, and for each whether its end is there.
    ///
    /// # Errors
    ///
    /// Where they cannot be read.
    pub fn runs(&self) -> Result<Vec<(String, bool)>, LedgerError> {
        let read = (|| {
            // Version 3 had no history.
            if !self.connection.table_exists(None, "run")? {
                return Ok(Vec::new());
            }
            let mut statement = self.connection.prepare("SELECT run_id, exit IS NOT NULL FROM run")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<_>, rusqlite::Error>>()
        })();
        read.map_err(|source| failed(&self.path, source))
    }

    fn select(&self, condition: &str, value: &str) -> Result<Vec<StoredDocument>, LedgerError> {
        let query = format!("SELECT key, revision, checksum, body FROM document WHERE {condition} ORDER BY key");
        let read = (|| {
            let mut statement = self.connection.prepare(&query)?;
            let rows = statement.query_map([value], row)?;
            rows.collect::<Result<Vec<_>, _>>()
        })();
        read.map_err(|source| failed(&self.path, source))
    }

    fn sound(&self, row: StoredDocument) -> Result<Document, LedgerError> {
        match row.is_sound() {
            true => Ok(row.document),
            false => Err(self.damaged(unsound(&row.document.key))),
        }
    }

    fn damaged(&self, problem: String) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.clone(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ledger as _, SqliteLedger};

    #[tokio::test]
    async fn a_copy_of_a_ledger_in_use_is_read_as_it_was_and_nothing_is_made_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let [path, copied] = ["ledger.db", "copy.db"].map(|name| folder.path().join(name));
        let ledger = SqliteLedger::open(&path).unwrap();
        let stream = Stream::new("epm", "user-login", &[]);
        let body = Record::new(stream.clone()).encode().unwrap();
        let revision = ledger.swap(&stream.key(), None, body.clone()).await.unwrap();
        database::make(&copied).unwrap();
        ledger.copy_to(&copied).unwrap();
        ledger.remove(&stream.key(), revision).await.unwrap();
        let closed = ClosedLedger::open(&copied).unwrap();
        assert_eq!((closed.version(), closed.check().unwrap()), (SqliteLedger::VERSION, 1));
        assert_eq!(closed.load(&stream.key()).unwrap().unwrap().body, body);
        assert_eq!(closed.records().unwrap()[0].0.stream, stream);
        assert!(closed.load("stream.none").unwrap().is_none() && closed.runs().unwrap().is_empty());
        let beside = std::fs::read_dir(&folder).unwrap().flatten();
        let beside = beside.filter(|entry| entry.file_name().to_string_lossy().starts_with("copy.db-"));
        assert_eq!(beside.count(), 0);
    }
}
