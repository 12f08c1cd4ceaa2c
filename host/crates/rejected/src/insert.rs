//! Rows on their way into the store.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::options::RejectedOptions;
use super::origin::RowOrigin;
use super::row::{Added, NewRow};
use base::store::{json, unsigned};

/// A document some of whose rows are to be kept.
pub(super) struct DocumentRows<'a> {
    pub(super) stream: &'a str,
    pub(super) origin: &'a RowOrigin,
    pub(super) preamble: &'a [u8],
    pub(super) now: Timestamp,
}

impl DocumentRows<'_> {
    /// Keeps the rows that are not there yet, as many as there is room for.
    pub(super) fn put(
        &self,
        connection: &mut Connection,
        rows: &[NewRow],
        options: &RejectedOptions,
    ) -> Result<Added, rusqlite::Error> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let total = transaction.query_row("SELECT rows, bytes FROM total", [], |row| {
            Ok((unsigned(row, 0)?, unsigned(row, 1)?))
        });
        let (mut there, mut bytes) = total?;
        let (mut added, mut document) = (Added::default(), None);
        {
            // A window may be of no length, and is then the instant.
            let mut same = transaction.prepare(
                "SELECT 1 FROM row WHERE stream = ?1 AND digest = ?2 AND before = ?3 AND source = ?6 \
                 AND window_from < max(?5, ?4 + 1) AND ?4 < max(window_to, window_from + 1)",
            )?;
            let mut insert = transaction.prepare(
                "INSERT INTO row (stream, digest, before, window_from, window_to, report, connection, line, reason, plugin, \
                 rejected_at, whole, document, raw, source) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?;
            let origin = self.origin;
            let plugin = json(&origin.plugin)?;
            let source = origin.source.as_deref().unwrap_or_default();
            for row in rows {
                let digest: [u8; 32] = Sha256::digest(&row.raw).into();
                let before = i64::try_from(row.before).unwrap_or(i64::MAX);
                let (from, to) = (origin.window.from, origin.window.to);
                if same.exists(params![self.stream, digest, before, from, to, source])? {
                    added.kept += 1;
                    continue;
                }
                let more = row.raw.len() + row.reason.len() + if document.is_none() { self.preamble.len() } else { 0 };
                if there >= options.rows || bytes.saturating_add(more as u64) > options.bytes {
                    added.refused += 1;
                    continue;
                }
                let document = match document {
                    Some(document) => document,
                    None => *document.insert(self.id(&transaction)?),
                };
                insert.execute(params![
                    self.stream,
                    digest,
                    before,
                    from,
                    to,
                    origin.provenance.report,
                    origin.provenance.connection,
                    i64::try_from(row.line).unwrap_or(i64::MAX),
                    row.reason,
                    plugin,
                    self.now.as_millisecond(),
                    row.whole,
                    document,
                    row.raw,
                    source,
                ])?;
                there += 1;
                bytes = bytes.saturating_add(more as u64);
                added.kept += 1;
            }
        }
        transaction.commit()?;
        Ok(added)
    }

    /// The number of the document in its table, where it is put if it is not there.
    fn id(&self, connection: &Connection) -> Result<i64, rusqlite::Error> {
        let origin = json(self.origin)?;
        let digest: [u8; 32] = Sha256::new_with_prefix((origin.len() as u64).to_le_bytes())
            .chain_update(&origin)
            .chain_update(self.preamble)
            .finalize()
            .into();
        let found = connection.query_row("SELECT id FROM document WHERE digest = ?1", [digest], |row| row.get(0));
        if let Some(id) = found.optional()? {
            return Ok(id);
        }
        connection.execute(
            "INSERT INTO document (digest, origin, preamble) VALUES (?1, ?2, ?3)",
            params![digest, origin, self.preamble],
        )?;
        Ok(connection.last_insert_rowid())
    }
}
