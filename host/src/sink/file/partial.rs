//! The file while it is being written, under a name that only this process knows.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use tempfile::NamedTempFile;

use crate::sink::{Compression, compression::Encoder};

const PREFIX: &str = ".host-";
const SUFFIX: &str = ".partial";

/// How long a partial file is left alone whatever its lock says: between a file's creation and its lock there is a moment.
const SPARED: Duration = Duration::from_secs(60 * 60);

/// A file under way. As long as it is, this process holds its lock (`flock`), so that another can tell it from one that
/// a killed process left behind.
#[derive(Debug)]
pub(super) struct Partial {
    compression: Compression,
    /// What it begins with is another file's content.
    extends: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing of its own was written: there is no gzip member or zstd frame yet.
    Untouched(NamedTempFile),
    Begun(Box<Encoder<NamedTempFile>>),
    Lost,
}

impl Partial {
    /// An empty one.
    pub(super) fn create(folder: &Path, compression: Compression) -> io::Result<Self> {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            // As for any new file: the umask has the last word.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        // Where a file system knows no locks, nobody else gets this one either, and so nobody removes the file.
        let _ = file.as_file().try_lock();
        Ok(Partial {
            compression,
            extends: false,
            stage: Stage::Untouched(file),
        })
    }

    /// The same permissions as those of a file that it will take the place of.
    pub(super) fn set_permissions(&self, permissions: fs::Permissions) -> io::Result<()> {
        match &self.stage {
            Stage::Untouched(file) => file.as_file().set_permissions(permissions),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Begins with the content of another file, as it is. Says how many bytes that were.
    pub(super) fn extend(&mut self, other: &mut File) -> io::Result<u64> {
        match &mut self.stage {
            Stage::Untouched(file) => {
                let copied = io::copy(other, file.as_file_mut())?;
                self.extends = copied > 0;
                Ok(copied)
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Adds the bytes. After an error it cannot be finished.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut encoder = self.begin()?;
        encoder.write_all(bytes)?;
        self.stage = Stage::Begun(encoder);
        Ok(())
    }

    /// Bytes on disk; a few may still wait to be compressed.
    pub(super) fn size(&self) -> io::Result<u64> {
        let file = match &self.stage {
            Stage::Untouched(file) => file,
            Stage::Begun(encoder) => encoder.get_ref(),
            Stage::Lost => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Ok(file.as_file().metadata()?.len())
    }

    /// Ends what compression began. Nothing is compressed to a proper nothing, but an extended file needs none of it.
    pub(super) fn finish(mut self) -> io::Result<NamedTempFile> {
        match self.stage {
            Stage::Untouched(file) if self.extends => Ok(file),
            _ => self.begin()?.finish(),
        }
    }

    fn begin(&mut self) -> io::Result<Box<Encoder<NamedTempFile>>> {
        match std::mem::replace(&mut self.stage, Stage::Lost) {
            Stage::Untouched(file) => self.compression.encoder(file).map(Box::new),
            Stage::Begun(encoder) => Ok(encoder),
            Stage::Lost => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// Removes the partial files in a folder that no living process holds. What cannot be looked at stays.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if is_partial(&entry.file_name()) && is_abandoned(&entry.path()).unwrap_or(false) {
            match fs::remove_file(entry.path()) {
                Ok(()) => tracing::debug!(file = %entry.path().display(), "removed what a killed run left"),
                Err(error) => tracing::debug!(file = %entry.path().display(), %error, "cannot remove it"),
            }
        }
    }
}

fn is_partial(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes()) && name.len() > PREFIX.len() + SUFFIX.len()
}

fn is_abandoned(path: &Path) -> io::Result<bool> {
    let entry = fs::symlink_metadata(path)?;
    let age = SystemTime::now().duration_since(entry.modified()?).unwrap_or_default();
    if !entry.is_file() || age < SPARED {
        return Ok(false);
    }
    let nonblocking = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking.bits().cast_signed())
        .open(path)?;
    let locked = file.metadata()?;
    // The lock is of use only on what the name still leads to; it goes with `file`.
    Ok(file.try_lock().is_ok() && (locked.dev(), locked.ino()) == (entry.dev(), entry.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn left(folder: &Path, name: &str, age: Duration) -> File {
        let file = File::create(folder.join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        file
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let old = SPARED * 2;
        left(folder, ".host-abandoned.partial", old);
        left(folder, ".host-young.partial", Duration::ZERO);
        left(folder, ".host-.partial", old);
        left(folder, "host-x.partial", old);
        left(folder, ".host-x.ndjson", old);
        fs::create_dir(folder.join(".host-folder.partial")).unwrap();
        symlink("host-x.partial", folder.join(".host-link.partial")).unwrap();
        let held = left(folder, ".host-held.partial", old);
        held.lock().unwrap();
        sweep(folder);
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                ".host-.partial",
                ".host-folder.partial",
                ".host-held.partial",
                ".host-link.partial",
                ".host-x.ndjson",
                ".host-young.partial",
                "host-x.partial",
            ]
        );
        drop(held);
        sweep(folder);
        assert!(!folder.join(".host-held.partial").exists());
    }

    #[test]
    fn a_partial_file_is_held_while_it_is_written_however_old_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let mut partial = Partial::create(folder.path(), compression).unwrap();
            partial.write(b"text").unwrap();
            let Stage::Begun(encoder) = &partial.stage else {
                panic!()
            };
            let path = encoder.get_ref().path().to_owned();
            let old = SystemTime::now() - SPARED * 2;
            encoder.get_ref().as_file().set_modified(old).unwrap();
            sweep(folder.path());
            assert!(path.exists());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
