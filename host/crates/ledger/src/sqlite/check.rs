//! The whole ledger read, page by page: done on request, and not at every start.

use rusqlite::Connection;

use super::SqliteLedger;
use super::pages::pages;
use super::row::{row, unsound};
use crate::LedgerError;

impl SqliteLedger {
    /// Reads every page, every index and every document, and says how many documents there are.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Damaged`] where something is not what was written; the next to open the file checks its pages too.
    pub async fn check(&self) -> Result<u64, LedgerError> {
        let checked = self.work(|connection| whole(connection)).await?;
        checked.map_err(|problem| self.damaged(problem))
    }
}

/// How many documents there are, or what is wrong with the file.
pub(super) fn whole(connection: &Connection) -> Result<Result<u64, String>, rusqlite::Error> {
    if let Err(problem) = pages(connection, "integrity_check")? {
        return Ok(Err(problem));
    }
    let mut statement = connection.prepare("SELECT key, revision, checksum, body FROM document NOT INDEXED")?;
    let mut rows = statement.query([])?;
    let mut documents = 0;
    while let Some(found) = rows.next()? {
        let found = row(found)?;
        if !found.is_sound() {
            return Ok(Err(unsound(&found.document.key)));
        }
        documents += 1;
    }
    Ok(Ok(documents))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;

    use super::*;
    use crate::Ledger as _;

    /// A ledger that was closed, with a damaged page that nobody reads who opens it.
    async fn damaged(path: &Path) {
        let ledger = SqliteLedger::open(path).unwrap();
        drop(ledger.claim("stream.a").await.unwrap());
        ledger.swap("stream.a", None, "{}".into()).await.unwrap();
        let long = Bytes::from(vec![b'x'; 100_000]);
        ledger.swap("ids.a", None, long).await.unwrap();
        assert_eq!(ledger.check().await.unwrap(), 2);
        drop(ledger);
        let mut bytes = std::fs::read(path).unwrap();
        let page = bytes.len() - 2 * 4096;
        assert_eq!(bytes[page + 100], b'x');
        bytes[page..page + 4].fill(0xff);
        std::fs::write(path, bytes).unwrap();
    }

    fn wal(path: &Path) -> std::path::PathBuf {
        crate::sqlite::beside::beside(path, "wal")
    }

    #[tokio::test]
    async fn the_whole_file_is_checked_after_an_unclean_end_and_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        damaged(&path).await;
        assert!(!wal(&path).exists(), "it was closed");
        let before = std::fs::read(&path).unwrap();
        for _ in 0..2 {
            // Several at once as well: none of them stands for another's check.
            let (one, other) = (SqliteLedger::open(&path).unwrap(), SqliteLedger::open(&path).unwrap());
            assert!(one.load("stream.a").await.unwrap().is_some());
            assert!(other.load("stream.a").await.unwrap().is_some());
            drop((one, other));
            assert!(!wal(&path).exists(), "it was closed");
        }
        // What a killed process leaves.
        std::fs::write(wal(&path), "").unwrap();
        for _ in 0..3 {
            assert_eq!(std::fs::metadata(wal(&path)).unwrap().len(), 0);
            let error = SqliteLedger::open(&path).unwrap_err();
            assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "left alone");
    }

    #[tokio::test]
    async fn a_sound_file_is_closed_as_ever_after_an_unclean_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = SqliteLedger::open(&path).unwrap();
        drop(ledger.claim("stream.a").await.unwrap());
        drop(ledger);
        std::fs::write(wal(&path), "").unwrap();
        let ledger = SqliteLedger::open(&path).unwrap();
        ledger.swap("stream.a", None, "{}".into()).await.unwrap();
        drop(ledger);
        assert!(!wal(&path).exists());
    }

    #[tokio::test]
    async fn a_damaged_page_is_an_error_with_a_hint_where_it_is_read_and_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        damaged(&path).await;
        let ledger = SqliteLedger::open(&path).unwrap();
        assert!(ledger.load("stream.a").await.is_ok());
        let read = ledger.load("ids.a").await.map(drop);
        let checked = ledger.check().await.map(drop);
        for result in [read, checked] {
            let error = result.unwrap_err();
            assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
            assert!(error.hint().unwrap().contains("backup"), "{error:?}");
        }
        drop(ledger);
        let error = SqliteLedger::open(&path).unwrap_err();
        assert!(
            matches!(error, LedgerError::Damaged { .. }),
            "found once, it is looked for: {error:?}"
        );
    }

    #[tokio::test]
    async fn a_document_to_which_the_index_no_longer_leads_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = SqliteLedger::open(&path).unwrap();
        ledger.swap("stream.a", None, "{}".into()).await.unwrap();
        drop(ledger);
        // The table says key, revision, checksum, body; the index has the key at its very end.
        let mut bytes = std::fs::read(&path).unwrap();
        let places: Vec<_> = (0..bytes.len())
            .filter(|&place| bytes[place..].starts_with(b"stream.a"))
            .collect();
        let index = places.into_iter().filter(|place| place % 4096 > 4000).filter(|&place| {
            let page = place / 4096 * 4096;
            bytes[page] == 0x0a
        });
        let [place] = index.collect::<Vec<_>>().try_into().unwrap();
        bytes[place + 7] = b'b';
        std::fs::write(&path, bytes).unwrap();
        let ledger = SqliteLedger::open(&path).unwrap();
        let error = ledger.load("stream.a").await.unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
        assert_eq!(ledger.load("stream.c").await.unwrap(), None);
        assert!(ledger.check().await.is_err());
    }
}
