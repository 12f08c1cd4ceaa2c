//! A limit of time for reading.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

/// A reader that reads until a moment, and fails from then on.
pub(super) struct Timed<R> {
    reader: R,
    until: Option<Instant>,
    /// True once a read failed because the moment had come.
    pub(super) over: bool,
}

impl<R> Timed<R> {
    pub(super) fn new(reader: R, time: Duration) -> Timed<R> {
        Timed {
            reader,
            // What no clock reaches is no limit.
            until: Instant::now().checked_add(time),
            over: false,
        }
    }

    fn check(&mut self) -> io::Result<()> {
        self.over |= self.until.is_some_and(|until| Instant::now() >= until);
        match self.over {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(()),
        }
    }
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.reader.read(buffer)
    }
}

impl<R: Seek> Seek for Timed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.check()?;
        self.reader.seek(to)
    }
}
