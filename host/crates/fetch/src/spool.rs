//! The spool, in which documents wait for their parser: files without a name.
//!
//! A file of the [`Spool`] has no name, so neither a crash nor a kill leaves report data behind; one that is to outlive the
//! process gets one. All of them together have a bound, which no single limit keeps: many documents may wait at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use base::hex;

/// The ending of the name of a document that is not whole yet.
const PARTIAL: &str = ".partial";

/// A folder for temporary files, readable by its owner only.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    folder: PathBuf,
    room: Arc<SpoolRoom>,
    /// True where the digest of each file is taken while it is written: documents that nobody keeps need none.
    hashes: bool,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> Spool {
        Spool {
            folder: folder.to_owned(),
            room: Arc::new(SpoolRoom {
                used: AtomicU64::new(0),
                most: u64::MAX,
            }),
            hashes: false,
        }
    }

    /// A spool in the same place, whose files have a digest when they are written, or have none.
    pub(super) fn hashing(&self, hashes: bool) -> Spool {
        Spool { hashes, ..self.clone() }
    }

    /// A spool in the same place with no more than so many bytes in all its files.
    pub(super) fn within(self, most: u64) -> Spool {
        let used = AtomicU64::new(0);
        Spool {
            room: Arc::new(SpoolRoom { used, most }),
            ..self
        }
    }

    /// A new, empty file.
    pub(super) fn create(&self) -> io::Result<SpoolFile> {
        if !self.folder.is_dir() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&self.folder)?;
        }
        let file = tempfile::tempfile_in(&self.folder)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let charge = Charge {
            bytes: 0,
            room: Arc::clone(&self.room),
        };
        Ok(SpoolFile {
            file,
            charge,
            hash: self.hashes.then(Sha256::new),
        })
    }
}

/// The room that all files of a spool share.
#[derive(Debug)]
struct SpoolRoom {
    used: AtomicU64,
    most: u64,
}

/// The files of a spool would have more bytes than they may.
#[derive(Debug, thiserror::Error)]
#[error("the documents waiting in it would exceed the limit of {most} bytes")]
pub(super) struct Full {
    most: u64,
}

/// The part of the room that one file has, until it is gone.
#[derive(Debug)]
pub(super) struct Charge {
    bytes: u64,
    room: Arc<SpoolRoom>,
}

impl Charge {
    /// For bytes that are about to be written.
    pub(super) fn add(&mut self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        let used = self.room.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        match used > self.room.most {
            true => Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                Full { most: self.room.most },
            )),
            false => Ok(()),
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct SpoolFile {
    file: File,
    charge: Charge,
    /// Of what is written so far, where it is taken.
    hash: Option<Sha256>,
}

impl SpoolFile {
    /// Whoever writes to the file itself pays for it, and takes the digest.
    pub(super) fn into_parts(self) -> (File, Charge, Option<Sha256>) {
        (self.file, self.charge, self.hash)
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Write for SpoolFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.charge.add(bytes.len())?;
        // What is not written now is paid for again.
        self.file.write_all(bytes)?;
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A finished file. Cloning shares it; it vanishes with its last holder.
#[derive(Debug, Clone)]
pub(super) struct Spooled {
    file: Arc<File>,
    length: u64,
    /// Hexadecimal; none where it was not taken while the file was written.
    sha256: Option<String>,
    /// The document's share of the spool; none where it has a name, and others answer for it.
    _charge: Option<Arc<Charge>>,
}

impl Spooled {
    /// Takes a file that was written completely.
    pub(super) fn new(file: SpoolFile) -> io::Result<Spooled> {
        Spooled::of(file.file, file.charge, file.hash)
    }

    /// Takes a file that was written completely, what was paid for it, and the hash of all of it, where there is one.
    pub(super) fn of(mut file: File, charge: Charge, hash: Option<Sha256>) -> io::Result<Spooled> {
        file.flush()?;
        let length = file.metadata()?.len();
        Ok(Spooled {
            file: Arc::new(file),
            length,
            sha256: hash.map(|hash| hex(&hash.finalize())),
            _charge: Some(Arc::new(charge)),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// A reader from the start, independent of all others.
    pub(super) fn reader(&self) -> SpoolReader {
        SpoolReader {
            file: self.file.clone(),
            _charge: self._charge.clone(),
            at: 0,
            length: self.length,
        }
    }

    /// Gives it a name, or where that cannot be, copies it to a file with one; and that is the document from then on: on disk
    /// once this returns. Says its SHA-256.
    pub(super) fn keep(&self, folder: &Path, name: &str) -> io::Result<(Spooled, String)> {
        let (file, sha256) = match self.named(folder, name)? {
            Some(sha256) => (Arc::clone(&self.file), sha256),
            None => {
                let (file, sha256) = self.copied(folder, name)?;
                (Arc::new(file), sha256)
            }
        };
        // The name is as durable as the content.
        File::open(folder)?.sync_all()?;
        let kept = Spooled {
            file,
            length: self.length,
            sha256: Some(sha256.clone()),
            _charge: None,
        };
        Ok((kept, sha256))
    }

    /// Gives the file itself a name in the folder. None where the file system cannot, or the folder is on another one.
    fn named(&self, folder: &Path, name: &str) -> io::Result<Option<String>> {
        let prefix = format!("{name}.");
        let mut partial = tempfile::Builder::new();
        // Whoever tidies up after a crash knows it by its name.
        partial.prefix(&prefix).suffix(PARTIAL);
        let Ok(partial) = partial.make_in(folder, |path| link(&self.file, path)) else {
            return Ok(None);
        };
        let sha256 = match &self.sha256 {
            Some(sha256) => sha256.clone(),
            None => digest(&mut self.reader(), &mut io::sink())?,
        };
        self.file.sync_all()?;
        partial.persist(folder.join(name)).map_err(|error| error.error)?;
        Ok(Some(sha256))
    }

    fn copied(&self, folder: &Path, name: &str) -> io::Result<(File, String)> {
        let mut file = tempfile::Builder::new()
            .prefix(&format!("{name}."))
            .suffix(PARTIAL)
            .tempfile_in(folder)?;
        let sha256 = digest(&mut self.reader(), file.as_file_mut())?;
        file.as_file().sync_all()?;
        let file = file.persist(folder.join(name)).map_err(|error| error.error)?;
        Ok((file, sha256))
    }

    /// Takes up a file that was kept, if it is still what it was.
    pub(super) fn reopen(path: &Path, length: u64, sha256: Option<&str>) -> io::Result<Option<Spooled>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let spooled = Spooled {
            length: file.metadata()?.len(),
            file: Arc::new(file),
            sha256: None,
            _charge: None,
        };
        let same = spooled.length == length
            && match sha256 {
                Some(sha256) => digest(&mut spooled.reader(), &mut io::sink())? == sha256,
                None => true,
            };
        Ok(same.then_some(spooled))
    }

    /// The first bytes.
    pub(super) fn head(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.reader().take(most).read_to_end(&mut head)?;
        Ok(head)
    }
}

/// Gives a file without a name that one: open(2) says of `O_TMPFILE` how.
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd as _;
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Copies everything and says its SHA-256.
fn digest(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let part = buffer.get(..count).unwrap_or_default();
        hash.update(part);
        to.write_all(part)?;
    }
    Ok(hex(&hash.finalize()))
}

/// Reads a spooled document. Unbuffered.
#[derive(Debug)]
pub struct SpoolReader {
    file: Arc<File>,
    _charge: Option<Arc<Charge>>,
    at: u64,
    length: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spooled_document_leaves_no_name_and_reads_independently() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/spool");
        let mut file = Spool::new(&folder).create().unwrap();
        file.write_all(b"0123456789").unwrap();
        let spooled = Spooled::new(file).unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);

        let mut first = spooled.reader();
        first.seek(SeekFrom::End(-3)).unwrap();
        let mut second = spooled.reader();
        let mut text = String::new();
        first.read_to_string(&mut text).unwrap();
        second.read_to_string(&mut text).unwrap();
        assert_eq!(text, "7890123456789");
        assert!(first.seek(SeekFrom::Current(-11)).is_err());
    }

    #[test]
    fn a_kept_document_is_taken_up_only_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Spool::new(folder.path()).create().unwrap();
        file.write_all(b"0123456789").unwrap();
        let (kept, sha256) = Spooled::new(file).unwrap().keep(folder.path(), "kept").unwrap();
        assert_eq!(kept.head(3).unwrap(), b"012");
        let path = folder.path().join("kept");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let reopened = |length, sha256: &str| Spooled::reopen(&path, length, Some(sha256)).unwrap();
        assert_eq!(reopened(10, &sha256).unwrap().head(20).unwrap(), b"0123456789");
        assert!(reopened(9, &sha256).is_none());
        std::fs::write(&path, b"012345678x").unwrap();
        assert!(reopened(10, &sha256).is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(reopened(10, &sha256).is_none());
    }

    #[test]
    fn a_document_is_kept_where_it_lies_or_copied_and_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let hashing = Spool::new(folder.path()).hashing(true);
        let mut file = hashing.create().unwrap();
        file.write_all(b"01234").unwrap();
        file.write_all(b"56789").unwrap();
        let whole = Spooled::new(file).unwrap();
        let named = whole.named(folder.path(), "named").unwrap();
        let (_, sha256) = whole.copied(folder.path(), "copied").unwrap();
        assert_eq!(
            named,
            Some(sha256.clone()),
            "the temporary folder takes names for files without one"
        );
        assert_eq!(whole.sha256, Some(sha256));
        for name in ["named", "copied"] {
            assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"0123456789");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        // On a file system without such files, it has lost the only name that it had.
        let path = folder.path().join("gone");
        std::fs::write(&path, b"0123456789").unwrap();
        let nameless = Spooled::reopen(&path, 10, None).unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(nameless.named(folder.path(), "x").unwrap(), None);
        assert_eq!(
            nameless.keep(folder.path(), "x").unwrap().1,
            whole.sha256.clone().unwrap()
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn all_files_of_a_spool_together_have_a_bound_and_room_comes_back_with_the_last_reader() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path()).within(10);
        let spooled = |bytes: &[u8]| {
            let mut file = spool.create()?;
            file.write_all(bytes)?;
            Spooled::new(file)
        };
        let first = spooled(b"012345").unwrap();
        let error = spooled(b"01234").unwrap_err();
        assert!(error.get_ref().is_some_and(|error| error.is::<Full>()), "{error}");
        assert!(error.to_string().contains("10 bytes"), "{error}");
        // What failed takes none of it, and a document has it as long as somebody reads.
        let second = spooled(b"0123").unwrap();
        let reader = first.reader();
        drop((first, second));
        assert!(spooled(b"01234").is_err());
        drop(reader);
        let whole = spooled(b"0123456789").unwrap();
        // What has a name is no temporary file any more.
        let kept = whole.keep(folder.path(), "kept").unwrap();
        drop(whole);
        spooled(b"0123456789").unwrap();
        drop(kept);
    }

    #[cfg(unix)]
    #[test]
    fn the_spool_folder_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("spool");
        let file = Spool::new(&folder).create().unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(file.file().metadata().unwrap().permissions().mode() & 0o077, 0);
    }
}
