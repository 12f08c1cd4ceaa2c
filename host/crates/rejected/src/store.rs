//! The store: one SQLite file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row as Found, TransactionBehavior, params, params_from_iter};
use sha2::{Digest as _, Sha256};

use super::{
    Added, Reader, RejectedBounds, RejectedEntry, RejectedFill, RejectedGroup, RejectedRow, RejectedSelection, Row,
    RowOrigin, Window, schema,
};
use base::store::{Store, StoreClaim, StoreError, json, parsed, unsigned};

/// The rejected rows of all streams. The file is made when the first row comes.
#[derive(Debug)]
pub struct RejectedRows {
    store: Store,
    bounds: RejectedBounds,
}

impl RejectedRows {
    /// The store in this file; nothing is opened yet.
    pub fn at(path: impl Into<PathBuf>, bounds: RejectedBounds) -> Self {
        RejectedRows {
            store: Store::at(path, &schema::FORM),
            bounds,
        }
    }

    /// No store: there are no rows, and none can be kept.
    pub fn nowhere(bounds: RejectedBounds) -> Self {
        RejectedRows {
            store: Store::nowhere(&schema::FORM),
            bounds,
        }
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.store.path()
    }

    /// How much it holds at most.
    pub fn bounds(&self) -> RejectedBounds {
        self.bounds
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
        rows: &[Row],
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        let mut opened = self.store.open()?;
        let Some(connection) = opened.as_mut() else {
            return Ok(Added::default());
        };
        let document = Document {
            stream,
            origin,
            preamble,
            now,
        };
        self.store.database(document.put(connection, rows, self.bounds))
    }

    /// Where the selected rows were collected from, in order.
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

    /// What is known of the selected rows, oldest first, so many at most.
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

    /// How many rows are selected.
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

    /// How much is kept, and how much may be.
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
            most_rows: self.bounds.rows,
            bytes,
            most_bytes: self.bounds.bytes,
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

    /// How many rows of a document are kept, whatever is selected.
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
    pub fn note(&self, plugin: &Reader, vain: &[(i64, String)]) -> Result<(), StoreError> {
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

/// The columns of an [`RejectedEntry`], in its order.
const ENTRY: &str = "number, line, reason, rejected_at, times_rejected, length(raw), whole, plugin, origin";
const JOINED: &str = "row JOIN document ON document.id = row.document";

/// A document some of whose rows are to be kept.
struct Document<'a> {
    stream: &'a str,
    origin: &'a RowOrigin,
    preamble: &'a [u8],
    now: Timestamp,
}

impl Document<'_> {
    fn put(&self, connection: &mut Connection, rows: &[Row], bounds: RejectedBounds) -> Result<Added, rusqlite::Error> {
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
                if there >= bounds.rows || bytes.saturating_add(more as u64) > bounds.bytes {
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

impl RejectedSelection {
    fn condition(&self) -> (String, Vec<String>) {
        let mut conditions = vec!["true".to_owned()];
        let mut values = Vec::new();
        for (column, value) in [("report", &self.report), ("connection", &self.connection)] {
            if let Some(value) = value {
                values.push(value.clone());
                conditions.push(format!("row.{column} = ?{}", values.len()));
            }
        }
        if !self.numbers.is_empty() {
            let numbers: Vec<String> = self.numbers.iter().map(i64::to_string).collect();
            conditions.push(format!("number IN ({})", numbers.join(", ")));
        }
        for source in &self.except {
            values.push(source.clone());
            conditions.push(format!("source <> ?{}", values.len()));
        }
        (conditions.join(" AND "), values)
    }
}

fn entry(row: &Found<'_>) -> Result<RejectedEntry, rusqlite::Error> {
    Ok(of(row)?.0)
}

fn of(row: &Found<'_>) -> Result<(RejectedEntry, RowOrigin), rusqlite::Error> {
    let time = |millis: i64| Timestamp::from_millisecond(millis).unwrap_or_default();
    let origin: RowOrigin = parsed(row, 8)?;
    let entry = RejectedEntry {
        number: row.get(0)?,
        report: origin.provenance.report.clone(),
        connection: origin.provenance.connection.clone(),
        source: origin.source.clone(),
        parameters: origin.parameters.clone(),
        line: unsigned(row, 1)?,
        reason: row.get(2)?,
        rejected_at: time(row.get(3)?),
        times_rejected: row.get(4)?,
        bytes: unsigned(row, 5)?,
        whole: row.get(6)?,
        document: origin.document.clone(),
        window: Window {
            from: time(origin.window.from),
            to: time(origin.window.to),
        },
        plugin: parsed(row, 7)?,
        run_id: origin.run_id.clone(),
    };
    Ok((entry, origin))
}

fn rejected(row: &Found<'_>) -> Result<RejectedRow, rusqlite::Error> {
    let (entry, origin) = of(row)?;
    Ok(RejectedRow {
        entry,
        origin,
        before: unsigned(row, 9)?,
        preamble: row.get(10)?,
        raw: row.get(11)?,
        document: row.get(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document as Source, Period};
    use event::samples;

    fn origin(from: i64, to: i64) -> RowOrigin {
        RowOrigin {
            provenance: samples::epm(),
            ids_of: None,
            source: Some("https://epm.example".into()),
            parameters: vec![("a".into(), "b".into())],
            run_id: "run".into(),
            plugin: Reader {
                asked: "./mine.wasm".into(),
                version: "1".into(),
                sha256: "aa".into(),
            },
            document: Source {
                fetch: 0,
                file: Some("r.csv".into()),
                job: Some("7".into()),
                window: "host-r-1".into(),
            },
            window: Period { from, to },
            now: to,
        }
    }

    fn row(line: u64, before: u64, raw: &[u8]) -> Row {
        Row {
            line,
            before,
            reason: "unknown time format".into(),
            raw: raw.into(),
            whole: true,
        }
    }

    fn store(bounds: RejectedBounds) -> (tempfile::TempDir, RejectedRows) {
        let folder = tempfile::tempdir().unwrap();
        let store = RejectedRows::at(folder.path().join("a").join("rejected.db"), bounds);
        (folder, store)
    }

    fn add(store: &RejectedRows, stream: &str, window: (i64, i64), rows: &[Row]) -> Added {
        let origin = origin(window.0, window.1);
        store
            .add(stream, &origin, b"head\n", rows, Timestamp::UNIX_EPOCH)
            .unwrap()
    }

    fn all() -> RejectedSelection {
        RejectedSelection::default()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_looks_at_the_rows_leaves_this_process_its_locks() {
        let (_folder, store) = store(RejectedBounds::default());
        let path = store.path().unwrap().to_owned();
        add(&store, "s", (0, 10), &[row(2, 0, b"a")]);
        assert!(base::database::is_locked(&path).unwrap());
        let claim = store.claim().unwrap();
        store.count(&all()).unwrap();
        let other = RejectedRows::at(&path, RejectedBounds::default());
        add(&other, "s", (0, 10), &[row(3, 0, b"b")]);
        drop((other, claim));
        assert!(base::database::is_locked(&path).unwrap());
    }

    #[test]
    fn a_row_comes_back_as_it_went_in_after_the_file_was_closed() {
        let (_folder, store) = store(RejectedBounds::default());
        let path = store.path().unwrap().to_owned();
        add(&store, "s", (0, 10), &[row(2, 0, b"a\xff,b"), row(3, 0, b"c")]);
        drop(store);

        let store = RejectedRows::at(&path, RejectedBounds::default());
        let read = store.read(&all(), 0, 10).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(
            (read[0].raw.as_slice(), read[0].preamble.as_slice()),
            (&b"a\xff,b"[..], &b"head\n"[..])
        );
        assert_eq!(read[0].origin, origin(0, 10));
        let entry = &read[1].entry;
        assert_eq!(
            (entry.line, entry.bytes, entry.whole, entry.times_rejected),
            (3, 1, true, 1)
        );
        assert_eq!(store.list(&all(), 10).unwrap()[1], *entry);
        assert_eq!(store.read(&all(), read[0].entry.number, 10).unwrap().len(), 1);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "others may not read it");
    }

    #[test]
    fn a_row_is_kept_once_however_often_its_window_is_read_and_identical_rows_are_two() {
        let (_folder, store) = store(RejectedBounds::default());
        let rows = [row(2, 0, b"x"), row(3, 1, b"x"), row(4, 0, b"y")];
        for _ in 0..2 {
            assert_eq!(add(&store, "s", (0, 10), &rows), Added { kept: 3, refused: 0 });
        }
        // The open day, asked for again when it is longer.
        add(&store, "s", (0, 20), &rows);
        assert_eq!(store.count(&all()).unwrap(), 3);
        // Another period or another stream has rows of its own.
        add(&store, "s", (20, 30), &rows);
        add(&store, "other", (0, 10), &rows);
        assert_eq!(store.count(&all()).unwrap(), 9);
        // So has an instant.
        add(&store, "s", (40, 40), &rows);
        add(&store, "s", (40, 40), &rows);
        assert_eq!(store.count(&all()).unwrap(), 12);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_counted_and_room_comes_back() {
        let (_folder, store) = store(RejectedBounds {
            rows: 2,
            ..RejectedBounds::default()
        });
        let rows: Vec<_> = (0..5).map(|line| row(line, 0, line.to_string().as_bytes())).collect();
        assert_eq!(add(&store, "s", (0, 10), &rows), Added { kept: 2, refused: 3 });
        assert_eq!(store.remove(&all()).unwrap(), 2);
        assert_eq!(add(&store, "s", (0, 10), &rows[3..]), Added { kept: 2, refused: 0 });

        let (_folder, store) = self::store(RejectedBounds {
            bytes: 7 + 2 * 19,
            ..RejectedBounds::default()
        });
        // The preamble counts too, and `unknown time format`, their reason.
        assert_eq!(add(&store, "s", (0, 10), &rows), Added { kept: 2, refused: 3 });
        assert_eq!(add(&store, "s", (0, 10), &[row(9, 0, b"much too long")]).refused, 1);
        store.remove(&all()).unwrap();
        let opened = store.store.open().unwrap();
        let bytes: i64 = (opened.as_ref().unwrap())
            .query_row("SELECT bytes FROM total", [], |row| row.get(0))
            .unwrap();
        assert_eq!(bytes, 0, "a preamble goes with its last row");
    }

    #[test]
    fn what_is_dropped_is_no_longer_in_the_file() {
        let (folder, store) = store(RejectedBounds::default());
        let name = "canary@example.com".repeat(400);
        add(&store, "s", (0, 10), &[row(2, 0, name.as_bytes())]);
        let path = store.path().unwrap().to_owned();
        drop(store);
        let holds = || {
            let content = std::fs::read(&path).unwrap();
            content.windows(6).any(|part| part == b"canary")
        };
        assert!(holds());
        RejectedRows::at(&path, RejectedBounds::default())
            .remove(&all())
            .unwrap();
        assert!(!holds());
        let files = std::fs::read_dir(folder.path().join("a")).unwrap().count();
        assert_eq!(files, 1, "no log of what was there");
    }

    #[test]
    fn a_vain_replay_leaves_its_reason_and_plugin() {
        let (_folder, store) = store(RejectedBounds::default());
        add(&store, "s", (0, 10), &[row(2, 0, b"x"), row(3, 0, b"y")]);
        let newer = Reader {
            version: "2".into(),
            ..origin(0, 0).plugin
        };
        store.note(&newer, &[(1, "still odd".into())]).unwrap();
        let entries = store.list(&all(), 10).unwrap();
        let seen: Vec<_> = (entries.iter())
            .map(|entry| {
                (
                    entry.reason.as_str(),
                    entry.plugin.version.as_str(),
                    entry.times_rejected,
                )
            })
            .collect();
        assert_eq!(seen, [("still odd", "2", 2), ("unknown time format", "1", 1)]);
    }

    #[test]
    fn rows_are_selected_by_report_connection_and_number() {
        let (_folder, store) = store(RejectedBounds::default());
        add(&store, "s", (0, 10), &[row(2, 0, b"x"), row(3, 0, b"y")]);
        let of = |report: &str| RejectedSelection {
            report: Some(report.into()),
            ..all()
        };
        let report = samples::epm().report;
        assert_eq!(store.count(&of(&report)).unwrap(), 2);
        assert_eq!(store.count(&of("'; DROP TABLE row; --")).unwrap(), 0);
        let one = RejectedSelection {
            numbers: vec![2],
            connection: Some(samples::epm().connection),
            ..of(&report)
        };
        assert_eq!(store.remove(&one).unwrap(), 1);
        assert_eq!(store.count(&all()).unwrap(), 1);
    }

    #[test]
    fn the_same_row_of_a_namesake_of_its_stream_is_another_row() {
        let (_folder, store) = store(RejectedBounds::default());
        let rows = [row(2, 0, b"a")];
        let mut from = origin(0, 10);
        for source in [
            Some("https://a.example"),
            Some("https://b.example"),
            None,
            Some("https://a.example"),
        ] {
            from.source = source.map(str::to_owned);
            store.add("s", &from, b"head\n", &rows, Timestamp::UNIX_EPOCH).unwrap();
        }
        let group = |source: Option<&str>| RejectedGroup {
            source: source.map(str::to_owned),
            rows: 1,
        };
        let all = [None, Some("https://a.example"), Some("https://b.example")].map(group);
        assert_eq!(store.groups(&RejectedSelection::default()).unwrap(), all);
        let except = RejectedSelection {
            except: vec!["https://b.example".into()],
            ..RejectedSelection::default()
        };
        assert_eq!(store.groups(&except).unwrap(), all[..2]);
        assert_eq!((store.count(&except).unwrap(), store.remove(&except).unwrap()), (2, 2));
        assert_eq!(store.count(&RejectedSelection::default()).unwrap(), 1);
    }

    #[test]
    fn a_store_without_rows_has_no_file_and_the_dead_letters_are_not_taken_for_it() {
        let (folder, store) = store(RejectedBounds::default());
        assert_eq!(store.count(&all()).unwrap(), 0);
        assert_eq!(store.remove(&all()).unwrap(), 0);
        assert!(store.claim().unwrap().is_none());
        assert!(!store.path().unwrap().exists());
        assert!(RejectedRows::nowhere(RejectedBounds::default()).need_place().is_err());

        let path = folder.path().join("letters.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE letter (x)").unwrap();
        drop(other);
        let error = RejectedRows::at(&path, RejectedBounds::default())
            .count(&all())
            .unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
}
