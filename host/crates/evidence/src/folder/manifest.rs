//! The manifests: one a day, each a file that grows by a line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use jiff::civil::Date;

use super::super::line::{BEGINNING, LONGEST_LINE, ManifestLine, digest};
use super::private;

/// The file of a day.
fn name_of(day: Date) -> String {
    format!("manifest-{day}.ndjson")
}

/// The day of a manifest; none for what is none.
pub(crate) fn day_of(name: &str) -> Option<Date> {
    let day: Date = name.strip_prefix("manifest-")?.strip_suffix(".ndjson")?.parse().ok()?;
    (name_of(day) == name).then_some(day)
}

/// The names of all manifests, the oldest first.
pub(crate) fn manifests(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        names.extend(name.to_str().filter(|name| day_of(name).is_some()).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Appends a line behind the last one there is, in the manifest of the day, or in a later one if there is one: a clock may be
/// set back. What an earlier process left of a line that it did not finish is cut off. Says the line's digest. The folder's
/// lock is held.
pub(super) fn append(root: &Path, line: ManifestLine, day: Date) -> io::Result<String> {
    let mut prev = BEGINNING.to_owned();
    let mut into = name_of(day);
    for name in manifests(root)?.into_iter().rev() {
        let file = OpenOptions::new().read(true).write(true).open(root.join(&name))?;
        let end = end_of(&file, &name)?;
        if end.whole < file.metadata()?.len() {
            file.set_len(end.whole)?;
            file.sync_all()?;
        }
        if name > into {
            into = name;
        }
        if let Some(last) = end.last {
            prev = digest(&last);
            break;
        }
    }
    let mut text = ManifestLine { prev, ..line }.text()?;
    let digest = digest(&text);
    text.push(b'\n');
    if text.len() as u64 > LONGEST_LINE {
        return Err(io::Error::other(format!("its line would have {} bytes", text.len())));
    }
    let path = root.join(&into);
    let is_new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
    let before = file.metadata()?.len();
    if let Err(error) = file.write_all(&text).and_then(|()| file.sync_all()) {
        let _ = file.set_len(before);
        return Err(error);
    }
    if is_new {
        private::sync(root)?;
    }
    Ok(digest)
}

/// The end of a manifest.
struct ManifestEnd {
    /// The bytes of its whole lines.
    whole: u64,
    /// The last of them, without its end.
    last: Option<Vec<u8>>,
}

fn end_of(file: &File, name: &str) -> io::Result<ManifestEnd> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{name} is damaged at its end"));
    let length = file.metadata()?.len();
    let from = length.saturating_sub(2 * LONGEST_LINE);
    let mut bytes = vec![0; usize::try_from(length - from).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return match from {
            0 => Ok(ManifestEnd { whole: 0, last: None }),
            _ => Err(damaged()),
        };
    };
    let before = bytes.get(..last).unwrap_or_default();
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if begin == 0 && from > 0 {
        return Err(damaged());
    }
    Ok(ManifestEnd {
        whole: from.saturating_add(last as u64).saturating_add(1),
        last: before.get(begin..).map(<[u8]>::to_vec),
    })
}

/// True where a manifest has the line, of those of its day and later.
pub(super) fn has(root: &Path, id: &str, day: Date) -> io::Result<bool> {
    for name in manifests(root)?.into_iter().filter(|name| *name >= name_of(day)) {
        for line in BufReader::new(File::open(root.join(name))?).split(b'\n') {
            let line: Option<ManifestLine> = serde_json::from_slice(&line?).ok();
            if line.is_some_and(|line| line.id == id) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
