//! One JSON object a line.

use std::io::{self, BufRead, Read as _};

use crate::error::ArchiveReadError;
use crate::json::Json;
use crate::record::{ArchivedRecord, RecordContent};

/// The longest line that is read: far more than the longest event.
pub(crate) const LINE_BYTES: usize = 32 << 20;

/// The lines of a file.
pub(crate) struct JsonLineReader<R> {
    name: String,
    from: R,
    line: u64,
    records: u64,
}

impl<R: BufRead> JsonLineReader<R> {
    pub(crate) fn new(name: &str, from: R) -> JsonLineReader<R> {
        JsonLineReader {
            name: name.to_owned(),
            from,
            line: 0,
            records: 0,
        }
    }

    /// The next line that is not empty; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<ArchivedRecord>, ArchiveReadError> {
        loop {
            let mut raw = Vec::new();
            let mut bounded = self.from.by_ref().take(LINE_BYTES as u64 + 1);
            let read = bounded.read_until(b'\n', &mut raw);
            read.map_err(|error| broken(&self.name, self.records, error))?;
            if raw.is_empty() {
                return Ok(None);
            }
            self.line += 1;
            let ended = raw.pop_if(|last| *last == b'\n').is_some();
            if raw.len() > LINE_BYTES {
                return Err(ArchiveReadError::TooLong {
                    name: self.name.clone(),
                    line: self.line,
                    most: LINE_BYTES,
                });
            }
            if raw.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let content = match serde_json::from_slice(&raw) {
                Ok(object @ Json::Object(_)) => RecordContent::Object(object),
                // Whoever writes it may not have come to its end.
                _ if !ended => {
                    return Err(ArchiveReadError::Incomplete {
                        name: self.name.clone(),
                        records: self.records,
                        problem: format!("line {} has no end", self.line),
                    });
                }
                Ok(_) => RecordContent::Foreign("the line is no JSON object".into()),
                Err(error) => RecordContent::Foreign(format!("the line is no JSON: column {}", error.column())),
            };
            self.records += 1;
            return Ok(Some(ArchivedRecord {
                line: self.line,
                raw,
                content,
            }));
        }
    }
}

/// The error of a file that cannot be read further.
pub(crate) fn broken(name: &str, records: u64, error: io::Error) -> ArchiveReadError {
    match error.raw_os_error() {
        Some(_) => ArchiveReadError::Read {
            name: name.to_owned(),
            source: error,
        },
        // Not the system's: what decompresses says so.
        None => ArchiveReadError::Incomplete {
            name: name.to_owned(),
            records,
            problem: error.to_string(),
        },
    }
}
