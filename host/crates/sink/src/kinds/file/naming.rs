//! The naming of a finished file.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{
    extension::{self, Extension},
    lock::FolderLock,
    partial::FinishedFile,
    rotation::Series,
};
use crate::WriteIntent;

/// A file that is complete and on disk, and has its name in the next step.
#[derive(Debug)]
pub(super) struct StagedFile {
    finished: FinishedFile,
    path: PathBuf,
    /// The folder of the file.
    folder: File,
    /// Held while a file grows. Whoever waits for it holds no thread, so it may be held across calls.
    lock: Option<FolderLock>,
    place: FinalName,
}

#[derive(Debug)]
enum FinalName {
    /// The one that is there gives way.
    Over,
    /// No file has the name yet, or the run fails.
    Free,
    /// The next number of a series.
    Next(Box<Series>, u64),
}

/// The outcome of giving a file its name.
pub enum PublishedFile {
    /// The file has its name, with this number in a series.
    Yes(Option<u64>),
    /// Somebody else had that one first: here it is with the next.
    Taken(StagedFile),
}

impl StagedFile {
    /// The only file of a sink. One that grows comes with the lock of its folder, which it keeps until it has its name: two
    /// may extend one file at once, and the later takes over what the earlier added. Blocks.
    pub(super) fn only(
        finished: FinishedFile,
        path: PathBuf,
        folder: &Path,
        growth: Option<(Extension, FolderLock)>,
    ) -> io::Result<Self> {
        let (mut finished, mut place, mut lock) = (finished, FinalName::Over, None);
        if let Some((growth, held)) = growth {
            lock = Some(held);
            match growth.possible {
                true => finished = extension::rebased(finished, &path, folder, growth)?,
                false => place = FinalName::Free,
            }
        }
        finished.file.as_file().sync_all()?;
        Ok(StagedFile {
            finished,
            path,
            folder: File::open(folder)?,
            lock,
            place,
        })
    }

    /// The next file of a series.
    pub(super) fn next(finished: FinishedFile, series: Series, folder: &Path) -> io::Result<Self> {
        finished.file.as_file().sync_all()?;
        let (path, number) = series.next()?;
        Ok(StagedFile {
            finished,
            path,
            folder: File::open(folder)?,
            lock: None,
            place: FinalName::Next(Box::new(series), number),
        })
    }

    /// The file that is about to appear; none where nobody wanted to know.
    pub(super) fn seal(&self, events: u64, last: Option<String>) -> io::Result<Option<WriteIntent>> {
        let Some(sha256) = self.finished.sha256.clone() else {
            return Ok(None);
        };
        Ok(Some(WriteIntent {
            events,
            last,
            path: std::path::absolute(&self.path)?,
            offset: self.finished.offset,
            length: self.finished.length,
            sha256,
        }))
    }

    /// Gives it its name, for good. Blocks.
    pub(super) fn name(self) -> io::Result<PublishedFile> {
        let StagedFile {
            finished:
                FinishedFile {
                    file,
                    offset,
                    length,
                    sha256,
                },
            path,
            folder,
            lock,
            place,
        } = self;
        base::failpoint!("rename.before");
        let result = match &place {
            FinalName::Over => file.persist(&path),
            FinalName::Free | FinalName::Next(..) => file.persist_noclobber(&path),
        };
        base::failpoint!("rename.after");
        let number = match (result, place) {
            (Ok(_), FinalName::Next(_, number)) => Some(number),
            (Ok(_), _) => None,
            (Err(error), FinalName::Next(series, number)) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                let number = number.checked_add(1).ok_or(io::ErrorKind::AlreadyExists)?;
                return Ok(PublishedFile::Taken(StagedFile {
                    finished: FinishedFile {
                        file: error.file,
                        offset,
                        length,
                        sha256,
                    },
                    path: series.path(number),
                    folder,
                    lock,
                    place: FinalName::Next(series, number),
                }));
            }
            (Err(error), _) => return Err(error.error),
        };
        // The name outlives a crash only once its folder is written.
        folder.sync_all()?;
        drop(lock);
        Ok(PublishedFile::Yes(number))
    }
}
