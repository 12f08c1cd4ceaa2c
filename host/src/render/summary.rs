//! The traces that a run leaves behind: its summary for scripts and its entry in the history of its stream, however it ends. A
//! [`RunAccount`] is opened before anything else and closed with the result; what is known of the run by then stands in it. Where
//! a signal ends the process at once, it is written on the way out.

mod lines;

pub use lines::SummaryLines;

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use tempfile::NamedTempFile;

use crate::args::RunArgs;
use crate::commands::asked;
use crate::error::CliError;
use crate::error::Exit;
use crate::log;
use crate::render::screen;
use run::{HistoryEntry, Summary};
use setup::report::this_machine_s_clock;

/// The mode of a new file, less the process's mask: whoever watches the runs reads it.
const MODE: u32 = 0o666;

/// The summary of a run while it is under way.
#[derive(Clone)]
pub struct RunAccount {
    begun: Instant,
    summary: Arc<Mutex<Summary>>,
    /// Taken by whoever writes.
    target: Arc<Mutex<Option<SummaryTarget>>>,
    /// Taken by whoever writes the end. It holds the ledger open.
    history: Arc<Mutex<Option<HistoryEntry>>>,
    /// Set where nothing that comes later changes how it ended.
    is_ended: Arc<AtomicBool>,
}

impl RunAccount {
    /// Of a run with these arguments. What a file holds stays until there is a summary.
    ///
    /// # Errors
    ///
    /// Where what `--summary` names cannot be written.
    pub fn open(args: &RunArgs) -> Result<RunAccount, CliError> {
        let parameters = args.report.parameters.iter();
        let parameters = parameters.filter_map(|text| text.split_once('='));
        let mut summary = Summary::default();
        // A clock that cannot be read is an error of its own, later.
        let started = asked::clock(&args.report).unwrap_or_else(|_| this_machine_s_clock());
        summary.run_id = setup::report::run_id(started);
        summary.started = started;
        summary.plugin.name.clone_from(&args.report.plugin);
        summary.connection = args.remote.connection.clone().unwrap_or_default();
        summary.parameters = parameters.map(owned).collect();
        log::about(|about| {
            about.run_id = Some(summary.run_id.clone());
            about.report = Some(summary.plugin.name.clone()).filter(|name| !name.is_empty());
            about.connection.clone_from(&args.remote.connection);
        });
        let target = args.summary.as_deref().map(SummaryTarget::open).transpose()?;
        Ok(RunAccount::of(summary, target))
    }

    /// Of a run whose arguments make no sense as a whole: what can be read of them, where they name a place for the summary
    /// of a run.
    pub fn of_refused(arguments: &[OsString]) -> Option<RunAccount> {
        let words: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap_or_default()).collect();
        let command = words.iter().position(|word| matches!(*word, "run" | "backfill"))?;
        let named = typed(&words, "--summary")?;
        let mut summary = Summary {
            started: this_machine_s_clock(),
            ..Summary::default()
        };
        summary.run_id = setup::report::run_id(summary.started);
        let report = words.get(command + 1).filter(|word| !word.starts_with('-'));
        summary.plugin.name = report.copied().unwrap_or_default().to_owned();
        summary.connection = typed(&words, "--connection").unwrap_or_default().to_owned();
        let parameters = all_typed(&words, "--param").filter_map(|text| text.split_once('='));
        summary.parameters = parameters.map(owned).collect();
        Some(RunAccount::of(summary, Some(SummaryTarget::open(named).ok()?)))
    }

    fn of(summary: Summary, target: Option<SummaryTarget>) -> RunAccount {
        RunAccount {
            begun: Instant::now(),
            summary: Arc::new(Mutex::new(summary)),
            target: Arc::new(Mutex::new(target)),
            history: Arc::default(),
            is_ended: Arc::default(),
        }
    }

    /// The run's name.
    pub fn run_id(&self) -> String {
        self.know(|summary| summary.run_id.clone())
    }

    /// Adds what is known by now.
    pub fn know<T>(&self, add: impl FnOnce(&mut Summary) -> T) -> T {
        add(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the run's end written into the history of its stream.
    pub fn enter(&self, entry: HistoryEntry) {
        *self.history.lock().unwrap_or_else(PoisonError::into_inner) = Some(entry);
    }

    /// True where the run's end comes into a history.
    pub fn is_entered(&self) -> bool {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.is_some()
    }

    /// Writes into the history that the run has begun.
    pub async fn begin(&self) {
        let account = self.clone();
        // A thread that died wrote nothing, which costs nothing else.
        let _ = base::blocking(move || {
            let summary = account.know(|summary| summary.clone());
            let mut history = account.history.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = &mut *history {
                entry.begin(&summary);
            }
        })
        .await;
    }

    /// Ends a run: its summary, then its history, which so knows the exit also where the summary cannot be written. With `-`
    /// the summary is the last line, behind whatever the history has to say.
    pub async fn end(&self, result: Result<(), CliError>) -> Result<(), CliError> {
        let result = self.write_end(result).await;
        self.is_ended.store(true, Ordering::SeqCst);
        result
    }

    async fn write_end(&self, result: Result<(), CliError>) -> Result<(), CliError> {
        self.note(&result);
        if self.is_last_line() {
            let entry = self.end_history(&result).await;
            let well = result.is_ok();
            let result = self.write(result);
            if well && result.is_err() {
                self.note(&result);
                *self.history.lock().unwrap_or_else(PoisonError::into_inner) = entry;
                self.end_history(&result).await;
            }
            return result;
        }
        let well = result.is_ok();
        let result = self.write(result);
        if well && result.is_err() {
            self.note(&result);
        }
        self.end_history(&result).await;
        result
    }

    /// True where the summary comes to stderr.
    fn is_last_line(&self) -> bool {
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*target, Some(SummaryTarget::Stderr))
    }

    /// Writes the end into the history, and gives back the entry.
    async fn end_history(&self, result: &Result<(), CliError>) -> Option<HistoryEntry> {
        let kept = result.as_ref().err().and_then(CliError::kept);
        let account = self.clone();
        // A thread that died wrote nothing, which costs nothing else.
        let ended = base::blocking(move || account.end_entry(kept.as_deref())).await;
        ended.ok().flatten()
    }

    /// Ends a run that never came to a stream, and so to no history.
    pub fn close(&self, result: Result<(), CliError>) -> Result<(), CliError> {
        self.note(&result);
        self.write(result)
    }

    /// Writes the summary of a run that has ended.
    fn write(&self, result: Result<(), CliError>) -> Result<(), CliError> {
        let Some(target) = self.take() else { return result };
        let line = match self.line() {
            Ok(line) => line,
            Err(error) => return result.and(Err(CliError::new(Exit::Internal, error.to_string()))),
        };
        match (target, result) {
            (SummaryTarget::Stderr, Err(failure)) => {
                let after = Some(line);
                Err(CliError { after, ..failure })
            }
            // The events are delivered all the same, so this is not the exit of a delivery that failed.
            (target, result) => result.and(target.write(&line)),
        }
    }

    /// Ends a run whose process ends now, unless it has ended.
    pub fn cut_short(&self, exit: Exit) {
        if self.is_ended.load(Ordering::SeqCst) {
            return;
        }
        self.note(&Err(CliError::new(exit, exit.word())));
        if let (Some(target), Ok(line)) = (self.take(), self.line()) {
            let _ = target.write(&line);
        }
        self.end_entry(Some(exit.word()));
    }

    /// Writes the end into the history, once, and gives back the entry.
    fn end_entry(&self, message: Option<&str>) -> Option<HistoryEntry> {
        let mut entry = self.history.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        entry.end(&self.know(|summary| summary.clone()), message);
        Some(entry)
    }

    fn take(&self) -> Option<SummaryTarget> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes how the run ended, and when.
    fn note(&self, result: &Result<(), CliError>) {
        let (exit, code) = match result {
            Ok(()) => (Exit::Done, Exit::Done.word()),
            Err(failure) => (failure.exit, failure.code),
        };
        let failure = result.as_ref().err();
        self.know(|summary| {
            let elapsed = self.begun.elapsed();
            if summary.duration_ms == 0 {
                summary.duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            }
            let ended = SignedDuration::try_from(elapsed).map(|elapsed| summary.started.saturating_add(elapsed));
            let ended = ended.ok().and_then(Result::ok).unwrap_or(summary.started);
            summary.ended = Timestamp::from_millisecond(ended.as_millisecond()).unwrap_or(ended);
            summary.exit = exit.code();
            summary.code = code.to_owned();
            summary.message = failure.and_then(|failure| failure.message.clone());
            summary.hint = failure.and_then(|failure| failure.hint.clone());
        });
    }

    /// The summary as a line.
    fn line(&self) -> Result<String, serde_json::Error> {
        self.know(|summary| Ok(serde_json::to_string(summary)? + "\n"))
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The first value that was typed for an option.
fn typed<'a>(words: &[&'a str], option: &str) -> Option<&'a str> {
    all_typed(words, option).next()
}

/// The values that were typed for an option, as far as they look like values.
fn all_typed<'a>(words: &[&'a str], option: &str) -> impl Iterator<Item = &'a str> {
    let next = words.iter().skip(1).copied().map(Some).chain([None]);
    let values = words.iter().zip(next).filter_map(move |(word, next)| {
        let rest = word.strip_prefix(option)?;
        if rest.is_empty() { next } else { rest.strip_prefix('=') }
    });
    values.filter(|value| *value == "-" || !value.is_empty() && !value.starts_with('-'))
}

/// The place that `--summary` names.
enum SummaryTarget {
    /// The last line of stderr.
    Stderr,
    /// A file that takes its name once it is whole.
    Whole(PathBuf),
    /// A file in a folder that takes no other, so it is written where it stands.
    InPlace { path: PathBuf, file: File },
    /// A pipe or a device: it may block, so it is opened when there is something to write.
    Special(PathBuf),
}

impl SummaryTarget {
    fn open(named: &str) -> Result<SummaryTarget, CliError> {
        if named == "-" {
            return Ok(SummaryTarget::Stderr);
        }
        let path = PathBuf::from(named);
        let found = std::fs::metadata(&path);
        if found.as_ref().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Ok(SummaryTarget::Special(path));
        }
        let refused = |error: io::Error| {
            unwritable(Exit::Usage, &path, &error).hint("--summary names a file in a folder that exists, or -")
        };
        // What a link names is replaced, not the link.
        let path = match found {
            Ok(_) => std::fs::canonicalize(&path).map_err(refused)?,
            Err(_) => path.clone(),
        };
        // A file that may not be written is not written, though its folder would let it be replaced.
        let there = OpenOptions::new().write(true).open(&path);
        match (there, Fresh::beside(&path)) {
            (Ok(file), Err(_)) => Ok(SummaryTarget::InPlace { path, file }),
            (Err(error), _) if error.kind() != io::ErrorKind::NotFound => Err(refused(error)),
            (_, Ok(_)) => Ok(SummaryTarget::Whole(path)),
            (Err(_), Err(error)) => Err(refused(error)),
        }
    }

    fn write(self, line: &str) -> Result<(), CliError> {
        let line = line.as_bytes();
        let (path, written) = match self {
            SummaryTarget::Stderr => (PathBuf::from("-"), screen::Stderr.write_all(line)),
            SummaryTarget::Whole(path) => {
                let written = replace(&path, line);
                (path, written)
            }
            SummaryTarget::InPlace { path, mut file } => {
                let written = file.set_len(0).and_then(|()| file.write_all(line));
                (path, written)
            }
            SummaryTarget::Special(path) => {
                let opened = OpenOptions::new().write(true).open(&path);
                (path, opened.and_then(|mut file| file.write_all(line)))
            }
        };
        written.map_err(|error| unwritable(Exit::Internal, &path, &error))
    }
}

/// Replaces a file, so that whoever reads it sees the old summary or the new one.
fn replace(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut fresh = Fresh::beside(path)?;
    fresh.write_all(line)?;
    match fresh.persist(path) {
        Ok(_) => Ok(()),
        // A single file that is mounted, as into a container, can be written but not replaced.
        Err(_) => std::fs::write(path, line),
    }
}

/// A new file beside another one, with that one's mode.
struct Fresh;

impl Fresh {
    fn beside(path: &Path) -> io::Result<NamedTempFile> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let fresh = tempfile::Builder::new()
            .prefix(".host-summary-")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        if let Ok(there) = std::fs::metadata(path) {
            fresh.as_file().set_permissions(there.permissions())?;
        }
        Ok(fresh)
    }
}

fn unwritable(exit: Exit, path: &Path, error: &io::Error) -> CliError {
    CliError::new(exit, format!("cannot write the summary {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_for_an_option_is_found_among_arguments_that_make_no_sense() {
        for (words, found) in [
            (&["run", "x", "--summary", "s.json", "--zzz"][..], Some("s.json")),
            (&["run", "x", "--summary=s.json"], Some("s.json")),
            (&["run", "x", "--summary", "-"], Some("-")),
            (&["run", "x", "--summary", "--strict"], None),
            (&["run", "x", "--summary"], None),
            (&["run", "x", "--summary="], None),
            (&["run", "x"], None),
        ] {
            assert_eq!(typed(words, "--summary"), found, "{words:?}");
        }
    }

    #[test]
    fn a_summary_replaces_a_file_and_keeps_its_mode_and_the_link_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("s.json"), folder.path().join("link"));
        std::fs::write(&path, "before").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("s.json", &link).unwrap();
        let before = File::open(&path).unwrap();
        let target = SummaryTarget::open(link.to_str().unwrap()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        target.write("after").unwrap();
        assert_eq!(std::fs::read(&link).unwrap(), b"after");
        // Whoever had it open still reads the old one, whole.
        assert_eq!(io::read_to_string(before).unwrap(), "before");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
