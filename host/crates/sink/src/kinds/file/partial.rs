//! The file while it is being written, under a name that only this process knows.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::OnceLock,
};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::mode::FileMode;
use crate::Compression;
use crate::compression::CompressingWriter;
use base::hex;

const PREFIX: &str = ".host-";
const SUFFIX: &str = ".partial";

/// The number of times that a file is made that another process takes for abandoned before it is locked.
const ATTEMPTS: u32 = 32;

/// A file under way. As long as it is, this process holds its lock (`flock`), so that another can tell it from one that
/// a killed process left behind.
#[derive(Debug)]
pub(super) struct TempFile {
    compression: Compression,
    /// The permissions of the file once it is finished.
    permissions: fs::Permissions,
    /// Bytes of other files that it begins with.
    before: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing of its own was written: there is no gzip member or zstd frame yet.
    Untouched(HashingWriter),
    Begun(Box<CompressingWriter<HashingWriter>>),
    Lost,
}

/// The file, and what is written to it besides the content of others.
#[derive(Debug)]
pub struct HashingWriter {
    file: NamedTempFile,
    length: u64,
    /// The digest so far, where somebody wants to know.
    hash: Option<Sha256>,
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        if let (Some(hash), Some(bytes)) = (&mut self.hash, bytes.get(..written)) {
            hash.update(bytes);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that holds all that it shall.
#[derive(Debug)]
pub(super) struct FinishedFile {
    pub(super) file: NamedTempFile,
    /// The offset at which the file's own bytes begin.
    pub(super) offset: u64,
    /// The number of bytes.
    pub(super) length: u64,
    /// The SHA-256 of the bytes, hexadecimal, where somebody wants to know.
    pub(super) sha256: Option<String>,
}

impl TempFile {
    /// An empty one. Until it is finished only its owner may read it, and so nobody else can hold its lock; then those may
    /// whom the mode and the umask let.
    pub(super) fn create(folder: &Path, compression: Compression, mode: FileMode) -> io::Result<Self> {
        for attempt in 0..ATTEMPTS {
            // Whoever sweeps without a break gets its turn elsewhere.
            std::thread::sleep(std::time::Duration::from_millis(attempt.min(20).into()));
            let file = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .permissions(fs::Permissions::from_mode(0o600))
                .tempfile_in(folder)?;
            if is_held(file.as_file())? {
                let own = HashingWriter {
                    file,
                    length: 0,
                    hash: None,
                };
                return Ok(TempFile {
                    compression,
                    permissions: fs::Permissions::from_mode(mode.bits() & !umask()),
                    before: 0,
                    stage: Stage::Untouched(own),
                });
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// From the first of its own bytes on, also their hash is wanted.
    #[must_use]
    pub(super) fn hashed(mut self, wanted: bool) -> Self {
        if let Stage::Untouched(own) = &mut self.stage {
            own.hash = wanted.then(Sha256::new);
        }
        self
    }

    /// Once it is finished, the same permissions as those of a file that it will take the place of.
    pub(super) fn set_permissions(&mut self, permissions: fs::Permissions) {
        self.permissions = permissions;
    }

    /// Begins with the content of another file, as it is from its position on. Says how many bytes that were.
    pub(super) fn extend(&mut self, other: &mut File) -> io::Result<u64> {
        match &mut self.stage {
            Stage::Untouched(own) => {
                let copied = io::copy(other, own.file.as_file_mut())?;
                self.before += copied;
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
        let own = match &self.stage {
            Stage::Untouched(own) => own,
            Stage::Begun(encoder) => encoder.get_ref(),
            Stage::Lost => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Ok(own.file.as_file().metadata()?.len())
    }

    /// Ends what compression began. Nothing is compressed to a proper nothing, but an extended file needs none of it.
    pub(super) fn finish(mut self) -> io::Result<FinishedFile> {
        let own = match self.stage {
            Stage::Untouched(own) if self.before > 0 => own,
            _ => self.begin()?.finish()?,
        };
        own.file.as_file().set_permissions(self.permissions)?;
        Ok(FinishedFile {
            file: own.file,
            offset: self.before,
            length: own.length,
            sha256: own.hash.map(|hash| hex(&hash.finalize())),
        })
    }

    fn begin(&mut self) -> io::Result<Box<CompressingWriter<HashingWriter>>> {
        match std::mem::replace(&mut self.stage, Stage::Lost) {
            Stage::Untouched(own) => self.compression.encoder(own).map(Box::new),
            Stage::Begun(encoder) => Ok(encoder),
            Stage::Lost => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// The bits that are taken from the permissions of a file that is made. It can be asked for only by setting it; whatever is made in
/// that moment is the more private.
fn umask() -> u32 {
    static MASK: OnceLock<u32> = OnceLock::new();
    *MASK.get_or_init(|| {
        let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        rustix::process::umask(mask);
        mask.bits()
    })
}

/// Takes the lock of a new file. Not where a process that sweeps had the file first, and removes it or has done so.
fn is_held(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        // Where a file system knows no locks, nobody else gets this one either, and so nobody removes the file.
        Err(TryLockError::Error(_)) => Ok(true),
        Ok(()) => Ok(file.metadata()?.nlink() > 0),
    }
}

/// Removes the partial files in a folder that no living process holds. What cannot be looked at stays.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_partial(&entry.file_name())) {
        let path = entry.path();
        // The lock is held until the file is gone, so that whoever just made it notices.
        let Ok(Some(_lock)) = abandoned(&path) else { continue };
        match fs::remove_file(&path) {
            Ok(()) => tracing::debug!(file = %path.display(), "removed what a killed run left"),
            Err(error) => tracing::debug!(file = %path.display(), %error, "cannot remove it"),
        }
    }
}

fn is_partial(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes()) && name.len() > PREFIX.len() + SUFFIX.len()
}

/// The file with its lock, where nobody else holds that.
fn abandoned(path: &Path) -> io::Result<Option<File>> {
    let entry = fs::symlink_metadata(path)?;
    if !entry.is_file() {
        return Ok(None);
    }
    let nonblocking = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking.bits().cast_signed())
        .open(path)?;
    let locked = file.metadata()?;
    // The lock is of use only on what the name still leads to.
    let same = (locked.dev(), locked.ino()) == (entry.dev(), entry.ino());
    Ok((same && file.try_lock().is_ok()).then_some(file))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let left = |name: &str| File::create(folder.join(name)).unwrap();
        for name in [
            ".host-abandoned.partial",
            ".host-.partial",
            "host-x.partial",
            ".host-x.ndjson",
        ] {
            left(name);
        }
        fs::create_dir(folder.join(".host-folder.partial")).unwrap();
        symlink("host-x.partial", folder.join(".host-link.partial")).unwrap();
        let held = left(".host-held.partial");
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
                "host-x.partial",
            ]
        );
        drop(held);
        sweep(folder);
        assert!(!folder.join(".host-held.partial").exists());
    }

    #[test]
    fn a_file_that_is_swept_before_it_is_locked_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let new = || NamedTempFile::new_in(folder.path()).unwrap();
        let removed = new();
        fs::remove_file(removed.path()).unwrap();
        assert!(!is_held(removed.as_file()).unwrap());
        let taken = new();
        let sweeper = File::open(taken.path()).unwrap();
        sweeper.lock().unwrap();
        assert!(!is_held(taken.as_file()).unwrap());
        assert!(is_held(new().as_file()).unwrap());
    }

    #[test]
    fn files_made_while_others_sweep_are_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sweeping = || {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    sweep(folder.path());
                }
            };
            scope.spawn(sweeping);
            scope.spawn(sweeping);
            // Also where an assertion fails: nobody would end otherwise.
            let _done = Done(&done);
            for _ in 0..500 {
                let partial = TempFile::create(folder.path(), Compression::None, FileMode::default()).unwrap();
                let finished = partial.finish().unwrap();
                assert!(finished.file.path().exists());
            }
        });
    }

    /// A guard that tells others to end when it is dropped.
    struct Done<'a>(&'a std::sync::atomic::AtomicBool);

    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn a_partial_file_is_held_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let mut partial = TempFile::create(folder.path(), compression, FileMode::default()).unwrap();
            partial.write(b"text").unwrap();
            sweep(folder.path());
            assert!(partial.finish().unwrap().file.path().exists());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn its_own_bytes_are_told_from_those_it_begins_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "before").unwrap();
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let mut partial = TempFile::create(folder.path(), compression, FileMode::default())
                .unwrap()
                .hashed(true);
            partial.extend(&mut File::open(&path).unwrap()).unwrap();
            partial.write(b"first ").unwrap();
            partial.write(b"second").unwrap();
            let finished = partial.finish().unwrap();
            let content = fs::read(finished.file.path()).unwrap();
            let (before, own) = content.split_at(6);
            assert_eq!((before, finished.offset), (&b"before"[..], 6));
            assert_eq!(finished.length, own.len() as u64);
            assert_eq!(finished.sha256.unwrap(), hex(&Sha256::digest(own)), "{compression:?}");
        }
    }
}
