//! The path that a file will have, checked before any event.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::links;
use super::mode::FileMode;
use crate::SinkError;

/// The folder of a path; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    Some(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    })
}

/// Makes missing folders on the way to a file.
pub(super) fn make_folders(folder: &Path, mode: FileMode) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode.of_folders())
        .create(folder)
}

/// The problem with a path where nothing is made on the way to it.
const NO_FOLDER: &str = "its folder does not exist";

/// The file that would be written, links followed, where the path can be one's. Makes nothing; the folder may be missing.
pub(super) fn examine(path: &Path) -> Result<PathBuf, SinkError> {
    match resolve(path, None) {
        Ok((target, _)) => Ok(target),
        Err(SinkError::Target { problem: NO_FOLDER, .. }) => {
            Ok(links::follow(path).unwrap_or_else(|_| path.to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// The file to write, links followed, and its folder; missing folders are made where they have a mode.
pub(super) fn resolve(path: &Path, folders: Option<FileMode>) -> Result<(PathBuf, PathBuf), SinkError> {
    let refuse = |path: &Path, problem, hint| {
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
    if folder_of(path).is_none() || path.file_name().is_none() {
        return refuse(path, "it is a folder", "add a file name");
    }
    let target = match links::follow(path) {
        Ok(target) => target,
        Err(links::Refused::Foreign(link)) => {
            let hint = "remove the link, or write to the path that it leads to";
            return refuse(&link, "it is a symbolic link that belongs to somebody else", hint);
        }
        Err(links::Refused::Nowhere) => {
            return refuse(
                path,
                "it is a symbolic link that leads nowhere",
                "fix or remove the link",
            );
        }
        Err(links::Refused::Circle) => {
            return refuse(path, "its symbolic links form a loop", "fix or remove the links");
        }
        Err(links::Refused::Unreadable(error)) => return Err(create(error)),
    };
    let Some(folder) = folder_of(&target) else {
        return refuse(path, "it is a folder", "add a file name");
    };
    if let Some(mode) = folders
        && let Err(error) = make_folders(folder, mode)
    {
        return match error.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                refuse(path, "its folder is a file", "choose another path")
            }
            _ => Err(create(error)),
        };
    }
    match fs::metadata(folder) {
        Ok(folder) if folder.is_dir() => {}
        Ok(_) => return refuse(path, "its folder is a file", "choose another path"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = "create the folder, or choose another path";
            return refuse(path, NO_FOLDER, hint);
        }
        Err(error) => return Err(create(error)),
    }
    match fs::symlink_metadata(&target) {
        Ok(entry) if entry.is_dir() => refuse(path, "it is a folder", "add a file name"),
        // Renaming over a device or a pipe would remove it.
        Ok(entry) if !entry.is_file() => refuse(
            path,
            "it is not a regular file",
            "use the stdout sink and redirect its output",
        ),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(create(error)),
        _ => {
            let folder = folder.to_owned();
            Ok((target, folder))
        }
    }
}
