//! The memory of earlier queries: where their matches are, and whole pages.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// The number of matches, and where every 256th is.
#[derive(Debug)]
pub(super) struct MatchIndex {
    pub(super) total: u64,
    pub(super) marks: Vec<i64>,
}

/// Indexes of the last queries.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    known: std::collections::VecDeque<(String, Range<i64>, Arc<MatchIndex>)>,
}

impl Indexes {
    pub(super) fn get(&self, filter: &str, range: &Range<i64>) -> Option<Arc<MatchIndex>> {
        self.known
            .iter()
            .find(|(text, known, _)| text == filter && known == range)
            .map(|(.., index)| Arc::clone(index))
    }

    pub(super) fn put(&mut self, filter: &str, range: &Range<i64>, index: Arc<MatchIndex>) {
        if self.known.len() == 64 {
            self.known.pop_front();
        }
        self.known.push_back((filter.to_owned(), range.clone(), index));
    }
}

/// Answers as they went out, by who asked for what, so that a server can be played whose work is done elsewhere.
#[derive(Debug, Default)]
pub(crate) struct KeptPages {
    pages: std::collections::HashMap<String, Bytes>,
}

impl KeptPages {
    pub(super) fn get(&self, asked: &str) -> Option<Bytes> {
        self.pages.get(asked).cloned()
    }

    pub(super) fn put(&mut self, asked: String, page: &Bytes, most: u64) {
        if u64::try_from(self.pages.len()).is_ok_and(|pages| pages < most) {
            self.pages.insert(asked, page.clone());
        }
    }
}
