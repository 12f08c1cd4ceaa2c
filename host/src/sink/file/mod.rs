//! Files that appear complete or not at all.
//!
//! A [`FileSink`] writes to a partial file and gives it its name when it is complete: once, at the end, or by its
//! [`Rotation`] again and again.

mod delivery;
mod extension;
mod opening;
mod options;
mod partial;
mod rotation;
mod target;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

use self::{
    partial::Partial,
    rotation::{Clock, Series},
};
use super::{Compression, Renderer, SinkError};
use crate::event::Event;

pub use options::{Completed, Existing, FileOptions};
pub use rotation::{Rotation, UselessRotation};

/// Rendered bytes that make a write worth a system call.
const WRITE: usize = 256 * 1024;

/// Events rendered between two looks at how much there is to write.
const STEP: usize = 64;

/// Writes events to a file. They go to a temporary file in the same folder, which takes the name in one step when the
/// sink is closed; without [`close`](Sink::close) the folder stays as it was.
///
/// A symbolic link stays, and the file it leads to is replaced. Permissions of a file already there are kept.
///
/// With a [`Rotation`] the path is that of a series: files that are complete have a time and a number before their
/// extensions, and stay whatever happens to the one under way. Without events there is no file.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    path: PathBuf,
    folder: PathBuf,
    options: FileOptions,
    renderer: Renderer,
    buffer: Vec<u8>,
    /// Bytes of the existing file that this one begins with; none where it takes that file's place.
    copied: Option<u64>,
    series: Option<Series>,
    clock: Clock,
    /// Something was delivered to the file under way; how much of it is on disk, and how many events that were.
    used: bool,
    size: u64,
    events: u64,
    completed: Completed,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(Box<Partial>),
    /// The last file is complete, the next one has not begun.
    Between,
    /// A write is under way, failed or was given up half way, or the sink was aborted: there will be no file.
    Ended,
    Closed,
}

/// What work on the file leaves behind.
struct Left {
    state: State,
    /// The number of a file that was completed.
    number: Option<u64>,
}

impl From<State> for Left {
    fn from(state: State) -> Self {
        Left { state, number: None }
    }
}

impl FileSink {
    /// Rotates by another clock than the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock(Arc::new(clock));
        self
    }

    /// The file that will be there, links followed; the one that rotated files are named after.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a rotating sink has completed so far. It stays, whatever comes.
    pub fn completed(&self) -> Completed {
        self.completed
    }

    fn ended(&self) -> SinkError {
        SinkError::Ended {
            sink: self.name.clone(),
        }
    }

    fn write_error(&self, source: io::Error) -> SinkError {
        SinkError::Write {
            sink: self.name.clone(),
            source,
        }
    }

    fn takes_events(&self) -> Result<(), SinkError> {
        match self.state {
            State::Open(_) | State::Between => Ok(()),
            State::Ended | State::Closed => Err(self.ended()),
        }
    }

    /// Carries out `work` on the file, a new one if none is under way, where blocking does no harm. After an error the
    /// file is gone.
    async fn with_file<L: Into<Left>>(
        &mut self,
        work: impl FnOnce(Box<Partial>, &[u8]) -> io::Result<L> + Send + 'static,
    ) -> Result<Option<u64>, SinkError> {
        self.takes_events()?;
        let (folder, compression) = (self.folder.clone(), self.options.compression);
        let open = match std::mem::replace(&mut self.state, State::Ended) {
            State::Open(partial) => Some(partial),
            _ => None,
        };
        let buffer = std::mem::take(&mut self.buffer);
        let task = tokio::task::spawn_blocking(move || {
            let carry_out = || -> io::Result<(Left, u64)> {
                let partial = match open {
                    Some(partial) => partial,
                    None => Box::new(Partial::create(&folder, compression)?),
                };
                let left: Left = work(partial, &buffer)?.into();
                let size = match &left.state {
                    State::Open(partial) => partial.size()?,
                    _ => 0,
                };
                Ok((left, size))
            };
            let result = carry_out();
            (buffer, result)
        });
        let (mut buffer, result) = task.await.map_err(|_| self.ended())?;
        let (left, size) = result.map_err(|source| self.write_error(source))?;
        self.state = left.state;
        self.size = size;
        buffer.clear();
        self.buffer = buffer;
        Ok(left.number)
    }

    /// Writes what is rendered.
    async fn flush(&mut self) -> Result<(), SinkError> {
        self.takes_events()?;
        if !self.buffer.is_empty() {
            self.with_file(|mut partial, bytes| {
                partial.write(bytes)?;
                Ok(State::Open(partial))
            })
            .await?;
        }
        Ok(())
    }

    fn render(&mut self, events: &[Event]) -> Result<(), SinkError> {
        self.begin();
        let rendered = self.renderer.render(events, &mut self.buffer);
        self.events += events.len() as u64;
        self.or_end(rendered)
    }

    fn or_end(&mut self, rendered: io::Result<()>) -> Result<(), SinkError> {
        rendered.map_err(|source| {
            // Half an event may be in the buffer.
            self.state = State::Ended;
            self.write_error(source)
        })
    }

    /// Something comes, perhaps the first of a file.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.used, true)
            && let Some(series) = &mut self.series
        {
            series.begin((self.clock.0)());
        }
    }

    /// Completes the file under way where its period is over.
    async fn turn(&mut self) -> Result<(), SinkError> {
        let over = (self.series.as_ref()).is_some_and(|series| self.used && series.is_over((self.clock.0)()));
        if over { self.complete().await } else { Ok(()) }
    }

    /// Whether the file under way is as large as it may be. What waits to be compressed does not count.
    fn is_full(&self) -> bool {
        let buffered = match self.options.compression {
            Compression::None => self.buffer.len() + self.renderer.pending(),
            Compression::Gzip | Compression::Zstd => 0,
        };
        let size = self.size.saturating_add(buffered as u64);
        self.used && self.series.as_ref().is_some_and(|series| series.is_full(size))
    }

    /// Gives the file under way its place in the series.
    async fn complete(&mut self) -> Result<(), SinkError> {
        let rendered = self.renderer.finish(&mut self.buffer);
        self.or_end(rendered)?;
        let Some(series) = self.series.clone() else {
            return Err(self.ended());
        };
        let number = self
            .with_file(move |mut partial, bytes| {
                partial.write(bytes)?;
                Ok(Left {
                    number: Some(series.persist(partial.finish()?)?),
                    state: State::Between,
                })
            })
            .await?;
        if let (Some(series), Some(number)) = (&mut self.series, number) {
            series.took(number);
        }
        self.completed.files += 1;
        self.completed.events += std::mem::take(&mut self.events);
        self.used = false;
        self.renderer = self.renderer.fresh();
        Ok(())
    }

    /// Gives the only file its name.
    async fn place(&mut self) -> Result<(), SinkError> {
        let rendered = self.renderer.finish(&mut self.buffer);
        self.or_end(rendered)?;
        let (path, folder, compression) = (self.path.clone(), self.folder.clone(), self.options.compression);
        let (copied, headed, grows) = (self.copied, self.renderer.has_header(), self.renderer.can_extend());
        self.with_file(move |mut partial, bytes| {
            partial.write(bytes)?;
            let mut file = partial.finish()?;
            let folder = File::open(folder)?;
            if let Some(copied) = copied {
                // Two runs may extend one file at once: one after the other, the later takes over what the earlier added.
                rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive)?;
                if grows {
                    extension::take_over(file.as_file_mut(), &path, copied, headed, compression)?;
                }
            }
            file.as_file().sync_all()?;
            if copied.is_some() && !grows {
                file.persist_noclobber(&path).map_err(|error| error.error)?;
            } else {
                file.persist(&path).map_err(|error| error.error)?;
            }
            // The name outlives a crash only once its folder is written.
            folder.sync_all()?;
            Ok(State::Closed)
        })
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
