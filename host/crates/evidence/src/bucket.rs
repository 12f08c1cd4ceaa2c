//! Evidence in a bucket, whose objects nobody may change.
//!
//! Nothing can be appended to an object, so each line is an object of its own, and each stream has a chain of its own:
//! `STREAM/manifest/YYYY-MM-DD/NUMBER.json` holds the line with that number of the stream, counted from 1, without its end. A line is put
//! only where there is none with its number, so of two processes that follow the same line one finds its number taken and
//! follows the other's. The document is put before its line.

use std::io::{self, Write};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::Mutex;

use super::chain::{ChainWalk, names_a_document, wrong_with};
use super::compress::compress;
use super::document::{EvidenceDocument, EvidenceStore};
use super::error::EvidenceError;
use super::line::{BEGINNING, ManifestLine, digest, is_file_name, new_id};
use super::report::{EvidenceReport, Expectation, FindingKind};
use sink::LockedBucket;

/// The largest document after compression, which is held in memory while it is put.
const LARGEST: usize = 1 << 30;

/// The number of times that a number is looked for which is not taken.
const ATTEMPTS: u32 = 20;

/// A bucket of evidence.
#[derive(Debug)]
pub struct EvidenceBucket {
    archive: Arc<LockedBucket>,
    mask: bool,
    /// The last line of the stream that documents were kept of last: lines of one process follow one another.
    last: Mutex<Option<(String, LastLine)>>,
}

/// The last line of a stream.
#[derive(Debug, Clone)]
struct LastLine {
    day: Date,
    number: u64,
    digest: String,
}

impl EvidenceBucket {
    /// Evidence in that bucket. Asks for nothing yet. `mask` keeps no secrets of others in documents.
    pub fn new(archive: LockedBucket, mask: bool) -> EvidenceBucket {
        EvidenceBucket {
            archive: Arc::new(archive),
            mask,
            last: Mutex::default(),
        }
    }

    fn failed(&self, reason: String) -> EvidenceError {
        EvidenceError::Bucket {
            bucket: self.archive.shown().to_owned(),
            reason,
        }
    }

    /// Puts the document; under a name with a number where another has its name. Says the name.
    async fn put_document(&self, line: &ManifestLine, bytes: Vec<u8>) -> Result<String, String> {
        let stem = line.file.strip_suffix(".zst").unwrap_or(&line.file);
        for number in 1..=ATTEMPTS {
            let name = match number {
                1 => line.file.clone(),
                number => format!("{stem}-{number}.zst"),
            };
            if self.archive.put_new(&name, bytes.clone()).await? {
                return Ok(name);
            }
            // A run that was cut short has put it already.
            if self.archive.get(&name).await?.is_some_and(|there| there == bytes) {
                return Ok(name);
            }
        }
        Err(format!("{} is taken, as are other names like it", line.file))
    }

    /// Puts the line behind the last one of its stream.
    async fn put_line(&self, line: ManifestLine) -> Result<(), String> {
        let mut known = self.last.lock().await;
        let stream = line.stream.id.clone();
        let mut last = match known.take() {
            Some((of, last)) if of == stream => Some(last),
            _ => last_line(&self.archive, &stream_folder(&line)).await?,
        };
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        for _ in 0..ATTEMPTS {
            let (number, day, prev) = match &last {
                None => (1, today, BEGINNING.to_owned()),
                // A clock may be set back.
                Some(last) => (last.number.saturating_add(1), today.max(last.day), last.digest.clone()),
            };
            let line = ManifestLine { prev, ..line.clone() };
            let text = line.text().map_err(|error| error.to_string())?;
            let digest = digest(&text);
            let name = format!("{}/manifest/{day}/{number:012}.json", stream_folder(&line));
            if self.archive.put_new(&name, text).await? {
                *known = Some((stream, LastLine { day, number, digest }));
                return Ok(());
            }
            // Another process was quicker, or this one's answer was lost.
            last = last_line(&self.archive, &stream_folder(&line)).await?;
            if last.as_ref().is_some_and(|last| last.digest == digest) {
                *known = last.map(|last| (stream, last));
                return Ok(());
            }
        }
        Err("other processes put a line each time before this one could".into())
    }
}

#[async_trait]
impl EvidenceStore for EvidenceBucket {
    async fn keep(&self, document: EvidenceDocument) -> Result<(), EvidenceError> {
        let mask = self.mask;
        let compressed = base::blocking(move || -> io::Result<(ManifestLine, Vec<u8>)> {
            let mut document = document;
            let mut bytes = BoundedBytes(Vec::new());
            let compressed = compress(&mut *document.bytes, &mut bytes, document.content, mask)?;
            let line = ManifestLine::new(new_id(document.host_clock), &document, compressed);
            Ok((line, bytes.0))
        });
        let compressed = match compressed.await {
            Ok(compressed) => compressed,
            Err(died) => Err(died.resume_panic().into()),
        };
        let (line, bytes) = compressed.map_err(|error| self.failed(error.to_string()))?;
        let put = async {
            let file = self.put_document(&line, bytes).await?;
            base::failpoint!("manifest.before");
            self.put_line(ManifestLine { file, ..line }).await?;
            base::failpoint!("manifest.after");
            Ok::<(), String>(())
        };
        put.await.map_err(|reason| self.failed(reason))
    }
}

/// Bytes in memory, not more than an object may have.
struct BoundedBytes(Vec<u8>);

impl Write for BoundedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > LARGEST {
            return Err(io::Error::other(format!(
                "a document of more than {LARGEST} bytes after compression is too large for one object"
            )));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name before those of a line's stream: the first part of its document's.
fn stream_folder(line: &ManifestLine) -> String {
    line.file.split('/').next().unwrap_or_default().to_owned()
}

/// The last line of a stream; none where there is none.
async fn last_line(archive: &LockedBucket, stream: &str) -> Result<Option<LastLine>, String> {
    for day in archive.folders(&format!("{stream}/manifest")).await?.iter().rev() {
        let names = archive.list(day).await?;
        let Some(name) = names.last() else { continue };
        let Some((day, number)) = place_of(name) else {
            return Err(format!("{name} is not a line of a manifest"));
        };
        let Some(text) = archive.get(name).await? else {
            return Err(format!("{name} is listed, and not there"));
        };
        return Ok(Some(LastLine {
            day,
            number,
            digest: digest(&text),
        }));
    }
    Ok(None)
}

/// Day and number of a line, by its object's name.
fn place_of(name: &str) -> Option<(Date, u64)> {
    let parts: Vec<&str> = name.split('/').collect();
    let &[_, "manifest", day, number] = parts.as_slice() else {
        return None;
    };
    Some((day.parse().ok()?, number.strip_suffix(".json")?.parse().ok()?))
}

/// Checks the evidence in a bucket.
///
/// # Errors
///
/// Where it cannot be read.
pub async fn verify_bucket(archive: LockedBucket, expected: &Expectation) -> Result<EvidenceReport, EvidenceError> {
    let shown = archive.shown().to_owned();
    let checked = check(&archive, expected).await;
    checked.map_err(|reason| EvidenceError::Unreadable { bucket: shown, reason })
}

async fn check(archive: &LockedBucket, expected: &Expectation) -> Result<EvidenceReport, String> {
    let mut report = EvidenceReport::default();
    let mut has = expected.has.is_none();
    for stream in archive.folders("").await? {
        // Documents are listed before the lines that are put behind them.
        let names = archive.list(&stream).await?;
        let mut chain = ChainWalk::after(expected.after.as_deref());
        let mut unnamed: std::collections::BTreeSet<&str> = names.iter().map(String::as_str).collect();
        // Numbers have twelve digits, and days follow one another: names are in the order of the chain.
        let mut number = None;
        for name in names.iter().filter(|name| place_of(name).is_some()) {
            unnamed.remove(name.as_str());
            let own = place_of(name).map(|(_, number)| number);
            if let (Some(before), Some(own)) = (number, own)
                && own != before + 1_u64
            {
                let message = format!("its number is {own}, and that of the line before it {before}");
                report.find(FindingKind::Broken, name, None, message);
            }
            number = own;
            let Some(text) = archive.get(name).await? else {
                report.find(FindingKind::Missing, name, None, "it is listed, and not there");
                continue;
            };
            let Some(line) = chain.take(&text, name, None, &mut report) else {
                continue;
            };
            if !names_a_document(&line, name, None, &mut report) {
                continue;
            }
            unnamed.remove(line.file.as_str());
            match archive.get(&line.file).await? {
                None => {
                    let message = format!("{name} names it, and it is not there");
                    report.find(FindingKind::Missing, &line.file, None, message);
                }
                Some(bytes) => match wrong_with(&line, bytes.as_slice()).map_err(|error| error.to_string())? {
                    None => report.documents += 1,
                    Some(wrong) => report.find(FindingKind::Altered, &line.file, None, wrong),
                },
            }
        }
        for file in unnamed {
            let message = match is_file_name(file) {
                true => "no line names it: a run is keeping it now, or ended before it had its line",
                false => "no line names it",
            };
            report.find(FindingKind::Extra, file, None, message);
        }
        has = has || expected.has.as_deref().is_some_and(|digest| chain.has(digest));
        chain.end(&mut report);
    }
    if let Some(digest) = expected.has.as_deref().filter(|_| !has) {
        let message = "no line has the digest that was noted: lines were altered, or the last ones removed";
        report.find(FindingKind::Lost, digest, None, message);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_its_name() {
        let day: Date = "2026-03-05".parse().unwrap();
        assert_eq!(place_of("ab/manifest/2026-03-05/000000000012.json"), Some((day, 12)));
        for name in [
            "ab/manifest/2026-03-05/x.json",
            "ab/2026/03/05/x.zst",
            "ab/manifest/000000000012.json",
            "ab/manifest/2026-13-05/000000000012.json",
        ] {
            assert_eq!(place_of(name), None, "{name}");
        }
    }
}
