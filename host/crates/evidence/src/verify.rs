//! The check of a folder: all digests computed again, the chain walked from line to line.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::chain::{ChainWalk, names_a_document, short, wrong_with};
use super::error::EvidenceError;
use super::folder::{LOCK, PENDING, day_of, manifests};
use super::line::{LONGEST_LINE, ManifestLine};
use super::report::{EvidenceReport, Expectation, FindingKind};

/// Folders in each other that documents lie in.
const DEPTH: usize = 4;

/// The finding about a name that leads to a folder, a pipe or a device.
const NO_FILE: &str = "it is no regular file";

/// Checks a folder of evidence; runs may be under way meanwhile. Blocks.
///
/// # Errors
///
/// Where it cannot be read.
pub fn verify_folder(root: &Path, expected: &Expectation) -> Result<EvidenceReport, EvidenceError> {
    FolderCheck::new(root)
        .and_then(|check| check.run(expected))
        .map_err(|source| EvidenceError::Folder {
            folder: root.to_owned(),
            source,
        })
}

/// A check under way.
struct FolderCheck<'a> {
    root: &'a Path,
    report: EvidenceReport,
    /// Files that no line has named yet.
    unnamed: HashSet<String>,
    /// Documents that have no line yet, and whether a process is at work on them.
    pending: Vec<(Option<ManifestLine>, String, bool)>,
}

impl FolderCheck<'_> {
    /// Looks at what is there, in an order in which runs that are under way cannot be taken for damage: a document is listed
    /// before its line is read, and one without a line is pending in between.
    fn new(root: &Path) -> io::Result<FolderCheck<'_>> {
        let mut unnamed = HashSet::new();
        list(root, "", 0, &mut unnamed)?;
        let pending = pending(&root.join(PENDING), &mut unnamed)?;
        Ok(FolderCheck {
            root,
            report: EvidenceReport::default(),
            unnamed,
            pending,
        })
    }

    fn run(mut self, expected: &Expectation) -> io::Result<EvidenceReport> {
        let mut chain = ChainWalk::after(expected.after.as_deref());
        let names = manifests(self.root)?;
        let mut named = HashSet::new();
        for (place, name) in names.iter().enumerate() {
            let is_last = place + 1 == names.len();
            self.manifest(name, is_last, &mut chain, &mut named)?;
        }
        if let Some(digest) = &expected.has
            && !chain.has(digest)
        {
            let message = "no line has the digest that was noted: lines were altered, or the last ones removed";
            self.report.find(FindingKind::Lost, digest, None, message);
        }
        chain.end(&mut self.report);
        for (line, file, at_work) in std::mem::take(&mut self.pending) {
            if let Some(line) = &line {
                self.unnamed.remove(&line.file);
                // It has had its line since.
                if named.contains(&short(&line.file)) {
                    continue;
                }
            }
            match at_work {
                true => self.report.under_way += 1,
                false => self.report.find(
                    FindingKind::Unfinished,
                    &file,
                    None,
                    "a process ended before this document had its line: the next run gives it one, or removes what is not whole",
                ),
            }
        }
        let mut unnamed: Vec<String> = self.unnamed.drain().collect();
        unnamed.sort_unstable();
        for file in unnamed {
            self.report
                .find(FindingKind::Extra, &file, None, "no line of a manifest names it");
        }
        Ok(self.report)
    }

    fn manifest(
        &mut self,
        name: &str,
        is_last: bool,
        chain: &mut ChainWalk,
        named: &mut HashSet<u128>,
    ) -> io::Result<()> {
        let Some(file) = regular(&self.root.join(name))? else {
            self.report.find(FindingKind::Altered, name, None, NO_FILE);
            return Ok(());
        };
        let mut lines = BufReader::new(file);
        let mut number = 0;
        let mut text = Vec::new();
        loop {
            text.clear();
            if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut text)? == 0 {
                return Ok(());
            }
            number += 1;
            if text.pop_if(|byte| *byte == b'\n').is_none() {
                let (kind, message) = match is_last {
                    true => (
                        FindingKind::Unfinished,
                        "a process ended within this line, or writes it now: the next run cuts it off and writes it whole",
                    ),
                    false => (FindingKind::Altered, "this line has no end"),
                };
                self.report.find(kind, name, Some(number), message);
                if is_last {
                    return Ok(());
                }
            }
            let Some(line) = chain.take(&text, name, Some(number), &mut self.report) else {
                continue;
            };
            if names_a_document(&line, name, Some(number), &mut self.report) {
                self.document(&line, name, number, named)?;
            }
        }
    }

    fn document(&mut self, line: &ManifestLine, name: &str, number: u64, named: &mut HashSet<u128>) -> io::Result<()> {
        self.unnamed.remove(&line.file);
        if !named.insert(short(&line.file)) {
            let message = format!("another line names {} as well", line.file);
            self.report.find(FindingKind::Repeated, name, Some(number), message);
            return Ok(());
        }
        let file = match regular(&self.root.join(&line.file)) {
            Ok(Some(file)) => file,
            Ok(None) => {
                self.report.find(FindingKind::Altered, &line.file, None, NO_FILE);
                return Ok(());
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                let message = format!("{name}, line {number}, names it, and it is not there");
                self.report.find(FindingKind::Missing, &line.file, None, message);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match wrong_with(line, file)? {
            None => self.report.documents += 1,
            Some(wrong) => self.report.find(FindingKind::Altered, &line.file, None, wrong),
        }
        Ok(())
    }
}

/// The files below a folder of evidence that lines should name, from the folder on. Folders are no files, whatever lies
/// deeper than documents do is one.
fn list(root: &Path, below: &str, depth: usize, files: &mut HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type()?.is_dir();
        if below.is_empty() && (name == LOCK || (is_folder && name == PENDING) || day_of(&name).is_some()) {
            continue;
        }
        let path = match below.is_empty() {
            true => name,
            false => format!("{below}/{name}"),
        };
        match is_folder && depth < DEPTH {
            true => list(root, &path, depth + 1, files)?,
            false => drop(files.insert(path)),
        }
    }
    Ok(())
}

/// Opens a file for reading; none where the name leads to a folder, a pipe or a device, on which nobody is to wait.
fn regular(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    // Another one may be in its place by now.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// The documents without a line; what else is called as their lines are joins the `unnamed` files.
fn pending(folder: &Path, unnamed: &mut HashSet<String>) -> io::Result<Vec<(Option<ManifestLine>, String, bool)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut pending = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".json") {
            continue;
        }
        let mut file = match regular(&folder.join(&name)) {
            Ok(Some(file)) => file,
            Ok(None) => {
                unnamed.insert(format!("{PENDING}/{name}"));
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.by_ref().take(LONGEST_LINE).read_to_end(&mut text)?;
        // A process that has written its line has locked it before; one that has not shall find it free.
        let at_work = text.is_empty() || file.try_lock_shared().is_err();
        pending.push((serde_json::from_slice(&text).ok(), format!("{PENDING}/{name}"), at_work));
    }
    Ok(pending)
}
