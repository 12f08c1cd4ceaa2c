//! A list that is read by position: its questions, and what its pages told about it.

use std::ops::ControlFlow;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::error::FetchError;
use crate::pages::ahead::is_too_large;
use crate::pages::body::PageAnswer;
use crate::pages::bookmark::Bookmark;
use crate::pages::collector::{Collector, Taken};
use crate::pages::query::Query;
use crate::pages::url_parameters::{with_parameters, without_parameters};
use remote::{RemoteError, Request};

/// The parameters that ask for an order.
pub(super) const SORTING: &[&str] = &["sortBy", "sortOrder"];

/// Requests besides the least number that the list takes.
pub(super) const SPARE: u64 = 3;

/// A list that is being read by position, and what its pages told about it.
pub(super) struct Reading<'a> {
    pub(super) query: &'a Query<'a>,
    pub(super) request: Request,
    /// Records asked for in one request.
    pub(super) count: u64,
    /// Records that a request really brings: some servers grant fewer than asked for, and some more.
    pub(super) size: u64,
    /// True once that is known.
    pub(super) settled: bool,
    /// The longest total told.
    pub(super) total: u64,
    /// Page requests so far.
    pub(super) asked: u64,
    /// The first position at which the list was seen to have changed.
    pub(super) trouble: Option<u64>,
    /// Keeps what was read, for another process.
    pub(super) bookmark: Option<Bookmark>,
    /// A total that was told and is wrong.
    pub(super) told: Option<u64>,
    /// True once a page has told a total beyond its own end: then it is the list's, and not the page's.
    pub(super) telling: bool,
    /// The page that reaches furthest: where it begins, and how many records it holds.
    pub(super) last: Option<(u64, u64)>,
    /// The most records that a page held.
    pub(super) most: u64,
    /// Questions that were asked again for half as many records.
    pub(super) halved: u64,
    /// True once a page told a smaller total than one before.
    pub(super) shrank: bool,
    /// True once a page lacks records that its own total promises, however often it is asked for them.
    pub(super) lacking: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(query: &'a Query<'a>, count: u64, bookmark: Option<Bookmark>) -> Reading<'a> {
        Reading {
            query,
            request: query.request.clone(),
            count,
            size: count,
            settled: false,
            total: 0,
            asked: 0,
            trouble: None,
            bookmark,
            told: None,
            telling: false,
            last: None,
            most: 0,
            halved: 0,
            shrank: false,
            lacking: false,
        }
    }

    /// The first page. Some domains refuse to sort; their order then has to do.
    pub(super) async fn first(&mut self) -> Result<PageAnswer, FetchError> {
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
    pub(super) async fn ask(&mut self, start: u64, mut count: u64) -> Result<PageAnswer, FetchError> {
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
    pub(super) fn page(&self, start: u64, count: u64) -> Result<Request, FetchError> {
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

    /// The most page requests for the list.
    pub(super) fn allowance(&self) -> u64 {
        self.total
            .div_ceil(self.size.max(1))
            .saturating_add(SPARE)
            .saturating_add(self.halved)
            .min(self.query.limits.pages)
    }

    /// One more request, if there is one left.
    pub(super) fn spend(&mut self) -> ControlFlow<()> {
        if self.asked >= self.allowance() {
            return ControlFlow::Break(());
        }
        self.asked += 1;
        ControlFlow::Continue(())
    }

    /// One more request of those that any list may take.
    pub(super) fn spend_page(&mut self) -> Result<(), FetchError> {
        if self.asked >= self.query.limits.pages {
            return Err(FetchError::TooManyPages {
                limit: self.query.limits.pages,
            });
        }
        self.asked += 1;
        Ok(())
    }

    /// Notes what a page told about the list: one from `start` on, of which the part from `at` on came now.
    pub(super) fn note(&mut self, start: u64, at: u64, taken: Taken) {
        let told = taken.total.unwrap_or(self.total);
        self.telling |= told >= at.saturating_add(taken.records);
        if told < self.total || taken.new < taken.records {
            self.trouble = Some(self.trouble.unwrap_or(start).min(start));
        }
        self.shrank |= told < self.total;
        self.total = self.total.max(told);
    }

    /// Notes how far a page reaches.
    pub(super) fn reached(&mut self, start: u64, records: u64) {
        self.most = self.most.max(records);
        if records > 0
            && self
                .last
                .is_none_or(|(last, before)| (last, before) <= (start, records))
        {
            self.last = Some((start, records));
        }
    }

    /// Warns of a total that was wrong.
    pub(super) fn say_if_wrong(&self, collector: &Collector) {
        let came = collector.count();
        if let Some(told) = self.told.or(Some(self.total)).filter(|told| *told != came) {
            self.query.progress.warned(&format!(
                "{} says that the list has {told} records, but it has {came}; all of those were read",
                self.query.remote.name()
            ));
        }
    }

    pub(super) fn incomplete(&self, collector: &Collector) -> FetchError {
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

/// The error of a page that breaks the rules of a list by position.
pub(super) fn malformed(why: &str) -> FetchError {
    FetchError::Malformed {
        what: "a page's query",
        why: why.into(),
    }
}
