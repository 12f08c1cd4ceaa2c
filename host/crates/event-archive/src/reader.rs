//! One file as records, whatever its format and compression: [`ArchiveReader`].

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sink::Compression;

use crate::error::ArchiveReadError;
use crate::ndjson::{JsonLineReader, LINE_BYTES, broken};
use crate::record::ArchivedRecord;
use crate::tabular::CsvRecords;

/// The bytes that are read at once.
const BUFFER: usize = 64 * 1024;

/// The records of one file, in their order. Format and compression are those of its content, whatever its name says; memory is
/// that of one record, of a row group in Parquet.
pub struct ArchiveReader {
    records: FormatRecords,
    done: bool,
}

enum FormatRecords {
    Empty,
    Lines(JsonLineReader<BufReader<Box<dyn Read>>>),
    Csv(Box<CsvRecords<Guarded>>, Guard),
    #[cfg(feature = "parquet")]
    Rows(Box<crate::parquet_rows::ParquetRows>),
}

impl ArchiveReader {
    /// A reader of a file from its beginning; errors name it so. Blocks, as reading does.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or is none that a sink of this program wrote.
    pub fn new(name: &str, mut file: File) -> Result<ArchiveReader, ArchiveReadError> {
        let failed = |error| broken(name, 0, error);
        let mut first = Vec::new();
        file.rewind().map_err(failed)?;
        file.by_ref().take(4).read_to_end(&mut first).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let records = if first.starts_with(b"PAR1") {
            FormatRecords::of_parquet(name, file)?
        } else {
            let compression = Compression::of_content(&first);
            let decoder = compression
                .decoder(BufReader::with_capacity(BUFFER, file))
                .map_err(failed)?;
            FormatRecords::of_text(name, BufReader::with_capacity(BUFFER, decoder))?
        };
        Ok(ArchiveReader { records, done: false })
    }
}

impl Iterator for ArchiveReader {
    type Item = Result<ArchivedRecord, ArchiveReadError>;

    /// The next record. After an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match &mut self.records {
            FormatRecords::Empty => Ok(None),
            FormatRecords::Lines(lines) => lines.next(),
            FormatRecords::Csv(records, guard) => {
                guard.begin();
                records.next().and_then(|record| guard.whole(records, record))
            }
            #[cfg(feature = "parquet")]
            FormatRecords::Rows(rows) => rows.next(),
        };
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl FormatRecords {
    #[cfg(feature = "parquet")]
    fn of_parquet(name: &str, file: File) -> Result<FormatRecords, ArchiveReadError> {
        let rows = crate::parquet_rows::ParquetRows::new(name, file)?;
        Ok(FormatRecords::Rows(Box::new(rows)))
    }

    #[cfg(not(feature = "parquet"))]
    fn of_parquet(name: &str, _: File) -> Result<FormatRecords, ArchiveReadError> {
        Err(ArchiveReadError::Lacking { name: name.to_owned() })
    }

    fn of_text(name: &str, mut text: BufReader<Box<dyn Read>>) -> Result<FormatRecords, ArchiveReadError> {
        let first = text.fill_buf().map_err(|error| broken(name, 0, error))?;
        let visible = first.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(match visible {
            None if first.is_empty() => FormatRecords::Empty,
            Some(b'{') | None => FormatRecords::Lines(JsonLineReader::new(name, text)),
            Some(_) => {
                let guard = Guard::default();
                guard.begin();
                let guarded = Guarded {
                    from: text,
                    guard: guard.clone(),
                };
                match CsvRecords::new(name, guarded)? {
                    Some(records) => FormatRecords::Csv(Box::new(records), guard),
                    None => FormatRecords::Empty,
                }
            }
        })
    }
}

/// The bound of one record of CSV, which the reader of CSV itself does not have, and whether the file ends with a line.
#[derive(Debug, Clone, Default)]
struct Guard {
    left: Arc<AtomicU64>,
    /// The last byte read was the end of a line.
    ended: Arc<AtomicBool>,
    /// There is nothing more to read.
    at_end: Arc<AtomicBool>,
}

/// The content of a file, read under a guard.
struct Guarded {
    from: BufReader<Box<dyn Read>>,
    guard: Guard,
}

impl Guard {
    /// A record begins.
    fn begin(&self) {
        self.left.store(LINE_BYTES as u64, Ordering::Relaxed);
    }

    /// The record, unless it is the last and has no end: somebody may still write it.
    fn whole(
        &self,
        records: &CsvRecords<Guarded>,
        record: Option<ArchivedRecord>,
    ) -> Result<Option<ArchivedRecord>, ArchiveReadError> {
        match record {
            Some(record) if self.at_end.load(Ordering::Relaxed) && !self.ended.load(Ordering::Relaxed) => {
                Err(records.unfinished(record.line))
            }
            record => Ok(record),
        }
    }
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.guard.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::other(format!("a record is longer than {LINE_BYTES} bytes")));
        }
        let read = self.from.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.guard.at_end.store(true, Ordering::Relaxed);
        }
        if let Some(last) = read.checked_sub(1).and_then(|last| buffer.get(last)) {
            self.guard.ended.store(*last == b'\n', Ordering::Relaxed);
        }
        self.guard
            .left
            .store(left.saturating_sub(read as u64), Ordering::Relaxed);
        Ok(read)
    }
}
