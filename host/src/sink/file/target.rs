//! The path that a file will have, checked before any event.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::sink::SinkError;

/// Its folder; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    Some(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    })
}

/// The file to write, links followed, and its folder.
pub(super) fn resolve(path: &Path, create_folders: bool) -> Result<(PathBuf, PathBuf), SinkError> {
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
