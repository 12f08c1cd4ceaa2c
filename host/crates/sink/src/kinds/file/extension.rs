//! The extension that lets a file seem to grow: the content of the one that is there, and what another run adds to it meanwhile.

use std::{
    fs::{File, Metadata, OpenOptions, Permissions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::mode::FileMode;
use super::partial::{FinishedFile, TempFile};
use crate::Compression;

/// The extension of the only file of a sink.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extension {
    /// The file that this one begins with.
    pub(super) begun: AppendBase,
    /// The format can be appended to.
    pub(super) possible: bool,
    /// The format has a header.
    pub(super) headed: bool,
    pub(super) compression: Compression,
}

/// The file whose content another one begins with, as it was then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AppendBase {
    /// Bytes that were copied.
    pub(super) length: u64,
    /// The identity of the file that was there, if one was.
    identity: Option<(u64, u64)>,
}

impl AppendBase {
    /// A base of that file, of which so many bytes were copied.
    pub(super) fn of(file: &File, length: u64) -> io::Result<Self> {
        let about = file.metadata()?;
        Ok(AppendBase {
            length,
            identity: Some((about.dev(), about.ino())),
        })
    }
}

/// Opens the file that is there now. All links were followed before: one that has taken its place since is not, and a pipe
/// in its place keeps nobody waiting.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no longer a regular file")),
    }
}

/// The permissions of a file that another one takes the place of. Somebody else who made it could have let everybody in.
pub(super) fn kept_permissions(about: &Metadata) -> Option<Permissions> {
    let trusted = [0, rustix::process::geteuid().as_raw()];
    trusted.contains(&about.uid()).then(|| about.permissions())
}

/// True if the file has content that is compressed in another way: nobody could read what is added to it.
pub(super) fn differs(file: &mut File, compression: Compression) -> io::Result<bool> {
    let mut first = Vec::new();
    file.by_ref().take(4).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(!first.is_empty() && Compression::of_content(&first) != compression)
}

/// The longest first line that is read; that of our own files is a tenth of it.
const LINE: u64 = 64 * 1024;

/// The first line of a file that has one, uncompressed.
pub(super) fn first_line(file: &mut File, compression: Compression) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if file.metadata()?.len() > 0 {
        let decoder = compression.decoder(BufReader::new(&mut *file))?;
        BufReader::new(decoder.take(LINE)).read_until(b'\n', &mut line)?;
        file.rewind()?;
    }
    Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
}

/// The finished file, or where another run has extended the one at `path` since, its own bytes behind what is there now:
/// bytes that somebody may have seen stay where they are.
pub(super) fn rebased(
    finished: FinishedFile,
    path: &Path,
    folder: &Path,
    growth: Extension,
) -> io::Result<FinishedFile> {
    let Extension {
        begun,
        headed,
        compression,
        ..
    } = growth;
    let mut now = match open(path) {
        Ok(now) => now,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(finished),
        Err(error) => return Err(error),
    };
    let about = now.metadata()?;
    if about.len() == 0 || AppendBase::of(&now, about.len())? == begun {
        return Ok(finished);
    }
    let mut partial = TempFile::create(folder, compression, FileMode::PRIVATE)?;
    partial.set_permissions(match kept_permissions(&about) {
        Some(permissions) => permissions,
        None => finished.file.as_file().metadata()?.permissions(),
    });
    let offset = partial.extend(&mut now)?;
    let mut own = finished.file.reopen()?;
    own.seek(SeekFrom::Start(finished.offset))?;
    if headed && begun.length == 0 {
        // It has a header of its own, which may lie within a compressed member.
        let mut partial = partial.hashed(finished.sha256.is_some());
        let mut lines = BufReader::new(compression.decoder(BufReader::new(own))?);
        lines.read_until(b'\n', &mut Vec::new())?;
        loop {
            let bytes = lines.fill_buf()?;
            let read = bytes.len();
            if read == 0 {
                return partial.finish();
            }
            partial.write(bytes)?;
            lines.consume(read);
        }
    }
    partial.extend(&mut own)?;
    Ok(FinishedFile {
        file: partial.finish()?.file,
        offset,
        ..finished
    })
}
