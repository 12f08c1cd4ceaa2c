//! The options of files, and the counts of what has become of them.

use std::time::Duration;

use super::mode::FileMode;
use super::rotation::Rotation;
use crate::Compression;

/// The fate of a file that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// The new one takes its place.
    #[default]
    Replace,
    /// The new one begins with its content, so that it seems to grow.
    Extend,
}

/// The rules by which a file is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileOptions {
    /// The fate of a file that is already there. Rotated files never meet one.
    pub existing: Existing,
    /// Make missing folders on the way, for those who may read the file; otherwise they are an error.
    pub create_folders: bool,
    /// The permissions of the file, where it is not there already.
    pub mode: FileMode,
    /// The compression of the file. An extended one gets another gzip member or zstd frame.
    pub compression: Compression,
    /// The rule by which the next file begins; none for a single one.
    pub rotation: Option<Rotation>,
    /// The longest time to wait for another run that gives the same file its name; two minutes unless set.
    pub lock_timeout: Option<Duration>,
    /// The bytes are a plugin's: what a file already holds is its business.
    pub raw: bool,
}

/// Files of a rotating sink that have their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Completed {
    /// The number of files.
    pub files: u64,
    /// Events in them.
    pub events: u64,
}
