//! The report among the entries of an archive.

use std::io::{Read, Seek};

use zip::CompressionMethod;
use zip::read::ZipArchive;

use base::visible;

use super::error::ArchiveError;

/// The index of the report: the only file, or the only CSV file among several. Refuses the archive for any bad entry.
pub(super) fn choose<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<usize, ArchiveError> {
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(ArchiveError::damaged)?;
        let name = printable(entry.name_raw());
        let bad = |what| {
            Err(ArchiveError::Entry {
                name: name.clone(),
                what,
            })
        };
        if !is_plain_path(entry.name_raw()) {
            return bad("named to leave its folder");
        }
        if entry.encrypted() {
            return bad("encrypted");
        }
        const KIND: u32 = 0o170_000;
        let kind = entry.unix_mode().unwrap_or(0) & KIND;
        if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
            return bad("a link or a device");
        }
        if entry.is_dir() || entry.name_raw().ends_with(b"\\") {
            continue;
        }
        if !matches!(
            entry.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return bad("compressed in a way that is not supported");
        }
        if is_archive_name(&name) {
            return bad("an archive again");
        }
        files.push((index, name));
    }
    let csv: Vec<_> = files
        .iter()
        .filter(|(_, name)| name.to_ascii_lowercase().ends_with(".csv"))
        .collect();
    match (files.as_slice(), csv.as_slice()) {
        ([(index, _)], _) | (_, [(index, _)]) => Ok(*index),
        ([], _) => Err(ArchiveError::Files { found: "none".into() }),
        _ => {
            let mut found: Vec<&str> = files.iter().take(5).map(|(_, name)| name.as_str()).collect();
            if files.len() > found.len() {
                found.push("…");
            }
            Err(ArchiveError::Files {
                found: found.join(", "),
            })
        }
    }
}

fn is_plain_path(name: &[u8]) -> bool {
    let drive = matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic());
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    !name.is_empty()
        && !drive
        && !name.first().is_some_and(is_separator)
        && !name.iter().any(u8::is_ascii_control)
        && !name.split(is_separator).any(|segment| segment == b"..")
}

fn is_archive_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        ".zip", ".jar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
}

/// The name of an entry in printable characters, 100 at most.
pub(super) fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(100)
        .collect();
    shown = visible::shown(&shown).into_owned();
    if text.chars().count() > 100 {
        shown.push('…');
    }
    shown
}
