//! Pages of the audit log: which entries are on one, and where the next begins.

use std::ops::Range;

use super::log::{LogEntry, TenancyLog};
use super::page_token::PageToken;
use crate::chance::mix;
use crate::site::AppState;

/// Before one page in so many comes an empty one.
const EMPTY: u64 = 7;

/// Entries that are wanted, and in which order.
pub(super) struct LogSelection<'m> {
    /// Indexes that may match.
    pub(super) range: Range<i64>,
    pub(super) descending: bool,
    /// The most entries on a page.
    pub(super) size: usize,
    pub(super) matches: &'m dyn Fn(&LogEntry) -> bool,
}

/// A page of entries.
pub(super) struct LogPage {
    pub(super) entries: Vec<LogEntry>,
    pub(super) next: Option<PageToken>,
}

impl LogSelection<'_> {
    /// The first page or, with a token, that one; none for a token that leads out of the range.
    pub(super) fn page(&self, site: &AppState, token: Option<PageToken>) -> Option<LogPage> {
        let oci = &site.scenario.oci;
        let first = if self.descending {
            self.range.end
        } else {
            self.range.start
        };
        let begins = token.unwrap_or(PageToken {
            cursor: first,
            after_empty: false,
        });
        if !(self.range.start..=self.range.end).contains(&begins.cursor) {
            return None;
        }
        let log = site.tenancy_log();
        let mut entries = self.matching(log, self.indexes(begins.cursor));
        // A page of one event has no room for another.
        let repeated = (oci.repeats && self.size > 1)
            .then(|| self.matching(log, self.indexes_before(begins.cursor)).next())
            .flatten();
        let mut page = Vec::from_iter(repeated);
        page.extend(entries.by_ref().take(self.size - page.len()));
        let mut next = entries.next().map(|entry| PageToken {
            cursor: entry.index + i64::from(self.descending),
            after_empty: false,
        });
        let drawn = mix(&[site.scenario.seed, 37, begins.cursor.cast_unsigned()]).is_multiple_of(EMPTY);
        if (oci.empty_pages || drawn) && !begins.after_empty && !page.is_empty() {
            page.clear();
            next = Some(PageToken {
                after_empty: true,
                ..begins
            });
        }
        if oci.token_repeats && token.is_some() {
            next = token;
        }
        Some(LogPage { entries: page, next })
    }

    fn matching(&self, log: TenancyLog, indexes: Box<dyn Iterator<Item = i64>>) -> impl Iterator<Item = LogEntry> {
        let entries = indexes.map(move |index| log.entry(index));
        entries.filter(|entry| (self.matches)(entry))
    }

    fn indexes(&self, cursor: i64) -> Box<dyn Iterator<Item = i64>> {
        if self.descending {
            Box::new((self.range.start..cursor).rev())
        } else {
            Box::new(cursor..self.range.end)
        }
    }

    /// The indexes before those, the nearest first.
    fn indexes_before(&self, cursor: i64) -> Box<dyn Iterator<Item = i64>> {
        if self.descending {
            Box::new(cursor..self.range.end)
        } else {
            Box::new((self.range.start..cursor).rev())
        }
    }
}
