//! Files with their digests, and how they are made durable.

use std::fs::{DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::StateError;
use base::hex;

/// Bytes read at once.
const READ: usize = 128 * 1024;

/// SHA-256 of bytes, hexadecimal.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The length and the SHA-256 of a file. One that SQLite of this process has open must not be asked about so.
pub(crate) fn of_file(path: &Path) -> Result<(u64, String), StateError> {
    let read = File::open(path).and_then(|mut file| pour(&mut file, &mut std::io::sink()));
    read.map_err(StateError::file(path))
}

/// Copies a file into a new one for its owner only, makes it durable, and says its length and SHA-256.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(u64, String), StateError> {
    let mut source = File::open(from).map_err(StateError::file(from))?;
    let copied: std::io::Result<(u64, String)> = (|| {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(to)?;
        let copied = pour(&mut source, &mut file)?;
        file.sync_all()?;
        Ok(copied)
    })();
    copied.map_err(StateError::file(to))
}

/// Makes a file or folder durable.
pub(crate) fn sync(path: &Path) -> Result<(), StateError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StateError::file(path))
}

/// Makes a folder for its owner only, and the folders to it; one that is there stays.
pub(crate) fn make_folder(path: &Path) -> Result<(), StateError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(StateError::file(path))
}

fn pour(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<(u64, String)> {
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0_u64, vec![0; READ]);
    loop {
        let read = from.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if read > 0 => {
                hash.update(bytes);
                to.write_all(bytes)?;
                length = length.saturating_add(read as u64);
            }
            _ => return Ok((length, hex(&hash.finalize()))),
        }
    }
}
