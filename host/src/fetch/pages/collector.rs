//! Keeps the records of all pages, each once.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::io;

use serde_json::value::RawValue;

use super::Collected;
use super::page::{Page, member_text};
use crate::fetch::error::FetchError;
use crate::fetch::limits::Limits;
use crate::fetch::lines::Lines;
use crate::fetch::salvage::Piece;
use crate::fetch::spool::Spool;

/// How many keys are remembered: repetitions come from lists that shift, so they are near.
const REMEMBERED: usize = 200_000;

/// Keeps the records of all pages, each once. Blocking.
pub(super) struct Collector {
    lines: Lines,
    key: Option<String>,
    seen: Seen,
    /// The key of the last record read.
    last: Option<String>,
    bytes: u64,
    most_bytes: u64,
    record_bytes: u64,
    /// The records of the last page, as a hash, where none of them has a key.
    page: Option<u64>,
    /// Whether a page that repeats the one before brings nothing.
    watching: bool,
}

/// What a page brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Records on the page.
    pub(super) records: u64,
    /// Of these, such as were not seen before.
    pub(super) new: u64,
    /// How long the page says the whole list is.
    pub(super) total: Option<u64>,
}

impl Collector {
    pub(super) fn new(spool: &Spool, key: Option<String>, limits: &Limits) -> Result<Collector, FetchError> {
        Ok(Collector {
            lines: Lines::create(spool)?,
            key,
            seen: Seen::new(REMEMBERED),
            last: None,
            bytes: 0,
            most_bytes: limits.paged_bytes,
            record_bytes: limits.record_bytes,
            page: None,
            watching: false,
        })
    }

    /// Whether repeated records can be told.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// How many records were kept.
    pub(super) fn count(&self) -> u64 {
        self.lines.tally().records
    }

    /// What a page's record may have, in bytes.
    pub(super) fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    /// The key of the record that stood last on the last page that held any.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// What tells a record from all others: its key, or its bytes where it is no JSON.
    pub(super) fn key(&self, record: &Piece<'_>) -> Option<String> {
        let member = self.key.as_deref()?;
        match record {
            Piece::Broken(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            record => member_text(record.json()?, member),
        }
    }

    /// From now on the same page once more is no news, even where no record has a key: servers that know no positions answer
    /// so for ever.
    pub(super) fn watch_for_repetition(&mut self) {
        self.watching = true;
    }

    pub(super) fn take(&mut self, page: &Page<'_>) -> Result<Taken, FetchError> {
        let mut new = 0;
        if self.key.is_none() && !page.records.is_empty() {
            let before = self.page.replace(self.seen.hash(&page.records));
            if self.watching && before == self.page {
                return Ok(Taken {
                    records: page.records.len() as u64,
                    new,
                    total: page.total,
                });
            }
        }
        for record in &page.records {
            let key = self.key(record);
            let repeated = key.as_deref().is_some_and(|key| !self.seen.insert(key));
            self.last = key;
            if repeated {
                continue;
            }
            self.bytes = self.bytes.saturating_add(record.len() as u64);
            if self.bytes > self.most_bytes {
                return Err(FetchError::TooLarge {
                    what: "the list",
                    limit: self.most_bytes,
                });
            }
            self.lines.write(record)?;
            new += 1;
        }
        Ok(Taken {
            records: page.records.len() as u64,
            new,
            total: page.total,
        })
    }

    /// What it writes, to read it meanwhile.
    pub(super) fn share(&self) -> io::Result<File> {
        self.lines.share()
    }

    /// Writes everything out; says how many bytes that are.
    pub(super) fn flushed(&mut self) -> io::Result<u64> {
        self.lines.flushed()
    }

    /// Takes a record, in its compact form, that an earlier process kept; gives its key, none where it cannot be one of
    /// those that were kept.
    pub(super) fn restore(&mut self, record: &RawValue) -> Result<Option<String>, FetchError> {
        let key = self.key.as_deref().and_then(|member| member_text(record.get(), member));
        let Some(key) = key.filter(|key| self.seen.insert(key)) else {
            return Ok(None);
        };
        self.bytes = self.bytes.saturating_add(record.get().len() as u64);
        self.lines.write(&Piece::kept(record.get()))?;
        Ok(Some(key))
    }

    pub(super) fn finish(self) -> Result<Collected, FetchError> {
        let (lines, tally) = self.lines.finish()?;
        Ok(Collected { lines, tally })
    }
}

/// The keys seen last, as 128-bit hashes that nobody can predict.
struct Seen {
    hashes: HashSet<u128>,
    order: VecDeque<u128>,
    most: usize,
    states: [RandomState; 2],
}

impl Seen {
    fn new(most: usize) -> Seen {
        Seen {
            hashes: HashSet::new(),
            order: VecDeque::new(),
            most,
            states: [RandomState::new(), RandomState::new()],
        }
    }

    /// What tells the records of a page from others.
    fn hash(&self, records: &[Piece<'_>]) -> u64 {
        let [state, _] = &self.states;
        let mut hasher = state.build_hasher();
        for record in records {
            record.bytes().hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Whether the key is new.
    fn insert(&mut self, key: &str) -> bool {
        let [high, low] = &self.states;
        let hash = (u128::from(high.hash_one(key)) << 64) | u128::from(low.hash_one(key));
        if !self.hashes.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_keys_is_bounded() {
        let mut seen = Seen::new(3);
        assert!(["a", "b", "c"].iter().all(|key| seen.insert(key)));
        assert!(!seen.insert("a"));
        assert!(seen.insert("d"));
        assert!(seen.insert("a"), "the oldest is forgotten");
        assert_eq!((seen.hashes.len(), seen.order.len()), (3, 3));
    }
}
