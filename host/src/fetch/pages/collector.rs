//! Keeps the records of all pages, each once.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufWriter, Write as _};

use serde_json::value::RawValue;

use super::Collected;
use super::page::{Page, member_text};
use crate::fetch::error::FetchError;
use crate::fetch::limits::Limits;
use crate::fetch::records::compact;
use crate::fetch::spool::{Spool, Spooled};

/// How many keys are remembered: repetitions come from lists that shift, so they are near.
const REMEMBERED: usize = 200_000;

/// Keeps the records of all pages, each once. Blocking.
pub(super) struct Collector {
    out: BufWriter<File>,
    key: Option<String>,
    seen: Seen,
    count: u64,
    bytes: u64,
    most_bytes: u64,
    record_bytes: u64,
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
            out: BufWriter::with_capacity(256 * 1024, spool.create()?),
            key,
            seen: Seen::new(REMEMBERED),
            count: 0,
            bytes: 0,
            most_bytes: limits.paged_bytes,
            record_bytes: limits.record_bytes,
        })
    }

    /// Whether repeated records can be told.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// How many records were kept.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn take(&mut self, page: &Page<'_>) -> Result<Taken, FetchError> {
        let mut new = 0;
        for record in &page.records {
            let length = record.get().len() as u64;
            if length > self.record_bytes {
                return Err(FetchError::TooLarge {
                    what: "one record",
                    limit: self.record_bytes,
                });
            }
            let key = self.key.as_deref().and_then(|member| member_text(record, member));
            if key.is_some_and(|key| !self.seen.insert(&key)) {
                continue;
            }
            self.bytes = self.bytes.saturating_add(length);
            if self.bytes > self.most_bytes {
                return Err(FetchError::TooLarge {
                    what: "the list",
                    limit: self.most_bytes,
                });
            }
            compact(record.get(), &mut self.out)?;
            self.out.write_all(b"\n")?;
            new += 1;
        }
        self.count += new;
        Ok(Taken {
            records: page.records.len() as u64,
            new,
            total: page.total,
        })
    }

    /// What it writes, to read it meanwhile.
    pub(super) fn share(&self) -> io::Result<File> {
        self.out.get_ref().try_clone()
    }

    /// Writes everything out; says how many bytes that are.
    pub(super) fn flushed(&mut self) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.out.get_ref().metadata()?.len())
    }

    /// Takes a record, in its compact form, that an earlier process kept; gives its key, none where it cannot be one of
    /// those that were kept.
    pub(super) fn restore(&mut self, record: &RawValue) -> Result<Option<String>, FetchError> {
        let key = self.key.as_deref().and_then(|member| member_text(record, member));
        let Some(key) = key.filter(|key| self.seen.insert(key)) else {
            return Ok(None);
        };
        self.bytes = self.bytes.saturating_add(record.get().len() as u64);
        self.out.write_all(record.get().as_bytes())?;
        self.out.write_all(b"\n")?;
        self.count += 1;
        Ok(Some(key))
    }

    pub(super) fn finish(self) -> Result<Collected, FetchError> {
        let file = self.out.into_inner().map_err(|error| error.into_error())?;
        Ok(Collected {
            lines: Spooled::new(file)?,
            count: self.count,
        })
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
