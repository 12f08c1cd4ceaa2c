//! What lets a file seem to grow: the content of the one that is there, and what another run adds to it meanwhile.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use crate::sink::Compression;

/// Whether a file is there whose content is compressed in another way: nobody could read what is added to it.
pub(super) fn differs(file: &mut File, compression: Compression) -> io::Result<bool> {
    let mut first = Vec::new();
    file.by_ref().take(4).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(!first.is_empty() && Compression::of_content(&first) != compression)
}

/// Adds what has come into the file at `path` since its first `copied` bytes were copied.
pub(super) fn take_over(
    file: &mut File,
    path: &Path,
    copied: u64,
    headed: bool,
    compression: Compression,
) -> io::Result<()> {
    let mut grown = match File::open(path) {
        Ok(grown) => BufReader::new(grown),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    grown.seek(SeekFrom::Start(copied))?;
    if headed && copied == 0 {
        // This file has a header of its own, which may lie within a compressed member.
        let mut lines = BufReader::new(compression.decoder(grown)?);
        lines.read_until(b'\n', &mut Vec::new())?;
        let mut encoder = compression.encoder(file)?;
        io::copy(&mut lines, &mut encoder)?;
        encoder.finish()?;
        return Ok(());
    }
    io::copy(&mut grown, file).map(|_| ())
}
