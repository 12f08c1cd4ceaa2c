//! Lists that were read in part, and go on where they were left: by another process, after a failure or a kill.
//!
//! Beside the place where the document is to be kept lie two files: the records read so far, and a note that says how many
//! bytes of them count and where the list goes on. The records are on disk before the note says so, and the note is replaced as
//! a whole; so whenever the process ends, the two fit.
//!
//! The part that was read counts only where the list is still the same: whoever continues asks for its end once more
//! ([`Earlier::is_followed_by`]), and the server must tell the same length and the same records there. Anything that was added or
//! removed before would have moved them.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::body::PageBody;
use super::collector::Collector;
use super::page::Page;
use crate::blocking::blocking;
use crate::error::FetchError;
use crate::records::piece::Piece;
use base::hex;

/// Changes when an older program could not go on from a note.
const FORM: u32 = 1;

/// The records read so far, and the note, for a document that is to be kept at `base`. Their names say that they are no
/// whole documents.
pub fn files(base: &Path) -> [PathBuf; 2] {
    ["pages.partial", "bookmark.partial"].map(|ending| {
        let mut name = base.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ending);
        base.with_file_name(name)
    })
}

/// The point up to which a list was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PagesMark {
    /// The position of the next record, counted from 1: all before were read, each once.
    pub(super) next: u64,
    /// Records that a request really brings.
    pub(super) size: u64,
    /// The length of the list.
    pub(super) total: u64,
    /// True if the server was asked to sort.
    pub(super) sorted: bool,
    /// Bytes of the records.
    pub(super) bytes: u64,
}

/// The note.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    form: u32,
    /// SHA-256 of what was asked.
    query: String,
    #[serde(flatten)]
    mark: PagesMark,
    /// SHA-256 of the records.
    sha256: String,
}

/// Keeps what is read of one list.
pub(super) struct Bookmark {
    files: [PathBuf; 2],
    query: String,
    /// The file that the collector writes.
    source: Arc<File>,
    /// Bytes that are kept already, and their hash so far.
    kept: u64,
    hash: Sha256,
    /// The mark that is not kept yet.
    ahead: Option<PagesMark>,
    every: Duration,
    due: Instant,
}

/// The part of a list that an earlier process read.
pub(super) struct Earlier {
    /// Has the records.
    pub(super) collector: Collector,
    pub(super) bookmark: Bookmark,
    pub(super) mark: PagesMark,
    /// The traits of the last records, as many as a request brings.
    last: Vec<String>,
}

impl Bookmark {
    /// Keeps what `collector` has got, at least so often, in the files for the document at `base`.
    pub(super) fn new(base: &Path, query: String, collector: &Collector, every: Duration) -> io::Result<Bookmark> {
        Ok(Bookmark {
            files: files(base),
            query,
            source: Arc::new(collector.share()?),
            kept: 0,
            hash: Sha256::new(),
            ahead: None,
            every,
            due: Instant::now() + every,
        })
    }

    /// The list was read so far.
    pub(super) fn reached(&mut self, mark: PagesMark) {
        self.ahead = Some(mark);
    }

    /// Waits until there is something to keep, and it is time.
    pub(super) async fn due(&self) {
        match self.ahead {
            Some(_) => tokio::time::sleep_until(self.due).await,
            None => std::future::pending().await,
        }
    }

    /// Keeps what was read, if there is anything new.
    pub(super) async fn save(&mut self) -> Result<(), FetchError> {
        self.due = Instant::now() + self.every;
        let Some(mark) = self.ahead.take() else {
            return Ok(());
        };
        let (files, source, from) = (self.files.clone(), Arc::clone(&self.source), self.kept);
        let (query, mut hash) = (self.query.clone(), self.hash.clone());
        let kept = blocking(move || {
            append(&files[0], &source, from, mark.bytes, &mut hash)?;
            let note = Note {
                form: FORM,
                query,
                mark,
                sha256: hex(&hash.clone().finalize()),
            };
            write(&files[1], &note)?;
            Ok(hash)
        });
        self.hash = kept.await?;
        self.kept = mark.bytes;
        Ok(())
    }
}

impl Earlier {
    /// The part that an earlier process kept for the document at `base`, where it asked the same; none where there is nothing of
    /// use. Blocks.
    pub(super) fn read(
        base: &Path,
        query: &str,
        mut collector: Collector,
        every: Duration,
    ) -> Result<Option<Earlier>, FetchError> {
        let [records, note] = files(base);
        let Some(note) = std::fs::read(&note)
            .ok()
            .and_then(|note| serde_json::from_slice::<Note>(&note).ok())
        else {
            return Ok(None);
        };
        let mark = note.mark;
        if note.form != FORM || note.query != query || mark.next < 2 || mark.next > mark.total.saturating_add(1) {
            return Ok(None);
        }
        let Ok(file) = File::open(&records) else {
            return Ok(None);
        };
        let mut reader = BufReader::with_capacity(256 * 1024, file.take(mark.bytes));
        let (mut hash, mut last, mut line) = (Sha256::new(), VecDeque::new(), Vec::new());
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                // It is read from its beginning then.
                Err(_) => return Ok(None),
            }
            hash.update(&line);
            let Some(text) = line.strip_suffix(b"\n") else {
                return Ok(None);
            };
            let record = match serde_json::from_slice::<&RawValue>(text) {
                Ok(record) => Piece::kept(record.get()),
                Err(_) => Piece::Broken(text.to_vec()),
            };
            let Some(key) = collector.restore(&record)? else {
                return Ok(None);
            };
            last.push_back(key);
            if last.len() as u64 > mark.size {
                last.pop_front();
            }
        }
        if hex(&hash.clone().finalize()) != note.sha256 || collector.count() != mark.next - 1 {
            return Ok(None);
        }
        let mut bookmark = Bookmark::new(base, note.query, &collector, every)?;
        (bookmark.kept, bookmark.hash) = (mark.bytes, hash);
        Ok(Some(Earlier {
            collector,
            bookmark,
            mark,
            last: last.into(),
        }))
    }

    /// The part of the list to ask for once more: the position of its first record, and how many there are.
    pub(super) fn end(&self) -> (u64, u64) {
        let count = self.last.len() as u64;
        (self.mark.next.saturating_sub(count), count)
    }

    /// True if the list is still the same, by the answer to that question.
    pub(super) fn is_followed_by(&self, body: &PageBody, records: Option<&[String]>) -> bool {
        let Ok(page) = Page::read(body, records, self.collector.record_bytes()) else {
            return false;
        };
        let mut last = self.last.iter();
        let mut same = page.total() == Some(self.mark.total);
        let read = page.each(&mut |record| {
            same &= last.next() == Some(&self.collector.trait_of(record));
            Ok(())
        });
        read.is_ok() && same && last.next().is_none()
    }
}

/// Brings a file from `from` to `to` bytes: the same as in the source. Whatever lies behind is of no use.
fn append(path: &Path, source: &File, from: u64, to: u64, hash: &mut Sha256) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.len() < from {
        return Err(io::Error::other(format!("{} was cut", path.display())));
    }
    file.set_len(from)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut at = from;
    while at < to {
        let most = buffer.len().min(usize::try_from(to - at).unwrap_or(usize::MAX));
        let part = buffer.get_mut(..most).unwrap_or_default();
        source.read_exact_at(part, at)?;
        hash.update(&*part);
        file.write_all_at(part, at)?;
        at += most as u64;
    }
    file.sync_all()
}

/// Replaces the note.
fn write(path: &Path, note: &Note) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(path.file_name().unwrap_or_default())
        .suffix(".partial")
        .tempfile_in(folder)?;
    file.write_all(&serde_json::to_vec(note)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
