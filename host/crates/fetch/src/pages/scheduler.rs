//! Turns for the lists that a run reads at the same time.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use remote::Parallel;

/// The number of pages of the size that one may have in memory are there together.
const PAGES_HELD: usize = 4;

/// Memory is given out in pieces of so many bytes.
const UNIT: usize = 1024;

/// The turns in which pages are asked for, over all lists of a run: how many at once, how many may wait to be read, how much memory
/// they have meanwhile, and which list is next.
#[derive(Clone)]
pub(crate) struct PageScheduler {
    /// Held while a page is asked for.
    requests: Arc<Semaphore>,
    /// Held by a page asked for ahead until it was read: twice as many, so that asking goes on while pages are read.
    room: Arc<Semaphore>,
    /// The memory that no page has, in units.
    memory: Arc<Semaphore>,
    /// Bytes of memory that one page may have.
    page_memory: usize,
    /// Ends when the list that was begun last has asked for all its pages.
    last: Arc<Mutex<Option<oneshot::Receiver<Infallible>>>>,
}

/// The place of a list among those of the run, in the order in which they were begun. Pages are asked for ahead for one
/// list after the other: so one document after the other is whole, and not all of them at the same late time. Those behind
/// wait even while the first list waits for its server, which is theirs too.
pub(super) struct ListPlace {
    /// Ends when the list before has asked for all its pages.
    before: Option<oneshot::Receiver<Infallible>>,
    /// The sender that tells the list behind, by being dropped.
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
    /// For pages of which one may have so many bytes of memory.
    pub(crate) fn new(parallel: Parallel, page_memory: usize) -> PageScheduler {
        let units = page_memory.saturating_mul(PAGES_HELD) / UNIT;
        PageScheduler {
            requests: Arc::new(Semaphore::new(parallel.get())),
            room: Arc::new(Semaphore::new(2 * parallel.get())),
            memory: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            page_memory,
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

    /// The memory of a page that begins to arrive: none yet.
    pub(super) fn memory(&self) -> PageMemory {
        PageMemory {
            free: Arc::clone(&self.memory),
            taken: None,
            bytes: 0,
            most: self.page_memory,
        }
    }

    pub(super) fn room_at_once(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }
}

/// The memory that one page has, until it is dropped.
#[derive(Debug)]
pub(super) struct PageMemory {
    free: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
    bytes: usize,
    most: usize,
}

impl PageMemory {
    /// Bytes that one page may have.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Takes memory for so many bytes more. False where the page would have more than one may, or too little is free: nobody waits,
    /// so no page can keep another one from being read.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.most {
            return false;
        }
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(self.bytes.div_ceil(UNIT).saturating_sub(taken)) else {
            return false;
        };
        match (Arc::clone(&self.free).try_acquire_many_owned(more), &mut self.taken) {
            (Err(_), _) => return false,
            (Ok(more), Some(taken)) => taken.merge(more),
            (Ok(more), taken) => *taken = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_together_have_so_much_memory_and_give_it_back() {
        let turns = PageScheduler::new(Parallel::default(), 10 * UNIT);
        let mut pages: Vec<PageMemory> = (0..PAGES_HELD).map(|_| turns.memory()).collect();
        for page in &mut pages {
            assert!(page.grow(9 * UNIT) && page.grow(1) && page.grow(UNIT - 1));
            assert!(!page.grow(1), "more than one page may have");
        }
        let mut late = turns.memory();
        assert!(!late.grow(1), "more than all may have");
        pages.pop();
        assert!(turns.memory().grow(10 * UNIT));
        assert!(!PageScheduler::new(Parallel::default(), 0).memory().grow(1));
    }
}
