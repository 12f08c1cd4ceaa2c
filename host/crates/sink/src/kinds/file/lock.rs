//! One at a time where files grow: [`FolderLock`].
//!
//! Two locks, one inside the other: sinks of this process queue for a folder's turn ([`FolderLock::take`] keeps the
//! queues), and whoever has the turn tries the lock file, which other processes try too. So of the sinks of one process at most
//! one looks at the file, and none holds a thread while it waits.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::{Instant, sleep, timeout_at},
};

const NAME: &str = ".host-lock";

/// The pause before a lock file that another process holds is tried again: it doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_millis(80);

/// Queues of this process by the lock files that they are for. One goes with the last sink that waits in it.
static QUEUES: LazyLock<std::sync::Mutex<HashMap<PathBuf, Weak<Mutex<()>>>>> = LazyLock::new(Default::default);

/// Held while a file in a folder takes in what others have added to it. The lock is a file of its own that only its owner
/// may open: whoever may read the folder or the files in it could otherwise hold it for ever. It goes with the holder.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: LockFile,
    /// Given on after the file, so that whoever is next in this process finds it free.
    _turn: OwnedMutexGuard<()>,
}

/// The lock file, locked; removed when it is let go.
#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Waits for the lock of the folder, no longer than `patience`, and without a thread meanwhile.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`], naming the file, where others held it all the while; and where it cannot be made.
    pub(super) async fn take(folder: &Path, patience: Duration) -> io::Result<FolderLock> {
        let path = folder.join(NAME);
        let started = Instant::now();
        let held = |holder: &str, advice: &str| {
            let seconds = patience.as_secs_f64();
            let held = format!("{holder} held {} for {seconds} s{advice}", path.display());
            io::Error::new(io::ErrorKind::TimedOut, held)
        };
        let turn = match started.checked_add(patience) {
            Some(end) => timeout_at(end, queue(&path).lock_owned()).await,
            None => Ok(queue(&path).lock_owned().await),
        };
        let turn = turn.map_err(|_| held("other runs of this process have", ""))?;
        let mut pause = FIRST_PAUSE;
        loop {
            let tried = path.clone();
            // Where the wait is given up meanwhile, what was locked goes with the answer that nobody hears.
            let attempt = base::blocking(move || attempt(&tried)).await;
            if let Some(file) = attempt.map_err(io::Error::other)?? {
                return Ok(FolderLock {
                    _file: file,
                    _turn: turn,
                });
            }
            let left = patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(held("another process has", "; if no run is active, remove it"));
            }
            sleep(pause.min(left)).await;
            pause = pause.saturating_mul(2).min(LAST_PAUSE);
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // While it is held, so that whoever waits for this very file notices that it is no longer the one.
        let _ = fs::remove_file(&self.path);
    }
}

/// The queue for a lock file. Two names of one folder have two queues, and then the file alone tells their sinks apart.
fn queue(path: &Path) -> Arc<Mutex<()>> {
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = queues.get(path).and_then(Weak::upgrade) {
        return queue;
    }
    queues.retain(|_, queue| queue.strong_count() > 0);
    let queue = Arc::default();
    queues.insert(path.to_owned(), Arc::downgrade(&queue));
    queue
}

/// The file, locked; none where it is somebody else's for now.
fn attempt(path: &Path) -> io::Result<Option<LockFile>> {
    let file = match base::open_lock(path) {
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
        Ok(named) if (named.dev(), named.ino()) == (about.dev(), about.ino()) => Some(LockFile {
            path: path.to_owned(),
            _file: file,
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[tokio::test]
    async fn what_any_reader_may_lock_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.ndjson"), "x").unwrap();
        let held = [folder.path().to_owned(), folder.path().join("x.ndjson")].map(|path| File::open(path).unwrap());
        for file in &held {
            file.lock().unwrap();
        }
        let lock = FolderLock::take(folder.path(), Duration::ZERO).await.unwrap();
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(lock);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "it leaves nothing behind"
        );
    }

    #[tokio::test]
    async fn one_that_is_held_too_long_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path(), Duration::ZERO).await.unwrap();
        let error = FolderLock::take(folder.path(), Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains(NAME), "{error}");
        drop(lock);
        FolderLock::take(folder.path(), Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn what_stands_in_its_place_is_not_followed_and_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        symlink("elsewhere", &path).unwrap();
        assert!(FolderLock::take(folder.path(), Duration::ZERO).await.is_err());
        assert!(!folder.path().join("elsewhere").exists());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(
            FolderLock::take(folder.path(), Duration::ZERO).await.is_err(),
            "others may lock it"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn only_one_at_a_time_has_it_whatever_name_of_the_folder_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink(".", &link).unwrap();
        let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let holders = [folder.path().to_owned(), link]
            .into_iter()
            .cycle()
            .take(4)
            .map(|folder| {
                let inside = Arc::clone(&inside);
                tokio::spawn(async move {
                    for _ in 0..25 {
                        let _lock = FolderLock::take(&folder, Duration::from_secs(60)).await.unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                })
            });
        for holder in holders.collect::<Vec<_>>() {
            holder.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_leaves_the_lock_to_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path(), Duration::ZERO).await.unwrap();
        let waits = |patience| FolderLock::take(folder.path(), patience);
        let given_up = tokio::time::timeout(Duration::ZERO, waits(Duration::MAX)).await;
        assert!(given_up.is_err());
        drop(lock);
        drop(waits(Duration::from_secs(60)).await.unwrap());
        let queued = QUEUES
            .lock()
            .unwrap()
            .get(&folder.path().join(NAME))
            .map(Weak::strong_count);
        assert_eq!(queued, Some(0));
    }

    #[tokio::test]
    async fn a_lock_file_that_another_process_holds_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        // As another process takes it: the file, and not the queue.
        let other = attempt(&path).unwrap().unwrap();
        let error = FolderLock::take(folder.path(), Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().starts_with("another process has held"), "{error}");
        let (lock, ()) = tokio::join!(FolderLock::take(folder.path(), Duration::from_secs(60)), async {
            drop(other);
        });
        lock.unwrap();
    }
}
