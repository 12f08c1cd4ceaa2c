//! A list by position, read from its beginning or from where an earlier process left it to its end.

use super::reading::{Reading, SORTING, malformed};
use crate::blocking::blocking;
use crate::error::FetchError;
use crate::pages::ahead::Ahead;
use crate::pages::bookmark::{Bookmark, Earlier, PagesMark};
use crate::pages::collector::{Collector, Taken};
use crate::pages::scheduler::ListPlace;
use crate::pages::url_parameters::without_parameters;

impl Reading<'_> {
    /// Asks for what a page should have held but did not; gives how many records came in all.
    pub(super) async fn complete(
        &mut self,
        mut collector: Collector,
        start: u64,
        mut taken: Taken,
    ) -> Result<(Collector, u64), FetchError> {
        self.note(start, start, taken);
        let mut got = taken.records;
        self.reached(start, got);
        loop {
            let told = taken.total.unwrap_or(self.total);
            let missing = self.size.min((told + 1).saturating_sub(start)).saturating_sub(got);
            if missing == 0 {
                return Ok((collector, got));
            }
            if self.spend().is_break() {
                self.lacking = true;
                return Ok((collector, got));
            }
            let answer = self.ask(start + got, missing).await?;
            let (kept, more) = self.query.keep(collector, answer.body).await?;
            collector = kept;
            self.note(start, start + got, more);
            got += more.records;
            self.reached(start, got);
            if !self.settled && more.records > 0 && more.records < missing && more.records == taken.records {
                // Twice the same number: the server grants no more.
                self.size = more.records;
                self.settled = true;
                return Ok((collector, got));
            }
            taken = more;
        }
    }

    /// True if the list is still the one that an earlier process read in part; then everything is set to go on.
    pub(super) async fn goes_on_from(&mut self, earlier: &Earlier) -> Result<bool, FetchError> {
        let mark = earlier.mark;
        let url = without_parameters(self.request.url(), SORTING).filter(|_| !mark.sorted);
        let request = match url {
            Some(url) => self.request.clone().at(url),
            None => self.request.clone(),
        };
        let before = std::mem::replace(&mut self.request, request);
        let (start, count) = earlier.end();
        self.asked += 1;
        let answer = self.query.ask(self.page(start, count)?).await?;
        if !earlier.is_followed_by(&answer.body, self.query.records) {
            self.request = before;
            self.asked = 0;
            return Ok(false);
        }
        (self.total, self.size, self.settled) = (mark.total, mark.size, true);
        self.telling = mark.total >= mark.next;
        self.reached(start, count);
        self.query.progress.records(mark.next - 1, Some(mark.total));
        Ok(true)
    }

    /// Reads on as [`rest`](Reading::rest) does, and what was read before a failure is kept.
    pub(super) async fn rest_kept(
        &mut self,
        collector: Collector,
        next: u64,
        place: &mut ListPlace,
    ) -> Result<Collector, FetchError> {
        let collector = self.note_reached(collector, next).await?;
        let outcome = self.rest(collector, next, place).await;
        if outcome.is_err() {
            self.save().await;
        }
        outcome
    }

    /// Notes that all before a position were read, where that is so.
    pub(super) async fn note_reached(&mut self, mut collector: Collector, next: u64) -> Result<Collector, FetchError> {
        let steady = self.trouble.is_none() && collector.count() == next - 1 && next - 1 <= self.total;
        let Some(bookmark) = self.bookmark.as_mut().filter(|_| steady) else {
            return Ok(collector);
        };
        let flushed = blocking(move || {
            let bytes = collector.flushed()?;
            Ok((collector, bytes))
        });
        let (collector, bytes) = flushed.await?;
        bookmark.reached(PagesMark {
            next,
            size: self.size,
            total: self.total,
            sorted: without_parameters(self.request.url(), SORTING).is_some(),
            bytes,
        });
        Ok(collector)
    }

    /// Keeps what was read. Where that fails, the list is read all the same.
    pub(super) async fn save(&mut self) {
        if let Some(bookmark) = &mut self.bookmark
            && let Err(error) = bookmark.save().await
        {
            self.query.progress.warned(&format!(
                "what was read of the list cannot be kept for a later run: {error}"
            ));
            self.bookmark = None;
        }
    }

    /// Everything from a position on, several pages at a time.
    pub(super) async fn rest(
        &mut self,
        mut collector: Collector,
        mut next: u64,
        place: &mut ListPlace,
    ) -> Result<Collector, FetchError> {
        while next <= self.total && !self.lacking {
            let affordable = self.allowance().saturating_sub(self.asked);
            let size = self.size.max(1);
            let pages = (self.total - next).saturating_add(1).div_ceil(size).min(affordable);
            if pages == 0 {
                return Err(self.incomplete(&collector));
            }
            self.asked += pages;
            let mut ahead = Ahead::new(self.query, place, next, size, pages);
            loop {
                let arrived = tokio::select! {
                    biased;
                    arrived = ahead.next(|start| self.page(start, self.count)) => arrived?,
                    () = due(self.bookmark.as_ref()) => {
                        self.save().await;
                        continue;
                    }
                };
                let Some(arrived) = arrived else { break };
                let start = arrived.start;
                let body = match arrived.body {
                    Some(body) => body,
                    None => {
                        self.halved += 1;
                        self.ask(start, self.count.div_ceil(2)).await?.body
                    }
                };
                let (kept, taken) = self.query.keep(collector, body).await?;
                collector = kept;
                if !collector.has_key() && taken.records > self.count {
                    return Err(malformed("it holds more records than asked for"));
                }
                if collector.has_key() && taken.records > 0 && taken.new == 0 && taken.records >= size {
                    return Err(malformed("it repeats records of earlier pages only"));
                }
                let got;
                (collector, got) = self.complete(collector, start, taken).await?;
                if self.lacking {
                    return Ok(collector);
                }
                collector = self.note_reached(collector, start.saturating_add(got)).await?;
            }
            next = next.saturating_add(size.saturating_mul(pages));
        }
        Ok(collector)
    }
}

/// Waits until what was read is to be kept.
async fn due(bookmark: Option<&Bookmark>) {
    match bookmark {
        Some(bookmark) => bookmark.due().await,
        None => std::future::pending().await,
    }
}
