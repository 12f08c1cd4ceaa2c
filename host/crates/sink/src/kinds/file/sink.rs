//! Files that appear complete or not at all.
//!
//! A [`FileSink`] writes to a partial file and gives it its name when it is complete: once, at the end, or by its
//! [`Rotation`](super::Rotation) again and again.

mod delivery;
mod opening;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    config,
    extension::{AppendBase, Extension},
    links,
    lock::FolderLock,
    naming::{PublishedFile, StagedFile},
    options::{Completed, FileOptions},
    partial::TempFile,
    rotation::{Clock, Series},
};
use crate::{Compression, IntentLog, Renderer, SinkError};
use event::Event;

/// Rendered bytes that make a write worth handing to another thread: what comes of one chunk of a report, about.
const WRITE: usize = 1024 * 1024;

/// Events rendered between two looks at how much there is to write.
const STEP: usize = 64;

/// Writes events to a file. They go to a temporary file in the same folder, which takes the name in one step when the
/// sink is closed; without [`close`](crate::Sink::close) the folder stays as it was.
///
/// A symbolic link stays, and the file it leads to is replaced; one that belongs to somebody else is refused. Permissions of
/// a file already there are kept, unless it is somebody else's. As long as it has no name only its owner may read it.
///
/// With a [`Rotation`](super::Rotation) the path is that of a series: files that are complete have a time and a number before their
/// extensions, and stay whatever happens to the one under way. Without events there is no file.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    path: PathBuf,
    folder: PathBuf,
    options: FileOptions,
    renderer: Renderer,
    buffer: Vec<u8>,
    /// The existing file that this one begins with; none where it takes that file's place.
    copied: Option<AppendBase>,
    series: Option<Series>,
    clock: Clock,
    /// Something was delivered to the file under way; how much of it is on disk, and how many events that were.
    used: bool,
    size: u64,
    events: u64,
    /// The id of the last event.
    last: Option<String>,
    /// The journal that is told what appears.
    journal: Option<SharedJournal>,
    completed: Completed,
    state: FileState,
}

#[derive(Clone)]
struct SharedJournal(Arc<dyn IntentLog>);

impl fmt::Debug for SharedJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedJournal")
    }
}

#[derive(Debug)]
enum FileState {
    Open(Box<TempFile>),
    /// The last file is complete, the next one has not begun.
    Between,
    /// A write is under way, failed or was given up half way, or the sink was aborted: there will be no file.
    Ended,
    Closed,
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

    /// The files that a rotating sink has completed so far. It stays, whatever comes.
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
            FileState::Open(_) | FileState::Between => Ok(()),
            FileState::Ended | FileState::Closed => Err(self.ended()),
        }
    }

    /// Carries out `work` on the file, a new one if none is under way, where blocking does no harm. After an error the
    /// file is gone.
    async fn with_file<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(Box<TempFile>, &[u8]) -> io::Result<(FileState, T)> + Send + 'static,
    ) -> Result<T, SinkError> {
        self.takes_events()?;
        let (folder, compression, mode) = (self.folder.clone(), self.options.compression, self.options.mode);
        let hashed = self.journal.is_some();
        let open = match std::mem::replace(&mut self.state, FileState::Ended) {
            FileState::Open(partial) => Some(partial),
            _ => None,
        };
        let buffer = std::mem::take(&mut self.buffer);
        let task = base::blocking(move || {
            let carry_out = || -> io::Result<(FileState, u64, T)> {
                let partial = match open {
                    Some(partial) => partial,
                    None => {
                        // Since the last file somebody may have laid a link in its place.
                        links::follow(&folder)?;
                        Box::new(TempFile::create(&folder, compression, mode)?.hashed(hashed))
                    }
                };
                let (state, left) = work(partial, &buffer)?;
                let size = match &state {
                    FileState::Open(partial) => partial.size()?,
                    _ => 0,
                };
                Ok((state, size, left))
            };
            let result = carry_out();
            (buffer, result)
        });
        let (mut buffer, result) = task.await.map_err(|_| self.ended())?;
        let (state, size, left) = result.map_err(|source| self.write_error(source))?;
        self.state = state;
        self.size = size;
        buffer.clear();
        self.buffer = buffer;
        Ok(left)
    }

    /// Writes what is rendered.
    async fn flush(&mut self) -> Result<(), SinkError> {
        self.takes_events()?;
        if !self.buffer.is_empty() {
            self.with_file(|mut partial, bytes| {
                partial.write(bytes)?;
                Ok((FileState::Open(partial), ()))
            })
            .await?;
        }
        Ok(())
    }

    fn render(&mut self, events: &[Event]) -> Result<(), SinkError> {
        self.begin();
        let rendered = self.renderer.render(events, &mut self.buffer);
        self.events += events.len() as u64;
        if self.journal.is_some()
            && let Some(last) = events.last()
        {
            self.last.clone_from(&last.id);
        }
        self.or_end(rendered)
    }

    fn or_end(&mut self, rendered: io::Result<()>) -> Result<(), SinkError> {
        rendered.map_err(|source| {
            // Half an event may be in the buffer.
            self.state = FileState::Ended;
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

    /// True if the file under way is as large as it may be. What waits to be compressed does not count.
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
        let folder = self.folder.clone();
        let nameless = self
            .with_file(move |mut partial, bytes| {
                partial.write(bytes)?;
                Ok((FileState::Ended, StagedFile::next(partial.finish()?, series, &folder)?))
            })
            .await?;
        let number = self.appear(nameless).await?;
        if let (Some(series), Some(number)) = (&mut self.series, number) {
            series.took(number);
        }
        self.completed.files += 1;
        self.completed.events += std::mem::take(&mut self.events);
        self.used = false;
        self.renderer = self.renderer.fresh();
        self.state = FileState::Between;
        Ok(())
    }

    /// Gives the only file its name.
    async fn place(&mut self) -> Result<(), SinkError> {
        let rendered = self.renderer.finish(&mut self.buffer);
        self.or_end(rendered)?;
        let (path, folder) = (self.path.clone(), self.folder.clone());
        let growth = self.copied.map(|begun| Extension {
            begun,
            possible: self.renderer.can_extend(),
            headed: self.renderer.has_header(),
            compression: self.options.compression,
        });
        let finished = self
            .with_file(|mut partial, bytes| {
                partial.write(bytes)?;
                Ok((FileState::Ended, partial.finish()?))
            })
            .await?;
        let growth = match growth {
            Some(growth) => {
                let patience = self.options.lock_timeout.unwrap_or_else(config::lock_timeout);
                let lock = FolderLock::take(&folder, patience).await;
                Some((growth, lock.map_err(|source| self.write_error(source))?))
            }
            None => None,
        };
        let nameless = base::blocking(move || StagedFile::only(finished, path, &folder, growth)).await;
        let nameless = nameless
            .map_err(|_| self.ended())?
            .map_err(|source| self.write_error(source))?;
        self.appear(nameless).await?;
        self.state = FileState::Closed;
        Ok(())
    }

    /// Gives a file its name, and tells the journal before and after, where there are events in it. Says its number.
    async fn appear(&mut self, mut nameless: StagedFile) -> Result<Option<u64>, SinkError> {
        let journal = self.journal.as_ref().filter(|_| self.events > 0);
        let kept = |source| SinkError::Journal {
            sink: self.name.clone(),
            source,
        };
        loop {
            if let Some(SharedJournal(journal)) = journal {
                let events = self.completed.events + self.events;
                let seal = nameless.seal(events, self.last.clone());
                if let Some(seal) = seal.map_err(|source| self.write_error(source))? {
                    journal.intend(&seal).await.map_err(kept)?;
                }
            }
            let named = base::blocking(move || nameless.name()).await;
            match named
                .map_err(|_| self.ended())?
                .map_err(|source| self.write_error(source))?
            {
                PublishedFile::Taken(next) => nameless = next,
                PublishedFile::Yes(number) => {
                    if let Some(SharedJournal(journal)) = journal {
                        journal.confirm().await.map_err(kept)?;
                    }
                    return Ok(number);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
