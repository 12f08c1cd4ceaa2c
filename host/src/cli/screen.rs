//! The terminal, which the line of progress shares with messages and tables: whoever writes has the line taken away for as
//! long, so that neither tears the other.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

/// The line that is shown now.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// From now on this line gives way.
pub fn show(bar: &ProgressBar) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
}

/// There is no line any more.
pub fn forget() {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Writes with the line out of the way. `write` must not come here again.
pub fn aside<T>(write: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Standard error, with the line out of the way.
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        aside(|| io::stderr().write(buffer))
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        aside(|| io::stderr().write_all(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Another stream to the same terminal, with the line out of the way.
pub struct Beside<W>(pub W);

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        aside(|| self.0.write(buffer))
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        aside(|| self.0.write_all(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
