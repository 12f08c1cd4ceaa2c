//! Opens the ZIP file that some reports come in.
//!
//! Nothing is ever extracted to a name that the archive chooses: the one file inside is copied to the spool, under
//! limits of entries, size and ratio, and its length and CRC are checked. Names that would escape a folder, links,
//! encryption and archives inside the archive are refused all the same: an honest report holds none. A backslash in a
//! name is a folder's mark, as Windows and EPM Cloud write it (`inbox\\run.csv`), although APPNOTE 4.4.17 wants a slash.
//!
//! The archive begins where the file begins, and its end record is the one whose comment ends with the file (APPNOTE
//! 4.3.16). ZIP64 records count where their locator stands right before that one (4.3.15), and nowhere else: a CSV file
//! may hold any bytes.

use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use zip::CompressionMethod;
use zip::read::{ArchiveOffset, Config, ZipArchive};
use zip::result::ZipError;

use super::limits::ArchiveLimits;
use super::spool::{Spool, Spooled};
use crate::counted::counted;
use crate::visible;

/// The first bytes of a ZIP file with at least one entry.
const SIGNATURE: [u8; 4] = *b"PK\x03\x04";

const END_RECORD: [u8; 4] = *b"PK\x05\x06";
const ZIP64_END_RECORD: [u8; 4] = *b"PK\x06\x06";
const ZIP64_LOCATOR: [u8; 4] = *b"PK\x06\x07";

const END_RECORD_BYTES: usize = 22;
const LOCATOR_BYTES: usize = 20;

/// The end record with the longest comment, and a ZIP64 locator before it.
const TAIL: u64 = 22 + 65_535 + 20;

/// Whether a file that begins so is an archive: with an entry, or with the end of one without entries.
pub(super) fn is_archive(head: &[u8]) -> bool {
    head.starts_with(&SIGNATURE) || head.starts_with(&END_RECORD)
}

/// Below this the ratio is not judged.
const RATIO_FLOOR: u64 = 1024 * 1024;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// More entries than allowed.
    #[error("it has more than {}", counted(.limit, "entry", "entries"))]
    Entries {
        /// The limit.
        limit: u16,
    },
    /// The file inside is larger than allowed.
    #[error("the file inside exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file inside is compressed better than any report.
    #[error("the file inside expands by more than {limit}:1")]
    Ratio {
        /// The limit.
        limit: u64,
    },
    /// An entry that no report has: a link, an encrypted file, a name that leaves its folder.
    #[error("the entry {name} is {what}")]
    Entry {
        /// The entry, in printable characters.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Not exactly one file.
    #[error("it should hold one file, but holds {found}")]
    Files {
        /// What it holds.
        found: String,
    },
    /// Cut off, changed, or no ZIP file at all.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The spool failed.
    #[error("the spool folder failed: {0}")]
    Spool(io::Error),
}

/// The one file of an archive, on the spool, and its name; none where the archive has no entry at all. Blocking.
pub(super) fn open(
    archive: &Spooled,
    limits: &ArchiveLimits,
    spool: &Spool,
) -> Result<Option<(Spooled, String)>, ArchiveError> {
    check_end(archive, limits)?;
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut zip = ZipArchive::with_config(config, BufReader::new(archive.reader())).map_err(damaged)?;
    if zip.is_empty() {
        return match archive.head(4).map_err(ArchiveError::Spool)? == END_RECORD {
            true => Ok(None),
            false => Err(ArchiveError::Damaged("it lists none of its entries".into())),
        };
    }
    if zip.len() > usize::from(limits.entries) {
        return Err(ArchiveError::Entries { limit: limits.entries });
    }
    if zip.has_duplicate_names() {
        return Err(ArchiveError::Damaged("two entries have the same name".into()));
    }
    let index = choose(&mut zip)?;
    let mut entry = zip.by_index(index).map_err(damaged)?;
    let name = printable(entry.name_raw());
    let (size, packed) = (entry.size(), entry.compressed_size());
    if size > limits.total_bytes {
        return Err(ArchiveError::TooLarge {
            limit: limits.total_bytes,
        });
    }
    if size > RATIO_FLOOR && size / packed.max(1) > limits.ratio {
        return Err(ArchiveError::Ratio { limit: limits.ratio });
    }

    let mut out = BufWriter::with_capacity(256 * 1024, spool.create().map_err(ArchiveError::Spool)?);
    let mut buffer = vec![0; 128 * 1024];
    let mut total: u64 = 0;
    loop {
        // Reading to the end checks the CRC.
        let count = entry
            .read(&mut buffer)
            .map_err(|error| ArchiveError::Damaged(error.to_string()))?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
            break;
        };
        if total == 0 && piece.starts_with(&SIGNATURE) {
            return Err(ArchiveError::Entry {
                name,
                what: "an archive again",
            });
        }
        total += count as u64;
        if total > limits.total_bytes {
            return Err(ArchiveError::TooLarge {
                limit: limits.total_bytes,
            });
        }
        if total > RATIO_FLOOR && total / packed.max(1) > limits.ratio {
            return Err(ArchiveError::Ratio { limit: limits.ratio });
        }
        out.write_all(piece).map_err(ArchiveError::Spool)?;
    }
    if total != size {
        return Err(ArchiveError::Damaged(format!(
            "{name} has {total} bytes instead of {size}"
        )));
    }
    let file = out
        .into_inner()
        .map_err(|error| ArchiveError::Spool(error.into_error()))?;
    Ok(Some((Spooled::new(file).map_err(ArchiveError::Spool)?, name)))
}

/// Looks at the end records before the library reads as many entries as they claim.
fn check_end(archive: &Spooled, limits: &ArchiveLimits) -> Result<(), ArchiveError> {
    let mut reader = archive.reader();
    let mut tail = Vec::new();
    reader
        .seek(SeekFrom::Start(archive.len().saturating_sub(TAIL)))
        .map_err(ArchiveError::Spool)?;
    reader.read_to_end(&mut tail).map_err(ArchiveError::Spool)?;
    let Some(at) = end_record(&tail) else {
        return Err(ArchiveError::Damaged("its end is missing".into()));
    };
    // Readers disagree about which of two ends is the end.
    let comment = tail.get(at + END_RECORD_BYTES..).unwrap_or_default();
    if comment.windows(4).any(|window| window == END_RECORD) {
        return Err(ArchiveError::Damaged("it has two ends".into()));
    }
    let mut entries = number(&tail, at + 10, 2);
    let locator = at.checked_sub(LOCATOR_BYTES).and_then(|locator| tail.get(locator..at));
    if let Some(locator) = locator.filter(|locator| locator.starts_with(&ZIP64_LOCATOR)) {
        let mut record = Vec::new();
        reader
            .seek(SeekFrom::Start(number(locator, 8, 8)))
            .and_then(|_| reader.take(56).read_to_end(&mut record))
            .map_err(|error| ArchiveError::Damaged(error.to_string()))?;
        if record.len() < 56 || !record.starts_with(&ZIP64_END_RECORD) {
            return Err(ArchiveError::Damaged("its ZIP64 end record is missing".into()));
        }
        entries = number(&record, 24, 8).max(number(&record, 32, 8));
    }
    if entries > u64::from(limits.entries) {
        return Err(ArchiveError::Entries { limit: limits.entries });
    }
    Ok(())
}

/// Where the end record stands, whose comment ends with the file.
fn end_record(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_RECORD_BYTES)?;
    (0..=last).rev().find(|at| {
        tail.get(*at..).is_some_and(|rest| rest.starts_with(&END_RECORD))
            && number(tail, at + 20, 2) == (last - at) as u64
    })
}

/// So many bytes as a number, least significant first; missing ones are 0.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at.saturating_add(length)).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The index of the report: the only file, or the only CSV file among several. Refuses the archive for any bad entry.
fn choose<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<usize, ArchiveError> {
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(damaged)?;
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

fn printable(name: &[u8]) -> String {
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

fn damaged(error: ZipError) -> ArchiveError {
    ArchiveError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn spooled(bytes: &[u8]) -> (tempfile::TempDir, Spool, Spooled) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let mut file = spool.create().unwrap();
        file.write_all(bytes).unwrap();
        (folder, spool, Spooled::new(file).unwrap())
    }

    fn open_bytes(bytes: &[u8]) -> Result<(String, Vec<u8>), ArchiveError> {
        let (_folder, spool, archive) = spooled(bytes);
        let Some((inside, name)) = open(&archive, &ArchiveLimits::default(), &spool)? else {
            return Ok((String::new(), Vec::new()));
        };
        let mut content = Vec::new();
        inside.reader().read_to_end(&mut content).unwrap();
        Ok((name, content))
    }

    fn deflated() -> SimpleFileOptions {
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
    }

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            zip.start_file(*name, deflated()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// Replaces every occurrence of a byte string by one of the same length.
    fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
        let places: Vec<usize> = (0..=bytes.len() - from.len())
            .filter(|at| bytes[*at..].starts_with(from))
            .collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
        bytes
    }

    #[test]
    fn a_compressible_report_comes_out_whole() {
        let mut csv = String::from("User Login,IP Address,Date\n");
        for row in 0..100_000 {
            let (user, address) = (row / 400, row / 40 % 250);
            csv.push_str(&format!(
                "user{user}@example.com,10.0.0.{address},2025-03-{:02}\n",
                row / 4 % 28 + 1
            ));
        }
        let bytes = archive(&[("audit.csv", csv.as_bytes())]);
        assert!(csv.len() / bytes.len() >= 8, "the test is about compressible data");
        assert_eq!(open_bytes(&bytes).unwrap(), ("audit.csv".into(), csv.into_bytes()));
    }

    #[test]
    fn the_only_csv_is_taken_and_two_are_named() {
        let (name, _) = open_bytes(&archive(&[("a/readme.txt", b"x"), ("a/r.CSV", b"y")])).unwrap();
        assert_eq!(name, "a/r.CSV");
        let (name, _) = open_bytes(&archive(&[("report", b"x")])).unwrap();
        assert_eq!(name, "report");
        let error = open_bytes(&archive(&[("one.csv", b"x"), ("two.csv", b"y")]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("one.csv, two.csv"), "{error}");
        let error = open_bytes(&archive(&[("a.txt", b"x"), ("b.txt", b"y")]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("a.txt, b.txt"), "{error}");
    }

    #[test]
    fn an_archive_without_entries_has_no_file_unless_it_begins_with_one() {
        let empty = archive(&[]);
        assert!(is_archive(&empty));
        let (_folder, spool, spooled) = spooled(&empty);
        assert!(open(&spooled, &ArchiveLimits::default(), &spool).unwrap().is_none());
        let mut headless = archive(&[("a.csv", b"x")]);
        let central = headless.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        headless.truncate(central);
        headless.extend(&empty);
        assert!(matches!(open_bytes(&headless), Err(ArchiveError::Damaged(_))));
    }

    #[test]
    fn a_backslash_in_a_name_is_the_mark_of_a_folder() {
        let tame = "inbox/run.csv";
        let bytes = replaced(archive(&[(tame, b"content")]), tame.as_bytes(), b"inbox\\run.csv");
        assert_eq!(
            open_bytes(&bytes).unwrap(),
            ("inbox\\run.csv".into(), b"content".to_vec())
        );
    }

    #[test]
    fn a_bomb_is_refused() {
        let bytes = archive(&[("bomb.csv", &vec![b'0'; 8 * 1024 * 1024])]);
        assert!(matches!(open_bytes(&bytes), Err(ArchiveError::Ratio { limit: 200 })));
    }

    #[test]
    fn a_bomb_that_lies_about_its_size_is_refused() {
        let size = 8u32 * 1024 * 1024;
        let bytes = archive(&[("bomb.csv", &vec![b'0'; 8 * 1024 * 1024])]);
        let bytes = replaced(bytes, &size.to_le_bytes(), &1000u32.to_le_bytes());
        assert!(matches!(
            open_bytes(&bytes),
            Err(ArchiveError::Ratio { .. } | ArchiveError::Damaged(_))
        ));
    }

    #[test]
    fn the_size_limit_holds() {
        let (_folder, spool, archive) = spooled(&archive(&[("a.csv", b"0123456789")]));
        let limits = ArchiveLimits {
            total_bytes: 9,
            ..ArchiveLimits::default()
        };
        assert!(matches!(
            open(&archive, &limits, &spool),
            Err(ArchiveError::TooLarge { limit: 9 })
        ));
    }

    #[test]
    fn many_entries_are_refused_before_they_are_read() {
        let names: Vec<String> = (0..65_000).map(|n| format!("{n}")).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(matches!(
            open_bytes(&archive(&entries)),
            Err(ArchiveError::Entries { limit: 64 })
        ));
    }

    #[test]
    fn names_that_leave_their_folder_are_refused() {
        for name in [
            "../evil.csv",
            "a/../../evil.csv",
            "/etc/cron.d/x.csv",
            "..\\evil.csv",
            "C:evil.csv",
            "a\nb.csv",
        ] {
            // The writer tidies names up, so a tame one of the same length is overwritten.
            let tame = "x".repeat(name.len());
            let bytes = replaced(archive(&[(&tame, b"content")]), tame.as_bytes(), name.as_bytes());
            let error = open_bytes(&bytes).unwrap_err();
            assert!(matches!(error, ArchiveError::Entry { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn archives_inside_are_refused_by_name_and_by_content() {
        let inner = archive(&[("a.csv", b"x")]);
        for name in ["inner.zip", "inner.csv"] {
            let error = open_bytes(&archive(&[(name, &inner)])).unwrap_err().to_string();
            assert!(error.contains("an archive again"), "{error}");
        }
    }

    #[test]
    fn links_are_refused() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("a.csv", "/etc/passwd", SimpleFileOptions::default())
            .unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        assert!(matches!(
            open_bytes(&bytes),
            Err(ArchiveError::Entry {
                what: "a link or a device",
                ..
            })
        ));
    }

    #[test]
    fn encrypted_entries_are_refused() {
        let mut bytes = archive(&[("a.csv", b"content")]);
        // Bit 0 of the general purpose flags, in the local and in the central header.
        bytes[6] |= 1;
        let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[central + 8] |= 1;
        assert!(matches!(
            open_bytes(&bytes),
            Err(ArchiveError::Entry { what: "encrypted", .. })
        ));
    }

    #[test]
    fn damage_is_noticed() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(
            "a.csv",
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
        )
        .unwrap();
        zip.write_all(b"some content").unwrap();
        let good = zip.finish().unwrap().into_inner();
        assert!(open_bytes(&good).is_ok());
        let changed = replaced(good.clone(), b"some", b"same");
        assert!(matches!(open_bytes(&changed), Err(ArchiveError::Damaged(_))));
        for length in 0..good.len() {
            assert!(open_bytes(&good[..length]).is_err(), "cut to {length}");
        }
    }

    /// ZIP64 end records as Java writes them for an archive of any size, and what is put between them and the end.
    fn with_zip64(bytes: &[u8], entries: u64, between: &[u8]) -> Vec<u8> {
        let end = bytes.windows(4).rposition(|window| window == END_RECORD).unwrap();
        let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        let mut whole = bytes[..end].to_vec();
        whole.extend(ZIP64_END_RECORD);
        whole.extend(44_u64.to_le_bytes());
        whole.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [entries, entries, (end - central) as u64, central as u64] {
            whole.extend(number.to_le_bytes());
        }
        whole.extend(ZIP64_LOCATOR);
        whole.extend(0_u32.to_le_bytes());
        whole.extend((end as u64).to_le_bytes());
        whole.extend(1_u32.to_le_bytes());
        whole.extend(between);
        let mut last = bytes[end..].to_vec();
        // The numbers stand in the ZIP64 record.
        last[8..20].fill(0xff);
        whole.extend(last);
        whole
    }

    #[test]
    fn a_small_archive_with_zip64_end_records_is_read() {
        let plain = archive(&[("a.csv", b"content")]);
        let read = open_bytes(&with_zip64(&plain, 1, b"")).unwrap();
        assert_eq!(read, ("a.csv".into(), b"content".to_vec()));
        assert!(matches!(
            open_bytes(&with_zip64(&plain, 65, b"")),
            Err(ArchiveError::Entries { limit: 64 })
        ));
        assert!(matches!(
            open_bytes(&with_zip64(&plain, u64::MAX, b"")),
            Err(ArchiveError::Entries { limit: 64 })
        ));
        assert!(open_bytes(&with_zip64(&plain, 1, b"x")).is_err());
    }

    #[test]
    fn an_archive_with_a_second_end_in_its_comment_is_refused() {
        let mut bytes = archive(&[("a.csv", b"content")]);
        let length = bytes.len();
        bytes[length - 2..].copy_from_slice(&23_u16.to_le_bytes());
        assert!(open_bytes(&[&bytes[..], &[b' '; 23]].concat()).is_ok());
        let second = [&END_RECORD[..], &[0; 19]].concat();
        assert!(matches!(
            open_bytes(&[bytes, second].concat()),
            Err(ArchiveError::Damaged(_))
        ));
    }

    #[test]
    fn bytes_of_a_file_that_look_like_records_are_no_records() {
        let content = [
            &ZIP64_LOCATOR[..],
            &[0; 16],
            &END_RECORD,
            &[0xff; 18],
            b"x",
            &ZIP64_END_RECORD,
        ]
        .concat();
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file("a.csv", stored).unwrap();
        zip.write_all(&content).unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        assert_eq!(open_bytes(&bytes).unwrap().1, content);
    }
}
