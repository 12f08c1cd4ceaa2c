//! Files as they are configured or typed.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::config::FileConfig;
use super::layout::FileLayout;
use super::mode::FileMode;
use super::options::{Existing, FileOptions};
use super::rotation::Rotation;
use super::sink::FileSink;
use crate::kinds::destination::whole;
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use crate::{Compression, Format, PathTemplate, Placeholders, Renderer, Sink, SinkError};
use base::{ErrorKind, SetupError};
use event::{Encoding, Provenance};

/// The options of a configured file: an archive grows, and a second run of the day must not take the first one's events away.
const GROWING: FileOptions = FileOptions {
    existing: Existing::Extend,
    create_folders: true,
    mode: FileMode::PRIVATE,
    compression: Compression::None,
    rotation: None,
    lock_timeout: None,
    raw: false,
};

impl SinkConfig for FileConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        let at = |failure: SetupError| failure.at(&context.place(&["path"]));
        let template = self.path.parse::<PathTemplate>().map_err(|error| at(error.into()))?;
        let layout = FileLayout::of_configured(self).map_err(at)?;
        self.rotation(context.name)?;
        self.growth(&template, &layout).map_err(at)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let path = configured_path(context, &["path"], &self.path)?;
        let options = FileOptions {
            rotation: self.rotation(context.name())?,
            mode: self.mode,
            lock_timeout: Some(self.lock_timeout),
            ..GROWING
        };
        open(context, &path, &FileLayout::of_configured(self)?, options)
    }

    fn remarks(&self, context: &SinkContext<'_>) -> Vec<String> {
        let layout = FileLayout::of_configured(self);
        let once = layout.is_ok_and(|layout| layout.format == Format::Parquet) && self.rotate.is_none();
        let remark = || {
            format!(
                "{}: a Parquet file cannot grow, so that only the first run of a day can write this one; `rotate` gives each run \
                 files of its own",
                context.place(&["path"])
            )
        };
        once.then(remark).into_iter().collect()
    }

    fn probed(&self, _: String) -> String {
        // What was written to is a file that nobody configured.
        format!("{} can be written", self.path)
    }

    fn about(&self, _: &SinkContext<'_>) -> String {
        match self.rotate {
            Some(_) => format!("file {}, rotated", self.path),
            None => format!("file {}, extended", self.path),
        }
    }

    fn destination(&self, context: &SinkContext<'_>) -> String {
        format!("file {}", whole(context, &self.path))
    }
}

impl FileConfig {
    /// The rule by which the file is completed and the next one begins.
    fn rotation(&self, sink: &str) -> Result<Option<Rotation>, SetupError> {
        let Some(rotate) = &self.rotate else { return Ok(None) };
        let rotation = Rotation::new(rotate.bytes, rotate.every);
        Ok(Some(rotation.map_err(|error| {
            SetupError::usage(format!("sink {sink} cannot rotate: {error}"))
                .hint("write rotate = { bytes = 104857600, every = \"1h\" }, or one of the two")
        })?))
    }

    /// Refuses a file that could be written by one run alone: Parquet cannot grow, and its path is the same each time.
    fn growth(&self, template: &PathTemplate, layout: &FileLayout) -> Result<(), SetupError> {
        if layout.format != Format::Parquet || self.rotate.is_some() || template.has("date") {
            return Ok(());
        }
        let failure = SetupError::usage(format!(
            "{} would be written by the first run alone: a Parquet file cannot grow",
            self.path
        ));
        Err(failure.hint("set `rotate`, which gives each run files of its own, or write ndjson or csv"))
    }
}

/// A file that was named on the command line.
#[derive(Debug, Clone, Copy)]
pub struct AdHocFile<'a> {
    /// The path as typed; it starts from the working folder.
    pub path: &'a PathTemplate,
    /// The layout of events; by what the path ends in unless said.
    pub format: Option<Format>,
    /// The file keeps what earlier runs wrote.
    pub extend: bool,
}

impl AdHocFile<'_> {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// Whatever speaks against the path.
    pub fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let layout = FileLayout::of(&self.path.to_string(), self.format, None)?;
        let mut options = FileOptions::default();
        if self.extend {
            options.existing = Existing::Extend;
        }
        open(context, &expand(self.path, context.provenance), &layout, options)
    }
}

fn open(
    context: &BuildContext<'_>,
    path: &Path,
    layout: &FileLayout,
    options: FileOptions,
) -> Result<Box<dyn Sink>, SetupError> {
    let renderer =
        Renderer::new(layout.format, context.rendering.clone(), context.provenance()).with_pages(layout.pages);
    let options = FileOptions {
        compression: layout.compression,
        ..options
    };
    Ok(Box::new(create(context, path, renderer, options)?))
}

/// A growing file for bytes as they are: nothing is rendered. The path stands at that key of the sink.
///
/// # Errors
///
/// Whatever speaks against the path.
pub fn growing_file(
    context: &BuildContext<'_>,
    key: &[&str],
    path: &str,
    raw: Renderer,
) -> Result<FileSink, SetupError> {
    let path = configured_path(context, key, path)?;
    create(context, &path, raw, FileOptions { raw: true, ..GROWING })
}

fn create(
    context: &BuildContext<'_>,
    path: &Path,
    renderer: Renderer,
    options: FileOptions,
) -> Result<FileSink, SetupError> {
    if !context.checking {
        return Ok(FileSink::create(context.name(), path, renderer, options)?);
    }
    // What the path leads to must be a file, and its folder, or the nearest one above it that exists, must take one.
    let target = FileSink::examine(path)?;
    let folder = target
        .ancestors()
        .skip(1)
        .find(|folder| folder.is_dir() || folder.as_os_str().is_empty());
    let folder = folder
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let probe = folder.join(".host-check");
    FileSink::create(context.name(), &probe, renderer, FileOptions::default()).map_err(|error| match &error {
        SinkError::Create { source, .. } => {
            let said = format!("no file can be made in {}: {}", folder.display(), source.kind());
            let failure = SetupError::new(ErrorKind::Usage, said);
            let hint = error.hint();
            SetupError { hint, ..failure }
        }
        _ => error.into(),
    })
}

/// The path that stands at that key of the sink, with its placeholders filled in.
fn configured_path(context: &BuildContext<'_>, key: &[&str], path: &str) -> Result<PathBuf, SetupError> {
    let template: PathTemplate = path
        .parse()
        .map_err(|error: SinkError| SetupError::from(error).at(&context.sink.place(key)))?;
    Ok(context.sink.path(expand(&template, context.provenance)))
}

/// The path with its placeholders filled in.
fn expand(template: &PathTemplate, provenance: &Provenance) -> PathBuf {
    template.expand(&Placeholders {
        report: &provenance.report,
        connection: &provenance.connection,
        date: Timestamp::now().to_zoned(TimeZone::UTC).date(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let file: FileConfig = toml::from_str(settings).unwrap();
            crate::kinds::context::with_test_context(|context| {
                assert_eq!(file.check(context).is_err(), refused, "{settings}");
                assert_eq!(!file.remarks(context).is_empty(), remarked, "{settings}");
            });
        }
    }
}
