//! A document as it stands in the file, and its checksum.

use bytes::Bytes;
use flate2::Crc;

use crate::{Document, Revision};

/// A document as it stands in the file.
pub(super) struct StoredDocument {
    pub(super) document: Document,
    checksum: Option<u32>,
}

impl StoredDocument {
    /// True if the document is as it was written.
    pub(super) fn is_sound(&self) -> bool {
        let Document { key, revision, body } = &self.document;
        self.checksum
            .is_none_or(|checksum| checksum == checksum_of(key, *revision, body))
    }
}

/// The words for a document that is not sound.
pub(super) fn unsound(key: &str) -> String {
    format!("the entry {key} is not what was written")
}

pub(super) fn row(row: &rusqlite::Row<'_>) -> Result<StoredDocument, rusqlite::Error> {
    Ok(StoredDocument {
        document: Document {
            // What is no text any more is found by its checksum.
            key: String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned(),
            revision: row.get::<_, i64>(1)? as Revision,
            body: Bytes::copy_from_slice(row.get_ref(3)?.as_bytes()?),
        },
        checksum: row.get(2)?,
    })
}

/// Tells what was written from what a failing disk makes of it, within a page as well.
pub(super) fn checksum_of(key: &str, revision: Revision, body: &[u8]) -> u32 {
    let mut crc = Crc::new();
    for part in [key.as_bytes(), &revision.to_le_bytes(), body] {
        crc.update(part);
    }
    crc.sum()
}
