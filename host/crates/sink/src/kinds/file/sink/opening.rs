//! The beginning of a file: whatever speaks against it is found here.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{FileSink, FileState};
use crate::kinds::file::{
    Completed, Existing, FileOptions,
    extension::{self, AppendBase},
    partial::{self, TempFile},
    rotation::{Clock, Series},
    target::{self, resolve},
};
use crate::{Renderer, SinkError};

impl FileSink {
    /// The file that would be written to at that path, links followed. Makes nothing.
    ///
    /// # Errors
    ///
    /// Where the path can be no file's.
    pub fn examine(path: &Path) -> Result<PathBuf, SinkError> {
        target::examine(path)
    }

    /// Begins a file. Whatever speaks against `path` is found here, before any event.
    pub fn create(
        name: impl Into<String>,
        path: &Path,
        mut renderer: Renderer,
        options: FileOptions,
    ) -> Result<Self, SinkError> {
        let (path, folder) = resolve(path, options.create_folders.then_some(options.mode))?;
        partial::sweep(&folder);
        let create = |source| SinkError::Create {
            path: path.clone(),
            source,
        };
        let mut partial = TempFile::create(&folder, options.compression, options.mode).map_err(create)?;
        let mut copied = None;
        let mut series = None;
        if let Some(rotation) = options.rotation {
            let Some(names) = Series::new(&path, &folder, rotation) else {
                let hint = "choose one of at most 227 bytes";
                return Err(refused(&path, "its name is too long to rotate", hint));
            };
            series = Some(names);
        } else {
            copied = (options.existing == Existing::Extend).then(AppendBase::default);
            if let Some(old) = old(&path, options.existing).map_err(create)? {
                if let Some(permissions) = extension::kept_permissions(&old.metadata().map_err(create)?) {
                    partial.set_permissions(permissions);
                }
                if let Some(copied) = &mut copied {
                    *copied = extend(&mut partial, old, &path, &mut renderer, options)?;
                    if copied.length > 0 {
                        renderer = renderer.without_header();
                    }
                }
            }
        }
        Ok(FileSink {
            name: name.into(),
            path,
            folder,
            options,
            renderer,
            buffer: Vec::new(),
            copied,
            series,
            clock: Clock::default(),
            used: false,
            size: 0,
            events: 0,
            last: None,
            journal: None,
            completed: Completed::default(),
            state: FileState::Open(Box::new(partial)),
        })
    }
}

/// The file that is already there.
fn old(path: &Path, existing: Existing) -> io::Result<Option<File>> {
    match extension::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A file that may be replaced need not be readable.
        Err(_) if existing == Existing::Replace => Ok(None),
        Err(error) => Err(error),
    }
}

/// Begins the file with the content of the old one, and says what that was.
fn extend(
    partial: &mut TempFile,
    mut old: File,
    path: &Path,
    renderer: &mut Renderer,
    options: FileOptions,
) -> Result<AppendBase, SinkError> {
    let create = |source| SinkError::Create {
        path: path.to_owned(),
        source,
    };
    if !renderer.can_extend() {
        let problem = "it exists already, and a file of this format cannot grow";
        let hint = "use a path with {date}, `rotate`, or the format ndjson or csv";
        return Err(refused(path, problem, hint));
    }
    if !options.raw && extension::differs(&mut old, options.compression).map_err(create)? {
        let problem = "it exists already, and is not compressed in this way";
        let hint = "choose another path, or the compression that the file has";
        return Err(refused(path, problem, hint));
    }
    if !options.raw
        && renderer.names_columns()
        && let Some(header) = extension::first_line(&mut old, options.compression).map_err(create)?
    {
        let Some(missing) = renderer.follow(&header) else {
            let problem = "it exists already, and its first line names other columns";
            let hint = "choose another path: a CSV file has the columns of one encoding";
            return Err(refused(path, problem, hint));
        };
        if !missing.is_empty() {
            tracing::warn!(
                file = %path.display(),
                "an older version began the file, without these columns, and so they are left out: {}; a new file has them",
                missing.join(", ")
            );
        }
    }
    let copied = partial.extend(&mut old).map_err(create)?;
    AppendBase::of(&old, copied).map_err(create)
}

fn refused(path: &Path, problem: &'static str, hint: &'static str) -> SinkError {
    SinkError::Target {
        path: path.to_owned(),
        problem,
        hint,
    }
}
