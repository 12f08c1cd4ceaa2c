//! The chain of lines: each holds the digest of the one before.

use std::collections::HashSet;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::compress::DigestWriter;
use super::line::{BEGINNING, ManifestLine, digest, is_file_name};
use super::report::{EvidenceReport, FindingKind, LastDigest};

/// A walk along a chain.
#[derive(Debug)]
pub(crate) struct ChainWalk {
    /// The digest that the next line has to hold.
    expected: String,
    /// The digests of all lines so far.
    seen: HashSet<u128>,
    /// The digests that lines so far follow.
    followed: HashSet<u128>,
    /// The last line, and where it stands.
    last: Option<LastDigest>,
}

impl ChainWalk {
    /// Begins behind a digest; at the beginning of all where none is given.
    pub(crate) fn after(digest: Option<&str>) -> ChainWalk {
        let expected = digest.unwrap_or(BEGINNING).to_owned();
        ChainWalk {
            seen: HashSet::from([short(&expected)]),
            followed: HashSet::new(),
            expected,
            last: None,
        }
    }

    /// Takes the next line, without its end. Answers with it where it is one.
    pub(crate) fn take(
        &mut self,
        text: &[u8],
        file: &str,
        number: Option<u64>,
        report: &mut EvidenceReport,
    ) -> Option<ManifestLine> {
        report.lines += 1;
        let own = digest(text);
        let line: Option<ManifestLine> = serde_json::from_slice(text).ok();
        match &line {
            None => report.find(FindingKind::Altered, file, number, "this is not a line of a manifest"),
            Some(line) if line.prev != self.expected => {
                let (kind, message) = match self.followed.contains(&short(&line.prev)) {
                    true => (
                        FindingKind::Forked,
                        "it follows a line that another one follows already",
                    ),
                    false if self.seen.contains(&short(&line.prev)) => {
                        (FindingKind::Broken, "it follows an earlier line than the one before it")
                    }
                    false if self.last.is_none() => (
                        FindingKind::Broken,
                        "it is the first line, and follows one that is not there: where that was removed on purpose, give its \
                         digest with --after",
                    ),
                    false => (
                        FindingKind::Broken,
                        "it does not follow the line before it: that one was altered, or lines are missing, moved or added",
                    ),
                };
                report.find(kind, file, number, message);
            }
            Some(_) => {}
        }
        if let Some(line) = &line {
            self.followed.insert(short(&line.prev));
        }
        self.seen.insert(short(&own));
        self.expected.clone_from(&own);
        self.last = Some(LastDigest {
            file: file.to_owned(),
            sha256: own,
        });
        line
    }

    /// True where a line has that digest.
    pub(crate) fn has(&self, digest: &str) -> bool {
        self.seen.contains(&short(digest))
    }

    /// Ends: the last line is told.
    pub(crate) fn end(self, report: &mut EvidenceReport) {
        report.last.extend(self.last);
    }
}

/// The first half of a digest, or of any other text's: many are held, and no two of them are alike.
pub(crate) fn short(text: &str) -> u128 {
    let half = Sha256::digest(text);
    half.iter()
        .take(16)
        .fold(0, |short, byte| (short << 8) | u128::from(*byte))
}

/// True where a line names a document that can be looked for; else the report says so.
pub(crate) fn names_a_document(
    line: &ManifestLine,
    file: &str,
    number: Option<u64>,
    report: &mut EvidenceReport,
) -> bool {
    let good = is_file_name(&line.file);
    if !good {
        report.find(
            FindingKind::Altered,
            file,
            number,
            "it names no document of this program",
        );
    }
    good
}

/// The fault of a document's file, if it has one.
pub(crate) fn wrong_with(line: &ManifestLine, file: impl Read) -> io::Result<Option<String>> {
    // Read no further than what is right could be long.
    let mut file = CountingReader::new(file.take(line.compressed_bytes.saturating_add(1)));
    let decoded = decoded(&mut file, line.bytes);
    io::copy(&mut file, &mut io::sink())?;
    let (bytes, compressed) = file.into_parts();
    if bytes != line.compressed_bytes {
        let is = match bytes > line.compressed_bytes {
            true => "more".to_owned(),
            false => bytes.to_string(),
        };
        return Ok(Some(format!("it has {is} instead of {} bytes", line.compressed_bytes)));
    }
    if compressed != line.compressed_sha256 {
        return Ok(Some("its SHA-256 is another than its line says".into()));
    }
    Ok(match decoded {
        Err(error) => Some(format!("it cannot be decompressed: {error}")),
        Ok((bytes, _)) if bytes != line.bytes => {
            Some(format!("it holds another document than one of {} bytes", line.bytes))
        }
        Ok((_, sha256)) if sha256 != line.sha256 => Some("it holds another document than its line says".into()),
        Ok(_) => None,
    })
}

/// The length and digest of what a compressed document holds, read no further than a byte more than expected.
fn decoded(file: impl Read, expected: u64) -> io::Result<(u64, String)> {
    let mut plain = zstd::Decoder::new(file)?.take(expected.saturating_add(1));
    let mut to = DigestWriter::new(io::sink());
    io::copy(&mut plain, &mut to)?;
    let (_, bytes, sha256) = to.into_parts();
    Ok((bytes, sha256))
}

/// Reads, and takes length and digest of what was read.
struct CountingReader<R> {
    from: R,
    to: DigestWriter<io::Sink>,
}

impl<R: Read> CountingReader<R> {
    fn new(from: R) -> CountingReader<R> {
        let to = DigestWriter::new(io::sink());
        CountingReader { from, to }
    }

    fn into_parts(self) -> (u64, String) {
        let (_, bytes, sha256) = self.to.into_parts();
        (bytes, sha256)
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        io::Write::write_all(&mut self.to, buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}
