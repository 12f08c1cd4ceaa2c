//! The intent that a sink states before its output appears under a name, and confirms after: whoever was killed in between can look.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use base::hex;

/// Bytes read at once.
const READ: usize = 64 * 1024;

/// Bytes that are about to appear in a file, or have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteIntent {
    /// Of all events that the sink was given, so many from the first are in these bytes or in what was sealed before.
    pub events: u64,
    /// The id of the last of them.
    pub last: Option<String>,
    /// The file, as an absolute path.
    pub path: PathBuf,
    /// The offset of the bytes. Files only grow, so they stay there.
    pub offset: u64,
    /// The number of these bytes.
    pub length: u64,
    /// The SHA-256 of the bytes, hexadecimal.
    pub sha256: String,
}

impl WriteIntent {
    /// True if the bytes are there. Blocks.
    ///
    /// # Errors
    ///
    /// Where there is a file that cannot be read.
    pub fn is_there(&self) -> io::Result<bool> {
        let there = match fs::metadata(&self.path) {
            Ok(there) => there,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let end = self.offset.saturating_add(self.length);
        if !there.is_file() || there.len() < end {
            return Ok(false);
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let (mut left, mut hash) = (file.take(self.length), Sha256::new());
        let mut buffer = vec![0; READ];
        loop {
            let read = left.read(&mut buffer)?;
            match buffer.get(..read) {
                Some(bytes) if read > 0 => hash.update(bytes),
                _ => break,
            }
        }
        Ok(left.limit() == 0 && hex(&hash.finalize()) == self.sha256)
    }
}

/// Keeps what is sealed, so that the next run knows of it. A sink goes on once it is kept, and fails where it cannot be.
#[async_trait]
pub trait IntentLog: Send + Sync {
    /// Notes that bytes are about to appear. What was said before and not confirmed is taken back.
    async fn intend(&self, seal: &WriteIntent) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Notes that the file of the last intent is there, and outlives a crash of the machine.
    async fn confirm(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_where_they_were_to_be_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let seal = WriteIntent {
            events: 1,
            last: None,
            path: path.clone(),
            offset: 3,
            length: 4,
            sha256: hex(&Sha256::digest(b"text")),
        };
        assert!(!seal.is_there().unwrap(), "no file");
        for (content, there) in [
            ("", false),
            ("abctex", false),
            ("abctext", true),
            ("abctext and what came later", true),
            ("xyztext", true),
            ("text", false),
            ("abcTEXT", false),
            ("abtext.", false),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(seal.is_there().unwrap(), there, "{content}");
        }
        let elsewhere = |path: PathBuf| WriteIntent { path, ..seal.clone() };
        assert!(!elsewhere(path.join("below a file")).is_there().unwrap());
        assert!(!elsewhere(folder.path().into()).is_there().unwrap(), "a folder");
        let endless = WriteIntent {
            offset: u64::MAX,
            ..seal.clone()
        };
        assert!(!endless.is_there().unwrap());
    }
}
