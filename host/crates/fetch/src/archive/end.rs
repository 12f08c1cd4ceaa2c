//! The end of a ZIP file, checked before the library looks at it.
//!
//! A reader finds the directory of an archive from its last bytes, and where those do not fit it goes on looking: for an
//! earlier end record, for the first directory entry after a place. A made-up file keeps such a search busy, and readers
//! disagree about what it finds. So the end is read here, once, and only one form is let through (APPNOTE 4.3.14 to 4.3.16):
//!
//! ```text
//! entries … | directory | ZIP64 end record, ZIP64 locator (both or none) | end record with a comment to the file's end
//! ```
//!
//! Each part begins where the one before ends, the directory begins with an entry's signature, and all records agree. The
//! library finds the same end first then, and has no reason to look any further.

use std::io::{Read, Seek, SeekFrom};

use super::error::ArchiveError;

const DIRECTORY_ENTRY: [u8; 4] = *b"PK\x01\x02";
pub(super) const END_RECORD: [u8; 4] = *b"PK\x05\x06";
pub(super) const ZIP64_END_RECORD: [u8; 4] = *b"PK\x06\x06";
pub(super) const ZIP64_LOCATOR: [u8; 4] = *b"PK\x06\x07";

const END_RECORD_BYTES: usize = 22;
const ZIP64_END_RECORD_BYTES: u64 = 56;
const LOCATOR_BYTES: u64 = 20;
/// Of an entry without a name.
const DIRECTORY_ENTRY_BYTES: u64 = 46;

/// The end record with the longest comment.
const TAIL: u64 = 22 + 65_535;

/// The most that an extensible data sector may take: nobody fills one, and the library reads it whole.
const SECTOR: u64 = 64 * 1024;

/// The mark of an end record that has no room for a number, which the ZIP64 end record has then.
const ELSEWHERE_16: u64 = 0xffff;
const ELSEWHERE_32: u64 = 0xffff_ffff;

/// The place of the directory, and how many entries it is said to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Directory {
    entries: u64,
    bytes: u64,
    at: u64,
}

/// Checks the end of an archive of so many bytes, which may list so many entries.
pub(super) fn check<R: Read + Seek>(reader: &mut R, length: u64, limit: u16) -> Result<(), ArchiveError> {
    let from = length.saturating_sub(TAIL);
    let tail = read(reader, from, TAIL)?;
    let at = find(&tail)?;
    let record = tail.get(at..).unwrap_or_default();
    let at = from + at as u64;
    let disks = [number(record, 4, 2), number(record, 6, 2)];
    let said = Directory {
        entries: number(record, 10, 2),
        bytes: number(record, 12, 4),
        at: number(record, 16, 4),
    };
    if number(record, 8, 2) != said.entries {
        return Err(damaged("it is one part of several"));
    }
    let elsewhere = said.entries == ELSEWHERE_16 || said.bytes == ELSEWHERE_32 || said.at == ELSEWHERE_32;
    let locator = match at.checked_sub(LOCATOR_BYTES) {
        Some(before) if elsewhere || !fits(said, at) => Some((before, read(reader, before, LOCATOR_BYTES)?)),
        // Bytes that look like a locator are part of the directory.
        _ => None,
    };
    let (directory, end) = match locator.filter(|(_, locator)| locator.starts_with(&ZIP64_LOCATOR)) {
        Some((before, locator)) if disks.iter().all(|disk| [0, ELSEWHERE_16].contains(disk)) => {
            zip64(reader, before, &locator, said)?
        }
        None if disks == [0, 0] => (said, at),
        _ => return Err(damaged("it is one part of several")),
    };
    if directory.entries > u64::from(limit) {
        return Err(ArchiveError::Entries { limit });
    }
    if !fits(directory, end) {
        return Err(damaged("its directory does not stand right before its end"));
    }
    if directory.entries > 0 && !read(reader, directory.at, 4)?.starts_with(&DIRECTORY_ENTRY) {
        return Err(damaged("its directory does not begin where its end says"));
    }
    Ok(())
}

/// The place in the last bytes of a file of the one end record whose comment ends with the file.
fn find(tail: &[u8]) -> Result<usize, ArchiveError> {
    let mut found = tail
        .windows(END_RECORD_BYTES)
        .enumerate()
        .filter(|(_, window)| window.starts_with(&END_RECORD))
        .filter(|(at, window)| number(window, 20, 2) == (tail.len() - at - END_RECORD_BYTES) as u64)
        .map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(at), None) => {
            // A second one may begin within the first. Readers disagree about which of two ends is the end.
            let after = tail.get(at + 1..).unwrap_or_default();
            match after.windows(4).any(|window| window == END_RECORD) {
                true => Err(damaged("it has two ends")),
                false => Ok(at),
            }
        }
        (Some(_), Some(_)) => Err(damaged("it has two ends")),
        (None, _) => Err(damaged("its end is missing")),
    }
}

/// The directory of the ZIP64 end record that a locator leads to, and where that record begins.
fn zip64<R: Read + Seek>(
    reader: &mut R,
    locator_at: u64,
    locator: &[u8],
    said: Directory,
) -> Result<(Directory, u64), ArchiveError> {
    let at = number(locator, 8, 8);
    if number(locator, 4, 4) != 0 || number(locator, 16, 4) > 1 {
        return Err(damaged("it is one part of several"));
    }
    let record = match at.checked_add(ZIP64_END_RECORD_BYTES) {
        Some(end) if end <= locator_at => read(reader, at, ZIP64_END_RECORD_BYTES)?,
        _ => Vec::new(),
    };
    if !record.starts_with(&ZIP64_END_RECORD) {
        return Err(damaged("its ZIP64 end record is missing"));
    }
    // The size leaves out the signature and itself.
    let size = number(&record, 4, 8);
    if size.checked_add(12) != Some(locator_at - at) || size > ZIP64_END_RECORD_BYTES - 12 + SECTOR {
        return Err(damaged("its ZIP64 end record does not end where its locator begins"));
    }
    let directory = Directory {
        entries: number(&record, 32, 8),
        bytes: number(&record, 40, 8),
        at: number(&record, 48, 8),
    };
    if (number(&record, 16, 4), number(&record, 20, 4)) != (0, 0) || number(&record, 24, 8) != directory.entries {
        return Err(damaged("it is one part of several"));
    }
    let agree = |said: u64, elsewhere: u64, number: u64| said == elsewhere || said == number;
    if !agree(said.entries, ELSEWHERE_16, directory.entries)
        || !agree(said.bytes, ELSEWHERE_32, directory.bytes)
        || !agree(said.at, ELSEWHERE_32, directory.at)
    {
        return Err(damaged("its two end records disagree"));
    }
    Ok((directory, at))
}

/// Checks that the directory ends at this place, and has room for its entries.
fn fits(directory: Directory, end: u64) -> bool {
    directory.at.checked_add(directory.bytes) == Some(end)
        && (directory.entries.checked_mul(DIRECTORY_ENTRY_BYTES)).is_some_and(|least| least <= directory.bytes)
        && (directory.entries > 0 || directory.bytes == 0)
}

/// So many bytes from a place, or as many as there are.
fn read<R: Read + Seek>(reader: &mut R, at: u64, bytes: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut found = Vec::new();
    reader
        .seek(SeekFrom::Start(at))
        .and_then(|_| reader.take(bytes).read_to_end(&mut found))
        .map_err(ArchiveError::Spool)?;
    Ok(found)
}

/// So many bytes as a number, least significant first; missing ones are 0.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at.saturating_add(length)).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn damaged(what: &str) -> ArchiveError {
    ArchiveError::Damaged(what.to_owned())
}
