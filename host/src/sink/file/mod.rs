//! A file that appears complete or not at all.

mod partial;
mod target;

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use tempfile::NamedTempFile;

use self::{
    partial::{append, take_over},
    target::{folder_of, resolve},
};
use super::{Guarantee, Renderer, Sink, SinkError, Verdict};
use crate::event::Event;

/// Rendered bytes that make a write worth a system call.
const WRITE: usize = 256 * 1024;

/// Events rendered between two looks at how much there is to write.
const STEP: usize = 64;

/// What happens to a file that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// The new one takes its place.
    #[default]
    Replace,
    /// The new one begins with its content, so that it seems to grow.
    Extend,
}

/// How a file is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileOptions {
    /// What happens to a file that is already there.
    pub existing: Existing,
    /// Make missing folders on the way; otherwise they are an error.
    pub create_folders: bool,
}

/// Writes events to a file. They go to a temporary file in the same folder, which takes the name in one step when the
/// sink is closed; without [`close`](Sink::close) the folder stays as it was.
///
/// A symbolic link stays, and the file it leads to is replaced. Permissions of a file already there are kept.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    path: PathBuf,
    renderer: Renderer,
    buffer: Vec<u8>,
    /// Bytes of the existing file that this one begins with; none where it takes that file's place.
    copied: Option<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(NamedTempFile),
    /// A write is under way, failed or was given up half way, or the sink was aborted: there will be no file.
    Ended,
    Closed,
}

impl FileSink {
    /// Begins a file. Whatever speaks against `path` is found here, before any event.
    pub fn create(
        name: impl Into<String>,
        path: &Path,
        renderer: Renderer,
        options: FileOptions,
    ) -> Result<Self, SinkError> {
        let (path, folder) = resolve(path, options.create_folders)?;
        let create = |source| SinkError::Create {
            path: path.clone(),
            source,
        };
        let old = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // A file that may be replaced need not be readable.
            Err(_) if options.existing == Existing::Replace => None,
            Err(error) => return Err(create(error)),
        };
        let mut file = tempfile::Builder::new()
            .prefix(".host-")
            .suffix(".partial")
            // As for any new file: the umask has the last word.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(create)?;
        let mut renderer = renderer;
        let mut copied = 0;
        if let Some(mut old) = old {
            let permissions = old.metadata().map_err(create)?.permissions();
            file.as_file().set_permissions(permissions).map_err(create)?;
            if options.existing == Existing::Extend && !renderer.can_extend() {
                let problem = "it is there already, and a file of this format cannot grow";
                let hint = "choose a path that each run makes anew, or the format ndjson or csv";
                return Err(SinkError::Target { path, problem, hint });
            }
            if options.existing == Existing::Extend {
                copied = io::copy(&mut old, file.as_file_mut()).map_err(create)?;
                if copied > 0 {
                    renderer = renderer.without_header();
                }
            }
        }
        Ok(FileSink {
            name: name.into(),
            path,
            renderer,
            buffer: Vec::new(),
            copied: (options.existing == Existing::Extend).then_some(copied),
            state: State::Open(file),
        })
    }

    /// The file that will be there, links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Carries out `work` on the file where blocking does no harm. After an error the file is gone.
    async fn with_file(
        &mut self,
        work: impl FnOnce(NamedTempFile, &[u8]) -> io::Result<State> + Send + 'static,
    ) -> Result<(), SinkError> {
        let ended = || SinkError::Ended {
            sink: self.name.clone(),
        };
        let file = match std::mem::replace(&mut self.state, State::Ended) {
            State::Open(file) => file,
            state => {
                self.state = state;
                return Err(ended());
            }
        };
        let buffer = std::mem::take(&mut self.buffer);
        let task = tokio::task::spawn_blocking(move || {
            let result = work(file, &buffer);
            (buffer, result)
        });
        let (mut buffer, result) = task.await.map_err(|_| ended())?;
        self.state = result.map_err(|source| SinkError::Write {
            sink: self.name.clone(),
            source,
        })?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn guarantee(&self) -> Guarantee {
        match self.copied {
            None => Guarantee::IdempotentByBatch,
            Some(_) => Guarantee::AtLeastOnce,
        }
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        Ok(format!("{} can be written", self.path.display()))
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        for step in events.chunks(STEP) {
            let rendered = self.renderer.render(step, &mut self.buffer);
            rendered.map_err(|source| SinkError::Write {
                sink: self.name.clone(),
                source,
            })?;
            if self.buffer.len() >= WRITE {
                self.with_file(append).await?;
            }
        }
        self.with_file(append).await?;
        Ok(Verdict::Accepted)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        if matches!(self.state, State::Closed) {
            return Ok(());
        }
        let rendered = self.renderer.finish(&mut self.buffer);
        rendered.map_err(|source| SinkError::Write {
            sink: self.name.clone(),
            source,
        })?;
        let path = self.path.clone();
        let (copied, headed) = (self.copied, self.renderer.has_header());
        self.with_file(move |mut file, bytes| {
            file.write_all(bytes)?;
            let folder = File::open(folder_of(&path).unwrap_or(Path::new(".")))?;
            if let Some(copied) = copied {
                // Two runs may extend one file at once: one after the other, the later takes over what the earlier added.
                rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive)?;
                take_over(file.as_file_mut(), &path, copied, headed)?;
            }
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            // The name outlives a crash only once its folder is written.
            folder.sync_all()?;
            Ok(State::Closed)
        })
        .await
    }

    async fn abort(&mut self) {
        self.state = State::Ended;
    }
}

#[async_trait]
impl super::Transport for FileSink {
    async fn probe(&mut self) -> Result<String, SinkError> {
        Sink::probe(self).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<Verdict, SinkError> {
        self.buffer.extend_from_slice(bytes);
        self.with_file(append).await?;
        Ok(Verdict::Accepted)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        Sink::close(self).await
    }

    async fn abort(&mut self) {
        Sink::abort(self).await;
    }
}

#[cfg(test)]
mod tests;
