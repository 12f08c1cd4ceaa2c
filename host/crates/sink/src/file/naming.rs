//! How a finished file gets its name.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{
    extension::{self, Grown},
    lock::FolderLock,
    partial::Finished,
    rotation::Series,
};
use crate::{Compression, Seal};

/// A file that is complete and on disk, and has its name in the next step.
#[derive(Debug)]
pub(super) struct Nameless {
    finished: Finished,
    path: PathBuf,
    /// Where that is.
    folder: File,
    /// Held while a file grows. Whoever waits for it holds no thread, so it may be held across calls.
    lock: Option<FolderLock>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// The one that is there gives way.
    Over,
    /// There is none yet, or the run fails.
    Free,
    /// The next number of a series.
    Next(Box<Series>, u64),
}

/// What came of it.
pub enum Named {
    /// It has its name, with this number in a series.
    Yes(Option<u64>),
    /// Somebody else had that one first: here it is with the next.
    Taken(Nameless),
}

/// How the only file of a sink grows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    /// What it begins with.
    pub(super) begun: Grown,
    /// Whether the format knows how.
    pub(super) possible: bool,
    /// Whether the format has a header.
    pub(super) headed: bool,
    pub(super) compression: Compression,
}

impl Nameless {
    /// The only file of a sink. One that grows comes with the lock of its folder, which it keeps until it has its name: two
    /// may extend one file at once, and the later takes over what the earlier added. Blocks.
    pub(super) fn only(
        finished: Finished,
        path: PathBuf,
        folder: &Path,
        growth: Option<(Growth, FolderLock)>,
    ) -> io::Result<Self> {
        let (mut finished, mut place, mut lock) = (finished, Place::Over, None);
        if let Some((growth, held)) = growth {
            lock = Some(held);
            match growth.possible {
                true => finished = extension::rebased(finished, &path, folder, growth)?,
                false => place = Place::Free,
            }
        }
        finished.file.as_file().sync_all()?;
        Ok(Nameless {
            finished,
            path,
            folder: File::open(folder)?,
            lock,
            place,
        })
    }

    /// The next file of a series.
    pub(super) fn next(finished: Finished, series: Series, folder: &Path) -> io::Result<Self> {
        finished.file.as_file().sync_all()?;
        let (path, number) = series.next()?;
        Ok(Nameless {
            finished,
            path,
            folder: File::open(folder)?,
            lock: None,
            place: Place::Next(Box::new(series), number),
        })
    }

    /// What is about to appear; none where nobody wanted to know.
    pub(super) fn seal(&self, events: u64, last: Option<String>) -> io::Result<Option<Seal>> {
        let Some(sha256) = self.finished.sha256.clone() else {
            return Ok(None);
        };
        Ok(Some(Seal {
            events,
            last,
            path: std::path::absolute(&self.path)?,
            offset: self.finished.offset,
            length: self.finished.length,
            sha256,
        }))
    }

    /// Gives it its name, for good. Blocks.
    pub(super) fn name(self) -> io::Result<Named> {
        let Nameless {
            finished:
                Finished {
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
            Place::Over => file.persist(&path),
            Place::Free | Place::Next(..) => file.persist_noclobber(&path),
        };
        base::failpoint!("rename.after");
        let number = match (result, place) {
            (Ok(_), Place::Next(_, number)) => Some(number),
            (Ok(_), _) => None,
            (Err(error), Place::Next(series, number)) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                let number = number.checked_add(1).ok_or(io::ErrorKind::AlreadyExists)?;
                return Ok(Named::Taken(Nameless {
                    finished: Finished {
                        file: error.file,
                        offset,
                        length,
                        sha256,
                    },
                    path: series.path(number),
                    folder,
                    lock,
                    place: Place::Next(series, number),
                }));
            }
            (Err(error), _) => return Err(error.error),
        };
        // The name outlives a crash only once its folder is written.
        folder.sync_all()?;
        drop(lock);
        Ok(Named::Yes(number))
    }
}
