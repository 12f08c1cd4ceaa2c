//! The file while it is being written, under a name that only this process knows.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use super::State;

/// Adds what has come into the file at `path` since its first `copied` bytes were copied.
pub(super) fn take_over(file: &mut File, path: &Path, copied: u64, headed: bool) -> io::Result<()> {
    let mut grown = match File::open(path) {
        Ok(grown) => BufReader::new(grown),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    grown.seek(SeekFrom::Start(copied))?;
    if headed && copied == 0 {
        // This file has a header of its own.
        grown.read_until(b'\n', &mut Vec::new())?;
    }
    io::copy(&mut grown, file).map(|_| ())
}

/// Adds the bytes.
pub(super) fn append(mut file: NamedTempFile, bytes: &[u8]) -> io::Result<State> {
    file.write_all(bytes)?;
    Ok(State::Open(file))
}
