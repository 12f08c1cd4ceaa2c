//! Compresses a document and takes its digests on the way.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use sha2::{Digest as _, Sha256};

use super::document::DocumentContent;
use base::hex;

/// The longest text that is masked at once, as in recordings.
const LONGEST_MASKED: u64 = 32 * 1024 * 1024;

/// The beginning of an archive: nothing in one can be masked.
const ARCHIVE: &[u8] = b"PK";

/// The facts about a document once it is compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compressed {
    /// Bytes before compression.
    pub(crate) bytes: u64,
    /// SHA-256 before compression.
    pub(crate) sha256: String,
    /// Bytes after compression.
    pub(crate) compressed_bytes: u64,
    /// SHA-256 after compression.
    pub(crate) compressed_sha256: String,
    /// SHA-256 of what was received, where it is not what was kept.
    pub(crate) received_sha256: Option<String>,
}

/// Compresses all of `from`, with masks in the place of secrets where that is wanted.
pub(crate) fn compress(
    from: &mut (dyn Read + Send),
    to: impl Write,
    content: DocumentContent,
    mask: bool,
) -> io::Result<Compressed> {
    let encoder = zstd::Encoder::new(DigestWriter::new(to), zstd::DEFAULT_COMPRESSION_LEVEL)?;
    let mut kept = DigestWriter::new(encoder);
    let mut from = DigestReader {
        from,
        hash: Sha256::new(),
    };
    match (mask, content) {
        (false, _) => drop(io::copy(&mut from, &mut kept)?),
        (true, DocumentContent::Records) => mask_lines(&mut from, &mut kept)?,
        (true, DocumentContent::File | DocumentContent::Answer) => mask_whole(&mut from, &mut kept)?,
    }
    let received = hex(&from.hash.finalize());
    let (encoder, bytes, sha256) = kept.into_parts();
    let (mut to, compressed_bytes, compressed_sha256) = encoder.finish()?.into_parts();
    to.flush()?;
    Ok(Compressed {
        bytes,
        received_sha256: (received != sha256).then_some(received),
        sha256,
        compressed_bytes,
        compressed_sha256,
    })
}

fn mask_whole(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    from.by_ref().take(LONGEST_MASKED + 1).read_to_end(&mut text)?;
    if text.starts_with(ARCHIVE) {
        to.write_all(&text)?;
        return io::copy(from, to).map(drop);
    }
    check_length(&text)?;
    to.write_all(&secret_mask::records_bytes(&text))
}

fn mask_lines(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut from).take(LONGEST_MASKED + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        check_length(&line)?;
        let (text, end) = match line.strip_suffix(b"\n") {
            Some(text) => (text, b"\n".as_slice()),
            None => (line.as_slice(), b"".as_slice()),
        };
        to.write_all(&secret_mask::records_bytes(text))?;
        to.write_all(end)?;
    }
}

fn check_length(text: &[u8]) -> io::Result<()> {
    match text.len() as u64 > LONGEST_MASKED {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is longer than the {LONGEST_MASKED} bytes in which secrets can be masked"),
        )),
        false => Ok(()),
    }
}

/// Reads, and takes the digest of what was read.
struct DigestReader<'r> {
    from: &'r mut (dyn Read + Send),
    hash: Sha256,
}

impl Read for DigestReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Writes, and takes the digest of what was written.
pub(crate) struct DigestWriter<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> DigestWriter<W> {
    pub(crate) fn new(to: W) -> DigestWriter<W> {
        DigestWriter {
            to,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// The writer behind it, how many bytes it was given, and their SHA-256.
    pub(crate) fn into_parts(self) -> (W, u64, String) {
        (self.to, self.bytes, hex(&self.hash.finalize()))
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::digest;

    fn kept(text: &[u8], content: DocumentContent, mask: bool) -> (Vec<u8>, Compressed) {
        let mut file = Vec::new();
        let compressed = compress(&mut &text[..], &mut file, content, mask).unwrap();
        assert_eq!(compressed.compressed_sha256, digest(&file));
        assert_eq!(compressed.compressed_bytes, file.len() as u64);
        let kept = zstd::decode_all(&file[..]).unwrap();
        assert_eq!(compressed.sha256, digest(&kept));
        assert_eq!(compressed.bytes, kept.len() as u64);
        (kept, compressed)
    }

    #[test]
    fn a_document_is_kept_byte_by_byte() {
        for text in [&b""[..], b"a,b\r\n\xff\0", b"{\"password\":\"hunter2\"}"] {
            let (kept, compressed) = kept(text, DocumentContent::Answer, false);
            assert_eq!(kept, text);
            assert_eq!(compressed.received_sha256, None);
        }
    }

    #[test]
    fn secrets_of_others_are_masked_where_that_is_asked_for() {
        let secret = b"{\"password\":\"hunter2\"}\n{\"user\":\"jdoe\"}\n";
        for content in [DocumentContent::Answer, DocumentContent::Records] {
            let (kept, compressed) = kept(secret, content, true);
            assert_eq!(kept, b"{\"password\":\"***\"}\n{\"user\":\"jdoe\"}\n");
            assert_eq!(compressed.received_sha256, Some(digest(secret)));
        }
        let archive = b"PK\x03\x04 password=hunter2 \xff\xfe";
        assert_eq!(kept(archive, DocumentContent::File, true).0, archive);
    }
}
