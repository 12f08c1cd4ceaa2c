//! Archives that are honest, damaged or hostile.

use super::end::{ZIP64_END_RECORD, ZIP64_LOCATOR};
use super::*;
use std::io::Cursor;
use std::io::{self, Seek, SeekFrom};
use std::time::Duration;
use zip::CompressionMethod;
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
    let Some((inside, name)) = open(&archive, &FetchLimits::default(), &spool)? else {
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
    assert!(open(&spooled, &FetchLimits::default(), &spool).unwrap().is_none());
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
    let limits = FetchLimits {
        archive_bytes: 9,
        ..FetchLimits::default()
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

#[test]
fn reading_an_archive_has_a_limit_of_time() {
    let (_folder, spool, archive) = spooled(&archive(&[("a.csv", b"content")]));
    let limits = |archive_timeout| FetchLimits {
        archive_timeout,
        ..FetchLimits::default()
    };
    let error = open(&archive, &limits(Duration::ZERO), &spool).unwrap_err();
    assert!(matches!(error, ArchiveError::Slow { .. }), "{error}");
    assert!(open(&archive, &limits(Duration::MAX), &spool).is_ok());
}

/// Counts what is read.
struct Counting<R>(R, u64);

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1 += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Counting<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// An end record of so many entries, with what it says of the directory, and a comment of that length.
fn end_of(entries: u16, bytes: u32, at: u32, comment: u16) -> Vec<u8> {
    let mut record = [&END_RECORD[..], &[0; 4]].concat();
    record.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    record.extend(bytes.to_le_bytes());
    record.extend(at.to_le_bytes());
    record.extend(comment.to_le_bytes());
    record
}

#[test]
fn an_end_that_does_not_abut_its_directory_is_refused_at_once() {
    const LENGTH: usize = 2 * 1024 * 1024;
    let mut signatures = b"PK\x03\x04".to_vec();
    while signatures.len() < LENGTH {
        signatures.extend(b"PK\x01\x02");
    }
    let directory = signatures.len() as u32 - 4;
    let two = [end_of(1, 46, 0, 0), end_of(1, 46, 0, 0)].concat();
    let nested = [end_of(1, directory, 4, 22), end_of(1, directory, 4, 0)].concat();
    let many = end_of(3, 46, 4, 0).repeat(2900);
    // The last one is in order but for its number of disks, and an earlier one claims more than is allowed.
    let mut disks = [end_of(60_000, directory, 4, 0), end_of(1, 22, directory + 4, 0)].concat();
    disks[22 + 4] = 1;
    // The second one begins with the length of the first one's comment.
    let mut within = end_of(1, directory, 4, u16::from_le_bytes(*b"PK"));
    within.truncate(20);
    within.extend(end_of(1, directory, 4, 0));
    within.resize(22 + usize::from(u16::from_le_bytes(*b"PK")), 0);
    for (what, ends) in [
        ("two", two),
        ("nested", nested),
        ("many", many),
        ("disks", disks),
        ("within", within),
    ] {
        let bytes = [&signatures[..], &ends].concat();
        let mut reader = Counting(Cursor::new(&bytes), 0);
        let error = end::check(&mut reader, bytes.len() as u64, 64).unwrap_err();
        assert!(matches!(error, ArchiveError::Damaged(_)), "{what}: {error}");
        assert!(reader.1 < 66_000, "{what}: {} bytes were read", reader.1);
        assert!(open_bytes(&bytes).is_err(), "{what}");
    }
}

#[test]
fn what_the_records_at_the_end_say_must_agree() {
    let plain = archive(&[("a.csv", b"content")]);
    let good = with_zip64(&plain, 1, b"");
    let (end, record) = (good.len() - 22, good.len() - 22 - 20 - 56);
    let mut numbers = good.clone();
    numbers[end + 8..end + 20].copy_from_slice(&plain[plain.len() - 14..plain.len() - 2]);
    // Some write the numbers in both places.
    assert_eq!(open_bytes(&numbers).unwrap().0, "a.csv");
    for (what, at, byte) in [
        ("entries of the end record", end + 8, 2),
        ("bytes of its directory", end + 12, 1),
        ("place of its directory", end + 16, 1),
    ] {
        let mut bytes = numbers.clone();
        bytes[at] ^= byte;
        assert!(open_bytes(&bytes).is_err(), "{what}");
    }
    for (what, at, byte) in [
        ("the size of the ZIP64 record", record + 4, 1),
        ("a disk in it", record + 16, 1),
        ("entries on this disk in it", record + 24, 1),
        ("bytes of the directory in it", record + 40, 1),
        ("place of the directory in it", record + 48, 1),
        ("the disk in its locator", end - 16, 1),
        ("the record's place in its locator", end - 12, 1),
        ("disks in its locator", end - 4, 2),
    ] {
        let mut bytes = good.clone();
        bytes[at] ^= byte;
        assert!(open_bytes(&bytes).is_err(), "{what}");
    }
}

#[test]
fn a_zip64_record_as_large_as_the_file_is_not_read() {
    let plain = archive(&[("a.csv", b"content")]);
    let mut bytes = with_zip64(&plain, 1, b"");
    let locator = bytes.len() - 22 - 20;
    let sector = vec![0; 1024 * 1024];
    let record = locator - 56;
    bytes[record + 4..record + 12].copy_from_slice(&(44 + sector.len() as u64).to_le_bytes());
    bytes.splice(locator..locator, sector);
    assert!(matches!(open_bytes(&bytes), Err(ArchiveError::Damaged(_))));
}

#[test]
fn an_archive_whose_lengths_follow_its_content_is_read() {
    // As a server writes it that does not know the length before: bit 3 of the flags, and a data descriptor.
    let mut zip = ZipWriter::new_stream(Vec::new());
    zip.start_file("a.csv", deflated()).unwrap();
    zip.write_all(b"content").unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    assert_eq!(bytes[6] & 8, 8);
    assert_eq!(open_bytes(&bytes).unwrap(), ("a.csv".into(), b"content".to_vec()));
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
