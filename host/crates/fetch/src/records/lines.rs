//! Writes records to the spool, one a line: what a parser gets of a JSON list.
//!
//! A record that is no JSON is written as it came, so that the parser rejects it like any other row it cannot use: line,
//! reason and bytes are kept with those, whether the run goes on or is taken up again.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use super::compact::compact;
use super::piece::Piece;
use crate::error::FetchError;
use crate::spool::{Spool, SpoolFile, Spooled};
use base::counted::counted;

/// Counts of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RecordTally {
    /// All of them.
    pub(crate) records: u64,
    /// Of these, such as were mended.
    pub(crate) mended: u64,
    /// Of these, such as are no JSON or too long.
    pub(crate) broken: u64,
}

impl RecordTally {
    /// The notice about records that were not as they should be; none where all were.
    pub(crate) fn notice(self) -> Option<String> {
        let mended = "was repaired, and is marked with hostMended";
        let mended = counted(
            self.mended,
            mended,
            &mended.replacen("was", "were", 1).replacen("is", "are", 1),
        );
        let broken = "cannot be read, and becomes a rejected row";
        let broken = counted(self.broken, broken, "cannot be read, and become rejected rows");
        let what = match (self.mended, self.broken) {
            (0, 0) => return None,
            (_, 0) => mended,
            (0, _) => broken,
            _ => format!("{mended}; {broken}"),
        };
        Some(format!(
            "of {} some are not valid JSON: {what}",
            counted(self.records, "record", "records")
        ))
    }
}

/// RecordLines that are being written. Blocking.
#[derive(Debug)]
pub(crate) struct RecordLines {
    out: BufWriter<SpoolFile>,
    tally: RecordTally,
}

impl RecordLines {
    pub(crate) fn create(spool: &Spool) -> Result<RecordLines, FetchError> {
        Ok(RecordLines {
            out: BufWriter::with_capacity(256 * 1024, spool.create()?),
            tally: RecordTally::default(),
        })
    }

    /// The counts of the records so far.
    pub(crate) fn tally(&self) -> RecordTally {
        self.tally
    }

    /// The file that is written, to read it meanwhile.
    pub(crate) fn share(&self) -> std::io::Result<File> {
        self.out.get_ref().file().try_clone()
    }

    /// Writes everything out; says how many bytes that are.
    pub(crate) fn flushed(&mut self) -> std::io::Result<u64> {
        self.out.flush()?;
        Ok(self.out.get_ref().file().metadata()?.len())
    }

    pub(crate) fn write(&mut self, piece: &Piece<'_>) -> std::io::Result<()> {
        line(piece, &mut self.out)?;
        self.written(piece)
    }

    /// Writes a record whose [`line`] is known.
    pub(crate) fn put(&mut self, piece: &Piece<'_>, line: &[u8]) -> std::io::Result<()> {
        self.out.write_all(line)?;
        self.written(piece)
    }

    fn written(&mut self, piece: &Piece<'_>) -> std::io::Result<()> {
        match piece {
            Piece::Whole(_) => {}
            Piece::Mended(_) => self.tally.mended += 1,
            Piece::Broken(_) => self.tally.broken += 1,
        }
        self.tally.records += 1;
        self.out.write_all(b"\n")
    }

    pub(crate) fn finish(self) -> Result<(Spooled, RecordTally), FetchError> {
        let file = self.out.into_inner().map_err(|error| error.into_error())?;
        Ok((Spooled::new(file)?, self.tally))
    }
}

/// Writes the line that stands for a record, without its end.
pub(crate) fn line(piece: &Piece<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    match piece {
        Piece::Whole(text) => compact(text, out),
        Piece::Mended(text) => compact(text, out),
        Piece::Broken(bytes) => {
            let mut first = true;
            for part in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
                if !std::mem::take(&mut first) {
                    out.write_all(b" ")?;
                }
                out.write_all(part)?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_it_should_be_is_said_with_numbers() {
        let notice = |records, mended, broken| {
            RecordTally {
                records,
                mended,
                broken,
            }
            .notice()
        };
        assert_eq!(notice(3, 0, 0), None);
        assert_eq!(
            notice(3, 2, 1).unwrap(),
            "of 3 records some are not valid JSON: 2 were repaired, and are marked with hostMended; 1 cannot be read, and \
             becomes a rejected row"
        );
    }
}
