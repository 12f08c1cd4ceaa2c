//! Pages by position: RFC 7644 section 3.4.2.4, `startIndex` and `count`.
//!
//! The first page tells how long the list is and how many records a page really holds. The others are asked for several
//! at a time and taken in order. Lists change while they are read, and servers err; so what the pages bring is checked
//! against the longest total that any page told:
//!
//! - A page shorter than it should be is completed at once.
//! - Records that were added shift the rest to the right: repeated ones are dropped by their key, the tail is read.
//! - Records that were removed shift the rest to the left, over the edge of a page: the pages before are read again.
//! - A full page is not taken for the last one, whatever the total says: the next one is asked for, until one has room.
//! - A total that no page has shown to be more than what was read up to there tells nothing: it may be the page's own size.
//!   Then the list ends with a page that is empty or brings nothing new; where pages overlapped on the way, it is read again
//!   from other positions, until that brings nothing new either.
//! - A list may have one record twice: then fewer come than the total says, and it is whole where all positions were read and
//!   a second reading of all brings nothing new.
//! - A page that is larger than allowed is asked for in halves.
//! - Where fewer records come than the total says, the list is asked for in the other order. If that begins with the
//!   record that was read last, nothing is missing and it is the total that errs.
//! - What is still missing then is an error.
//!
//! What was read of a list that had not changed so far is kept for another process, where there is a place for it
//! ([`bookmark`](super::bookmark)).
//!
//! A total that was wrong is said once. For all this there are [`SPARE`] requests besides the least number that the list
//! takes.

use std::ops::ControlFlow;

use http::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::ahead::{Ahead, Place};
use super::bookmark::{Bookmark, Earlier, PagesMark};
use super::collector::{Collector, Taken};
use super::{Query, with_parameters, without_parameters};
use crate::download::blocking;
use crate::error::FetchError;
use remote::{Answer, RemoteError, Request};

/// The parameters that ask for an order.
const SORTING: &[&str] = &["sortBy", "sortOrder"];

/// Requests besides the least number that the list takes.
const SPARE: u64 = 3;

/// Servers grant pages of so many records, or of a multiple: such a page may be all that was granted, and not the last.
const GRANTED: u64 = 50;

/// Reads a list by position: from where an earlier process left it, where that is known and the list is still the same. What
/// is read goes to the keeper, if there is one.
pub(super) async fn run(
    query: &Query<'_>,
    collector: Collector,
    count: u64,
    keeper: Option<Bookmark>,
    earlier: Option<Earlier>,
) -> Result<Collector, FetchError> {
    let mut reading = Reading {
        query,
        request: query.request.clone(),
        count,
        size: count,
        settled: false,
        total: 0,
        asked: 0,
        trouble: None,
        keeper,
        told: None,
        telling: false,
        last: None,
        most: 0,
        halved: 0,
        shrank: false,
        lacking: false,
    };
    let mut place = query.turns.place();
    if let Some(earlier) = earlier {
        if reading.goes_on_from(&earlier).await? {
            reading.keeper = Some(earlier.keeper);
            let collector = reading
                .rest_kept(earlier.collector, earlier.mark.next, &mut place)
                .await?;
            drop(place);
            return reading.whole(collector).await;
        }
        query
            .progress
            .warned("the list has changed since a part of it was read: it is read from its beginning");
    }
    let first = reading.first().await?;
    let (collector, taken) = query.keep(collector, first.body).await?;
    let Some(total) = taken.total else {
        drop(place);
        return reading.without_total(collector, 1, taken).await;
    };
    reading.total = total;
    if !collector.has_key() && taken.records > count {
        return Err(malformed("it holds more records than asked for"));
    }
    reading.size = count.max(taken.records);
    let (collector, got) = reading.complete(collector, 1, taken).await?;
    reading.settled = true;
    let collector = reading.rest_kept(collector, 1 + got, &mut place).await?;
    drop(place);
    reading.whole(collector).await
}

struct Reading<'a> {
    query: &'a Query<'a>,
    request: Request,
    /// Records asked for in one request.
    count: u64,
    /// Records that a request really brings: some servers grant fewer than asked for, and some more.
    size: u64,
    /// Whether that is known.
    settled: bool,
    /// The longest total told.
    total: u64,
    /// Page requests so far.
    asked: u64,
    /// Where the list was first seen to have changed.
    trouble: Option<u64>,
    /// Keeps what was read, for another process.
    keeper: Option<Bookmark>,
    /// A total that was told and is wrong.
    told: Option<u64>,
    /// Whether a page has told a total beyond its own end: then it is the list's, and not the page's.
    telling: bool,
    /// The page that reaches furthest: where it begins, and how many records it holds.
    last: Option<(u64, u64)>,
    /// The most records that a page held.
    most: u64,
    /// Questions that were asked again for half as many records.
    halved: u64,
    /// Whether a page told a smaller total than one before.
    shrank: bool,
    /// Whether a page lacks records that its own total promises, however often it is asked for them.
    lacking: bool,
}

impl Reading<'_> {
    /// What may lie behind what the list says, or was passed over while it changed.
    async fn whole(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
        if !self.lacking {
            collector = self.beyond(collector).await?;
            collector = self.again(collector).await?;
            collector = self.twice(collector).await?;
        }
        if collector.distinct() < self.total {
            collector = self.backwards(collector).await?;
        }
        self.say_if_wrong(&collector);
        Ok(collector)
    }

    /// The first page. Some domains refuse to sort; their order then has to do.
    async fn first(&mut self) -> Result<Answer, FetchError> {
        self.asked += 1;
        let refused = match self.ask(1, self.count).await {
            // Not what the token endpoint refuses, or something that the request was redirected to.
            Err(FetchError::Remote(
                error @ RemoteError::Status {
                    status: StatusCode::BAD_REQUEST,
                    ..
                },
            )) => error,
            answer => return answer,
        };
        let Some(url) = without_parameters(self.request.url(), SORTING) else {
            return Err(refused.into());
        };
        self.query
            .progress
            .warned("the server does not sort this list (400); reading it in the server's own order");
        self.request = self.request.clone().at(url);
        self.asked += 1;
        self.ask(1, self.count).await
    }

    /// Asks for records from a position on: for fewer, where so many are larger than a page may be.
    async fn ask(&mut self, start: u64, mut count: u64) -> Result<Answer, FetchError> {
        loop {
            let answer = self.query.ask(self.page(start, count)?).await;
            if count < 2 || !answer.as_ref().is_err_and(is_too_large) {
                return answer;
            }
            count = count.div_ceil(2);
            self.halved += 1;
            if !self.settled {
                self.count = count;
            }
        }
    }

    /// The request for records from a position on, counted from 1.
    fn page(&self, start: u64, count: u64) -> Result<Request, FetchError> {
        let (start, count) = (start.to_string(), count.to_string());
        if self.request.method() != Method::POST {
            let url = with_parameters(self.request.url(), &[("startIndex", &start), ("count", &count)]);
            return Ok(self.request.clone().at(url));
        }
        // RFC 7644 section 3.4.3: `.search` takes them in its body.
        let refused = || FetchError::Plan("a paged POST needs a JSON object as its body".into());
        let mut body: Value = self
            .request
            .body_bytes()
            .and_then(|body| serde_json::from_slice(body).ok())
            .filter(Value::is_object)
            .ok_or_else(refused)?;
        let number = |text: &str| text.parse::<u64>().map_or(Value::Null, Value::from);
        if let Some(object) = body.as_object_mut() {
            object.insert("startIndex".into(), number(&start));
            object.insert("count".into(), number(&count));
        }
        Ok(self.request.clone().with_body(body.to_string()))
    }

    /// How many page requests the list may take.
    fn allowance(&self) -> u64 {
        self.total
            .div_ceil(self.size.max(1))
            .saturating_add(SPARE)
            .saturating_add(self.halved)
            .min(self.query.limits.pages)
    }

    /// One more request, if there is one left.
    fn spend(&mut self) -> ControlFlow<()> {
        if self.asked >= self.allowance() {
            return ControlFlow::Break(());
        }
        self.asked += 1;
        ControlFlow::Continue(())
    }

    /// Notes what a page told about the list: one from `start` on, of which the part from `at` on came now.
    fn note(&mut self, start: u64, at: u64, taken: Taken) {
        let told = taken.total.unwrap_or(self.total);
        self.telling |= told >= at.saturating_add(taken.records);
        if told < self.total || taken.new < taken.records {
            self.trouble = Some(self.trouble.unwrap_or(start).min(start));
        }
        self.shrank |= told < self.total;
        self.total = self.total.max(told);
    }

    /// Notes how far a page reaches.
    fn reached(&mut self, start: u64, records: u64) {
        self.most = self.most.max(records);
        if records > 0
            && self
                .last
                .is_none_or(|(last, before)| (last, before) <= (start, records))
        {
            self.last = Some((start, records));
        }
    }

    /// A total may be that of a page, or of another time: while the last page is full, there may be another. Where no total
    /// told anything, or one was wrong, only a page without news is the end: one that has room may be all that is granted.
    async fn beyond(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
        let mut overlapped = false;
        while let Some((start, records)) = self.last
            && (!self.telling || self.told.is_some() || records >= self.size || records.is_multiple_of(GRANTED))
        {
            let next = start.saturating_add(records);
            self.spend_page()?;
            let answer = self.ask(next, self.count).await?;
            collector.watch_for_repetition();
            let (kept, taken) = self.query.keep(collector, answer.body).await?;
            collector = kept;
            overlapped |= taken.new < taken.records;
            if taken.new == 0 {
                break;
            }
            if !collector.has_key() && taken.records > self.count {
                return Err(malformed("it holds more records than asked for"));
            }
            self.reached(next, taken.records);
            let came = next.saturating_add(taken.records) - 1;
            self.told = self.told.or(Some(self.total).filter(|total| *total < came));
            self.total = self.total.max(taken.total.unwrap_or(0));
        }
        if overlapped && !self.telling && collector.has_key() {
            // What was passed over can be anywhere, and no total would tell.
            collector = self.between(collector).await?;
        }
        Ok(collector)
    }

    /// Reads the list again, each time from positions half a page from those of the time before, until that brings nothing new.
    async fn between(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
        let end = self.last.map_or(0, |(start, records)| start.saturating_add(records));
        let mut shifted = true;
        loop {
            let mut start = if shifted { 1 + self.most / 2 } else { 1 };
            let mut new = 0;
            while start < end {
                self.spend_page()?;
                let answer = self.ask(start, self.count).await?;
                let (kept, taken) = self.query.keep(collector, answer.body).await?;
                collector = kept;
                if taken.records == 0 {
                    break;
                }
                new += taken.new;
                start = start.saturating_add(taken.records);
            }
            if new == 0 {
                return Ok(collector);
            }
            shifted = !shifted;
        }
    }

    /// One more request of those that any list may take.
    fn spend_page(&mut self) -> Result<(), FetchError> {
        if self.asked >= self.query.limits.pages {
            return Err(FetchError::TooManyPages {
                limit: self.query.limits.pages,
            });
        }
        self.asked += 1;
        Ok(())
    }

    /// Warns of a total that was wrong.
    fn say_if_wrong(&self, collector: &Collector) {
        let came = collector.count();
        if let Some(told) = self.told.or(Some(self.total)).filter(|told| *told != came) {
            self.query.progress.warned(&format!(
                "{} says that the list has {told} records, and it has {came}; all that there are were read",
                self.query.remote.name()
            ));
        }
    }

    /// Asks for what a page should have held but did not; gives how many records came in all.
    async fn complete(
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

    /// Whether the list is still the one that an earlier process read in part; then everything is set to go on.
    async fn goes_on_from(&mut self, earlier: &Earlier) -> Result<bool, FetchError> {
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

    /// The same as [`rest`](Reading::rest), and what was read before a failure is kept.
    async fn rest_kept(&mut self, collector: Collector, next: u64, place: &mut Place) -> Result<Collector, FetchError> {
        let collector = self.note_reached(collector, next).await?;
        let outcome = self.rest(collector, next, place).await;
        if outcome.is_err() {
            self.save().await;
        }
        outcome
    }

    /// Notes that all before a position were read, where that is so.
    async fn note_reached(&mut self, mut collector: Collector, next: u64) -> Result<Collector, FetchError> {
        let steady = self.trouble.is_none() && collector.count() == next - 1 && next - 1 <= self.total;
        let Some(keeper) = self.keeper.as_mut().filter(|_| steady) else {
            return Ok(collector);
        };
        let flushed = blocking(move || {
            let bytes = collector.flushed()?;
            Ok((collector, bytes))
        });
        let (collector, bytes) = flushed.await?;
        keeper.reached(PagesMark {
            next,
            size: self.size,
            total: self.total,
            sorted: without_parameters(self.request.url(), SORTING).is_some(),
            bytes,
        });
        Ok(collector)
    }

    /// Keeps what was read. Where that fails, the list is read all the same.
    async fn save(&mut self) {
        if let Some(keeper) = &mut self.keeper
            && let Err(error) = keeper.save().await
        {
            self.query.progress.warned(&format!(
                "what was read of the list cannot be kept for a later run: {error}"
            ));
            self.keeper = None;
        }
    }

    /// Everything from a position on, several pages at a time.
    async fn rest(
        &mut self,
        mut collector: Collector,
        mut next: u64,
        place: &mut Place,
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
                    () = due(self.keeper.as_ref()) => {
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

    /// Reads pages again from before the place where the list was seen to change, until nothing is missing.
    async fn again(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
        let mut start = self.trouble.unwrap_or(1).saturating_sub(self.size).max(1);
        while collector.distinct() < self.total {
            if !collector.has_key() {
                return Err(self.incomplete(&collector));
            }
            if start > self.total || self.spend().is_break() {
                break;
            }
            let answer = self.ask(start, self.count).await?;
            let (kept, taken) = self.query.keep(collector, answer.body).await?;
            collector = kept;
            self.total = self.total.max(taken.total.unwrap_or(0));
            start += match taken.records {
                0 => self.size.max(1),
                records => records,
            };
        }
        Ok(collector)
    }

    /// Reads all positions once more, where all were read and fewer records came than there are positions: if that brings
    /// nothing new, the list has some of them twice. One that shrank meanwhile has lost some instead.
    async fn twice(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
        let read = self
            .last
            .map_or(0, |(start, records)| start.saturating_add(records) - 1);
        if collector.distinct() >= self.total || read < self.total || self.shrank {
            return Ok(collector);
        }
        let mut start = 1;
        while start <= self.total {
            self.spend_page()?;
            let answer = self.ask(start, self.count).await?;
            let (kept, taken) = self.query.keep(collector, answer.body).await?;
            collector = kept;
            if taken.records == 0 || taken.new > 0 || taken.total.is_some_and(|total| total != self.total) {
                return Ok(collector);
            }
            start = start.saturating_add(taken.records);
        }
        self.told = Some(self.total);
        self.total = collector.distinct();
        Ok(collector)
    }

    /// Whether the list, asked for from its other end, begins with the record that was read last: then it ends there,
    /// and the total errs. A server that cuts long lists, or does not sort, begins with another one.
    async fn backwards(&mut self, collector: Collector) -> Result<Collector, FetchError> {
        let whole = self.last.map_or(0, |(start, records)| start + records - 1);
        let (Some(last), Some(url)) = (collector.last().map(str::to_owned), reversed(self.request.url())) else {
            return Err(self.incomplete(&collector));
        };
        // Each position up to the last one was read, and each held another record.
        if self.trouble.is_some() || collector.distinct() != whole || self.request.method() == Method::POST {
            return Err(self.incomplete(&collector));
        }
        self.asked += 1;
        let forth = std::mem::replace(&mut self.request, self.query.request.clone().at(url));
        let page = self.page(1, self.count);
        self.request = forth;
        let body = self.query.ask(page?).await?.body;
        match self.query.first_key(&collector, &body)? {
            Some(first) if first == last => {
                self.told = Some(self.total);
                Ok(collector)
            }
            _ => Err(self.incomplete(&collector)),
        }
    }

    /// A list whose length nobody tells ends with an empty page: a shorter one may be all that the server grants.
    async fn without_total(
        &mut self,
        mut collector: Collector,
        start: u64,
        mut taken: Taken,
    ) -> Result<Collector, FetchError> {
        let mut next = start + taken.records;
        while taken.records > 0 {
            self.spend_page()?;
            let answer = self.ask(next, self.count).await?;
            (collector, taken) = self.query.keep(collector, answer.body).await?;
            if collector.has_key() && taken.records > 0 && taken.new == 0 {
                return Err(malformed("it repeats records of earlier pages only"));
            }
            self.reached(next, taken.records);
            next += taken.records;
            self.total = self.total.max(taken.total.unwrap_or(0));
        }
        collector = self.twice(collector).await?;
        if collector.distinct() < self.total {
            return Err(self.incomplete(&collector));
        }
        Ok(collector)
    }

    fn incomplete(&self, collector: &Collector) -> FetchError {
        if self.asked >= self.query.limits.pages {
            return FetchError::TooManyPages {
                limit: self.query.limits.pages,
            };
        }
        FetchError::Incomplete {
            got: collector.distinct(),
            total: self.total,
        }
    }
}

/// Whether a page has more bytes than it may.
pub(super) fn is_too_large(error: &FetchError) -> bool {
    matches!(error, FetchError::Remote(RemoteError::TooLarge { .. }))
}

/// Waits until what was read is to be kept.
async fn due(keeper: Option<&Bookmark>) {
    match keeper {
        Some(keeper) => keeper.due().await,
        None => std::future::pending().await,
    }
}

/// The same query in the other order; none where it is not sorted.
fn reversed(url: &Url) -> Option<Url> {
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    if !url.query_pairs().any(|(name, _)| is(&name, "sortBy")) {
        return None;
    }
    let order = url.query_pairs().find(|(name, _)| is(name, "sortOrder"));
    // RFC 7644 section 3.4.2.3: ascending unless said otherwise.
    let other = match order {
        Some((_, order)) if order.eq_ignore_ascii_case("descending") => "ascending",
        _ => "descending",
    };
    Some(with_parameters(url, &[("sortOrder", other)]))
}

fn malformed(why: &str) -> FetchError {
    FetchError::Malformed {
        what: "a page's query",
        why: why.into(),
    }
}
