//! Exchanges of what is good once: a refresh token that the server rotates, a device code.
//!
//! From the moment at which the request leaves until the answer is on disk nothing may cut one short, or the sign-in is lost:
//! neither that nobody waits for it any more ([`carried`]) nor the end of the process, which asks [`Redemptions`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::RemoteError;

/// The redemptions of this process.
static ALL: Ongoing = Ongoing::new();

/// The redemptions of this process, for whoever ends it.
pub struct Redemptions;

impl Redemptions {
    /// True if one is under way.
    pub fn any() -> bool {
        ALL.any()
    }

    /// From now on none begins.
    pub fn refuse() {
        ALL.refuse();
    }

    /// Blocks until none is under way; false where one takes longer.
    pub fn wait(patience: Duration) -> bool {
        ALL.wait(patience)
    }
}

/// One exchange. It is over when the last of its handles is dropped.
#[derive(Debug)]
pub(crate) struct Redemption {
    board: &'static Ongoing,
    begun: AtomicBool,
}

impl Redemption {
    /// An exchange whose request has not left yet.
    pub(super) fn new() -> Arc<Redemption> {
        Redemption::on(&ALL)
    }

    fn on(board: &'static Ongoing) -> Arc<Redemption> {
        let begun = AtomicBool::new(false);
        Arc::new(Redemption { board, begun })
    }

    /// The request leaves now.
    ///
    /// # Errors
    ///
    /// Where the process is ending: nothing was sent, so nothing is spent.
    pub(crate) fn begin(&self) -> Result<(), RemoteError> {
        if self.begun.swap(true, Ordering::AcqRel) || self.board.enter() {
            return Ok(());
        }
        self.begun.store(false, Ordering::Release);
        Err(RemoteError::Interrupted {
            reason: "the process is ending".into(),
        })
    }
}

impl Drop for Redemption {
    fn drop(&mut self) {
        if self.begun.load(Ordering::Acquire) {
            self.board.leave();
        }
    }
}

/// Carries work to its end even where nobody waits for it any more.
pub(super) async fn carried<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, RemoteError> {
    let ended = |error| RemoteError::Local {
        message: format!("the exchange for a token ended: {error}"),
        hint: None,
    };
    tokio::spawn(work).await.map_err(ended)
}

/// The number of redemptions under way.
#[derive(Debug)]
struct Ongoing {
    state: Mutex<OngoingCount>,
    changed: Condvar,
}

#[derive(Debug)]
struct OngoingCount {
    count: usize,
    refused: bool,
}

impl Ongoing {
    const fn new() -> Ongoing {
        let (count, refused) = (0, false);
        Ongoing {
            state: Mutex::new(OngoingCount { count, refused }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, OngoingCount> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn any(&self) -> bool {
        self.state().count > 0
    }

    fn refuse(&self) {
        self.state().refused = true;
    }

    fn enter(&self) -> bool {
        let mut state = self.state();
        if !state.refused {
            state.count += 1;
        }
        !state.refused
    }

    fn leave(&self) {
        let mut state = self.state();
        state.count = state.count.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }

    fn wait(&self, patience: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), patience, |state| state.count > 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_waits_for_what_has_begun_and_for_nothing_else() {
        static BOARD: Ongoing = Ongoing::new();
        let (waiting, sent) = (Redemption::on(&BOARD), Redemption::on(&BOARD));
        assert!(!BOARD.any() && BOARD.wait(Duration::ZERO));
        sent.begin().unwrap();
        sent.begin().unwrap();
        BOARD.refuse();
        assert!(BOARD.any() && !BOARD.wait(Duration::ZERO));
        assert!(waiting.begin().is_err(), "nothing begins once the process ends");
        drop(waiting);
        let handle = Arc::clone(&sent);
        drop(sent);
        assert!(!BOARD.wait(Duration::ZERO));
        let ending = std::thread::spawn(|| BOARD.wait(Duration::from_secs(60)));
        drop(handle);
        assert!(ending.join().unwrap());
    }
}
