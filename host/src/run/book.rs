//! The record of the run's stream, held for the time of the run: each method that changes it returns when the change is
//! durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::RunError;
use crate::fetch::{Cleanup, Fetched, Journal, Point};
use crate::ledger::{
    Claim, Document, FetchState, InFlight, Kept, Ledger, LedgerError, Recent, Record, Revision, Stream, spool,
};

/// A stream of a ledger, claimed.
pub struct Book {
    ledger: Arc<dyn Ledger>,
    stream: Stream,
    /// Where documents wait that must outlive the process.
    spool: PathBuf,
    state: Arc<Mutex<State>>,
    _claim: Claim,
}

struct State {
    record: Record,
    revision: Option<Revision>,
}

impl Book {
    /// Claims the stream and reads what is known of it. Files of the spool that nobody needs any more are removed.
    ///
    /// # Errors
    ///
    /// Where another run of the stream is under way, or the ledger cannot be used.
    pub async fn open(ledger: Arc<dyn Ledger>, stream: Stream, spool: PathBuf) -> Result<Book, LedgerError> {
        let key = stream.key();
        let claim = ledger.claim(&key).await.map_err(|error| match error {
            LedgerError::Claimed { .. } => LedgerError::Claimed {
                what: stream.to_string(),
            },
            error => error,
        })?;
        let (record, revision) = match ledger.load(&key).await? {
            Some(Document { revision, json, .. }) => (Record::decode(&key, &json)?, Some(revision)),
            None => (Record::new(stream.clone()), None),
        };
        make_folder(&spool)?;
        // What a killed run had begun to write; nobody else writes documents of this stream now.
        for document in spool::documents(&spool, Some(&stream)) {
            if !document.finished {
                let _ = std::fs::remove_file(&document.path);
            }
        }
        let book = Book {
            ledger,
            stream,
            spool,
            state: Arc::new(Mutex::new(State { record, revision })),
            _claim: claim,
        };
        book.sweep().await;
        Ok(book)
    }

    /// The ledger that it stands in.
    pub(super) fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// The stream.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The record as it is.
    pub(super) async fn record(&self) -> Record {
        self.state.lock().await.record.clone()
    }

    /// Changes the record; `what` names the change in tests. Where the change cannot be kept, the record stays as it was.
    ///
    /// The work is a task of its own: fetches that run ahead are not looked at while a document is delivered, and one
    /// that held the record meanwhile, or stood next in line for it, would hold up the delivery for good.
    pub(super) async fn change(
        &self,
        what: &'static str,
        change: impl FnOnce(&mut Record) + Send + 'static,
    ) -> Result<(), LedgerError> {
        let (ledger, key, state) = (Arc::clone(&self.ledger), self.stream.key(), Arc::clone(&self.state));
        #[cfg(not(feature = "failpoints"))]
        let _ = what;
        let task = tokio::spawn(async move {
            let mut state = state.lock().await;
            let mut record = state.record.clone();
            change(&mut record);
            if record == state.record {
                return Ok(());
            }
            failpoint!("{what}.before");
            let revision = ledger.swap(&key, state.revision, &record.encode()?).await?;
            failpoint!("{what}.after");
            *state = State {
                record,
                revision: Some(revision),
            };
            Ok(())
        });
        match task.await {
            Ok(changed) => changed,
            Err(error) => Err(LedgerError::Internal(error.to_string())),
        }
    }

    /// Ends a window well, and forgets its documents.
    pub(super) async fn commit(&self, name: &str, ids: Recent) -> Result<(), LedgerError> {
        let name = name.to_owned();
        self.change("committed", move |record| record.commit(&name, ids))
            .await?;
        self.sweep().await;
        Ok(())
    }

    /// Ends a window badly: its period is still to be asked for.
    pub(super) async fn give_up(&self, name: &str, reason: String) -> Result<(), LedgerError> {
        let name = name.to_owned();
        self.change("dead", move |record| record.give_up(&name, reason, Timestamp::now()))
            .await?;
        self.sweep().await;
        Ok(())
    }

    /// The file in the spool for one fetch of a window.
    fn file(&self, window: &str, place: usize) -> String {
        format!("{}{window}-{place}", self.prefix())
    }

    fn prefix(&self) -> String {
        self.stream.spool_prefix()
    }

    /// Removes this stream's files that no window in flight needs. What cannot be removed now is removed some time.
    async fn sweep(&self) {
        let record = self.record().await;
        let needed: Vec<&str> = record
            .windows
            .iter()
            .flat_map(|window| &window.fetches)
            .filter_map(|fetch| match fetch {
                FetchState::Spooled(kept) => Some(kept.file.as_str()),
                _ => None,
            })
            .collect();
        let prefix = self.prefix();
        for entry in std::fs::read_dir(&self.spool).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(&prefix) && !needed.contains(&name) {
                failpoint!("sweep.before");
                let _ = std::fs::remove_file(entry.path());
                failpoint!("sweep.after");
            }
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| LedgerError::Folder {
        path: folder.to_owned(),
        source,
    })
}

/// One fetch of a window in flight.
pub(super) struct Errand<'a> {
    pub(super) book: &'a Book,
    pub(super) window: &'a InFlight,
    /// Which of the plan's fetches.
    pub(super) place: usize,
    /// Counts jobs of which nobody knows whether there are two.
    pub(super) unsure: &'a std::sync::atomic::AtomicU64,
}

impl Errand<'_> {
    /// The document, where an earlier run brought it and it is still what it was.
    pub(super) async fn kept(&self) -> Result<Option<Fetched>, RunError> {
        let Some(FetchState::Spooled(kept)) = self.window.fetches.get(self.place) else {
            return Ok(None);
        };
        let (path, length, sha256) = (self.book.spool.join(&kept.file), kept.length, kept.sha256.clone());
        let reopened = tokio::task::spawn_blocking(move || Fetched::reopen(&path, length, &sha256)).await;
        let reopened = reopened.map_err(|error| RunError::Internal(error.to_string()))??;
        let Some(mut fetched) = reopened else {
            tracing::warn!(file = %kept.file, "the spooled document is gone or damaged: it is fetched again");
            return Ok(None);
        };
        fetched.file_name.clone_from(&kept.name);
        fetched.job.clone_from(&kept.job);
        fetched.cleanup = kept.cleanup.clone().map(|file| Cleanup { file });
        Ok(Some(fetched))
    }

    /// From where to go on.
    pub(super) fn point(&self) -> Point {
        match self.window.fetches.get(self.place) {
            None | Some(FetchState::Planned) => Point::Start,
            // A document that is lost may still lie on the server under its fixed name.
            Some(FetchState::Submitting | FetchState::Spooled(_)) => Point::Submitting,
            Some(FetchState::Submitted { link }) => Point::Submitted { link: link.clone() },
            Some(FetchState::Waiting { link, polls, next }) => Point::Waiting {
                link: link.clone(),
                polls: *polls,
                next: *next,
            },
            Some(FetchState::Ready { job, polls, files }) => Point::Ready {
                job: job.clone(),
                polls: *polls,
                files: files.clone(),
            },
        }
    }

    /// Keeps a document that was fetched.
    pub(super) async fn keep(&self, mut fetched: Fetched) -> Result<Fetched, RunError> {
        let (folder, file) = (self.book.spool.clone(), self.book.file(&self.window.name, self.place));
        let name = file.clone();
        let kept = tokio::task::spawn_blocking(move || {
            failpoint!("keep.before");
            let sha256 = fetched.keep(&folder, &name);
            failpoint!("keep.after");
            (fetched, sha256)
        });
        let (fetched, sha256) = kept.await.map_err(|error| RunError::Internal(error.to_string()))?;
        let state = FetchState::Spooled(Kept {
            file,
            length: fetched.len(),
            sha256: sha256?,
            name: fetched.file_name.clone(),
            job: fetched.job.clone(),
            cleanup: fetched.cleanup.as_ref().map(|cleanup| cleanup.file.clone()),
        });
        self.reach(state).await?;
        Ok(fetched)
    }

    async fn reach(&self, state: FetchState) -> Result<(), LedgerError> {
        let (name, place, word) = (self.window.name.clone(), self.place, state.word());
        let change = move |record: &mut Record| {
            let window = record.window_mut(&name);
            if let Some(fetch) = window.and_then(|window| window.fetches.get_mut(place)) {
                *fetch = state;
            }
        };
        self.book.change(word, change).await
    }
}

#[async_trait]
impl Journal for Errand<'_> {
    async fn reached(&self, point: Point) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let state = match point {
            Point::Start => FetchState::Planned,
            Point::Submitting => FetchState::Submitting,
            Point::Submitted { link } => FetchState::Submitted { link },
            Point::Waiting { link, polls, next } => FetchState::Waiting { link, polls, next },
            Point::Ready { job, polls, files } => FetchState::Ready { job, polls, files },
        };
        self.reach(state).await.map_err(Into::into)
    }

    fn unsure(&self) {
        self.unsure.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tracing::warn!(
            window = %self.window.name,
            "the last run ended while it submitted the job, and the server does not tell whether there is one: submitted again \
             under the same name"
        );
    }
}
