//! Reports inside a ZIP: written while they are sent, or made to hurt whoever opens them.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex, PoisonError};

use zip::result::ZipResult;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::scenario::ArchiveStyle;

/// Every entry carries the earliest time that ZIP knows, so that the same report gives the same bytes.
const OPTIONS: SimpleFileOptions = SimpleFileOptions::DEFAULT;

/// Pieces of 64 KiB that a bomb unpacks to: 512 MiB out of half a megabyte.
const BOMB_PIECES: usize = 8192;

/// The pieces of a report, packed as a scenario likes it. `name` is the entry's.
pub(super) fn pack(
    style: ArchiveStyle,
    name: &str,
    pieces: Box<dyn Iterator<Item = Vec<u8>> + Send>,
) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
    match style {
        ArchiveStyle::Zip => Box::new(PackedEntry::new(name, pieces)),
        ArchiveStyle::Bare => pieces,
        ArchiveStyle::Bomb => {
            let zeroes = std::iter::repeat_n(vec![b'0'; 1 << 16], BOMB_PIECES);
            Box::new(PackedEntry::new(name, Box::new(pieces.chain(zeroes))))
        }
        other => {
            let csv: Vec<u8> = pieces.flatten().collect();
            // Writing into memory does not fail; an empty answer would show if it did.
            Box::new(std::iter::once(hostile(other, name, &csv).unwrap_or_default()))
        }
    }
}

fn hostile(style: ArchiveStyle, name: &str, csv: &[u8]) -> ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    match style {
        ArchiveStyle::Zip | ArchiveStyle::Bare | ArchiveStyle::Bomb => add(&mut archive, name, csv)?,
        ArchiveStyle::Encrypted | ArchiveStyle::WrongCrc | ArchiveStyle::Truncated => {
            // Stored, so that a wrong checksum is all that is wrong.
            archive.start_file(name, OPTIONS.compression_method(CompressionMethod::Stored))?;
            archive.write_all(csv)?;
        }
        ArchiveStyle::Nested => {
            let inner = hostile(ArchiveStyle::Zip, name, csv)?;
            add(&mut archive, "inner.zip", &inner)?;
        }
        ArchiveStyle::Backslash => add(&mut archive, &format!("inbox/{name}"), csv)?,
        ArchiveStyle::Zip64 => add(&mut archive, name, csv)?,
        ArchiveStyle::Slip => add(&mut archive, &format!("../../../../tmp/{name}"), csv)?,
        ArchiveStyle::Symlink => archive.add_symlink(name, "/etc/passwd", OPTIONS)?,
        ArchiveStyle::ManyEntries => {
            for number in 0..64_999 {
                archive.start_file(
                    format!("{number}.txt"),
                    OPTIONS.compression_method(CompressionMethod::Stored),
                )?;
            }
            add(&mut archive, name, csv)?;
        }
        ArchiveStyle::TwoCsvs => {
            add(&mut archive, name, csv)?;
            add(&mut archive, &format!("other-{name}"), csv)?;
        }
        ArchiveStyle::NoCsv => add(&mut archive, "readme.txt", b"Nothing to see here.\n")?,
        ArchiveStyle::NoEntry => {}
    }
    let mut bytes = archive.finish()?.into_inner();
    match style {
        // Bit 0 of the general purpose flags, 6 bytes into a local and 8 into a central header.
        ArchiveStyle::Encrypted => {
            change(&mut bytes, b"PK\x03\x04", 6, |flags| flags | 1);
            change(&mut bytes, b"PK\x01\x02", 8, |flags| flags | 1);
        }
        ArchiveStyle::WrongCrc => {
            change(&mut bytes, b"PK\x03\x04", 14, |crc| !crc);
            change(&mut bytes, b"PK\x01\x02", 16, |crc| !crc);
        }
        ArchiveStyle::Truncated => bytes.truncate(bytes.len() / 2),
        // The name stands in the local and in the central header.
        ArchiveStyle::Backslash => {
            change(&mut bytes, b"PK\x03\x04", 30 + 5, |_| b'\\');
            change(&mut bytes, b"PK\x01\x02", 46 + 5, |_| b'\\');
        }
        ArchiveStyle::Zip64 => add_zip64(&mut bytes),
        _ => {}
    }
    Ok(bytes)
}

fn add(archive: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, bytes: &[u8]) -> ZipResult<()> {
    archive.start_file(name, OPTIONS)?;
    archive.write_all(bytes)?;
    Ok(())
}

/// Puts ZIP64 end records before the end record, which then leaves all numbers to them: APPNOTE 4.3.14 and 4.3.15.
fn add_zip64(bytes: &mut Vec<u8>) {
    let find = |signature: &[u8; 4]| bytes.windows(4).rposition(|window| window == signature);
    let (Some(end), Some(central)) = (find(b"PK\x05\x06"), find(b"PK\x01\x02")) else {
        return;
    };
    let mut records = b"PK\x06\x06".to_vec();
    records.extend(44_u64.to_le_bytes());
    records.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [1, 1, (end - central) as u64, central as u64] {
        records.extend(number.to_le_bytes());
    }
    records.extend(b"PK\x06\x07\x00\x00\x00\x00");
    records.extend((end as u64).to_le_bytes());
    records.extend(1_u32.to_le_bytes());
    if let Some(numbers) = bytes.get_mut(end + 8..end + 20) {
        numbers.fill(0xff);
    }
    bytes.splice(end..end, records);
}

/// Changes one byte of the last header with this signature.
fn change(bytes: &mut [u8], signature: &[u8; 4], offset: usize, change: fn(u8) -> u8) {
    if let Some(at) = bytes.windows(4).rposition(|window| window == signature)
        && let Some(byte) = bytes.get_mut(at + offset)
    {
        *byte = change(*byte);
    }
}

/// A place for bytes that a writer leaves and a reader takes.
#[derive(Clone, Default)]
struct Tray(Arc<Mutex<Vec<u8>>>);

impl Tray {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Tray {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An archive of one entry, packed while it is taken.
struct PackedEntry {
    name: String,
    pieces: Box<dyn Iterator<Item = Vec<u8>> + Send>,
    tray: Tray,
    /// The writer of the archive; none once the archive is complete.
    archive: Option<ZipWriter<StreamWriter<Tray>>>,
    opened: bool,
}

impl PackedEntry {
    fn new(name: &str, pieces: Box<dyn Iterator<Item = Vec<u8>> + Send>) -> Self {
        let tray = Tray::default();
        let archive = Some(ZipWriter::new_stream(tray.clone()));
        Self {
            name: name.to_owned(),
            pieces,
            tray,
            archive,
            opened: false,
        }
    }

    fn step(&mut self) -> ZipResult<()> {
        let Some(archive) = &mut self.archive else {
            return Ok(());
        };
        if !self.opened {
            self.opened = true;
            archive.start_file(&self.name, OPTIONS.large_file(true))?;
        }
        if let Some(piece) = self.pieces.next() {
            archive.write_all(&piece)?;
        } else if let Some(archive) = self.archive.take() {
            archive.finish()?;
        }
        Ok(())
    }
}

impl Iterator for PackedEntry {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while self.archive.is_some() {
            if self.step().is_err() {
                self.archive = None;
                return None;
            }
            let bytes = self.tray.take();
            if !bytes.is_empty() {
                return Some(bytes);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const CSV: &[u8] = b"a,b,c\n1,2,3\n";

    fn packed(style: ArchiveStyle) -> Vec<u8> {
        let halves = CSV.chunks(5).map(<[u8]>::to_vec).collect::<Vec<_>>();
        pack(style, "r.csv", Box::new(halves.into_iter())).flatten().collect()
    }

    fn read(bytes: Vec<u8>, index: usize) -> (String, Result<Vec<u8>, String>) {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let name = archive.name_for_index(index).unwrap().unwrap().into_owned();
        let read = match archive.by_index(index) {
            Ok(mut entry) => {
                let mut out = Vec::new();
                entry
                    .read_to_end(&mut out)
                    .map(|_| out)
                    .map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        (name, read)
    }

    #[test]
    fn an_archive_holds_the_report_and_is_the_same_every_time() {
        assert_eq!(
            read(packed(ArchiveStyle::Zip), 0),
            ("r.csv".to_owned(), Ok(CSV.to_vec()))
        );
        assert_eq!(packed(ArchiveStyle::Zip), packed(ArchiveStyle::Zip));
        assert_eq!(packed(ArchiveStyle::Bare), CSV);
    }

    #[test]
    fn hostile_archives_are_what_they_are_called() {
        assert!(
            read(packed(ArchiveStyle::Encrypted), 0)
                .1
                .unwrap_err()
                .contains("Password")
        );
        assert!(
            read(packed(ArchiveStyle::WrongCrc), 0)
                .1
                .unwrap_err()
                .contains("checksum")
        );
        assert_eq!(read(packed(ArchiveStyle::Slip), 0).0, "../../../../tmp/r.csv");
        assert_eq!(read(packed(ArchiveStyle::Symlink), 0).1.unwrap(), b"/etc/passwd");
        assert_eq!(read(packed(ArchiveStyle::Nested), 0).0, "inner.zip");
        assert_eq!(read(packed(ArchiveStyle::TwoCsvs), 1).0, "other-r.csv");
        assert_eq!(read(packed(ArchiveStyle::NoCsv), 0).0, "readme.txt");
        for (style, entries) in [(ArchiveStyle::ManyEntries, 65_000), (ArchiveStyle::NoEntry, 0)] {
            assert_eq!(zip::ZipArchive::new(Cursor::new(packed(style))).unwrap().len(), entries);
        }
        assert!(zip::ZipArchive::new(Cursor::new(packed(ArchiveStyle::Truncated))).is_err());
    }

    #[test]
    fn a_bomb_unpacks_to_a_thousand_times_its_size() {
        let bomb = packed(ArchiveStyle::Bomb);
        let mut archive = zip::ZipArchive::new(Cursor::new(bomb.as_slice())).unwrap();
        let unpacked = archive.by_index(0).unwrap().size();
        assert!(
            unpacked / u64::try_from(bomb.len()).unwrap() > 900,
            "{unpacked} out of {}",
            bomb.len()
        );
    }
}
