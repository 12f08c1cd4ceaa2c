//! One fetch of a window in flight: carried out from where an earlier run left it, and written down as it goes on.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit};

use crate::RunError;
use crate::stream_ledger::{DurableChange, StreamLedger};
use crate::submission_gate::SubmissionGate;
use base::blocking;
use evidence::EvidenceError;
use fetch::{Cleanup, FetchCheckpoint, FetchError, FetchStage, Fetched, WindowPlace, kept_pages};
use ledger::{FetchState, InFlight, Kept, LedgerError, Record};

/// A document that was fetched and waits for its turn.
#[derive(Debug)]
pub(crate) enum SpooledDocument {
    /// A document in the ledger's spool. Descriptors are few, so it is opened when its turn comes.
    Kept {
        kept: Box<Kept>,
        /// How often its job was asked by this process.
        polls: u64,
    },
    /// A document without a name, because nothing is to outlive the process.
    Unnamed {
        fetched: Box<Fetched>,
        /// Few of these may wait.
        _place: Option<OwnedSemaphorePermit>,
    },
}

impl SpooledDocument {
    /// Opens it.
    pub(crate) async fn open(self, book: &StreamLedger) -> Result<Fetched, RunError> {
        let (kept, polls) = match self {
            SpooledDocument::Kept { kept, polls } => (*kept, polls),
            SpooledDocument::Unnamed { fetched, .. } => return Ok(*fetched),
        };
        let reopened = reopen(book, &kept, None).await?;
        let gone = || std::io::Error::other(format!("{} is gone", kept.file));
        let mut fetched = reopened.ok_or_else(gone)?;
        fetched.polls = polls;
        fetched.file_name = kept.name;
        fetched.job = kept.job;
        fetched.mended = kept.mended;
        fetched.broken = kept.broken;
        fetched.cleanup = kept.cleanup.map(|file| Cleanup { file });
        Ok(fetched)
    }
}

async fn reopen(book: &StreamLedger, kept: &Kept, sha256: Option<String>) -> Result<Option<Fetched>, RunError> {
    let Some(spool) = book.spool() else { return Ok(None) };
    let (path, length) = (spool.join(&kept.file), kept.length);
    Ok(blocking(move || Fetched::reopen(&path, length, sha256.as_deref())).await??)
}

/// One fetch of a window in flight.
pub(crate) struct FetchTask {
    book: Arc<StreamLedger>,
    gate: Arc<SubmissionGate>,
    pub(crate) window: Arc<InFlight>,
    /// Which of the plan's fetches.
    pub(crate) place: usize,
    /// True where the server can still be asked for all of the window.
    whole: bool,
    /// While it is at work.
    at_work: Mutex<Option<OwnedSemaphorePermit>>,
    submitting: Mutex<Option<OwnedRwLockReadGuard<()>>>,
}

impl FetchTask {
    pub(crate) fn new(
        book: &Arc<StreamLedger>,
        gate: &Arc<SubmissionGate>,
        window: &Arc<InFlight>,
        place: usize,
        whole: bool,
    ) -> FetchTask {
        FetchTask {
            book: Arc::clone(book),
            gate: Arc::clone(gate),
            window: Arc::clone(window),
            place,
            whole,
            at_work: Mutex::default(),
            submitting: Mutex::default(),
        }
    }

    /// Brings the document, from wherever an earlier run left it; where it has to be fetched, `fetch` does so from that point,
    /// and says what the server's clock was when the window was planned.
    pub(crate) async fn carry_out(
        &self,
        fetch: impl AsyncFnOnce(FetchStage) -> Result<(Fetched, Option<Timestamp>), RunError>,
    ) -> Result<SpooledDocument, RunError> {
        // Nobody closes it. Fetches ask in the order in which documents are opened.
        let place = match self.book.outlives() {
            true => None,
            false => Arc::clone(&self.gate.unnamed).acquire_owned().await.ok(),
        };
        let point = self.point();
        if !matches!(point, FetchStage::Submitted { .. } | FetchStage::Waiting { .. }) {
            self.begin_work().await;
        }
        if let Some(kept) = self.kept().await? {
            return Ok(SpooledDocument::Kept {
                kept: Box::new(kept),
                polls: 0,
            });
        }
        // Its document is lost, and the server would leave out without a word what it no longer has.
        if !self.whole && matches!(point, FetchStage::Start | FetchStage::Submitting) {
            return Err(RunError::Gone);
        }
        if point == FetchStage::Submitting {
            self.begin_submitting().await;
        }
        let (fetched, served) = fetch(point).await?;
        let Some(folder) = self.book.spool() else {
            return Ok(SpooledDocument::Unnamed {
                fetched: Box::new(fetched),
                _place: place,
            });
        };
        let polls = fetched.polls;
        let kept = Box::new(self.keep(folder.to_owned(), fetched, served).await?);
        Ok(SpooledDocument::Kept { kept, polls })
    }

    /// The document, where an earlier run brought it and it is still what it was.
    async fn kept(&self) -> Result<Option<Kept>, RunError> {
        let Some(FetchState::Spooled(kept)) = self.window.fetches.get(self.place) else {
            return Ok(None);
        };
        // Descriptors are few, so it is opened again when its turn comes.
        match reopen(&self.book, kept, Some(kept.sha256.clone())).await {
            Ok(Some(_)) => return Ok(Some(kept.clone())),
            Ok(None) => {
                tracing::warn!(file = %kept.file, "the spooled document is gone or damaged: it is fetched again");
            }
            Err(RunError::Spool(error)) => {
                tracing::warn!(file = %kept.file, %error, "the spooled document cannot be read: it is fetched again");
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// From where to go on.
    pub(crate) fn point(&self) -> FetchStage {
        match self.window.fetches.get(self.place) {
            None | Some(FetchState::Planned) => FetchStage::Start,
            // A document that is lost may still lie on the server under its fixed name.
            Some(FetchState::Submitting | FetchState::Spooled(_)) => FetchStage::Submitting,
            Some(FetchState::Submitted { link }) => FetchStage::Submitted { link: link.clone() },
            Some(FetchState::Waiting { link, polls, next }) => FetchStage::Waiting {
                link: link.clone(),
                polls: *polls,
                next: *next,
            },
            Some(FetchState::Ready { job, polls, files }) => FetchStage::Ready {
                job: job.clone(),
                polls: *polls,
                files: files.clone(),
            },
        }
    }

    /// Keeps a document that was fetched.
    async fn keep(&self, folder: PathBuf, mut fetched: Fetched, served: Option<Timestamp>) -> Result<Kept, RunError> {
        let name = self.book.file(&self.window.name, self.place);
        let (book, path) = (Arc::clone(&self.book), folder.join(&name));
        let kept = blocking(move || -> Result<Kept, RunError> {
            book.check_room(fetched.len())?;
            DurableChange::Keep.before();
            let sha256 = fetched.keep(&folder, &name);
            DurableChange::Keep.after();
            let sha256 = sha256.map_err(|source| RunError::Keep { folder, source })?;
            Ok(Kept {
                file: name,
                length: fetched.len(),
                sha256,
                name: fetched.file_name,
                job: fetched.job,
                cleanup: fetched.cleanup.map(|cleanup| cleanup.file),
                served,
                mended: fetched.mended,
                broken: fetched.broken,
            })
        });
        let kept = kept.await??;
        self.reach(FetchState::Spooled(kept.clone())).await?;
        let pages = blocking(move || {
            for file in kept_pages(&path) {
                // What cannot be removed now is swept some time.
                let _ = std::fs::remove_file(file);
            }
        });
        pages.await?;
        Ok(kept)
    }

    async fn reach(&self, state: FetchState) -> Result<(), LedgerError> {
        let (name, place, what) = (self.window.name.clone(), self.place, reaching(&state));
        let waiting = matches!(state, FetchState::Waiting { .. });
        let change = move |record: &mut Record| {
            let window = record.window_mut(&name);
            if let Some(fetch) = window.and_then(|window| window.fetches.get_mut(place)) {
                *fetch = state;
            }
        };
        match waiting {
            true => self.book.note(what, change).await,
            false => self.book.change(what, change).await,
        }
    }

    async fn begin_work(&self) {
        if lock(&self.at_work).is_none() {
            // Nobody closes it.
            let place = Arc::clone(&self.gate.places).acquire_owned().await.ok();
            *lock(&self.at_work) = place;
        }
    }

    async fn begin_submitting(&self) {
        // Nobody goes on with a job of a run that keeps nothing.
        if !self.book.outlives() {
            return;
        }
        let guard = Arc::clone(&self.gate.submitting).read_owned().await;
        *lock(&self.submitting) = Some(guard);
    }
}

#[async_trait]
impl FetchCheckpoint for FetchTask {
    async fn reached(&self, point: FetchStage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let submitting = point == FetchStage::Submitting;
        let waiting = matches!(point, FetchStage::Submitted { .. } | FetchStage::Waiting { .. });
        let ready = matches!(point, FetchStage::Ready { .. });
        let state = match point {
            FetchStage::Start => FetchState::Planned,
            FetchStage::Submitting => FetchState::Submitting,
            FetchStage::Submitted { link } => FetchState::Submitted { link },
            FetchStage::Waiting { link, polls, next } => FetchState::Waiting { link, polls, next },
            FetchStage::Ready { job, polls, files } => FetchState::Ready { job, polls, files },
        };
        if submitting {
            self.begin_submitting().await;
        }
        self.reach(state).await?;
        if !submitting {
            *lock(&self.submitting) = None;
        }
        if waiting {
            *lock(&self.at_work) = None;
        }
        if ready {
            self.begin_work().await;
        }
        Ok(())
    }

    fn document_place(&self) -> Option<PathBuf> {
        let file = self.book.file(&self.window.name, self.place);
        Some(self.book.spool()?.join(file))
    }

    fn window_place(&self) -> Option<WindowPlace> {
        Some(WindowPlace {
            window: self.window.name.clone(),
            fetch: self.place,
            from: self.window.period.from,
            to: self.window.period.to,
        })
    }

    fn unsure(&self) {
        self.gate.unsure.fetch_add(1, Ordering::Relaxed);
    }
}

/// The change that takes a fetch to a state.
fn reaching(state: &FetchState) -> DurableChange {
    match state {
        FetchState::Planned => DurableChange::Planned,
        FetchState::Submitting => DurableChange::Submitting,
        FetchState::Submitted { .. } => DurableChange::Submitted,
        FetchState::Waiting { .. } => DurableChange::Waiting,
        FetchState::Ready { .. } => DurableChange::Ready,
        FetchState::Spooled(_) => DurableChange::Spooled,
    }
}

/// The errors of the ledger and of the store of evidence come back out of a fetch in a box.
pub(crate) fn of_fetch(error: FetchError) -> RunError {
    match error {
        FetchError::Checkpoint(source) => match source.downcast::<LedgerError>() {
            Ok(error) => RunError::Ledger(*error),
            Err(source) => match source.downcast::<EvidenceError>() {
                Ok(error) => RunError::Evidence(error),
                Err(source) => RunError::Internal(source.to_string()),
            },
        },
        error => RunError::Fetch(error),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
