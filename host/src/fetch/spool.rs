//! Where documents wait for their parser: files without a name.
//!
//! A file of the [`Spool`] is unlinked the moment it exists, so neither a crash nor a kill leaves report data behind.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A folder for temporary files, readable by its owner only.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    folder: PathBuf,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> Spool {
        Spool {
            folder: folder.to_owned(),
        }
    }

    /// A new, empty file.
    pub(super) fn create(&self) -> io::Result<File> {
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
        Ok(file)
    }
}

/// A finished file. Cloning shares it; it vanishes with its last holder.
#[derive(Debug, Clone)]
pub(super) struct Spooled {
    file: Arc<File>,
    length: u64,
}

impl Spooled {
    /// Takes a file that was written completely.
    pub(super) fn new(mut file: File) -> io::Result<Spooled> {
        file.flush()?;
        let length = file.metadata()?.len();
        Ok(Spooled {
            file: Arc::new(file),
            length,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// A reader from the start, independent of all others.
    pub(super) fn reader(&self) -> SpoolReader {
        SpoolReader {
            file: self.file.clone(),
            at: 0,
            length: self.length,
        }
    }

    /// Copies it to a file with a name, and that is the document from then on: on disk once this returns. Says its
    /// SHA-256.
    pub(super) fn keep(&self, folder: &Path, name: &str) -> io::Result<(Spooled, String)> {
        let mut file = tempfile::Builder::new()
            // What a kill leaves of it can be told by its name.
            .prefix(&format!(".{name}."))
            .suffix(".partial")
            .tempfile_in(folder)?;
        let sha256 = digest(&mut self.reader(), file.as_file_mut())?;
        file.as_file().sync_all()?;
        let file = file.persist(folder.join(name)).map_err(|error| error.error)?;
        // The name is as durable as the content.
        File::open(folder)?.sync_all()?;
        Ok((Spooled::new(file)?, sha256))
    }

    /// Takes up a file that was kept, if it is still what it was.
    pub(super) fn reopen(path: &Path, length: u64, sha256: &str) -> io::Result<Option<Spooled>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let spooled = Spooled {
            length: file.metadata()?.len(),
            file: Arc::new(file),
        };
        if spooled.length != length || digest(&mut spooled.reader(), &mut io::sink())? != sha256 {
            return Ok(None);
        }
        Ok(Some(spooled))
    }

    /// The first bytes.
    pub(super) fn head(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.reader().take(most).read_to_end(&mut head)?;
        Ok(head)
    }
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
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Reads a spooled document. Unbuffered.
#[derive(Debug)]
pub struct SpoolReader {
    file: Arc<File>,
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
        let reopened = |length, sha256: &str| Spooled::reopen(&path, length, sha256).unwrap();
        assert_eq!(reopened(10, &sha256).unwrap().head(20).unwrap(), b"0123456789");
        assert!(reopened(9, &sha256).is_none());
        std::fs::write(&path, b"012345678x").unwrap();
        assert!(reopened(10, &sha256).is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(reopened(10, &sha256).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn the_spool_folder_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("spool");
        let file = Spool::new(&folder).create().unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0);
    }
}
