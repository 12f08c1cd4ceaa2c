//! How far one sink is in the window under way, durable after each batch that it has answered for, or after each file
//! that it has sealed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use percent_encoding::{AsciiSet, CONTROLS};
use tokio::sync::{Mutex, MutexGuard};

use super::durable::DurableChange;
use base::blocking;
use event::Event;
use ledger::{DeliveryProgress, Intent, Ledger, LedgerError, Reached, Revision, Stream};
use sink::{IntentLog, WriteIntent};

/// Bytes that a path in the ledger is written without.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// Why a sink cannot go on where it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// The sink's progress cannot be read or kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Other events come than those it has answered for.
    #[error("the window's events are not those of the run that was cut short")]
    Changed,
    /// Whether a file has what was about to be there cannot be seen.
    #[error("cannot see whether {} was completed", path.display())]
    Unseen {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A sink's progress.
pub(crate) struct Checkpoint {
    ledger: Arc<dyn Ledger>,
    key: String,
    progress: DeliveryProgress,
    revision: Option<Revision>,
    loaded: bool,
    window: String,
    /// Events of the window that came by.
    seen: u64,
    /// The last of them.
    last: Option<String>,
    /// Events that the sink was given, of all windows.
    given: u64,
    /// Events that the sink may not have sealed, by window.
    spans: Vec<WindowShare>,
    /// Events passed over because they were answered for before; for the summary.
    before: Arc<AtomicU64>,
}

/// The events that a sink was given of one window.
struct WindowShare {
    window: String,
    /// Events of the window before the first that was given.
    passed: u64,
    /// Events given before, of other windows.
    from: u64,
    /// The last one.
    last: Option<String>,
}

impl Checkpoint {
    /// The progress of a sink in a stream.
    pub(crate) fn new(ledger: Arc<dyn Ledger>, stream: &Stream, sink: &str, before: Arc<AtomicU64>) -> Checkpoint {
        Checkpoint {
            ledger,
            key: stream.progress_key(sink),
            progress: DeliveryProgress {
                sink: sink.to_owned(),
                ..DeliveryProgress::default()
            },
            revision: None,
            loaded: false,
            window: String::new(),
            seen: 0,
            last: None,
            given: 0,
            spans: Vec::new(),
            before,
        }
    }

    /// Begins a window, or goes on with it. Windows that are no longer in flight are forgotten.
    pub(crate) async fn begin(&mut self, window: &str, in_flight: &BTreeSet<String>) -> Result<(), CheckpointError> {
        if !self.loaded {
            if let Some(found) = self.ledger.load(&self.key).await? {
                self.progress = DeliveryProgress::decode(&self.key, &found.body)?;
                self.revision = Some(found.revision);
            }
            self.look().await?;
            self.loaded = true;
        }
        self.progress.windows.retain(|name, _| in_flight.contains(name));
        self.window = window.to_owned();
        self.seen = 0;
        self.last = None;
        Ok(())
    }

    /// Settles what the last run was about to seal when it ended.
    async fn look(&mut self) -> Result<(), CheckpointError> {
        let Some(intent) = self.progress.intent.take() else {
            return Ok(());
        };
        let seal = WriteIntent {
            events: 0,
            last: None,
            path: decoded(&intent.path),
            offset: intent.offset,
            length: intent.length,
            sha256: intent.sha256.clone(),
        };
        let path = seal.path.clone();
        let there = match blocking(move || seal.is_there()).await {
            Ok(there) => there,
            Err(error) => Err(std::io::Error::other(error)),
        };
        let there = there.map_err(|source| CheckpointError::Unseen { path, source })?;
        tracing::debug!(sink = %self.progress.sink, there, "the last run ended while a file got its name");
        if there {
            self.progress.windows.extend(intent.windows);
        }
        self.keep(DurableChange::Looked).await
    }

    /// The events that the sink has not answered for yet.
    pub(crate) async fn pass<'a>(&mut self, events: &'a [Event]) -> Result<&'a [Event], CheckpointError> {
        let rest = self.unanswered(events).await?;
        if !rest.is_empty() && self.spans.last().is_none_or(|span| span.window != self.window) {
            self.spans.push(WindowShare {
                window: self.window.clone(),
                passed: self.seen,
                from: self.given,
                last: None,
            });
        }
        Ok(rest)
    }

    async fn unanswered<'a>(&mut self, events: &'a [Event]) -> Result<&'a [Event], CheckpointError> {
        let reached = self.progress.windows.get(&self.window);
        let Some(reached) = reached.filter(|reached| reached.events > self.seen) else {
            return Ok(events);
        };
        let left = usize::try_from(reached.events - self.seen).unwrap_or(usize::MAX);
        let (passed, rest) = events.split_at(left.min(events.len()));
        let same = passed.len() < left || passed.last().and_then(|event| event.id.as_ref()) == reached.last.as_ref();
        if !same {
            // They are delivered by the next run, all of them.
            self.progress.windows.remove(&self.window);
            self.keep(DurableChange::Checkpoint).await?;
            return Err(CheckpointError::Changed);
        }
        self.came(passed);
        self.before.fetch_add(passed.len() as u64, Ordering::Relaxed);
        Ok(rest)
    }

    /// Events went to the sink.
    pub(crate) fn took(&mut self, events: &[Event]) {
        self.came(events);
        self.given += events.len() as u64;
        if let (Some(span), Some(last)) = (self.spans.last_mut(), events.last()) {
            span.last.clone_from(&last.id);
        }
    }

    fn came(&mut self, events: &[Event]) {
        self.seen += events.len() as u64;
        if let Some(last) = events.last() {
            self.last.clone_from(&last.id);
        }
    }

    /// The sink has answered for everything that went to it so far. Returns when that is durable.
    pub(crate) async fn answered(&mut self) -> Result<(), CheckpointError> {
        let reached = self.progress.windows.entry(self.window.clone()).or_default();
        if self.seen == reached.events {
            return Ok(());
        }
        if self.seen < reached.events {
            // All of the window came by, and it is less than before: so it is another one.
            self.progress.windows.remove(&self.window);
            self.keep(DurableChange::Checkpoint).await?;
            return Err(CheckpointError::Changed);
        }
        *reached = Reached {
            events: self.seen,
            batches: reached.batches + 1,
            last: self.last.clone(),
        };
        self.keep(DurableChange::Checkpoint).await
    }

    /// Says whether the sink has answered durably for everything of the window.
    pub(crate) fn is_answered(&self) -> bool {
        let reached = self.progress.windows.get(&self.window);
        reached.map_or(0, |reached| reached.events) >= self.seen
    }

    /// The progress in windows that a sealed file amounts to. The sink may be in the middle of a batch, so what it says counts.
    fn reached(&self, seal: &WriteIntent) -> impl Iterator<Item = (String, Reached)> {
        let ends = self.spans.iter().skip(1).map(|span| Some(span.from)).chain([None]);
        self.spans.iter().zip(ends).filter_map(|(span, end)| {
            let end = end.filter(|end| *end <= seal.events);
            let events = end
                .unwrap_or(seal.events)
                .checked_sub(span.from)
                .filter(|events| *events > 0)?;
            let before = self.progress.windows.get(&span.window);
            let reached = Reached {
                events: span.passed + events,
                batches: before.map_or(0, |before| before.batches) + 1,
                last: if end.is_some() { &span.last } else { &seal.last }.clone(),
            };
            Some((span.window.clone(), reached))
        })
    }

    async fn intend(&mut self, seal: &WriteIntent) -> Result<(), CheckpointError> {
        self.progress.intent = Some(Intent {
            path: encoded(&seal.path),
            offset: seal.offset,
            length: seal.length,
            sha256: seal.sha256.clone(),
            windows: self.reached(seal).collect(),
        });
        self.keep(DurableChange::Intent).await
    }

    async fn confirm(&mut self) -> Result<(), CheckpointError> {
        if let Some(intent) = self.progress.intent.take() {
            self.progress.windows.extend(intent.windows);
        }
        self.keep(DurableChange::Sealed).await?;
        // Only the last window can go on.
        let whole = self.spans.len().saturating_sub(1);
        self.spans.drain(..whole);
        Ok(())
    }

    async fn keep(&mut self, what: DurableChange) -> Result<(), CheckpointError> {
        let json = self.progress.encode()?;
        what.before();
        self.revision = Some(self.ledger.swap(&self.key, self.revision, json).await?);
        what.after();
        Ok(())
    }
}

/// A mark that its sink writes to as well.
#[derive(Clone)]
pub(crate) struct SharedCheckpoint(Arc<Mutex<Checkpoint>>);

impl SharedCheckpoint {
    pub(crate) fn new(mark: Checkpoint) -> SharedCheckpoint {
        SharedCheckpoint(Arc::new(Mutex::new(mark)))
    }

    /// The mark. Not to be held while the sink is at work.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, Checkpoint> {
        self.0.lock().await
    }
}

#[async_trait]
impl IntentLog for SharedCheckpoint {
    async fn intend(&self, seal: &WriteIntent) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.lock().await.intend(seal).await?)
    }

    async fn confirm(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.lock().await.confirm().await?)
    }
}

fn encoded(path: &Path) -> String {
    percent_encoding::percent_encode(path.as_os_str().as_bytes(), ENCODED).to_string()
}

fn decoded(path: &str) -> PathBuf {
    OsString::from_vec(percent_encoding::percent_decode_str(path).collect()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Activity, Outcome, Principal};
    use ledger::memory::MemoryLedger;

    fn events(ids: std::ops::Range<u32>) -> Vec<Event> {
        ids.map(|id| {
            let mut event = Event::new(0, Activity::Logon, Outcome::Success, Principal::named("x"));
            event.id = Some(id.to_string());
            event
        })
        .collect()
    }

    async fn mark(ledger: &MemoryLedger, before: &Arc<AtomicU64>) -> Checkpoint {
        let stream = Stream::new("epm", "user-login", &[]);
        let mut mark = Checkpoint::new(Arc::new(ledger.clone()), &stream, "siem", Arc::clone(before));
        let in_flight = BTreeSet::from(["w".to_owned()]);
        mark.begin("w", &in_flight).await.unwrap();
        mark
    }

    #[tokio::test]
    async fn what_was_answered_for_is_passed_over_however_it_comes() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let all = events(0..10);
        let mut first = mark(&ledger, &before).await;
        assert_eq!(first.pass(&all).await.unwrap().len(), 10);
        first.took(&all[..4]);
        first.answered().await.unwrap();
        first.took(&all[4..7]); // sent, and the process dies
        for cut in [1, 3, 4, 10] {
            let mut again = mark(&ledger, &before).await;
            let mut rest = Vec::new();
            for part in all.chunks(cut) {
                rest.extend_from_slice(again.pass(part).await.unwrap());
            }
            assert_eq!(rest, all[4..], "in parts of {cut}");
        }
        assert_eq!(before.load(Ordering::Relaxed), 16);
    }

    #[tokio::test]
    async fn other_events_than_before_are_noticed_and_the_window_begins_anew() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let mut first = mark(&ledger, &before).await;
        first.took(&events(0..4));
        first.answered().await.unwrap();
        let mut other = mark(&ledger, &before).await;
        let error = other.pass(&events(1..9)).await.unwrap_err();
        assert!(matches!(error, CheckpointError::Changed));
        let mut next = mark(&ledger, &before).await;
        assert_eq!(next.pass(&events(1..9)).await.unwrap().len(), 8);
    }

    #[tokio::test]
    async fn fewer_events_than_before_are_noticed_and_the_window_begins_anew() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let mut first = mark(&ledger, &before).await;
        first.took(&events(0..4));
        first.answered().await.unwrap();
        let mut less = mark(&ledger, &before).await;
        let all = events(10..13);
        assert!(less.pass(&all).await.unwrap().is_empty());
        assert!(matches!(less.answered().await, Err(CheckpointError::Changed)));
        let mut next = mark(&ledger, &before).await;
        assert_eq!(next.pass(&all).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn windows_that_have_ended_are_forgotten() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let mut first = mark(&ledger, &before).await;
        first.took(&events(0..4));
        first.answered().await.unwrap();
        first.begin("v", &BTreeSet::from(["v".to_owned()])).await.unwrap();
        first.took(&events(0..1));
        first.answered().await.unwrap();
        let kept = &ledger.list("progress.").await.unwrap()[0];
        let kept = DeliveryProgress::decode(&kept.key, &kept.body).unwrap();
        assert_eq!(kept.windows.keys().collect::<Vec<_>>(), ["v"]);
    }

    fn seal(folder: &Path, events: u64) -> WriteIntent {
        // Whatever the bytes are: the hash is that of nothing.
        WriteIntent {
            events,
            last: Some((events - 1).to_string()),
            path: folder.join("100 %\u{e9}"),
            offset: 0,
            length: 0,
            sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        }
    }

    /// Two windows of ten events each, of which a sink seals the first `sealed`.
    async fn two_windows(mark: &mut Checkpoint, sealed: u64, folder: &Path) -> WriteIntent {
        let in_flight = BTreeSet::from(["v".to_owned(), "w".to_owned()]);
        for (window, ids) in [("v", 0..10), ("w", 10..20)] {
            mark.begin(window, &in_flight).await.unwrap();
            let all = events(ids);
            let rest = mark.pass(&all).await.unwrap().to_vec();
            mark.took(&rest);
        }
        let seal = seal(folder, sealed);
        mark.intend(&seal).await.unwrap();
        seal
    }

    async fn left(ledger: &MemoryLedger, before: &Arc<AtomicU64>) -> [usize; 2] {
        let stream = Stream::new("epm", "user-login", &[]);
        let mut again = Checkpoint::new(Arc::new(ledger.clone()), &stream, "siem", Arc::clone(before));
        let in_flight = BTreeSet::from(["v".to_owned(), "w".to_owned()]);
        let mut left = [0, 0];
        for ((window, ids), left) in [("v", 0..10), ("w", 10..20)].into_iter().zip(&mut left) {
            again.begin(window, &in_flight).await.unwrap();
            *left = again.pass(&events(ids)).await.unwrap().len();
        }
        left
    }

    #[tokio::test]
    async fn what_was_about_to_appear_counts_if_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        for (sealed, expected) in [(4, [6, 10]), (10, [0, 10]), (13, [0, 7]), (20, [0, 0])] {
            for (there, confirmed) in [(false, false), (true, false), (false, true)] {
                let (ledger, before) = (MemoryLedger::default(), Arc::default());
                let stream = Stream::new("epm", "user-login", &[]);
                let mut first = Checkpoint::new(Arc::new(ledger.clone()), &stream, "siem", Arc::clone(&before));
                let seal = two_windows(&mut first, sealed, folder.path()).await;
                if confirmed {
                    first.confirm().await.unwrap();
                    assert_eq!(first.is_answered(), sealed == 20);
                }
                if there {
                    std::fs::write(&seal.path, "").unwrap();
                }
                let expected = if there || confirmed { expected } else { [10, 10] };
                // Once it was looked, it does not matter any more.
                for _ in 0..2 {
                    assert_eq!(left(&ledger, &before).await, expected, "{sealed}, {there}, {confirmed}");
                    let _ = std::fs::remove_file(&seal.path);
                }
            }
        }
    }

    #[tokio::test]
    async fn one_seal_after_the_other_adds_up() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let folder = tempfile::tempdir().unwrap();
        let mut first = mark(&ledger, &before).await;
        let all = events(0..10);
        first.pass(&all).await.unwrap();
        for sealed in [3, 4, 9] {
            first.intend(&seal(folder.path(), sealed)).await.unwrap();
            first.confirm().await.unwrap();
        }
        first.took(&all);
        assert!(!first.is_answered());
        let mut again = mark(&ledger, &before).await;
        let rest = again.pass(&all).await.unwrap().to_vec();
        assert_eq!(rest, all[9..]);
        again.intend(&seal(folder.path(), 1)).await.unwrap();
        let kept = DeliveryProgress::decode("", &ledger.list("progress.").await.unwrap()[0].body).unwrap();
        assert_eq!(kept.intent.unwrap().windows["w"].events, 10);
    }

    #[test]
    fn any_path_survives_the_journey_through_json() {
        for path in [
            &b"/a/b c.ndjson"[..],
            b"/100%/%41",
            b"/\xff\xfe\n",
            "/\u{e9}".as_bytes(),
        ] {
            let path = PathBuf::from(OsString::from_vec(path.to_vec()));
            assert_eq!(decoded(&encoded(&path)), path);
        }
    }
}
