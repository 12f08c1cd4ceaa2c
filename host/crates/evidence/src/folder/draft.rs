//! A document that has no line in the manifest yet.
//!
//! Its two files are named after the line's id: `ID.json`, which holds the line once the document is whole and is locked by
//! the process at work, and `ID.zst`, the document.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::super::line::ManifestLine;
use super::{PENDING, private};

/// A document that has no line in the manifest yet. What is not named when it is dropped is removed.
#[derive(Debug)]
pub(super) struct EvidenceDraft {
    root: PathBuf,
    id: String,
    /// Locked while this process is at work.
    line: File,
    document: File,
    is_named: bool,
}

/// The path of a file of a draft.
pub(super) fn path(root: &Path, id: &str, extension: &str) -> PathBuf {
    root.join(PENDING).join(format!("{id}.{extension}"))
}

impl EvidenceDraft {
    /// Begins a document. The folder's lock is held, so nobody takes it for one that was left behind.
    pub(super) fn begin(root: &Path, id: &str) -> io::Result<EvidenceDraft> {
        let new = |extension| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o600);
            options.open(path(root, id, extension))
        };
        let line = new("json")?;
        line.try_lock().map_err(io::Error::other)?;
        let document = match new("zst") {
            Ok(document) => document,
            Err(error) => {
                let _ = fs::remove_file(path(root, id, "json"));
                return Err(error);
            }
        };
        Ok(EvidenceDraft {
            root: root.to_owned(),
            id: id.to_owned(),
            line,
            document,
            is_named: false,
        })
    }

    /// The line's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The file of the document, to be written.
    pub(super) fn document(&self) -> &File {
        &self.document
    }

    /// Makes the document's content last.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.document.sync_all()
    }

    /// Writes the line down beside the document, and gives the document its name: another one than the line says, where
    /// that is taken. The folder's lock is held.
    pub(super) fn name(&mut self, line: ManifestLine) -> io::Result<ManifestLine> {
        let file = free_name(&self.root, &line.file)?;
        let line = ManifestLine { file, ..line };
        self.line.write_all(&line.text()?)?;
        self.line.sync_all()?;
        private::sync(&self.root.join(PENDING))?;
        // From here on the next run finishes it.
        self.is_named = true;
        move_to(&self.root, &path(&self.root, &self.id, "zst"), &line.file)?;
        Ok(line)
    }

    /// The document has its line.
    pub(super) fn end(self) -> io::Result<()> {
        fs::remove_file(path(&self.root, &self.id, "json"))
    }
}

impl Drop for EvidenceDraft {
    fn drop(&mut self) {
        if !self.is_named {
            // What cannot be removed now is removed by the next run.
            let _ = fs::remove_file(path(&self.root, &self.id, "zst"));
            let _ = fs::remove_file(path(&self.root, &self.id, "json"));
        }
    }
}

/// Gives a document its name, lasting once this returns. The folder's lock is held, so the name is free still.
pub(super) fn move_to(root: &Path, from: &Path, name: &str) -> io::Result<()> {
    let to = root.join(name);
    let folder = to.parent().unwrap_or(root);
    private::make(folder)?;
    fs::rename(from, &to)?;
    private::sync(folder)
}

/// The name, or one with a number where it is taken.
pub(super) fn free_name(root: &Path, name: &str) -> io::Result<String> {
    let stem = name.strip_suffix(".zst").unwrap_or(name);
    for number in 1..10_000_u32 {
        let candidate = match number {
            1 => name.to_owned(),
            number => format!("{stem}-{number}.zst"),
        };
        match fs::symlink_metadata(root.join(&candidate)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(candidate),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "{name} is taken, as are 10,000 names like it"
    )))
}
