//! Turns for the lists that a run reads at the same time.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use remote::Parallel;

/// The turns in which pages are asked for, over all lists of a run: how many at once, how many may be in memory, and which list is
/// next.
#[derive(Clone)]
pub(crate) struct PageScheduler {
    /// Held while a page is asked for.
    requests: Arc<Semaphore>,
    /// Held by a page asked for ahead until it was read: twice as many, so that asking goes on while pages are read.
    room: Arc<Semaphore>,
    /// Ends when the list that was begun last has asked for all its pages.
    last: Arc<Mutex<Option<oneshot::Receiver<Infallible>>>>,
}

/// The place of a list among those of the run, in the order in which they were begun. Pages are asked for ahead for one
/// list after the other: so one document after the other is whole, and not all of them at the same late time. Those behind
/// wait even while the first list waits for its server, which is theirs too.
pub(super) struct ListPlace {
    /// Ends when the list before has asked for all its pages.
    before: Option<oneshot::Receiver<Infallible>>,
    /// Tells the list behind, when it is dropped.
    asking: Option<oneshot::Sender<Infallible>>,
}

impl ListPlace {
    /// Waits until it is the first.
    pub(super) async fn first(&mut self) {
        if let Some(before) = &mut self.before {
            // Nothing is ever sent.
            let _ = before.await;
        }
        self.before = None;
    }

    pub(super) fn is_first(&mut self) -> bool {
        if let Some(before) = &mut self.before
            && matches!(before.try_recv(), Err(TryRecvError::Empty))
        {
            return false;
        }
        self.before = None;
        true
    }

    /// Lets the list behind go ahead.
    pub(super) fn pass(&mut self) {
        self.asking = None;
    }
}

impl PageScheduler {
    pub(crate) fn new(parallel: Parallel) -> PageScheduler {
        PageScheduler {
            requests: Arc::new(Semaphore::new(parallel.get())),
            room: Arc::new(Semaphore::new(2 * parallel.get())),
            last: Arc::default(),
        }
    }

    /// The place of a list that is begun now: behind all others.
    pub(super) fn place(&self) -> ListPlace {
        let (asking, asked) = oneshot::channel();
        ListPlace {
            before: self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(asked),
            asking: Some(asking),
        }
    }

    /// Waits for a turn. A semaphore fails only when it is closed, which these never are.
    pub(super) async fn request(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.acquire().await.ok()
    }

    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    pub(super) fn room_at_once(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }
}
