//! The layout of a file: as asked for, else as its name says.

use super::config::FileConfig;
use crate::{Compression, Format, Pages};
use base::SetupError;

/// The decisions about a file before it is opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileLayout {
    pub(super) format: Format,
    pub(super) compression: Compression,
    /// Only for Parquet, which compresses its pages itself.
    pub(super) pages: Pages,
}

impl FileLayout {
    /// `path` is a template: what placeholders stand for decides nothing.
    pub(super) fn of(path: &str, format: Option<Format>, compression: Option<Compression>) -> Result<Self, SetupError> {
        let suffix = Compression::of_name(path);
        let inner = path.strip_suffix(suffix.suffix()).unwrap_or(path);
        let format = format.or_else(|| Format::of_name(inner)).unwrap_or_default();
        format.need_built().map_err(|failure| failure.at(path))?;
        if format != Format::Parquet {
            return Ok(FileLayout {
                format,
                compression: compression.unwrap_or(suffix),
                pages: Pages::default(),
            });
        }
        let pages = match (compression, suffix) {
            (None, Compression::None) => Pages::Snappy,
            (None, _) => {
                let failure = SetupError::usage(format!("{path}: a Parquet file is not compressed as a whole"));
                return Err(failure.hint(format!("write {inner}: its pages are compressed anyway")));
            }
            (Some(Compression::None), _) => Pages::Plain,
            (Some(Compression::Zstd), _) => Pages::Zstd,
            (Some(Compression::Gzip), _) => {
                let failure = SetupError::usage(format!("{path}: a Parquet file is not compressed by gzip"));
                return Err(failure.hint("choose zstd or none; without `compression` it is Snappy"));
            }
        };
        Ok(FileLayout {
            format,
            compression: Compression::None,
            pages,
        })
    }

    /// The layout of a configured file.
    pub(super) fn of_configured(file: &FileConfig) -> Result<Self, SetupError> {
        FileLayout::of(&file.path, file.format, file.compression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_decides_what_nobody_asked_for() {
        use Compression::{Gzip, None as Plain, Zstd};
        for (path, format, compression) in [
            ("x", Format::Ndjson, Plain),
            ("x.ndjson.gz", Format::Ndjson, Gzip),
            ("x.csv", Format::Csv, Plain),
            ("a.parquet/x.csv.zst", Format::Csv, Zstd),
            ("x.parquet", Format::Parquet, Plain),
            ("{report}", Format::Ndjson, Plain),
        ] {
            let layout = FileLayout::of(path, None, None).unwrap();
            assert_eq!((layout.format, layout.compression), (format, compression), "{path}");
        }
        let layout = FileLayout::of("x.csv.gz", Some(Format::Ndjson), Some(Plain)).unwrap();
        assert_eq!((layout.format, layout.compression), (Format::Ndjson, Plain));
    }

    #[test]
    fn parquet_compresses_its_pages_and_nothing_else() {
        for (compression, pages) in [
            (None, Pages::Snappy),
            (Some(Compression::None), Pages::Plain),
            (Some(Compression::Zstd), Pages::Zstd),
        ] {
            let layout = FileLayout::of("x.parquet", None, compression).unwrap();
            assert_eq!((layout.compression, layout.pages), (Compression::None, pages));
        }
        for (path, format, compression) in [
            ("x.parquet.gz", None, None),
            ("x.zst", Some(Format::Parquet), None),
            ("x.parquet", None, Some(Compression::Gzip)),
        ] {
            let failure = FileLayout::of(path, format, compression).unwrap_err();
            assert_eq!(failure.kind, base::ErrorKind::Usage, "{path}");
            assert!(failure.hint.is_some());
        }
    }
}
