//! One at a time where files grow: [`FolderLock`].

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const NAME: &str = ".host-lock";

/// How often a lock that somebody holds is tried.
const AGAIN: Duration = Duration::from_millis(20);

/// Held while a file in a folder takes in what others have added to it. The lock is a file of its own that only its owner
/// may open: whoever may read the folder or the files in it could otherwise hold it for ever. It goes with the holder.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
    path: PathBuf,
}

impl FolderLock {
    /// Waits for the lock of the folder, no longer than that. Blocks.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`], naming the file, where somebody held it all the while; and where it cannot be made.
    pub(super) fn take(folder: &Path, patience: Duration) -> io::Result<FolderLock> {
        let path = folder.join(NAME);
        let started = Instant::now();
        loop {
            if let Some(file) = attempt(&path)? {
                return Ok(FolderLock { _file: file, path });
            }
            if started.elapsed() >= patience {
                let held = format!(
                    "another process has held {} for {} s; where no run is at work, remove it",
                    path.display(),
                    patience.as_secs_f64()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, held));
            }
            std::thread::sleep(AGAIN);
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // While it is held, so that whoever waits for this very file notices that it is no longer the one.
        let _ = fs::remove_file(&self.path);
    }
}

/// The file, locked; none where it is somebody else's for now.
fn attempt(path: &Path) -> io::Result<Option<File>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        // It is there and another user's, or no file at all; where not even that can be told, no file can be made.
        Err(_) if fs::symlink_metadata(path).is_ok() => return Ok(None),
        Err(error) => return Err(error),
    };
    let about = file.metadata()?;
    let own = about.uid() == rustix::process::geteuid().as_raw() && about.mode() & 0o077 == 0;
    if !about.is_file() || !own {
        return Ok(None);
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Whoever held it before has removed the name from what is locked now.
    Ok(match fs::symlink_metadata(path) {
        Ok(named) if (named.dev(), named.ino()) == (about.dev(), about.ino()) => Some(file),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_any_reader_may_lock_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.ndjson"), "x").unwrap();
        let held = [folder.path().to_owned(), folder.path().join("x.ndjson")].map(|path| File::open(path).unwrap());
        for file in &held {
            file.lock().unwrap();
        }
        let lock = FolderLock::take(folder.path(), Duration::ZERO).unwrap();
        let mode = fs::metadata(&lock.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(lock);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "it leaves nothing behind"
        );
    }

    #[test]
    fn one_that_is_held_too_long_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path(), Duration::ZERO).unwrap();
        let error = FolderLock::take(folder.path(), Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains(NAME), "{error}");
        drop(lock);
        FolderLock::take(folder.path(), Duration::ZERO).unwrap();
    }

    #[test]
    fn what_stands_in_its_place_is_not_followed_and_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        symlink("elsewhere", &path).unwrap();
        assert!(FolderLock::take(folder.path(), Duration::ZERO).is_err());
        assert!(!folder.path().join("elsewhere").exists());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(
            FolderLock::take(folder.path(), Duration::ZERO).is_err(),
            "others may lock it"
        );
    }

    #[test]
    fn only_one_at_a_time_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let _lock = FolderLock::take(folder.path(), Duration::from_secs(60)).unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
