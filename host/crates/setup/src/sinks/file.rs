//! How a file is written: as asked for, else as its name says.

use crate::SetupError;
use crate::config;
use sink::{Compression, Format, Pages, PathTemplate, Rotation};

/// What is decided about a file before it is opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: Format,
    pub(super) compression: Compression,
    /// Only for Parquet, which compresses its pages itself.
    pub(super) pages: Pages,
}

impl Layout {
    /// `path` is a template: what placeholders stand for decides nothing.
    pub(super) fn of(path: &str, format: Option<Format>, compression: Option<Compression>) -> Result<Self, SetupError> {
        let suffix = Compression::of_name(path);
        let inner = path.strip_suffix(suffix.suffix()).unwrap_or(path);
        let format = format.or_else(|| Format::of_name(inner)).unwrap_or_default();
        if format != Format::Parquet {
            return Ok(Layout {
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
        Ok(Layout {
            format,
            compression: Compression::None,
            pages,
        })
    }

    /// That of a configured file.
    pub(super) fn of_configured(file: &config::FileSink) -> Result<Self, SetupError> {
        Layout::of(&file.path, file.format, file.compression)
    }
}

/// When a configured file is completed and the next one begins.
pub(super) fn rotation(name: &str, file: &config::FileSink) -> Result<Option<Rotation>, SetupError> {
    let Some(rotate) = &file.rotate else { return Ok(None) };
    let rotation = Rotation::new(rotate.bytes, rotate.every);
    Ok(Some(rotation.map_err(|error| {
        SetupError::usage(format!("sink {name} cannot rotate: {error}"))
            .hint("write rotate = { bytes = 104857600, every = \"1h\" }, or one of the two")
    })?))
}

/// Refuses a file that could be written by one run alone: Parquet cannot grow, and its path is the same each time.
pub(super) fn growth(file: &config::FileSink, template: &PathTemplate, layout: &Layout) -> Result<(), SetupError> {
    if layout.format != Format::Parquet || file.rotate.is_some() || template.has("date") {
        return Ok(());
    }
    let failure = SetupError::usage(format!(
        "{} would be written by the first run alone: a Parquet file cannot grow",
        file.path
    ));
    Err(failure.hint("set `rotate`, which gives each run files of its own, or write ndjson or csv"))
}

/// What is no mistake of a file, and yet hardly meant.
pub(super) fn remark(file: &config::FileSink) -> Option<String> {
    let layout = Layout::of_configured(file).ok()?;
    (layout.format == Format::Parquet && file.rotate.is_none()).then(|| {
        "a Parquet file cannot grow, so that only the first run of a day can write this one; `rotate` gives each run files of \
         its own"
            .to_owned()
    })
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
            let layout = Layout::of(path, None, None).unwrap();
            assert_eq!((layout.format, layout.compression), (format, compression), "{path}");
        }
        let layout = Layout::of("x.csv.gz", Some(Format::Ndjson), Some(Plain)).unwrap();
        assert_eq!((layout.format, layout.compression), (Format::Ndjson, Plain));
    }

    #[test]
    fn a_parquet_file_needs_a_new_name_for_each_run() {
        for (settings, refused, remarked) in [
            ("path = \"x.parquet\"", true, true),
            ("path = \"{report}.parquet\"", true, true),
            ("path = \"x\"\nformat = \"parquet\"", true, true),
            ("path = \"{date}.parquet\"", false, true),
            ("path = \"x.parquet\"\nrotate = { every = \"1d\" }", false, false),
            ("path = \"x.ndjson\"", false, false),
        ] {
            let file: config::FileSink = toml::from_str(settings).unwrap();
            let (template, layout) = (file.path.parse().unwrap(), Layout::of_configured(&file).unwrap());
            assert_eq!(growth(&file, &template, &layout).is_err(), refused, "{settings}");
            assert_eq!(remark(&file).is_some(), remarked, "{settings}");
        }
    }

    #[test]
    fn parquet_compresses_its_pages_and_nothing_else() {
        for (compression, pages) in [
            (None, Pages::Snappy),
            (Some(Compression::None), Pages::Plain),
            (Some(Compression::Zstd), Pages::Zstd),
        ] {
            let layout = Layout::of("x.parquet", None, compression).unwrap();
            assert_eq!((layout.compression, layout.pages), (Compression::None, pages));
        }
        for (path, format, compression) in [
            ("x.parquet.gz", None, None),
            ("x.zst", Some(Format::Parquet), None),
            ("x.parquet", None, Some(Compression::Gzip)),
        ] {
            let failure = Layout::of(path, format, compression).unwrap_err();
            assert_eq!(failure.kind, base::ErrorKind::Usage, "{path}");
            assert!(failure.hint.is_some());
        }
    }
}
