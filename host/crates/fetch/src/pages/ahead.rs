//! Asks for pages before they are needed, and hands them out in order.
//!
//! Each page travels as a task of its own, so that its bytes come in while another page is read.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::body::{self, PageBody};
use super::query::Query;
use super::scheduler::{ListPlace, PageScheduler};
use crate::blocking::joined;
use crate::error::FetchError;
use remote::{RemoteError, Request};

/// Pages of one list, asked for ahead of the one that is read.
///
/// Room is taken in the list's order and before a page is asked for. So the pages that have it are always the next ones to
/// be read, and no list waits for room that only its own later pages could give back.
pub(super) struct Ahead<'a> {
    query: &'a Query<'a>,
    place: &'a mut ListPlace,
    next: u64,
    step: u64,
    left: u64,
    waiting: VecDeque<Waiting>,
}

/// A page on its way.
struct Waiting {
    start: u64,
    room: Option<OwnedSemaphorePermit>,
    body: AbortOnDropHandle<Result<Arc<PageBody>, FetchError>>,
}

/// A page that has come.
pub(super) struct Arrived {
    /// The position of its first record.
    pub(super) start: u64,
    /// The page's body; none where it is larger than it may be.
    pub(super) body: Option<Arc<PageBody>>,
    /// Given back when the page was read.
    _room: Option<OwnedSemaphorePermit>,
}

impl<'a> Ahead<'a> {
    /// For so many pages, so far apart, from a position on.
    pub(super) fn new(query: &'a Query<'a>, place: &'a mut ListPlace, next: u64, step: u64, pages: u64) -> Ahead<'a> {
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
        let spool = self.query.spool.clone();
        let asked = async move {
            let _turn = turns.request().await;
            Ok(body::receive(&remote, request, &spool, &turns).await?.body)
        };
        let asked = tokio::spawn(asked.in_current_span());
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

async fn room(place: &mut ListPlace, turns: &PageScheduler) -> Option<OwnedSemaphorePermit> {
    place.first().await;
    turns.room().await
}

/// True if a page has more bytes than it may.
pub(super) fn is_too_large(error: &FetchError) -> bool {
    matches!(error, FetchError::Remote(RemoteError::TooLarge { .. }))
}
