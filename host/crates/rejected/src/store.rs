//! The store: one SQLite file.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Row as Found, TransactionBehavior, params, params_from_iter};

use super::columns::{ENTRY, JOINED, entry, rejected};
use super::insert::DocumentRows;
use super::options::{RejectedFill, RejectedOptions};
use super::origin::{PluginIdentity, RowOrigin};
use super::row::{Added, NewRow, RejectedEntry, RejectedRow};
use super::schema;
use super::selection::{RejectedGroup, RejectedSelection};
use base::store::{Form, Store, StoreClaim, StoreError, json, unsigned};

/// The rejected rows of all streams. The file is made when the first row comes.
#[derive(Debug)]
pub struct RejectedRows {
    store: Store,
    options: RejectedOptions,
}

impl RejectedRows {
    /// The store with these options; nothing is opened yet. Without a file there are no rows, and none can be kept.
    pub fn new(options: RejectedOptions) -> Self {
        RejectedRows {
            store: Store::new(options.path.clone(), &schema::FORM),
            options,
        }
    }

    /// The form of the file.
    pub fn form() -> &'static Form {
        &schema::FORM
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.store.path()
    }

    /// The options that the store was made with.
    pub fn options(&self) -> &RejectedOptions {
        &self.options
    }

    /// Refuses to go on where rows cannot be kept.
    ///
    /// # Errors
    ///
    /// [`StoreError::Nowhere`].
    pub fn need_place(&self) -> Result<(), StoreError> {
        self.store.need_place()
    }

    /// Claims the rows for one replay at a time; none where there is no file, so no row.
    ///
    /// # Errors
    ///
    /// [`StoreError::Claimed`] at once, where somebody holds them.
    pub fn claim(&self) -> Result<Option<StoreClaim>, StoreError> {
        self.store.claim()
    }

    /// Keeps rows of a document of the stream with this key, as many as there is room for. They are on disk once this
    /// returns. Those that are there already stay as they are.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used; then none of them is kept.
    pub fn add(
        &self,
        stream: &str,
        origin: &RowOrigin,
        preamble: &[u8],
        rows: &[NewRow],
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        let mut opened = self.store.open()?;
        let Some(connection) = opened.as_mut() else {
            return Ok(Added::default());
        };
        let document = DocumentRows {
            stream,
            origin,
            preamble,
            now,
        };
        self.store.database(document.put(connection, rows, &self.options))
    }

    /// The servers that the selected rows were collected from, in order.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn groups(&self, selection: &RejectedSelection) -> Result<Vec<RejectedGroup>, StoreError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        let (condition, values) = selection.condition();
        let query = format!("SELECT source, count(*) FROM row WHERE {condition} GROUP BY source ORDER BY source");
        self.store.database((|| {
            let mut statement = connection.prepare(&query)?;
            let group = |row: &Found<'_>| {
                let source: String = row.get(0)?;
                Ok(RejectedGroup {
                    source: Some(source).filter(|source| !source.is_empty()),
                    rows: unsigned(row, 1)?,
                })
            };
            statement.query_map(params_from_iter(values), group)?.collect()
        })())
    }

    /// The selected rows without their bytes, oldest first, so many at most.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn list(&self, selection: &RejectedSelection, most: usize) -> Result<Vec<RejectedEntry>, StoreError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        let (condition, values) = selection.condition();
        let query = format!("SELECT {ENTRY} FROM {JOINED} WHERE {condition} ORDER BY number LIMIT {most}");
        self.store.database((|| {
            let mut statement = connection.prepare(&query)?;
            statement.query_map(params_from_iter(values), entry)?.collect()
        })())
    }

    /// The number of selected rows.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn count(&self, selection: &RejectedSelection) -> Result<u64, StoreError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(0);
        };
        let (condition, values) = selection.condition();
        let query = format!("SELECT count(*) FROM row WHERE {condition}");
        let counted = connection.query_row(&query, params_from_iter(values), |row| unsigned(row, 0));
        self.store.database(counted)
    }

    /// The fill of the store, and its bounds.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn fill(&self) -> Result<RejectedFill, StoreError> {
        let opened = self.store.open_existing()?;
        let (rows, bytes) = match opened.as_ref() {
            Some(connection) => {
                let total = connection.query_row("SELECT rows, bytes FROM total", [], |row| {
                    Ok((unsigned(row, 0)?, unsigned(row, 1)?))
                });
                self.store.database(total)?
            }
            None => (0, 0),
        };
        Ok(RejectedFill {
            rows,
            most_rows: self.options.rows,
            bytes,
            most_bytes: self.options.bytes,
        })
    }

    /// The selected rows after number `after`, oldest first, so many at most, with their bytes.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn read(&self, selection: &RejectedSelection, after: i64, most: usize) -> Result<Vec<RejectedRow>, StoreError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(Vec::new());
        };
        let (condition, values) = selection.condition();
        let query = format!(
            "SELECT {ENTRY}, before, preamble, raw, document.id FROM {JOINED} WHERE {condition} AND number > {after} \
             ORDER BY number LIMIT {most}"
        );
        self.store.database((|| {
            let mut statement = connection.prepare(&query)?;
            statement.query_map(params_from_iter(values), rejected)?.collect()
        })())
    }

    /// The number of rows of a document that are kept, whatever is selected.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn of_document(&self, document: i64) -> Result<u64, StoreError> {
        let opened = self.store.open_existing()?;
        let Some(connection) = opened.as_ref() else {
            return Ok(0);
        };
        let query = "SELECT count(*) FROM row WHERE document = ?1";
        self.store
            .database(connection.query_row(query, [document], |row| unsigned(row, 0)))
    }

    /// Notes that a plugin could not read rows either: their numbers, and why.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn note(&self, plugin: &PluginIdentity, vain: &[(i64, String)]) -> Result<(), StoreError> {
        let mut opened = self.store.open_existing()?;
        let Some(connection) = opened.as_mut() else {
            return Ok(());
        };
        self.store.database((|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let plugin = json(plugin)?;
            {
                let mut update = transaction.prepare(
                    "UPDATE row SET reason = ?2, plugin = ?3, times_rejected = times_rejected + 1 WHERE number = ?1",
                )?;
                for (number, reason) in vain {
                    update.execute(params![number, reason, plugin])?;
                }
            }
            transaction.commit()
        })())
    }

    /// Forgets rows: they became events, or are not wanted. Says how many there were. What stood before them in their
    /// documents goes with the last of them.
    ///
    /// # Errors
    ///
    /// Where the file cannot be used.
    pub fn remove(&self, selection: &RejectedSelection) -> Result<u64, StoreError> {
        let mut opened = self.store.open_existing()?;
        let Some(connection) = opened.as_mut() else {
            return Ok(0);
        };
        let (condition, values) = selection.condition();
        let query = format!("DELETE FROM row WHERE {condition}");
        self.store.database((|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let removed = transaction.execute(&query, params_from_iter(values))?;
            transaction.execute("DELETE FROM document WHERE id NOT IN (SELECT document FROM row)", [])?;
            transaction.commit()?;
            Ok(removed as u64)
        })())
    }
}

#[cfg(test)]
mod tests;
