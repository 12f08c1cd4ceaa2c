//! The ledger as one SQLite file, with a lock file for each stream beside it.

mod beside;
mod check;
mod claims;
mod closed;
mod exclusion;
mod pages;
mod presence;
mod restoring;
mod row;
mod run_history;
mod schema;
#[cfg(test)]
mod tests;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, params};

pub use self::closed::ClosedLedger;
pub use self::exclusion::LedgerExclusion;
pub use self::run_history::{ListedRun, RunHistory};

use self::beside::beside;
use self::presence::Presence;
use self::row::{StoredDocument, checksum_of, row, unsound};
use self::schema::SchemaRefusal;
use super::{Claim, Document, Ledger, LedgerError, Revision};
use base::database;

/// How long another process may hold the file for a change.
const BUSY: Duration = Duration::from_secs(10);

/// A ledger in a file.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
    /// Dropped after the connection, which is closed then.
    presence: Arc<Presence>,
}

impl SqliteLedger {
    /// Opens the file; makes it, and the folders to it, where it is not there. Reads all of its pages only where the last process
    /// that had it open did not close it; [`check`](SqliteLedger::check) does so on request.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used: no rights, no room, not a ledger, of a later version.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LedgerError> {
        let path = path.into();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_folder(folder)?;
        }
        restoring::refuse(&path)?;
        let claimed = beside(&path, "locks");
        let claimed = std::fs::read_dir(claimed).is_ok_and(|mut locks| locks.next().is_some());
        let new = !claimed || !path.exists();
        database::make(&path).map_err(|source| LedgerError::Folder {
            path: path.clone(),
            source,
        })?;
        // Whatever names lead to it, it is one file with one set of locks and one spool.
        let path = std::fs::canonicalize(&path).map_err(|source| LedgerError::Folder {
            path: path.clone(),
            source,
        })?;
        let mut presence = Presence::take(&path, &beside(&path, "locks"));
        restoring::refuse(&path)?;
        let unclean = presence.finds_unclean_end();
        let opened = (|| {
            let mut connection = database::open(&path)?;
            connection.busy_timeout(BUSY)?;
            let known = database::until_free(BUSY, || schema::prepare(&mut connection, new, unclean))?;
            if known.is_ok() {
                presence.share();
            }
            Ok(known.map(|()| connection))
        })();
        // Also where it could not be looked at this time.
        if unclean && matches!(opened, Err(_) | Ok(Err(SchemaRefusal::Damaged(_)))) {
            presence.note_damage();
        }
        let failed = |source| failed(&path, source);
        let connection = opened.map_err(failed)?.map_err(|refusal| match refusal {
            SchemaRefusal::Foreign(problem) => LedgerError::Foreign {
                path: path.clone(),
                problem,
            },
            SchemaRefusal::Damaged(problem) => LedgerError::Damaged {
                path: path.clone(),
                problem,
            },
        })?;
        Ok(SqliteLedger {
            path,
            connection: Arc::new(Mutex::new(connection)),
            presence: Arc::new(presence),
        })
    }

    /// The version of the form that a ledger has once it was opened.
    pub const VERSION: usize = schema::VERSION;

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies all of it, as it is at one instant, into a file that is made and empty, also while runs write. Blocks.
    ///
    /// # Errors
    ///
    /// Where one of the two cannot be read or written.
    pub fn copy_to(&self, to: &Path) -> Result<(), LedgerError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        database::copy(&connection, to).map_err(|source| failed(&self.path, source))
    }

    /// A folder beside the file, for what belongs to it: `ledger.db` has `ledger.db-NAME`.
    pub fn beside(&self, name: &str) -> PathBuf {
        beside(&self.path, name)
    }

    /// The document that was read, where it is as it was written.
    fn sound(&self, row: StoredDocument) -> Result<Document, LedgerError> {
        match row.is_sound() {
            true => Ok(row.document),
            false => Err(self.damaged(unsound(&row.document.key))),
        }
    }

    /// The error for that problem, noted for the next to open the file.
    pub(super) fn damaged(&self, problem: String) -> LedgerError {
        self.presence.note_damage();
        LedgerError::Damaged {
            path: self.path.clone(),
            problem,
        }
    }

    /// Removes all documents whose keys begin so, also such as can no longer be read.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub async fn remove_all(&self, prefix: &str) -> Result<(), LedgerError> {
        let prefix = prefix.to_owned();
        let removed = self.work(move |connection| {
            let length = prefix.chars().count() as i64;
            connection.execute(
                "DELETE FROM document WHERE substr(key, 1, ?1) = ?2",
                params![length, prefix],
            )
        });
        removed.await.map(|_| ())
    }

    /// Works with the database on a thread where waiting for the disk does no harm.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, LedgerError> {
        // Dropped from the last to the first.
        let open = (Arc::clone(&self.presence), Arc::clone(&self.connection));
        let worked = base::blocking(move || {
            let (presence, connection) = open;
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&mut connection);
            if result.as_ref().is_err_and(is_damage) {
                presence.note_damage();
            }
            result
        });
        match worked.await {
            Ok(result) => result.map_err(|source| failed(&self.path, source)),
            Err(error) => Err(LedgerError::Internal(error.to_string())),
        }
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn load(&self, key: &str) -> Result<Option<Document>, LedgerError> {
        let name = key.to_owned();
        let found = self.work(move |connection| {
            // Both look at the same state.
            let transaction = connection.transaction()?;
            let columns = "SELECT key, revision, checksum, body FROM document";
            let found = transaction
                .prepare_cached(&format!("{columns} WHERE key = ?1"))?
                .query_row([&name], row)
                .optional()?;
            // A damaged index leads nowhere, and a stream that is taken for new would begin with today.
            let hidden = found.is_none()
                && transaction
                    .prepare_cached("SELECT 1 FROM document NOT INDEXED WHERE key = ?1")?
                    .exists([&name])?;
            Ok((found, hidden))
        });
        match found.await? {
            (_, true) => Err(self.damaged(format!("the index does not lead to the entry {key}, which exists"))),
            (found, false) => found.map(|row| self.sound(row)).transpose(),
        }
    }

    async fn swap(&self, key: &str, expected: Option<Revision>, body: Bytes) -> Result<Revision, LedgerError> {
        let name = key.to_owned();
        let swapped = self.work(move |connection| change(connection, &name, expected, Some(&body)));
        swapped
            .await?
            .ok_or_else(|| LedgerError::Conflict { key: key.to_owned() })
    }

    async fn remove(&self, key: &str, expected: Revision) -> Result<(), LedgerError> {
        let name = key.to_owned();
        let removed = self.work(move |connection| change(connection, &name, Some(expected), None));
        match removed.await? {
            Some(_) => Ok(()),
            None => Err(LedgerError::Conflict { key: key.to_owned() }),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Document>, LedgerError> {
        let prefix = prefix.to_owned();
        let found = self.work(move |connection| {
            let query = "SELECT key, revision, checksum, body FROM document WHERE substr(key, 1, ?1) = ?2 ORDER BY key";
            let mut statement = connection.prepare(query)?;
            let length = prefix.chars().count() as i64;
            let rows = statement.query_map(params![length, prefix], row)?;
            rows.collect::<Result<Vec<_>, _>>()
        });
        found.await?.into_iter().map(|row| self.sound(row)).collect()
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<(String, Revision)>, LedgerError> {
        let prefix = prefix.to_owned();
        let found = self.work(move |connection| {
            let query = "SELECT key, revision FROM document WHERE substr(key, 1, ?1) = ?2 ORDER BY key";
            let mut statement = connection.prepare(query)?;
            let length = prefix.chars().count() as i64;
            let rows = statement.query_map(params![length, prefix], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)? as Revision))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        });
        found.await
    }

    async fn claim(&self, key: &str) -> Result<Claim, LedgerError> {
        let (folder, key) = (self.beside("locks"), key.to_owned());
        match base::blocking(move || claims::take(&folder, &key)).await {
            Ok(claimed) => claimed,
            Err(error) => Err(LedgerError::Internal(error.to_string())),
        }
    }
}

/// True where a change failed because a file could not grow: the device is full, or the file as large as it may be.
fn has_no_room(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
    )
}

/// Makes room for the next changes where the last ones stand, without any file growing: what becomes of a job that was
/// just submitted can then be kept on a full device too.
fn reuse_room(connection: &Connection) -> bool {
    let busy: Result<i64, _> = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0));
    matches!(busy, Ok(0))
}

/// Changes a document, or removes it, where the revision is the expected one; else says none.
fn change(
    connection: &mut Connection,
    key: &str,
    expected: Option<Revision>,
    body: Option<&[u8]>,
) -> Result<Option<Revision>, rusqlite::Error> {
    match swap(connection, key, expected, body) {
        Err(error) if has_no_room(&error) && reuse_room(connection) => swap(connection, key, expected, body),
        changed => changed,
    }
}

fn swap(
    connection: &mut Connection,
    key: &str,
    expected: Option<Revision>,
    body: Option<&[u8]>,
) -> Result<Option<Revision>, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: Option<i64> = transaction
        .prepare_cached("SELECT revision FROM document WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if found.map(|revision| revision as Revision) != expected {
        return Ok(None);
    }
    let revision: i64 = transaction
        .prepare_cached("UPDATE latest SET revision = revision + 1 RETURNING revision")?
        .query_row([], |row| row.get(0))?;
    match body {
        Some(body) => {
            let query = "INSERT INTO document (key, revision, checksum, body) VALUES (?1, ?2, ?3, ?4) \
                         ON CONFLICT DO UPDATE \
                         SET revision = excluded.revision, checksum = excluded.checksum, body = excluded.body";
            let checksum = checksum_of(key, revision as Revision, body);
            transaction
                .prepare_cached(query)?
                .execute(params![key, revision, checksum, body])?
        }
        None => transaction.execute("DELETE FROM document WHERE key = ?1", [key])?,
    };
    transaction.commit()?;
    Ok(Some(revision as Revision))
}

/// True where pages of the file are not what SQLite has written.
fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

/// The meaning of an error of SQLite for the ledger at that path.
fn failed(path: &Path, source: rusqlite::Error) -> LedgerError {
    let path = path.to_owned();
    match is_damage(&source) {
        true => LedgerError::Damaged {
            path,
            problem: source.to_string(),
        },
        false => LedgerError::Database { path, source },
    }
}

/// A folder for its owner only, where it is not there yet.
fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| LedgerError::Folder {
        path: folder.to_owned(),
        source,
    })
}
