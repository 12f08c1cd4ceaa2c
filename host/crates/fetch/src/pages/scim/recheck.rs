//! A list by position, read again where it changed or its server errs, until nothing is missing.

use http::Method;
use url::Url;

use super::reading::{Reading, malformed};
use crate::error::FetchError;
use crate::pages::collector::{Collector, Taken};
use crate::pages::url_parameters::with_parameters;

/// Servers grant pages of so many records, or of a multiple: such a page may be all that was granted, and not the last.
const GRANTED: u64 = 50;

impl Reading<'_> {
    /// A total may be that of a page, or of another time: while the last page is full, there may be another. Where no total
    /// told anything, or one was wrong, only a page without news is the end: one that has room may be all that is granted.
    pub(super) async fn beyond(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
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
    pub(super) async fn between(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
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

    /// Reads pages again from before the place where the list was seen to change, until nothing is missing.
    pub(super) async fn again(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
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
    pub(super) async fn twice(&mut self, mut collector: Collector) -> Result<Collector, FetchError> {
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

    /// True if the list, asked for from its other end, begins with the record that was read last: then it ends there,
    /// and the total errs. A server that cuts long lists, or does not sort, begins with another one.
    pub(super) async fn backwards(&mut self, collector: Collector) -> Result<Collector, FetchError> {
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
    pub(super) async fn without_total(
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
}

/// The query in the other order; none where it is not sorted.
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
