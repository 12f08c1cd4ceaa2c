//! Golden cases: folders below `tests/`, each with what a plugin is given and what must come of it.

mod delivery;
mod diff;
mod document;
mod event;
mod report;
mod sink;

use std::fs;
use std::path::{Path, PathBuf};

pub(super) use diff::diff;
pub(super) use document::document_of;
pub(super) use report::{Chunks, ReportCase, parse, plain_request};
pub(super) use sink::SinkCase;

use super::WorkshopError;
use super::findings::{CheckOutcome, Failed};

/// The folders below `tests/` that hold an `input.*`, sorted.
pub(super) fn folders(project: &Path) -> Result<Vec<PathBuf>, WorkshopError> {
    let tests = project.join("tests");
    let entries = match fs::read_dir(&tests) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(WorkshopError::file(&tests)(error)),
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| input(folder).is_some())
        .collect();
    folders.sort();
    Ok(folders)
}

/// The case's name: that of its folder.
pub(super) fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The case's document or events.
fn input(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut inputs: Vec<PathBuf> = entries
        .filter(|path| path.is_file() && path.file_stem().is_some_and(|stem| stem == "input"))
        .collect();
    inputs.sort();
    inputs.into_iter().next()
}

/// A file of a case, if it is there.
fn optional(path: &Path) -> Result<Option<String>, Failed> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// The case itself is wrong, and not the plugin.
fn unreadable(path: &Path, reason: impl std::fmt::Display) -> Failed {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (
        format!("{name}: {reason}"),
        "the case cannot be read; docs/plugin-workshop.md has the formats".to_owned(),
    )
}

/// Holds what was found against what was expected, or makes it what is expected.
fn settle(path: &Path, expected: Option<&str>, found: &str, same: bool, bless: bool) -> Result<CheckOutcome, Failed> {
    if same {
        return Ok(CheckOutcome::Ok(String::new()));
    }
    if bless {
        fs::write(path, found).map_err(|error| unreadable(path, error))?;
        return Ok(CheckOutcome::Blessed(path.to_owned()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hint = "fix the plugin; or `host plugin test --bless` accepts what is found now".to_owned();
    match expected {
        None => Err((format!("there is no {name} yet; found\n{found}"), hint)),
        Some(expected) => Err((
            format!("{name} (-) and what was found (+) differ\n{}", diff(expected, found)),
            hint,
        )),
    }
}
