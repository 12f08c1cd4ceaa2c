//! A whole file at once.

use std::io;
use std::path::Path;

use super::mode::FileMode;
use super::partial::TempFile;
use super::{links, target};
use crate::Compression;

/// Makes bytes the file at that path, complete or not at all; one that is there already stays. Blocks.
pub(crate) fn put_new(path: &Path, bytes: &[u8], mode: FileMode) -> io::Result<()> {
    let path = links::follow(path)?;
    let folder = target::folder_of(&path).ok_or(io::ErrorKind::IsADirectory)?;
    target::make_folders(folder, mode)?;
    let mut partial = TempFile::create(folder, Compression::None, mode)?;
    partial.write(bytes)?;
    let file = partial.finish()?.file;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => std::fs::File::open(folder)?.sync_all(),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}
