//! Asks for pages before they are needed, and hands them out in order.
//!
//! [`PageScheduler`] is what the lists of a run share: how many pages are asked for at once, how many may be in memory, and which
//! list is next. Each page travels as a task of its own, so that its bytes come in while another page is read.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::task::AbortOnDropHandle;

use super::Query;
use super::scim::is_too_large;
use crate::download::joined;
use crate::error::FetchError;
use remote::{Parallel, Request};

/// Who may ask for a page now, over all lists of a run.
#[derive(Clone)]
pub(crate) struct PageScheduler {
    /// Held while a page is asked for.
    requests: Arc<Semaphore>,
    /// Held by a page asked for ahead until it was read: twice as many, so that asking goes on while pages are read.
    room: Arc<Semaphore>,
    /// Ends when the list that was begun last has asked for all its pages.
    last: Arc<Mutex<Option<oneshot::Receiver<Infallible>>>>,
}

/// Where a list stands among those of the run, in the order in which they were begun. Pages are asked for ahead for one
/// list after the other: so one document after the other is whole, and not all of them at the same late time. Those behind
/// wait even while the first list waits for its server, which is theirs too.
pub(super) struct Place {
    /// Ends when the list before has asked for all its pages.
    before: Option<oneshot::Receiver<Infallible>>,
    /// Tells the list behind, when it is dropped.
    asking: Option<oneshot::Sender<Infallible>>,
}

impl Place {
    /// Waits until it is the first.
    async fn first(&mut self) {
        if let Some(before) = &mut self.before {
            // Nothing is ever sent.
            let _ = before.await;
        }
        self.before = None;
    }

    fn is_first(&mut self) -> bool {
        if let Some(before) = &mut self.before
            && matches!(before.try_recv(), Err(TryRecvError::Empty))
        {
            return false;
        }
        self.before = None;
        true
    }

    /// Lets the list behind go ahead.
    fn pass(&mut self) {
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
    pub(super) fn place(&self) -> Place {
        let (asking, asked) = oneshot::channel();
        Place {
            before: self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(asked),
            asking: Some(asking),
        }
    }

    /// Waits for a turn. A semaphore fails only when it is closed, which these never are.
    pub(super) async fn request(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.acquire().await.ok()
    }

    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    fn room_at_once(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }
}

/// Pages of one list, asked for ahead of the one that is read.
///
/// Room is taken in the list's order and before a page is asked for. So the pages that have it are always the next ones to
/// be read, and no list waits for room that only its own later pages could give back.
pub(super) struct Ahead<'a> {
    query: &'a Query<'a>,
    place: &'a mut Place,
    next: u64,
    step: u64,
    left: u64,
    waiting: VecDeque<Waiting>,
}

/// A page on its way.
struct Waiting {
    start: u64,
    room: Option<OwnedSemaphorePermit>,
    body: AbortOnDropHandle<Result<Bytes, FetchError>>,
}

/// A page that has come.
pub(super) struct Arrived {
    /// The position of its first record.
    pub(super) start: u64,
    /// None where the page is larger than it may be.
    pub(super) body: Option<Bytes>,
    /// Given back when the page was read.
    _room: Option<OwnedSemaphorePermit>,
}

impl<'a> Ahead<'a> {
    /// For so many pages, so far apart, from a position on.
    pub(super) fn new(query: &'a Query<'a>, place: &'a mut Place, next: u64, step: u64, pages: u64) -> Ahead<'a> {
        Ahead {
            query,
            place,
            next,
            step,
            left: pages,
            waiting: VecDeque::new(),
        }
    }

    /// The next page in the list's order, and meanwhile requests for those after it; `page` makes the request for a
    /// position.
    pub(super) async fn next(
        &mut self,
        page: impl Fn(u64) -> Result<Request, FetchError>,
    ) -> Result<Option<Arrived>, FetchError> {
        loop {
            while self.left > 0
                && self.place.is_first()
                && let Some(room) = self.query.turns.room_at_once()
            {
                self.ask(Some(room), &page)?;
            }
            let Some(front) = self.waiting.front_mut() else {
                if self.left == 0 {
                    return Ok(None);
                }
                let room = room(self.place, self.query.turns).await;
                self.ask(room, &page)?;
                continue;
            };
            let arrived = tokio::select! {
                biased;
                body = &mut front.body => Ok(match joined(body) {
                    Err(error) if is_too_large(&error) => None,
                    body => Some(body?),
                }),
                room = room(self.place, self.query.turns), if self.left > 0 => Err(room),
            };
            match arrived {
                Err(room) => self.ask(room, &page)?,
                Ok(body) => {
                    return Ok(self.waiting.pop_front().map(|front| Arrived {
                        start: front.start,
                        body,
                        _room: front.room,
                    }));
                }
            }
        }
    }

    fn ask(
        &mut self,
        room: Option<OwnedSemaphorePermit>,
        page: impl Fn(u64) -> Result<Request, FetchError>,
    ) -> Result<(), FetchError> {
        let request = page(self.next)?;
        let (remote, turns) = (Arc::clone(self.query.remote), self.query.turns.clone());
        let asked = tokio::spawn(async move {
            let _turn = turns.request().await;
            Ok(remote.exchange(request).await?.body)
        });
        self.waiting.push_back(Waiting {
            start: self.next,
            room,
            body: AbortOnDropHandle::new(asked),
        });
        self.next = self.next.saturating_add(self.step);
        self.left -= 1;
        if self.left == 0 {
            self.place.pass();
        }
        Ok(())
    }
}

async fn room(place: &mut Place, turns: &PageScheduler) -> Option<OwnedSemaphorePermit> {
    place.first().await;
    turns.room().await
}
