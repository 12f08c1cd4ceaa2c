//! A file that appears complete or not at all.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use tempfile::NamedTempFile;

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

/// Adds what has come into the file at `path` since its first `copied` bytes were copied.
fn take_over(file: &mut File, path: &Path, copied: u64, headed: bool) -> io::Result<()> {
    let mut grown = match File::open(path) {
        Ok(grown) => BufReader::new(grown),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    grown.seek(SeekFrom::Start(copied))?;
    if headed && copied == 0 {
        // This file has a header of its own.
        grown.read_until(b'\n', &mut Vec::new())?;
    }
    io::copy(&mut grown, file).map(|_| ())
}

fn append(mut file: NamedTempFile, bytes: &[u8]) -> io::Result<State> {
    file.write_all(bytes)?;
    Ok(State::Open(file))
}

fn folder_of(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    Some(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    })
}

/// The file to write, links followed, and its folder.
fn resolve(path: &Path, create_folders: bool) -> Result<(PathBuf, PathBuf), SinkError> {
    let refuse = |problem, hint| {
        Err(SinkError::Target {
            path: path.to_owned(),
            problem,
            hint,
        })
    };
    let create = |source| SinkError::Create {
        path: path.to_owned(),
        source,
    };
    let (Some(folder), Some(_)) = (folder_of(path), path.file_name()) else {
        return refuse("it is a folder", "add a file name");
    };
    if create_folders {
        fs::create_dir_all(folder).map_err(create)?;
    }
    match fs::metadata(folder) {
        Ok(folder) if folder.is_dir() => {}
        Ok(_) => return refuse("its folder is a file", "choose another path"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse("its folder does not exist", "create the folder, or choose another path");
        }
        Err(error) => return Err(create(error)),
    }
    let target = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(create(error)),
        Ok(entry) if entry.is_symlink() => match fs::canonicalize(path) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return refuse("it is a symbolic link that leads nowhere", "mend or remove the link");
            }
            Err(error) => return Err(create(error)),
        },
        Ok(_) => path.to_owned(),
    };
    match fs::metadata(&target) {
        Ok(entry) if entry.is_dir() => refuse("it is a folder", "add a file name"),
        // Renaming over a device or a pipe would remove it.
        Ok(entry) if !entry.is_file() => refuse("it is no regular file", "use the stdout sink and redirect its output"),
        Ok(_) => folder_to(&target, create),
        Err(error) if error.kind() == io::ErrorKind::NotFound => folder_to(&target, create),
        Err(error) => Err(create(error)),
    }
}

fn folder_to(target: &Path, error: impl Fn(io::Error) -> SinkError) -> Result<(PathBuf, PathBuf), SinkError> {
    let folder = folder_of(target).ok_or_else(|| error(io::ErrorKind::IsADirectory.into()))?;
    Ok((target.to_owned(), folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, sync::Arc};

    use super::*;
    use crate::{
        event::{Activity, Encoding, Outcome, samples},
        sink::{Class, Format},
    };

    const NEVER: FileOptions = FileOptions {
        existing: Existing::Replace,
        create_folders: false,
    };

    fn create(path: &Path, options: FileOptions) -> Result<FileSink, SinkError> {
        let renderer = Renderer::new(Format::Csv, Encoding::Event, Arc::new(samples::epm()));
        FileSink::create("archive", path, renderer, options)
    }

    fn events(count: usize) -> Vec<Event> {
        vec![samples::full(Activity::Logon, Outcome::Failure); count]
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_name_appears_with_the_last_event_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let mut sink = create(&path, NEVER).unwrap();
        sink.deliver(&events(3000)).await.unwrap();
        assert!(!path.exists());
        sink.close().await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(names(folder.path()), ["x.csv"]);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3001);
        assert!(matches!(sink.deliver(&events(1)).await, Err(SinkError::Ended { .. })));
    }

    #[tokio::test]
    async fn two_sinks_that_extend_one_file_at_once_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        for expected in [1 + 30, 1 + 60] {
            let extend = FileOptions {
                existing: Existing::Extend,
                create_folders: false,
            };
            let mut sinks = [create(&path, extend).unwrap(), create(&path, extend).unwrap()];
            for sink in &mut sinks {
                sink.deliver(&events(15)).await.unwrap();
            }
            for sink in &mut sinks {
                sink.close().await.unwrap();
            }
            assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), expected);
        }
        assert_eq!(names(folder.path()), ["x.csv"]);
    }

    #[tokio::test]
    async fn an_aborted_or_dropped_sink_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        fs::write(&path, "before").unwrap();
        let mut sink = create(&path, NEVER).unwrap();
        sink.deliver(&events(1)).await.unwrap();
        sink.abort().await;
        assert!(matches!(sink.close().await, Err(SinkError::Ended { .. })));
        drop(create(&path, NEVER).unwrap());
        assert_eq!(names(folder.path()), ["x.csv"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
    }

    #[tokio::test]
    async fn a_file_already_there_is_replaced_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut sink = create(&path, NEVER).unwrap();
        sink.deliver(&events(1)).await.unwrap();
        sink.close().await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("id,time,"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[tokio::test]
    async fn an_extended_file_has_one_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let options = FileOptions {
            existing: Existing::Extend,
            ..NEVER
        };
        for _ in 0..3 {
            let mut sink = create(&path, options).unwrap();
            sink.deliver(&events(2)).await.unwrap();
            sink.close().await.unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 7);
        assert_eq!(text.matches("id,time,").count(), 1);
    }

    #[tokio::test]
    async fn a_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("real")).unwrap();
        let real = folder.path().join("real/x.csv");
        fs::write(&real, "before").unwrap();
        let link = folder.path().join("link.csv");
        symlink("real/x.csv", &link).unwrap();
        let mut sink = create(&link, NEVER).unwrap();
        sink.close().await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&real).unwrap().starts_with("id,time,"));
        assert_eq!(names(&folder.path().join("real")), ["x.csv"]);
    }

    #[test]
    fn what_cannot_become_a_file_is_refused_before_any_event() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("file"), "").unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        symlink("folder", at("to-folder")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for (path, problem) in [
            (at("folder"), "it is a folder"),
            (at("to-folder"), "it is a folder"),
            (at(".."), "it is a folder"),
            ("/".into(), "it is a folder"),
            (at("missing/x"), "its folder does not exist"),
            (at("file/x"), "its folder is a file"),
            (at("dangling"), "it is a symbolic link that leads nowhere"),
            ("/dev/null".into(), "it is no regular file"),
        ] {
            let error = create(&path, NEVER).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot write {}: {problem}", path.display()));
            assert_eq!(error.class(), Class::Usage);
            assert!(error.hint().is_some());
        }
        assert!(matches!(create(&at("loop"), NEVER), Err(SinkError::Create { .. })));
        assert_eq!(
            names(folder.path()),
            ["dangling", "file", "folder", "loop", "to-folder"]
        );
    }

    #[tokio::test]
    async fn folders_are_made_only_where_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/x.csv");
        assert!(create(&path, NEVER).is_err());
        assert!(names(folder.path()).is_empty());
        create(
            &path,
            FileOptions {
                create_folders: true,
                ..NEVER
            },
        )
        .unwrap()
        .close()
        .await
        .unwrap();
        assert!(path.exists());
    }
}
