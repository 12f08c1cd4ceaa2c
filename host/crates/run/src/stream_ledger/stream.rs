//! The record of the run's stream, held for the time of the run: each method that changes it returns when the change is
//! durable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::dedup_store::DedupStore;
use super::durable::DurableChange;
use super::facts::{PlaceNews, StreamFacts};
use super::group_commit::GroupCommit;
use crate::RunError;
use base::blocking;
use fetch::kept_pages;
use ledger::memory::MemoryLedger;
use ledger::{Claim, Document, FetchState, InFlight, KnownIds, Ledger, LedgerError, Record, Stream, spool};

/// Bytes of all documents that wait in the spool.
const SPOOL_BYTES: u64 = 32 << 30;
/// The longest that a window waits for a sink.
const SPOOL_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// From so many windows on, notes about waiting for jobs are gathered, and for so long.
const MANY: usize = 32;
const PATIENCE: Duration = Duration::from_millis(250);

/// A stream of a ledger, claimed.
pub struct StreamLedger {
    ledger: Arc<dyn Ledger>,
    stream: Stream,
    /// Where documents wait that must outlive the process; none where nothing outlives it.
    spool: Option<PathBuf>,
    /// Bytes of all that wait there, whatever their stream.
    spool_bytes: u64,
    changes: Arc<GroupCommit>,
    /// The longest that a window may wait for a sink: then nothing more is fetched.
    spool_age: Duration,
    /// News of its sinks, for whoever opened it.
    news: Vec<PlaceNews>,
    /// Sinks with a place that the configuration no longer sends its events to.
    removed: Vec<String>,
    /// Held by whoever commits.
    pub(super) shelf: tokio::sync::Mutex<DedupStore>,
    _claim: Claim,
}

impl StreamLedger {
    /// Claims the stream and reads what is known of it. Files of the spool that nobody needs any more are removed.
    ///
    /// # Errors
    ///
    /// Where another run of the stream is under way, the stream was collected from another server, or the ledger cannot be
    /// used.
    pub async fn open(
        ledger: Arc<dyn Ledger>,
        stream: Stream,
        facts: StreamFacts,
        spool: PathBuf,
    ) -> Result<StreamLedger, LedgerError> {
        let key = stream.key();
        let claim = stream.claim(&*ledger).await?;
        let (record, revision, within) = match ledger.load(&key).await? {
            Some(Document { revision, body, .. }) => {
                let (record, within) = Record::decode_with_ids(&key, &body)?;
                (record, Some(revision), within)
            }
            None => {
                let mut record = Record::new(stream.clone());
                facts.tell(&mut record);
                (record, None, KnownIds::default())
            }
        };
        // Somebody gave it another name since it was looked for.
        if record.stream.name.is_some() && record.stream.name != stream.name {
            return Err(LedgerError::Conflict { key });
        }
        if let (Some(known), Some(now)) = (&record.origin, &facts.origin)
            && known != now
        {
            return Err(LedgerError::Origin {
                stream: Box::new(stream),
                known: known.clone(),
                now: now.clone(),
            });
        }
        let mut told = record.clone();
        let news = facts.tell(&mut told);
        let told = told == record;
        let folder = spool.clone();
        let made = blocking(move || make_folder(&folder)).await;
        made.map_err(|died| LedgerError::Internal(died.to_string()))??;
        let (shelf, revision) = DedupStore::open(Arc::clone(&ledger), &record, revision, within).await?;
        let book = StreamLedger {
            changes: Arc::new(GroupCommit::new(Arc::clone(&ledger), key, record, revision)),
            shelf: tokio::sync::Mutex::new(shelf),
            ledger,
            stream,
            spool: Some(spool),
            spool_bytes: SPOOL_BYTES,
            spool_age: SPOOL_AGE,
            news,
            removed: facts.removed.clone(),
            _claim: claim,
        };
        book.sweep().await?;
        if !told {
            let tell = move |record: &mut Record| {
                facts.tell(record);
            };
            book.change(DurableChange::Facts, tell).await?;
        }
        Ok(book)
    }

    /// A stream of which nothing is known and nothing is kept: what is written is forgotten when the process ends.
    pub(crate) fn in_memory(stream: Stream) -> StreamLedger {
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::default());
        let record = Record::new(stream.clone());
        StreamLedger {
            changes: Arc::new(GroupCommit::new(Arc::clone(&ledger), stream.key(), record, None)),
            shelf: tokio::sync::Mutex::new(DedupStore::empty(Arc::clone(&ledger), stream.clone())),
            ledger,
            stream,
            spool: None,
            spool_bytes: SPOOL_BYTES,
            spool_age: SPOOL_AGE,
            news: Vec::new(),
            removed: Vec::new(),
            _claim: Box::new(()),
        }
    }

    /// True where progress outlives the process, so that the next run continues from there.
    pub(crate) fn outlives(&self) -> bool {
        self.spool.is_some()
    }

    /// The ledger with another limit of documents that wait in the spool, in bytes.
    #[must_use]
    pub fn with_spool_bytes(self, most: u64) -> StreamLedger {
        StreamLedger {
            spool_bytes: most,
            ..self
        }
    }

    /// The ledger with another limit of how long a window may wait for a sink.
    #[must_use]
    pub fn with_spool_age(self, most: Duration) -> StreamLedger {
        StreamLedger {
            spool_age: most,
            ..self
        }
    }

    /// News of the stream's sinks that came with opening it.
    pub fn news(&self) -> &[PlaceNews] {
        &self.news
    }

    /// Sinks with a place in the stream that the configuration no longer sends its events to.
    pub(crate) fn removed(&self) -> &[String] {
        &self.removed
    }

    /// Refuses to fetch anything more while windows that wait for a sink have taken all the room or time there is. Blocks.
    pub(crate) fn check_bounds(&self, now: Timestamp) -> Result<(), RunError> {
        let (sinks, since) = self.held_by();
        let Some(since) = since else { return Ok(()) };
        let age = SignedDuration::try_from(self.spool_age).unwrap_or(SignedDuration::MAX);
        if now.duration_since(since) > age {
            return Err(RunError::SpoolAge {
                sinks,
                since,
                most: self.spool_age,
                arguments: self.stream.arguments(),
            });
        }
        // The next document may be as long as the longest of those: it is not fetched to be refused.
        let record = self.record();
        let kept = record.windows.iter().flat_map(|window| &window.fetches);
        let lengths = kept.filter_map(|fetch| match fetch {
            FetchState::Spooled(kept) => Some(kept.length),
            _ => None,
        });
        self.check_room(lengths.max().unwrap_or(0))
    }

    /// Refuses a document of so many bytes that the spool has no room for. Blocks.
    pub(crate) fn check_room(&self, more: u64) -> Result<(), RunError> {
        let Some(folder) = &self.spool else { return Ok(()) };
        let there = spool::documents(folder, None);
        let bytes = there
            .iter()
            .fold(0_u64, |sum, document| sum.saturating_add(document.bytes));
        match bytes.saturating_add(more) > self.spool_bytes {
            true => Err(RunError::SpoolFull {
                folder: folder.clone(),
                bytes,
                more,
                most: self.spool_bytes,
                sinks: self.held_by().0,
                arguments: self.stream.arguments(),
            }),
            false => Ok(()),
        }
    }

    /// The ledger that it stands in.
    pub(crate) fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// The stream.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The folder where documents wait; none where nothing outlives the process.
    pub(crate) fn spool(&self) -> Option<&Path> {
        self.spool.as_deref()
    }

    /// The record as it is.
    pub(crate) fn record(&self) -> Arc<Record> {
        self.changes.record()
    }

    /// Changes the record; `what` names the change. Where the change cannot be kept, the record stays as it was.
    /// The order of calls counts, and the change is made also where nobody waits for it.
    pub(crate) fn change(
        &self,
        what: DurableChange,
        change: impl FnOnce(&mut Record) + Send + 'static,
    ) -> BoxFuture<'static, Result<(), LedgerError>> {
        self.changes.change(what, Duration::ZERO, change)
    }

    /// Notes how far a window is that goes on waiting: not urgent where there are many, for each write is of them all.
    pub(crate) fn note(
        &self,
        what: DurableChange,
        change: impl FnOnce(&mut Record) + Send + 'static,
    ) -> BoxFuture<'static, Result<(), LedgerError>> {
        let patience = match self.record().windows.len() {
            0..MANY => Duration::ZERO,
            _ => PATIENCE,
        };
        self.changes.change(what, patience, change)
    }

    /// The ids of events that were committed, of the days that may be asked for again.
    pub(crate) async fn known(&self) -> KnownIds {
        let record = self.record();
        let mut known = self.shelf.lock().await.known().clone();
        known.retain(|day| record.recent.contains_key(day));
        known
    }

    /// Ends a window badly: its period is still to be asked for, and what was to be looked for again in it.
    pub(crate) async fn give_up(&self, name: &str, reason: String) -> Result<(), LedgerError> {
        self.end_badly(name, reason, look_again).await
    }

    /// Ends a window badly whose first day the server refused: whoever looked for it again would be refused again.
    pub(crate) async fn give_up_refused(&self, name: &str, reason: String) -> Result<(), LedgerError> {
        self.end_badly(name, reason, |_, _| ()).await
    }

    async fn end_badly(
        &self,
        name: &str,
        reason: String,
        and: impl FnOnce(&mut Record, &InFlight) + Send + 'static,
    ) -> Result<(), LedgerError> {
        let (files, name) = (self.files_of(name), name.to_owned());
        let end = move |record: &mut Record| {
            let window = record.window(&name).cloned();
            record.give_up(&name, reason, Timestamp::now());
            if let Some(window) = window {
                and(record, &window);
            }
        };
        self.change(DurableChange::Dead, end).await?;
        self.remove(files).await
    }

    /// The file in the spool for one fetch of a window.
    pub(crate) fn file(&self, window: &str, place: usize) -> String {
        format!("{}{window}-{place}", self.prefix())
    }

    fn prefix(&self) -> String {
        self.stream.spool_prefix()
    }

    pub(super) fn files_of(&self, window: &str) -> Vec<String> {
        let record = self.record();
        let window = record.window(window);
        window
            .map(|window| files(window).map(str::to_owned).chain(self.pages_of(window)).collect())
            .unwrap_or_default()
    }

    /// Where what was read of the lists of a window may be kept that are not whole yet.
    fn pages_of(&self, window: &InFlight) -> Vec<String> {
        let unfinished = (window.fetches.iter().enumerate()).filter(|(_, fetch)| matches!(fetch, FetchState::Planned));
        let files = unfinished.flat_map(|(place, _)| kept_pages(Path::new(&self.file(&window.name, place))));
        files
            .filter_map(|file| file.into_os_string().into_string().ok())
            .collect()
    }

    /// Removes this stream's files that no window in flight needs. Only before the first fetch: what is being kept right
    /// now is not in the record yet.
    async fn sweep(&self) -> Result<(), LedgerError> {
        let Some(folder) = self.spool.clone() else {
            return Ok(());
        };
        let record = self.record();
        let mut needed: BTreeSet<String> = (record.windows.iter())
            .flat_map(|window| files(window).map(str::to_owned))
            .collect();
        for window in &record.windows {
            needed.extend(self.pages_of(window));
        }
        let prefix = self.prefix();
        let swept = blocking(move || {
            let found = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let names = found.filter_map(|entry| entry.file_name().into_string().ok());
            remove(
                &folder,
                names.filter(|name| name.starts_with(&prefix) && !needed.contains(name)),
            );
        });
        swept.await.map_err(|died| LedgerError::Internal(died.to_string()))
    }

    pub(super) async fn remove(&self, files: Vec<String>) -> Result<(), LedgerError> {
        let Some(folder) = self.spool.clone().filter(|_| !files.is_empty()) else {
            return Ok(());
        };
        let removed = blocking(move || remove(&folder, files));
        removed.await.map_err(|died| LedgerError::Internal(died.to_string()))
    }
}

/// Sees to it that what a window that was given up looked for again is looked for by a later one: what lies before the watermark
/// nobody asks for otherwise. The last window of a run says for all of them that they looked back.
fn look_again(record: &mut Record, dead: &InFlight) {
    let looks_back = |window: &&mut Arc<InFlight>| window.clock == dead.clock && !window.looks_back.is_empty();
    for window in record.windows.iter_mut().filter(looks_back) {
        Arc::make_mut(window).looks_back.clear();
    }
    if dead.asked_until.is_none() {
        return;
    }
    // It may have said so before this one ended.
    for (age, looked) in &mut record.look_back.looked {
        let age = SignedDuration::from_secs(i64::try_from(*age).unwrap_or(i64::MAX));
        let again = dead.period.from.saturating_add(age).unwrap_or(Timestamp::MAX);
        *looked = again.min(*looked);
    }
}

/// Removes documents. What cannot be removed now is removed some time.
fn remove(folder: &Path, files: impl IntoIterator<Item = String>) {
    for file in files {
        DurableChange::Sweep.before();
        let _ = std::fs::remove_file(folder.join(file));
        DurableChange::Sweep.after();
    }
}

/// The documents of a window.
pub(super) fn files(window: &InFlight) -> impl Iterator<Item = &str> {
    window.fetches.iter().filter_map(|fetch| match fetch {
        FetchState::Spooled(kept) => Some(kept.file.as_str()),
        _ => None,
    })
}

fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| LedgerError::Folder {
        path: folder.to_owned(),
        source,
    })
}
