//! Compressed bodies and files.

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
};

use flate2::{bufread::MultiGzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};

/// The compression of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// The value of `Content-Encoding` (RFC 9110 section 8.4), where there is one.
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }

    /// The end of file names.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// The compression that the end of a file's name says.
    pub fn of_name(name: &str) -> Self {
        [Compression::Gzip, Compression::Zstd]
            .into_iter()
            .find(|compression| name.ends_with(compression.suffix()))
            .unwrap_or_default()
    }

    /// The compression that the first bytes of a file show: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1.
    pub fn of_content(first: &[u8]) -> Self {
        if first.starts_with(&[0x1f, 0x8b]) {
            Compression::Gzip
        } else if first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Compression::Zstd
        } else {
            Compression::None
        }
    }

    /// All of the bytes, compressed. The same bytes give the same result.
    pub fn compress(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Compression::None => Ok(bytes),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&bytes)?;
                encoder.finish()
            }
            Compression::Zstd => zstd::bulk::compress(&bytes, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }

    /// Begins a gzip member or a zstd frame.
    pub(crate) fn encoder<W: Write>(self, to: W) -> io::Result<CompressingWriter<W>> {
        Ok(match self {
            Compression::None => CompressingWriter::None(to),
            Compression::Gzip => CompressingWriter::Gzip(GzEncoder::new(to, flate2::Compression::default())),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(to, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                CompressingWriter::Zstd(encoder)
            }
        })
    }

    /// Reads all members or frames, one after the other.
    ///
    /// # Errors
    ///
    /// Where no memory can be had for it.
    pub fn decoder<'a>(self, from: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Compression::None => Box::new(from),
            Compression::Gzip => Box::new(MultiGzDecoder::new(from)),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(from)?),
        })
    }
}

/// Compresses what is written. Without [`finish`](CompressingWriter::finish) the result is not complete.
pub(crate) enum CompressingWriter<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> CompressingWriter<W> {
    /// The writer to which the compressed bytes go.
    pub(super) fn get_ref(&self) -> &W {
        match self {
            CompressingWriter::None(to) => to,
            CompressingWriter::Gzip(encoder) => encoder.get_ref(),
            CompressingWriter::Zstd(encoder) => encoder.get_ref(),
        }
    }

    /// Ends the member or frame.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            CompressingWriter::None(to) => Ok(to),
            CompressingWriter::Gzip(encoder) => encoder.finish(),
            CompressingWriter::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for CompressingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            CompressingWriter::None(to) => to.write(bytes),
            CompressingWriter::Gzip(encoder) => encoder.write(bytes),
            CompressingWriter::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            CompressingWriter::None(to) => to.flush(),
            CompressingWriter::Gzip(encoder) => encoder.flush(),
            CompressingWriter::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl<W: Write + fmt::Debug> fmt::Debug for CompressingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompressingWriter").field(self.get_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

    #[test]
    fn what_is_encoded_in_pieces_and_members_is_read_as_one() {
        for compression in ALL {
            let mut bytes = Vec::new();
            for piece in ["first ", "second "] {
                let mut encoder = compression.encoder(bytes).unwrap();
                for _ in 0..1000 {
                    encoder.write_all(piece.as_bytes()).unwrap();
                }
                bytes = encoder.finish().unwrap();
            }
            assert_eq!(Compression::of_content(&bytes), compression);
            let mut text = String::new();
            let mut decoder = compression.decoder(bytes.as_slice()).unwrap();
            decoder.read_to_string(&mut text).unwrap();
            assert!(
                text == "first ".repeat(1000) + &"second ".repeat(1000),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn without_an_end_it_is_not_taken_for_whole() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut encoder = compression.encoder(Vec::new()).unwrap();
            encoder.write_all(b"text").unwrap();
            encoder.flush().unwrap();
            let part = encoder.get_ref().clone();
            let mut decoder = compression.decoder(part.as_slice()).unwrap();
            assert!(decoder.read_to_end(&mut Vec::new()).is_err(), "{compression:?}");
        }
    }

    #[test]
    fn a_name_tells_its_compression_by_its_end() {
        for (name, compression) in [
            ("x.ndjson", Compression::None),
            ("x.ndjson.gz", Compression::Gzip),
            ("{date}.csv.zst", Compression::Zstd),
            ("x.gz.ndjson", Compression::None),
            ("", Compression::None),
        ] {
            assert_eq!(Compression::of_name(name), compression, "{name}");
        }
    }
}
