//! Documents that a process left without a line, because it ended.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::line::{ManifestLine, is_file_name};
use super::draft::{free_name, move_to, path};
use super::{PENDING, manifest};

/// Gives each document that is whole its line, and removes the others: their fetches go on anew. What other processes are at
/// work on stays. The folder's lock is held.
pub(super) fn heal(root: &Path, today: Date) -> io::Result<()> {
    for entry in fs::read_dir(root.join(PENDING))? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")) else {
            continue;
        };
        // Nobody is to wait for a pipe, and a check says that it is there.
        if !entry.file_type()?.is_file() {
            continue;
        }
        let file = match OpenOptions::new().read(true).write(true).open(path(root, id, "json")) {
            Ok(file) => file,
            // Whoever was at work on it has ended it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if file.try_lock().is_err() {
            continue;
        }
        let line: Option<ManifestLine> = serde_json::from_slice(&fs::read(path(root, id, "json"))?).ok();
        match line.filter(|line| line.id == id && is_file_name(&line.file)) {
            Some(line) => give_line(root, id, line, today)?,
            None => remove(&path(root, id, "zst"))?,
        }
        remove(&path(root, id, "json"))?;
    }
    // A document is begun after its line, and ends before it.
    for entry in fs::read_dir(root.join(PENDING))? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".zst")) else {
            continue;
        };
        if !path(root, id, "json").exists() {
            remove(&path(root, id, "zst"))?;
        }
    }
    Ok(())
}

/// Gives a document that is whole its name, if it has none, and its line, if that is not there.
fn give_line(root: &Path, id: &str, mut line: ManifestLine, today: Date) -> io::Result<()> {
    let draft = path(root, id, "zst");
    if draft.exists() {
        line.file = free_name(root, &line.file)?;
        move_to(root, &draft, &line.file)?;
    }
    let begun = line.host_clock.to_zoned(TimeZone::UTC).date();
    if !root.join(&line.file).is_file() || manifest::has(root, id, begun.min(today))? {
        return Ok(());
    }
    tracing::warn!(
        target: base::EVIDENCE,
        file = %line.file,
        "an earlier run kept a document as evidence and ended before its line was in the manifest: it has one now"
    );
    line.healed = true;
    manifest::append(root, line, today).map(drop)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
