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

/// Forgets the line of progress: it is gone.
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// A terminal that keeps what is done to it, in order.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<String>>>);

    impl Terminal {
        fn note(&self, what: impl Into<String>) -> io::Result<()> {
            self.0.lock().unwrap().push(what.into());
            Ok(())
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }

        fn clear_line(&self) -> io::Result<()> {
            self.note("clear")
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Write for Terminal {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.note(String::from_utf8_lossy(buffer))?;
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_of_progress_is_gone_while_a_row_is_written_and_there_again_below() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(indicatif::ProgressStyle::with_template("{msg}").unwrap());
        show(&bar);
        bar.set_message("40 events");
        Beside(terminal.clone()).write_all(b"a row\n").unwrap();
        bar.finish_and_clear();
        forget();
        Beside(terminal.clone()).write_all(b"the end\n").unwrap();

        let done = terminal.0.lock().unwrap().clone();
        let place = |what: &str| done.iter().position(|done| done.contains(what)).unwrap();
        let (drawn, row, end) = (place("40 events"), place("a row"), place("the end"));
        assert!(drawn < row && row < end, "{done:?}");
        assert!(done[drawn..row].contains(&"clear".to_owned()), "{done:?}");
        let below = &done[row..end];
        let again = below.iter().position(|done| done.contains("40 events")).unwrap();
        assert!(below[again..].contains(&"clear".to_owned()), "{done:?}");
    }
}
