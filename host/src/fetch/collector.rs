//! Puts the records of many pages into one document, each record once.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Write};

use serde_json::value::RawValue;

use super::records::Records;
use super::spool::{Spool, Spooled};

/// Keys that are remembered, about 25 bytes each; the oldest are forgotten first. Pages repeat what was on the page
/// before, not what was half a million records ago.
const REMEMBERED: usize = 500_000;

/// The document under construction.
pub(super) struct Collector {
    out: BufWriter<File>,
    key: Option<String>,
    seen: Seen,
    /// Records in the document.
    pub(super) count: u64,
}

impl Collector {
    /// An empty document; `key` is the member by which records are told apart, none where all count as different.
    pub(super) fn new(spool: &Spool, key: Option<String>) -> io::Result<Collector> {
        let out = BufWriter::with_capacity(128 * 1024, spool.create()?);
        Ok(Collector {
            out,
            key,
            seen: Seen::default(),
            count: 0,
        })
    }

    /// Adds what is new on a page; answers with how many records that were. Blocking.
    pub(super) fn add(&mut self, page: &Records) -> io::Result<u64> {
        let before = self.count;
        let mut reader = BufReader::with_capacity(128 * 1024, page.lines.reader());
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            if self.is_new(&line) {
                self.out.write_all(&line)?;
                self.count += 1;
            }
            line.clear();
        }
        Ok(self.count - before)
    }

    /// Whether no record with this key came before. A record without a key cannot be told from others and is kept.
    fn is_new(&mut self, line: &[u8]) -> bool {
        let Some(key) = &self.key else { return true };
        match member(line, key) {
            Some(value) => self.seen.insert(value.get()),
            None => true,
        }
    }

    /// Whether every key is still remembered, so that reading the pages again would add only what was missed.
    pub(super) fn remembers_all(&self) -> bool {
        self.key.is_some() && self.count <= REMEMBERED as u64
    }

    /// The finished document.
    pub(super) fn finish(self) -> io::Result<Spooled> {
        Spooled::new(self.out.into_inner().map_err(|error| error.into_error())?)
    }
}

/// The JSON text of a member of an object.
fn member<'a>(line: &'a [u8], key: &str) -> Option<&'a RawValue> {
    let members: std::collections::BTreeMap<std::borrow::Cow<'a, str>, &'a RawValue> =
        serde_json::from_slice(line).ok()?;
    members
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| value)
}

/// Hashes of the keys seen last. The hash is keyed with a secret of this process: nobody can aim at a collision.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    hashes: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    fn insert(&mut self, key: &str) -> bool {
        let hash = self.hasher.hash_one(key);
        if !self.hashes.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
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
    use std::io::Read;

    fn page(spool: &Spool, lines: &str) -> Records {
        let mut file = spool.create().unwrap();
        file.write_all(lines.as_bytes()).unwrap();
        Records {
            lines: Spooled::new(file).unwrap(),
            count: lines.lines().count() as u64,
            total: None,
        }
    }

    #[test]
    fn a_record_that_came_before_is_dropped_and_one_without_a_key_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let mut collector = Collector::new(&spool, Some("id".into())).unwrap();
        assert_eq!(
            collector
                .add(&page(&spool, "{\"id\":\"a\"}\n{\"id\":\"b\",\"x\":1}\n{\"x\":2}\n"))
                .unwrap(),
            3
        );
        assert_eq!(
            collector
                .add(&page(&spool, "{\"x\":9,\"ID\":\"b\"}\n{\"id\":\"c\"}\n{\"x\":2}\n"))
                .unwrap(),
            2
        );
        assert!(collector.remembers_all());
        let mut text = String::new();
        collector.finish().unwrap().reader().read_to_string(&mut text).unwrap();
        assert_eq!(
            text,
            "{\"id\":\"a\"}\n{\"id\":\"b\",\"x\":1}\n{\"x\":2}\n{\"id\":\"c\"}\n{\"x\":2}\n"
        );
    }
}
