//! The ledger as one SQLite file, with a lock file for each stream beside it.

use std::fs::{File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Crc;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, params};

use super::schema::Refusal;
use super::{Claim, Document, Holder, Ledger, LedgerError, Revision, schema};
use base::database;

/// How long another process may hold the file for a change.
const BUSY: Duration = Duration::from_secs(10);

/// A ledger in a file.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteLedger {
    /// Opens the file; makes it, and the folders to it, where it is not there.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used: no rights, no room, not a ledger, of a later version.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LedgerError> {
        let path = path.into();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_folder(folder)?;
        }
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
        let failed = |source| LedgerError::Database {
            path: path.clone(),
            source,
        };
        let opened = (|| {
            let mut connection = database::open(&path)?;
            connection.busy_timeout(BUSY)?;
            schema::prepare(&mut connection, new).map(|known| known.map(|()| connection))
        })();
        let connection = opened.map_err(failed)?.map_err(|refusal| match refusal {
            Refusal::Foreign(problem) => LedgerError::Foreign {
                path: path.clone(),
                problem,
            },
            Refusal::Damaged(problem) => LedgerError::Damaged {
                path: path.clone(),
                problem,
            },
        })?;
        Ok(SqliteLedger {
            path,
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder beside the file, for what belongs to it: `ledger.db` has `ledger.db-NAME`.
    pub fn beside(&self, name: &str) -> PathBuf {
        beside(&self.path, name)
    }

    /// What was read, where it is what was written.
    fn sound(&self, Row { document, checksum }: Row) -> Result<Document, LedgerError> {
        let written = checksum.is_none_or(|checksum| checksum == sum(&document.key, document.revision, &document.body));
        if written {
            return Ok(document);
        }
        Err(LedgerError::Damaged {
            path: self.path.clone(),
            problem: format!("the entry {} is not what was written", document.key),
        })
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
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let connection = Arc::clone(&self.connection);
        let worked = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        match worked.await {
            Ok(result) => result.map_err(|source| LedgerError::Database {
                path: self.path.clone(),
                source,
            }),
            Err(error) => Err(LedgerError::Internal(error.to_string())),
        }
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn load(&self, key: &str) -> Result<Option<Document>, LedgerError> {
        let key = key.to_owned();
        let query = "SELECT key, revision, checksum, body FROM document WHERE key = ?1";
        let found = self.work(move |connection| connection.query_row(query, [key], row).optional());
        found.await?.map(|row| self.sound(row)).transpose()
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

    async fn claim(&self, key: &str) -> Result<Claim, LedgerError> {
        let folder = self.beside("locks");
        make_folder(&folder)?;
        let path = folder.join(key);
        let failed = |source| LedgerError::Folder {
            path: path.clone(),
            source,
        };
        // The system gives the lock free with the process, however that ends; the file stays.
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                Holder::this().note(&file);
                Ok(Box::new(file))
            }
            Err(TryLockError::WouldBlock) => Err(LedgerError::Claimed {
                what: key.to_owned(),
                holder: Holder::read(&file),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Whether a change failed because a file could not grow: the device is full, or the file as large as it may be.
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
            let checksum = sum(key, revision as Revision, body);
            transaction
                .prepare_cached(query)?
                .execute(params![key, revision, checksum, body])?
        }
        None => transaction.execute("DELETE FROM document WHERE key = ?1", [key])?,
    };
    transaction.commit()?;
    Ok(Some(revision as Revision))
}

/// A document as it stands in the file.
struct Row {
    document: Document,
    checksum: Option<u32>,
}

fn row(row: &rusqlite::Row<'_>) -> Result<Row, rusqlite::Error> {
    Ok(Row {
        document: Document {
            // What is no text any more is found by its checksum.
            key: String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned(),
            revision: row.get::<_, i64>(1)? as Revision,
            body: Bytes::copy_from_slice(row.get_ref(3)?.as_bytes()?),
        },
        checksum: row.get(2)?,
    })
}

/// Tells what was written from what a failing disk makes of it, within a page as well.
fn sum(key: &str, revision: Revision, body: &[u8]) -> u32 {
    let mut crc = Crc::new();
    for part in [key.as_bytes(), &revision.to_le_bytes(), body] {
        crc.update(part);
    }
    crc.sum()
}

/// `ledger.db` has `ledger.db-NAME`.
fn beside(path: &Path, name: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(format!("-{name}"));
    PathBuf::from(path)
}

/// A folder for its owner only, where it is not there yet.
fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| LedgerError::Folder {
        path: folder.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn what_was_written_is_there_for_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/ledger.db");
        let revision = {
            let ledger = SqliteLedger::open(&path).unwrap();
            ledger.swap("stream.a", None, "{}".into()).await.unwrap()
        };
        let ledger = SqliteLedger::open(&path).unwrap();
        assert_eq!(ledger.load("stream.a").await.unwrap().unwrap().revision, revision);
        assert!(ledger.swap("stream.a", Some(revision), "[]".into()).await.unwrap() > revision);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let settings = ledger
            .work(|connection| {
                let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
                let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
                Ok((journal, synchronous))
            })
            .await
            .unwrap();
        assert_eq!(settings, ("wal".to_owned(), 2));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_opens_the_ledger_again_leaves_this_process_its_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let _ledger = SqliteLedger::open(&path).unwrap();
        assert!(database::is_locked(&path).unwrap());
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for again in [&path, &link] {
            drop(SqliteLedger::open(again).unwrap());
            assert!(database::is_locked(&path).unwrap());
        }
    }

    #[tokio::test]
    async fn two_names_of_one_file_share_its_claims_and_its_spool() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("l.db"), folder.path().join("m.db"));
        std::os::unix::fs::symlink("l.db", &link).unwrap();
        // Also where the link is there first.
        let linked = SqliteLedger::open(&link).unwrap();
        let ledger = SqliteLedger::open(&path).unwrap();
        let _claim = linked.claim("stream.a").await.unwrap();
        let claimed = ledger.claim("stream.a").await.map(|_| ());
        assert!(matches!(claimed, Err(LedgerError::Claimed { .. })), "{claimed:?}");
        assert_eq!(linked.beside("spool"), ledger.beside("spool"));
    }

    #[tokio::test]
    async fn two_connections_that_change_one_document_never_both_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        SqliteLedger::open(&path)
            .unwrap()
            .swap("k", None, "0".into())
            .await
            .unwrap();
        let count = |path: PathBuf| async move {
            let ledger = SqliteLedger::open(path).unwrap();
            let mut won = 0_u32;
            while won < 50 {
                let found = ledger.load("k").await.unwrap().unwrap();
                let next = (str::from_utf8(&found.body).unwrap().parse::<u32>().unwrap() + 1).to_string();
                match ledger.swap("k", Some(found.revision), next.into()).await {
                    Ok(_) => won += 1,
                    Err(LedgerError::Conflict { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        };
        let others: Vec<_> = (0..3).map(|_| tokio::spawn(count(path.clone()))).collect();
        for other in others {
            other.await.unwrap();
        }
        let ledger = SqliteLedger::open(&path).unwrap();
        assert_eq!(ledger.load("k").await.unwrap().unwrap().body, "150");
    }

    #[test]
    fn what_is_no_ledger_is_refused_with_a_hint_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE mine (x)").unwrap();
        drop(other);
        let before = std::fs::read(&path).unwrap();
        let error = SqliteLedger::open(&path).unwrap_err();
        assert!(matches!(error, LedgerError::Foreign { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
        let error = SqliteLedger::open(&path).unwrap_err();
        assert!(error.hint().unwrap().contains("backup"), "{error:?}");
    }

    #[test]
    fn a_later_version_s_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        drop(SqliteLedger::open(&path).unwrap());
        let raw = Connection::open(&path).unwrap();
        raw.pragma_update(None, "user_version", 99).unwrap();
        let error = SqliteLedger::open(&path).unwrap_err();
        assert!(error.to_string().contains("version 99"), "{error}");
    }

    #[tokio::test]
    async fn an_older_version_s_documents_are_as_they_were_and_their_checksums_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let json = r#"{"watermark":"2026-03-05"}"#;
        let old = |checksum: u32| {
            let _ = std::fs::remove_file(&path);
            let raw = Connection::open(&path).unwrap();
            schema::as_of_version(&raw, 2);
            let row = params!["stream.a", 7, json, checksum];
            raw.execute("INSERT INTO document VALUES (?1, ?2, ?3, ?4)", row)
                .unwrap();
            raw.execute("UPDATE latest SET revision = 7", []).unwrap();
        };
        old(sum("stream.a", 7, json.as_bytes()));
        let ledger = SqliteLedger::open(&path).unwrap();
        let found = ledger.load("stream.a").await.unwrap().unwrap();
        assert_eq!((found.revision, &found.body[..]), (7, json.as_bytes()));
        assert_eq!(ledger.swap("stream.a", Some(7), "{}".into()).await.unwrap(), 8);
        drop(ledger);
        // What was damaged before stays so.
        old(0);
        let error = SqliteLedger::open(&path).unwrap().load("stream.a").await.unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_file_with_torn_pages_is_an_error_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        {
            let ledger = SqliteLedger::open(&path).unwrap();
            for number in 0..200 {
                let json = "\"".to_owned() + &"x".repeat(500) + "\"";
                ledger
                    .swap(&format!("stream.{number}"), None, json.into())
                    .await
                    .unwrap();
            }
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        for byte in bytes.iter_mut().skip(4096).take(half) {
            *byte = 0x5a;
        }
        std::fs::write(&path, bytes).unwrap();
        let listed = match SqliteLedger::open(&path) {
            Ok(ledger) => ledger.list("stream.").await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = listed.unwrap_err();
        assert!(error.hint().unwrap().contains("backup"), "{error:?}");
    }

    #[tokio::test]
    async fn a_document_that_is_not_what_was_written_is_an_error_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let ledger = SqliteLedger::open(&path).unwrap();
        let revision = ledger
            .swap("stream.a", None, r#"{"watermark":"2026-03-05"}"#.into())
            .await
            .unwrap();
        drop(ledger);
        let mut bytes = std::fs::read(&path).unwrap();
        let place = bytes.windows(10).position(|part| part == b"2026-03-05").unwrap();
        bytes[place + 9] = b'9';
        std::fs::write(&path, bytes).unwrap();
        let ledger = SqliteLedger::open(&path).unwrap();
        for result in [
            ledger.load("stream.a").await.map(|_| ()),
            ledger.list("stream.").await.map(|_| ()),
        ] {
            let error = result.unwrap_err();
            assert!(error.hint().unwrap().contains("backup"), "{error:?}");
        }
        // It can be removed, and nothing else goes with it.
        ledger.swap("stream.b", None, "{}".into()).await.unwrap();
        ledger.remove_all("stream.a").await.unwrap();
        assert_eq!(ledger.list("stream.").await.unwrap().len(), 1);
        let anew = ledger.swap("stream.a", None, "{}".into()).await.unwrap();
        assert!(anew > revision);
    }

    #[tokio::test]
    async fn a_file_that_was_emptied_is_not_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        std::fs::write(&path, "").unwrap();
        let ledger = SqliteLedger::open(&path).unwrap();
        drop(ledger.claim("stream.a").await.unwrap());
        drop(ledger);
        std::fs::write(&path, "").unwrap();
        let error = SqliteLedger::open(&path).unwrap_err();
        assert!(error.hint().unwrap().contains("backup"), "{error:?}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "left alone");
        // Moved away, it may begin anew.
        std::fs::remove_file(&path).unwrap();
        SqliteLedger::open(&path).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_may_not_be_written_is_an_error_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        drop(SqliteLedger::open(&path).unwrap());
        let ledger = SqliteLedger::open(&path).unwrap();
        // Rights do not stop root, so the connection itself is made to read only.
        ledger
            .work(|connection| connection.pragma_update(None, "query_only", true))
            .await
            .unwrap();
        let error = ledger.swap("k", None, "{}".into()).await.unwrap_err();
        assert!(error.hint().unwrap().contains("writable"), "{error:?}");

        std::fs::create_dir(folder.path().join("folder.db")).unwrap();
        let error = SqliteLedger::open(folder.path().join("folder.db")).unwrap_err();
        assert!(error.hint().unwrap().contains("--ledger"), "{error:?}");
    }
}
