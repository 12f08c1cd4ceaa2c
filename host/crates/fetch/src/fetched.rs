//! A document that was fetched.

use std::path::Path;

use super::epm::cleanup::Cleanup;
use super::spool::{SpoolReader, Spooled};

/// A document, complete, on the spool. The file vanishes with its last reader.
#[derive(Debug)]
pub struct Fetched {
    pub(super) document: Spooled,
    /// The name of the file, where the document came as one.
    pub file_name: Option<String>,
    /// The kind of file, as the server says: `zip`, `csv`, …
    pub extension: Option<String>,
    /// The id of the job that wrote it.
    pub job: Option<String>,
    /// Requests for the status of the job.
    pub polls: u64,
    /// Records that the document holds, where the host took them out of an envelope.
    pub records: Option<u64>,
    /// Records that the host had to mend.
    pub mended: u64,
    /// Records that are not valid JSON, and could not be mended.
    pub broken: u64,
    /// The file that may be removed from the server once the events are delivered.
    pub cleanup: Option<Cleanup>,
}

impl Fetched {
    /// A reader from the start.
    pub fn open(&self) -> SpoolReader {
        self.document.reader()
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.document.len()
    }

    /// Gives the document a name in a folder, and goes on with that; on another file system it is copied there. It is on disk
    /// once this returns; says its SHA-256 as hexadecimal digits. Blocks.
    pub fn keep(&mut self, folder: &Path, name: &str) -> std::io::Result<String> {
        let (document, sha256) = self.document.keep(folder, name)?;
        self.document = document;
        Ok(sha256)
    }

    /// Takes up a document that was kept; none where the file is gone or no longer what it was. The length is always
    /// looked at, the content where its SHA-256 is given. Blocks.
    pub fn reopen(path: &Path, length: u64, sha256: Option<&str>) -> std::io::Result<Option<Fetched>> {
        let document = Spooled::reopen(path, length, sha256)?;
        Ok(document.map(|document| Fetched {
            document,
            file_name: None,
            extension: None,
            job: None,
            polls: 0,
            records: None,
            mended: 0,
            broken: 0,
            cleanup: None,
        }))
    }

    /// True if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
