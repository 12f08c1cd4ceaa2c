//! Folders that only their owner may use.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

/// Makes a folder and those above it where they are not there, each of them lasting.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        make(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        Err(error) => return Err(error),
    }
    match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => sync(above),
        _ => sync(Path::new(".")),
    }
}

/// Makes the names in a folder last.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The fault of a folder's owner or mode.
pub(super) fn problem(folder: &Path) -> io::Result<Option<&'static str>> {
    let about = std::fs::metadata(folder)?;
    let user = rustix::process::geteuid().as_raw();
    Ok(match (about.uid() == user, about.mode() & 0o022) {
        (false, _) => Some("belongs to another user"),
        (true, 0) => None,
        (true, _) => Some("may be written by its group or by every user"),
    })
}
