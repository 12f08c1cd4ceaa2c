//! How much all fetches of a run do at once: who submits, who downloads, who waits.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{OwnedRwLockWriteGuard, RwLock, Semaphore};

/// Documents of a window that are fetched at once.
pub(crate) const FETCH_AHEAD: usize = 4;
/// Fetches that submit or download at once, however many windows are in flight: the others wait for their jobs.
const AT_WORK: usize = 16;

/// The limits that the fetches of all windows share.
pub(crate) struct SubmissionGate {
    /// Places for fetches that are at work.
    pub(crate) places: Arc<Semaphore>,
    /// For documents that wait for their turn without a name.
    pub(crate) unnamed: Arc<Semaphore>,
    /// Held by those of which nobody could tell whether there is a job, were the process to end now.
    pub(crate) submitting: Arc<RwLock<()>>,
    /// Jobs of which nobody knows whether there are two.
    pub(crate) unsure: AtomicU64,
}

impl Default for SubmissionGate {
    fn default() -> SubmissionGate {
        SubmissionGate {
            places: Arc::new(Semaphore::new(AT_WORK)),
            unnamed: Arc::new(Semaphore::new(FETCH_AHEAD)),
            submitting: Arc::default(),
            unsure: AtomicU64::new(0),
        }
    }
}

impl SubmissionGate {
    /// Returns once no job is being submitted, and from then on none is, as long as the answer is held.
    pub(crate) async fn close(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.submitting).write_owned().await
    }
}
