//! Where a run's summary goes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Exit, Failure};
use crate::run::Summary;

/// What `--summary` names.
pub(super) enum Target {
    /// The last line of stderr.
    Stderr,
    /// A file that can be written, as was seen before anything was sent.
    File { path: PathBuf, file: File },
    /// A pipe or a device: it may block, so it is opened when there is something to write.
    Special(PathBuf),
}

impl Target {
    /// Opens what was named. What a file holds stays until there is a summary.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub(super) fn open(named: &str) -> Result<Target, Failure> {
        if named == "-" {
            return Ok(Target::Stderr);
        }
        let path = PathBuf::from(named);
        if std::fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Ok(Target::Special(path));
        }
        match OpenOptions::new().write(true).create(true).truncate(false).open(&path) {
            Ok(file) => Ok(Target::File { path, file }),
            Err(error) => {
                Err(unwritable(Exit::Usage, &path, &error).hint("--summary names a file in a folder that exists, or -"))
            }
        }
    }

    /// Writes the summary. A failure of the run goes first: with `-` the summary is the last line.
    pub(super) fn write(self, summary: &Summary, result: Result<(), Failure>) -> Result<(), Failure> {
        let line =
            serde_json::to_string(summary).map_err(|error| Failure::new(Exit::Internal, error.to_string()))? + "\n";
        let (path, written) = match self {
            Target::Stderr => {
                if let Err(failure) = result {
                    let after = Some(line);
                    return Err(Failure { after, ..failure });
                }
                (PathBuf::from("-"), io::stderr().write_all(line.as_bytes()))
            }
            Target::File { path, mut file } => {
                let written = file.set_len(0).and_then(|()| file.write_all(line.as_bytes()));
                (path, written)
            }
            Target::Special(path) => {
                let opened = OpenOptions::new().write(true).open(&path);
                (path, opened.and_then(|mut file| file.write_all(line.as_bytes())))
            }
        };
        // The events are delivered all the same, so this is not the exit of a delivery that failed.
        result.and(written.map_err(|error| unwritable(Exit::Internal, &path, &error)))
    }
}

fn unwritable(exit: Exit, path: &Path, error: &io::Error) -> Failure {
    Failure::new(exit, format!("cannot write the summary {}: {error}", path.display()))
}
