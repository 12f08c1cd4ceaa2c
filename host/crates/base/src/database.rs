//! SQLite files: looked for, made and opened.
//!
//! SQLite's locks on a file are the process's (fcntl(2)): whoever closes any descriptor of that file gives all of them up, and
//! another process may then throw the log away that this one still writes to. So apart from SQLite nobody opens a file that is there: it
//! is asked about by name, and made by a call that fails where there is one.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, ffi};
use rustix::fs::{Access, access};

use crate::absent::is_absent;

/// So many links may lead to a file.
const MOST_LINKS: usize = 8;

/// The number of tries of a copy while somebody holds the whole file, and the pause between two tries.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// The pause between two tries of work on a file that somebody is making.
const SHORT_PAUSE: Duration = Duration::from_millis(10);

/// True if there is a file that can be read. One that nobody may look at is an error, not none.
pub fn is_there(path: &Path) -> Result<bool> {
    match access(path, Access::READ_OK).map_err(Error::from) {
        Ok(()) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the file where there is none, for its owner only: it names people and their addresses. A link that leads nowhere yet is
/// followed if it is the user's own or root's.
///
/// # Errors
///
/// Where it cannot be made, or the one that is there cannot be written.
pub fn make(path: &Path) -> Result<()> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match File::options().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(drop),
        }
        match access(&path, Access::READ_OK | Access::WRITE_OK).map_err(Error::from) {
            Ok(()) if path.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Err(error) if is_absent(&error) => path = led_to(&path)?,
            there => return there,
        }
    }
    Err(Error::other("too many links"))
}

/// The file that a link leads to.
fn led_to(link: &Path) -> Result<PathBuf> {
    let owner = link.symlink_metadata()?.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            "it is a link of another user's",
        ));
    }
    let target = link.read_link()?;
    Ok(link.parent().unwrap_or(Path::new("")).join(target))
}

/// Opens a file that is there.
///
/// # Errors
///
/// Where it is not, or SQLite cannot.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Not by default: it would make the file, and take a path for a URI.
    Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// Works on a database until nobody holds it, or the time is over. Those who make the same file at the same moment change its journal,
/// and SQLite turns the others away at once then instead of letting them wait. Blocks.
///
/// # Errors
///
/// Where the work fails for another reason, or the file is held for longer.
pub fn until_free<T>(patience: Duration, mut work: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let started = Instant::now();
    loop {
        match work() {
            Err(error) if is_busy(&error) && started.elapsed() < patience => std::thread::sleep(SHORT_PAUSE),
            done => return done,
        }
    }
}

/// True if another connection holds the file.
fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// Opens a file that nobody writes to, such as a copy: nothing is written to it, and nothing made beside it.
///
/// # Errors
///
/// Where it is not there, or SQLite cannot.
pub fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Copies a database as it is at one instant into a file that is [made](make) and empty, whoever writes to the original
/// meanwhile. The copy is one file: no log belongs to it.
///
/// # Errors
///
/// Where one of the two cannot be read or written; busy where somebody holds all of the original for long.
pub fn copy(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = open(to)?;
    copy_all(&Backup::new(from, &mut copy)?)?;
    // The original's journal mode came with its pages.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, error)| error)
}

/// All pages in one step, so that they are of one instant.
fn copy_all(backup: &Backup<'_, '_>) -> rusqlite::Result<()> {
    for _ in 0..TRIES {
        if backup.step(-1)? == StepResult::Done {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None))
}

/// Moves what stands in the log beside a file into it and ends the log, so that the file is all there is. False where another
/// connection has it open.
///
/// # Errors
///
/// Where the file is no database, or cannot be written.
pub fn fold_log(path: &Path) -> rusqlite::Result<bool> {
    let connection = open(path)?;
    let mode: rusqlite::Result<String> = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0));
    match mode {
        Ok(mode) => Ok(mode != "wal"),
        Err(error) if is_busy(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// True if this process holds a lock on the file, for the tests of those who hold one.
///
/// # Errors
///
/// Where the file, or the list of locks in `/proc`, cannot be read.
pub fn is_locked(path: &Path) -> Result<bool> {
    let inode = format!(":{} ", path.metadata()?.ino());
    let own = format!(" {} ", std::process::id());
    let locks = std::fs::read_to_string("/proc/locks")?;
    Ok(locks
        .lines()
        .any(|line| line.contains(" POSIX ") && line.contains(&inode) && line.contains(&own)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_made_once_for_its_owner_and_through_no_link_of_a_stranger_s() {
        let folder = tempfile::tempdir().unwrap();
        let [path, link, target] = ["a.db", "link.db", "target.db"].map(|name| folder.path().join(name));
        assert!(!is_there(&path).unwrap());
        assert!(open(&path).is_err(), "SQLite makes none");
        make(&path).unwrap();
        assert!(is_there(&path).unwrap());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "x").unwrap();
        make(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"x", "what is there stays");
        assert!(make(folder.path()).is_err());

        symlink("target.db", &link).unwrap();
        assert!(open(&link).is_err(), "SQLite makes none");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(&link, Some(12_345), None).unwrap();
            assert!(make(&link).is_err() && !target.exists());
            std::os::unix::fs::lchown(&link, Some(0), None).unwrap();
        }
        make(&link).unwrap();
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&target).unwrap();
        symlink("link.db", &target).unwrap();
        assert!(make(&link).is_err(), "it leads round in a circle");
    }

    #[test]
    fn a_copy_is_of_one_instant_and_one_file_while_somebody_writes() {
        let folder = tempfile::tempdir().unwrap();
        let [path, copied] = ["a.db", "b.db"].map(|name| folder.path().join(name));
        make(&path).unwrap();
        let writer = open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1); BEGIN IMMEDIATE; INSERT INTO t VALUES (2)")
            .unwrap();
        make(&copied).unwrap();
        copy(&open(&path).unwrap(), &copied).unwrap();
        writer.execute_batch("COMMIT").unwrap();
        let count = |connection: &Connection| {
            let count: rusqlite::Result<u32> = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
            count.unwrap()
        };
        assert_eq!((count(&open_to_read(&copied).unwrap()), count(&writer)), (1, 2));
        let names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            !names.iter().any(|name| name.to_string_lossy().starts_with("b.db-")),
            "{names:?}"
        );
    }

    #[test]
    fn a_log_is_folded_into_its_file_only_where_nobody_else_has_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        make(&path).unwrap();
        let other = open(&path).unwrap();
        other.pragma_update(None, "journal_mode", "WAL").unwrap();
        other.execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(!fold_log(&path).unwrap());
        drop(other);
        assert!(fold_log(&path).unwrap());
        assert!(!folder.path().join("a.db-wal").exists());
    }
}
