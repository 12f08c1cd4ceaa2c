//! Keeps the records of all pages, each once.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::io;

use super::members;
use super::page::Page;
use crate::error::FetchError;
use crate::limits::FetchLimits;
use crate::records::lines::{RecordLines, RecordTally, line};
use crate::records::piece::Piece;
use crate::spool::{Spool, Spooled};

/// The number of keys that are remembered of a list by position: it may be asked for once more from its beginning.
pub(super) const OF_POSITIONS: usize = 200_000;

/// The keys that are remembered of a list each of whose pages names the next: what it repeats is near, and a run reads several such
/// lists at once. Half of them are more than the largest pages that were seen have (20,000), and fill a table.
pub(super) const OF_CHAIN: usize = 56_000;

/// Keeps the records of all pages, each once. Blocking.
pub(super) struct Collector {
    lines: RecordLines,
    key: Option<Vec<String>>,
    seen: SeenKeys,
    /// The number of keys, and records without one.
    distinct: u64,
    /// The key of the last record read.
    last: Option<String>,
    bytes: u64,
    most_bytes: u64,
    record_bytes: u64,
    /// The records of the last page, as a hash, where none of them has a key.
    page: Option<u64>,
    /// True if a page that repeats the one before brings nothing.
    watching: bool,
    /// The line of the record at hand.
    line: Vec<u8>,
}

/// The numbers of a page that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Records on the page.
    pub(super) records: u64,
    /// Of these, such as have a key that was not seen before, or none.
    pub(super) new: u64,
    /// The length of the whole list, as the page says.
    pub(super) total: Option<u64>,
}

/// The records of a paged query.
#[derive(Debug)]
pub(crate) struct CollectedPages {
    /// One JSON text a line.
    pub(crate) lines: Spooled,
    /// The number of records.
    pub(crate) tally: RecordTally,
}

impl Collector {
    /// Takes no record yet; so many keys are `remembered`.
    pub(super) fn new(
        spool: &Spool,
        key: Option<Vec<String>>,
        limits: &FetchLimits,
        remembered: usize,
    ) -> Result<Collector, FetchError> {
        Ok(Collector {
            lines: RecordLines::create(spool)?,
            key,
            seen: SeenKeys::new(remembered),
            distinct: 0,
            last: None,
            bytes: 0,
            most_bytes: limits.paged_bytes,
            record_bytes: limits.record_bytes,
            page: None,
            watching: false,
            line: Vec::new(),
        })
    }

    /// True if repeated records can be told.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The number of records that were kept.
    pub(super) fn count(&self) -> u64 {
        self.lines.tally().records
    }

    /// The number of records that differ in more than their content.
    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    /// The most bytes that a page's record may have.
    pub(super) fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    /// The key of the record that stood last on the last page that held any.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// The key that tells a record from all others, or its bytes where it is not JSON.
    pub(super) fn key(&self, record: &Piece<'_>) -> Option<String> {
        let path = self.key.as_deref()?;
        match record {
            // Any of them may have been another.
            record if record.is_missing() => None,
            // As it is written, so that another process knows it again.
            record @ Piece::Broken(_) => Some(text_of(record)),
            record => members::text(record.json()?, path),
        }
    }

    /// The trait by which a record is known when the list is asked for it once more: its key, or all of it.
    pub(super) fn trait_of(&self, record: &Piece<'_>) -> String {
        self.key(record).unwrap_or_else(|| text_of(record))
    }

    /// From now on the same page once more is no news, even where no record has a key: servers that know no positions answer
    /// so for ever.
    pub(super) fn watch_for_repetition(&mut self) {
        self.watching = true;
    }

    pub(super) fn take(&mut self, page: &Page<'_>) -> Result<Taken, FetchError> {
        let mut taken = Taken {
            records: page.count(),
            new: 0,
            total: page.total(),
        };
        if self.key.is_none() && taken.records > 0 {
            let before = self.page.replace(self.seen.hash(page)?);
            if self.watching && before == self.page {
                return Ok(taken);
            }
        }
        page.each(&mut |record| {
            let key = self.key(record);
            let standing = self.add(record, key.as_deref())?;
            self.last = key;
            taken.new += u64::from(standing == Standing::New);
            Ok(())
        })?;
        Ok(taken)
    }

    /// Writes a record, unless it was written before. One that has the key of another and says something else is no
    /// repetition.
    fn add(&mut self, record: &Piece<'_>, key: Option<&str>) -> Result<Standing, FetchError> {
        self.line.clear();
        line(record, &mut self.line)?;
        let standing = key.map_or(Standing::New, |key| self.seen.insert(key, &self.line));
        self.distinct += u64::from(standing == Standing::New);
        if standing == Standing::Repeated {
            return Ok(standing);
        }
        self.bytes = self.bytes.saturating_add(record.len() as u64);
        if self.bytes > self.most_bytes {
            return Err(FetchError::TooLarge {
                what: "the list",
                limit: self.most_bytes,
            });
        }
        self.lines.put(record, &self.line)?;
        Ok(standing)
    }

    /// The file that it writes, to read it meanwhile.
    pub(super) fn share(&self) -> io::Result<File> {
        self.lines.share()
    }

    /// Writes everything out; says how many bytes that are.
    pub(super) fn flushed(&mut self) -> io::Result<u64> {
        self.lines.flushed()
    }

    /// Takes a record that an earlier process kept; gives what it is known by, none where it is there already.
    pub(super) fn restore(&mut self, record: &Piece<'_>) -> Result<Option<String>, FetchError> {
        let key = self.key(record);
        let standing = self.add(record, key.as_deref())?;
        self.last.clone_from(&key);
        Ok((standing != Standing::Repeated).then(|| key.unwrap_or_else(|| text_of(record))))
    }

    pub(super) fn finish(self) -> Result<CollectedPages, FetchError> {
        let (lines, tally) = self.lines.finish()?;
        Ok(CollectedPages { lines, tally })
    }
}

/// A record as it is written.
fn text_of(record: &Piece<'_>) -> String {
    let mut text = Vec::new();
    // Memory takes everything.
    let _ = line(record, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The relation of a record to those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The record's key is new, or it has none.
    New,
    /// The record's key is known, and its content is not.
    Other,
    Repeated,
}

/// The keys seen last, as hashes that nobody can predict, each with the hash of what the record said that had it first. Only where
/// both are the same is a record a repetition: that is 128 bits. They come in two generations, of which the older is forgotten at once
/// when the younger is full: that takes no list of their order, and no table from which single ones are taken.
struct SeenKeys {
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
    /// The content of others that had a known key, as hashes.
    others: HashSet<(u64, u64)>,
    most: usize,
    states: [RandomState; 2],
}

impl SeenKeys {
    fn new(most: usize) -> SeenKeys {
        SeenKeys {
            young: HashMap::new(),
            old: HashMap::new(),
            others: HashSet::new(),
            most,
            states: [RandomState::new(), RandomState::new()],
        }
    }

    /// A hash that tells the records of a page from others.
    fn hash(&self, page: &Page<'_>) -> Result<u64, FetchError> {
        let [state, _] = &self.states;
        let mut hasher = state.build_hasher();
        page.each(&mut |record| {
            record.bytes().hash(&mut hasher);
            Ok(())
        })?;
        Ok(hasher.finish())
    }

    /// Takes a key: the relation of its record to those before.
    fn insert(&mut self, key: &str, line: &[u8]) -> Standing {
        let [keys, contents] = &self.states;
        let (hash, said) = (keys.hash_one(key), contents.hash_one(line));
        match self.young.get(&hash).or_else(|| self.old.get(&hash)) {
            Some(first) if *first == said => return Standing::Repeated,
            Some(_) if self.others.contains(&(hash, said)) => return Standing::Repeated,
            Some(_) => {
                // Who says something else each time is not to fill the memory.
                if self.others.len() < self.most {
                    self.others.insert((hash, said));
                }
                return Standing::Other;
            }
            None => {}
        }
        if self.young.len() >= self.most / 2 {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(hash, said);
        Standing::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_keys_is_bounded() {
        let mut seen = SeenKeys::new(6);
        for key in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(seen.insert(key, b"x"), Standing::New);
        }
        for key in ["a", "f"] {
            assert_eq!(seen.insert(key, b"x"), Standing::Repeated);
        }
        assert_eq!(seen.insert("g", b"x"), Standing::New);
        assert_eq!(
            seen.insert("d", b"x"),
            Standing::Repeated,
            "half of them at least are known"
        );
        assert_eq!(seen.insert("a", b"x"), Standing::New, "the oldest are forgotten");
        for key in 0..1000 {
            seen.insert(&key.to_string(), b"x");
            assert!(seen.young.len() + seen.old.len() <= 6);
        }
        assert_eq!(seen.insert("a", b"x"), Standing::New);
        for said in 0..10_u8 {
            assert_eq!(seen.insert("a", &[said]), Standing::Other);
        }
        assert_eq!(seen.others.len(), 6);
        assert_eq!(seen.insert("a", &[0]), Standing::Repeated);
    }
}
