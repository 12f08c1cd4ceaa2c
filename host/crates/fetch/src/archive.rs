//! Opens the ZIP file that some reports come in.
//!
//! Nothing is ever extracted to a name that the archive chooses: the one file inside is copied to the spool, under
//! limits of entries, size and ratio, and its length and CRC are checked. Names that would escape a folder, links,
//! encryption and archives inside the archive are refused all the same: an honest report holds none. A backslash in a
//! name is a folder's mark, as Windows and EPM Cloud write it (`inbox\\run.csv`), although APPNOTE 4.4.17 wants a slash.
//!
//! The archive begins where the file begins, and the rules for its end stand in [`end`]. All of it is read under a
//! limit of time.

mod choice;
mod end;
mod error;
#[cfg(test)]
mod tests;
mod timed;

use std::io::{BufReader, BufWriter, Read, Write};

use zip::read::{ArchiveOffset, Config, ZipArchive};

use self::choice::{choose, printable};
use self::end::END_RECORD;
pub use self::error::ArchiveError;
use self::timed::Timed;
use super::limits::FetchLimits;
use super::spool::{Spool, SpoolReader, Spooled};

/// The first bytes of a ZIP file with at least one entry.
const SIGNATURE: [u8; 4] = *b"PK\x03\x04";

/// True if a file that begins so is an archive: with an entry, or with the end of one without entries.
pub(super) fn is_archive(head: &[u8]) -> bool {
    head.starts_with(&SIGNATURE) || head.starts_with(&END_RECORD)
}

/// Below this the ratio is not judged.
const RATIO_FLOOR: u64 = 1024 * 1024;

/// The one file of an archive, on the spool, and its name; none where the archive has no entry at all. Blocking.
pub(super) fn open(
    archive: &Spooled,
    limits: &FetchLimits,
    spool: &Spool,
) -> Result<Option<(Spooled, String)>, ArchiveError> {
    let mut reader = Timed::new(archive.reader(), limits.archive_timeout);
    read(archive, &mut reader, limits, spool).map_err(|error| match reader.over {
        true => ArchiveError::Slow {
            limit: limits.archive_timeout,
        },
        false => error,
    })
}

fn read(
    archive: &Spooled,
    reader: &mut Timed<SpoolReader>,
    limits: &FetchLimits,
    spool: &Spool,
) -> Result<Option<(Spooled, String)>, ArchiveError> {
    end::check(reader, archive.len(), limits.archive_entries)?;
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut zip = ZipArchive::with_config(config, BufReader::new(reader)).map_err(ArchiveError::damaged)?;
    if zip.is_empty() {
        return match archive.head(4).map_err(ArchiveError::Spool)? == END_RECORD {
            true => Ok(None),
            false => Err(ArchiveError::Damaged("it lists none of its entries".into())),
        };
    }
    if zip.len() > usize::from(limits.archive_entries) {
        return Err(ArchiveError::Entries {
            limit: limits.archive_entries,
        });
    }
    if zip.has_duplicate_names() {
        return Err(ArchiveError::Damaged("two entries have the same name".into()));
    }
    let index = choose(&mut zip)?;
    let mut entry = zip.by_index(index).map_err(ArchiveError::damaged)?;
    let name = printable(entry.name_raw());
    let (size, packed) = (entry.size(), entry.compressed_size());
    if size > limits.archive_bytes {
        return Err(ArchiveError::TooLarge {
            limit: limits.archive_bytes,
        });
    }
    if size > RATIO_FLOOR && size / packed.max(1) > limits.archive_ratio {
        return Err(ArchiveError::Ratio {
            limit: limits.archive_ratio,
        });
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
        if total > limits.archive_bytes {
            return Err(ArchiveError::TooLarge {
                limit: limits.archive_bytes,
            });
        }
        if total > RATIO_FLOOR && total / packed.max(1) > limits.archive_ratio {
            return Err(ArchiveError::Ratio {
                limit: limits.archive_ratio,
            });
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
