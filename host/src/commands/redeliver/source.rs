//! The files of an archive: of this machine, or objects of a configured sink.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use glob::MatchOptions;

use crate::error::{CliError, Exit};
use setup::config::Config;
#[cfg(feature = "object-store")]
use sink::kinds::object_store::{BucketReader, FoundObject, ObjectArchive};

/// The way in which patterns match: a star stays within its folder, and names that begin with a dot are named whole.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A file of an archive.
pub struct ArchivedFile {
    /// The file's path or the object's name.
    pub name: String,
    /// The file's size in bytes.
    pub size: u64,
    /// A text that changes when the content does: a time, or a store's own mark.
    pub version: String,
    place: FilePlace,
}

enum FilePlace {
    Path(PathBuf),
    #[cfg(feature = "object-store")]
    Object(Arc<BucketReader>, FoundObject),
}

impl ArchivedFile {
    /// Opens the file for reading. An object is copied to a file without a name first.
    pub async fn open(&self) -> Result<File, CliError> {
        match &self.place {
            FilePlace::Path(path) => {
                let path = path.clone();
                // Whoever put a pipe in its place since keeps nobody waiting.
                let opened = base::blocking(move || {
                    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
                    File::options().read(true).custom_flags(flags).open(path)
                });
                opened.await?.map_err(|error| unreadable(&self.name, &error))
            }
            #[cfg(feature = "object-store")]
            FilePlace::Object(bucket, object) => Ok(bucket.fetch(object).await?),
        }
    }
}

/// The files that a pattern names, in the order of their names; at least one.
pub async fn find(config: &Arc<Config>, pattern: &str) -> Result<Vec<ArchivedFile>, CliError> {
    let mut files = match of_sink(config, pattern).await? {
        Some(files) => files,
        None => {
            let owned = pattern.to_owned();
            base::blocking(move || local(&owned)).await??
        }
    };
    if files.is_empty() {
        return Err(
            CliError::usage(format!("--from-archive {pattern}: no file has such a name"))
                .hint("a pattern stands in quotation marks, and ** stands for any folders: 'archive/**/*.ndjson'"),
        );
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.dedup_by(|a, b| a.name == b.name);
    Ok(files)
}

/// Refuses files to which the sink itself writes: it would have their events twice. `written` is the sink's whole path with its
/// placeholders; a sink that rotates puts more into the names.
pub fn refuse_own(files: &[ArchivedFile], sink: &str, written: &str, rotates: bool) -> Result<(), CliError> {
    let literal = glob::Pattern::escape(written);
    let one = ["{report}", "{connection}", "{date}"]
        .iter()
        .fold(literal, |path, placeholder| path.replace(placeholder, "*"));
    let mut patterns = vec![one.clone()];
    if rotates && let Some((folder, name)) = one.rsplit_once('/') {
        let (stem, end) = name.split_once('.').unwrap_or((name, "*"));
        patterns.push(format!("{folder}/{stem}*.{end}"));
    }
    let patterns: Vec<_> = patterns
        .iter()
        .filter_map(|text| glob::Pattern::new(text).ok())
        .collect();
    let own = files.iter().find(|file| match &file.place {
        FilePlace::Path(path) => std::path::absolute(path).is_ok_and(|path| {
            patterns
                .iter()
                .any(|pattern| pattern.matches_path_with(&path, MATCHING))
        }),
        #[cfg(feature = "object-store")]
        FilePlace::Object(..) => false,
    });
    match own {
        Some(file) => Err(CliError::usage(format!(
            "the sink {sink} writes to {}, and would have its own events twice",
            file.name
        ))
        .hint("name another sink, or the files of others with --from-archive")),
        None => Ok(()),
    }
}

/// The objects of a configured sink, where the pattern begins with the name of one.
#[cfg(feature = "object-store")]
async fn of_sink(config: &Arc<Config>, pattern: &str) -> Result<Option<Vec<ArchivedFile>>, CliError> {
    let (name, below) = pattern.split_once(':').unwrap_or((pattern, "**"));
    let (config, owned) = (Arc::clone(config), name.to_owned());
    let opened = base::blocking(move || setup::sinks::archive(&config, &owned)).await??;
    let below = if below.is_empty() { "**" } else { below };
    match opened {
        None => Ok(None),
        Some(ObjectArchive::Folder(folder)) => {
            let whole = format!("{}/{below}", glob::Pattern::escape(&folder.to_string_lossy()));
            Ok(Some(base::blocking(move || local(&whole)).await??))
        }
        Some(ObjectArchive::Bucket(bucket)) => {
            let matching = glob::Pattern::new(below).map_err(|error| no_pattern(pattern, &error))?;
            let literal = below
                .find(['*', '?', '['])
                .map_or(below, |at| below.get(..at).unwrap_or_default());
            let folder = literal.rsplit_once('/').map_or("", |(folder, _)| folder);
            let found = bucket.list(folder).await?;
            let bucket = Arc::new(bucket);
            let fitting = found
                .into_iter()
                .filter(|object| matching.matches_with(&object.name, MATCHING));
            let files = fitting.map(|object| ArchivedFile {
                name: format!("{name}:{}", object.name),
                size: object.size,
                version: object.tag.clone().unwrap_or_default(),
                place: FilePlace::Object(Arc::clone(&bucket), object),
            });
            Ok(Some(files.collect()))
        }
    }
}

/// No objects are read without the feature.
#[cfg(not(feature = "object-store"))]
async fn of_sink(config: &Arc<Config>, pattern: &str) -> Result<Option<Vec<ArchivedFile>>, CliError> {
    let name = pattern.split_once(':').map_or(pattern, |(name, _)| name);
    setup::sinks::refuse_archive(config, name)?;
    Ok(None)
}

/// Files of this machine. Blocks.
fn local(pattern: &str) -> Result<Vec<ArchivedFile>, CliError> {
    let one = Path::new(pattern);
    if one.is_file() {
        return Ok(of_path(one.to_owned())?.into_iter().collect());
    }
    // A pattern that ends so names folders only.
    let whole = match pattern.ends_with("**") {
        true => format!("{pattern}/*"),
        false => pattern.to_owned(),
    };
    let found = glob::glob_with(&whole, MATCHING).map_err(|error| no_pattern(pattern, &error))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| unreadable(&error.path().display().to_string(), error.error()))?;
        files.extend(of_path(path)?);
    }
    Ok(files)
}

/// The file of a path; none for a folder.
fn of_path(path: PathBuf) -> Result<Option<ArchivedFile>, CliError> {
    let name = path.display().to_string();
    let about = path.metadata().map_err(|error| unreadable(&name, &error))?;
    if about.is_dir() {
        return Ok(None);
    }
    if !about.is_file() {
        return Err(CliError::usage(format!("{name} is not a regular file")).hint("name files that a sink wrote"));
    }
    let last = path
        .file_name()
        .map(|last| last.to_string_lossy().into_owned())
        .unwrap_or_default();
    if last.starts_with(".host-") && last.ends_with(".partial") {
        return Err(
            CliError::usage(format!("{name} is still being written, or was given up"))
                .hint("a file has its own name once it is complete"),
        );
    }
    let changed = about
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Some(ArchivedFile {
        name,
        size: about.len(),
        version: changed.map_or(String::new(), |since| since.as_nanos().to_string()),
        place: FilePlace::Path(path),
    }))
}

fn no_pattern(pattern: &str, error: &glob::PatternError) -> CliError {
    CliError::usage(format!("--from-archive {pattern}: {error}")).hint("for example 'archive/**/*.ndjson.gz'")
}

fn unreadable(name: &str, error: &std::io::Error) -> CliError {
    CliError::new(Exit::RemoteFailed, format!("cannot read {name}: {error}"))
        .hint("make it readable, and run the same command again")
}
