//! Evidence in a folder of this machine.
//!
//! A document is written below `pending` first, with its line beside it; it gets its name and its line in the manifest under the
//! folder's lock. A process that ends in between leaves both, and [`heal`] gives the document its line.

mod draft;
mod heal;
mod lock;
mod manifest;
mod private;

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::compress::compress;
use super::document::{EvidenceDocument, EvidenceStore};
use super::error::EvidenceError;
use super::line::{ManifestLine, new_id};
use draft::EvidenceDraft;
use lock::EvidenceLock;

pub(crate) use lock::LOCK;
pub(crate) use manifest::{day_of, manifests};

/// The folder for documents that have no line yet.
pub(crate) const PENDING: &str = "pending";

/// A folder of evidence.
#[derive(Debug, Clone)]
pub struct EvidenceFolder {
    root: PathBuf,
    mask: bool,
}

impl EvidenceFolder {
    /// Opens the folder, made for its owner only where it is not there, and gives lines to documents that a process left without.
    /// `mask` keeps no secrets of others in documents. Blocks.
    ///
    /// # Errors
    ///
    /// Where it cannot be used, and where others may change what lies in it.
    pub fn open(root: &Path, mask: bool) -> Result<EvidenceFolder, EvidenceError> {
        let failed = |source| EvidenceError::Folder {
            folder: root.to_owned(),
            source,
        };
        private::make(root).map_err(failed)?;
        if let Some(problem) = private::problem(root).map_err(failed)? {
            return Err(EvidenceError::Open {
                folder: root.to_owned(),
                problem,
            });
        }
        private::make(&root.join(PENDING)).map_err(failed)?;
        let folder = EvidenceFolder {
            root: root.to_owned(),
            mask,
        };
        let _lock = folder.lock()?;
        heal::heal(&folder.root, today()).map_err(failed)?;
        Ok(folder)
    }

    /// Keeps a document and its line. Blocks.
    ///
    /// # Errors
    ///
    /// Where it cannot be kept.
    pub fn put(&self, mut document: EvidenceDocument) -> Result<(), EvidenceError> {
        let draft = {
            let _lock = self.lock()?;
            EvidenceDraft::begin(&self.root, &new_id(document.host_clock)).map_err(self.failed())?
        };
        self.publish(draft, &mut document)
    }

    fn publish(&self, mut draft: EvidenceDraft, document: &mut EvidenceDocument) -> Result<(), EvidenceError> {
        let compressed = compress(&mut *document.bytes, draft.document(), document.content, self.mask);
        let compressed = compressed.map_err(self.failed())?;
        draft.sync().map_err(self.failed())?;
        let line = ManifestLine::new(draft.id().to_owned(), document, compressed);
        let _lock = self.lock()?;
        let line = draft.name(line).map_err(self.failed())?;
        base::failpoint!("manifest.before");
        manifest::append(&self.root, line, today()).map_err(self.failed())?;
        base::failpoint!("manifest.after");
        draft.end().map_err(self.failed())
    }

    fn lock(&self) -> Result<EvidenceLock, EvidenceError> {
        EvidenceLock::take(&self.root)
    }

    fn failed(&self) -> impl Fn(io::Error) -> EvidenceError {
        move |source| EvidenceError::Write {
            folder: self.root.clone(),
            source,
        }
    }
}

#[async_trait]
impl EvidenceStore for EvidenceFolder {
    async fn keep(&self, document: EvidenceDocument) -> Result<(), EvidenceError> {
        let folder = self.clone();
        match base::blocking(move || folder.put(document)).await {
            Ok(kept) => kept,
            Err(died) => Err(self.failed()(died.resume_panic().into())),
        }
    }
}

/// The day by this machine's clock, in UTC.
fn today() -> jiff::civil::Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests;
