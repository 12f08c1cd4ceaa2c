//! Running a language's tool: found or not, silent unless it fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::{Project, WorkshopError};

/// A program in one of the folders, or in PATH.
pub(super) fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&path));
    all.map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// Runs it to its end in the project's folder. A program that cannot be started is as good as missing.
pub(super) fn run(
    project: &Project,
    tool: &'static str,
    command: &mut Command,
    missing: impl FnOnce() -> WorkshopError,
) -> Result<Output, WorkshopError> {
    let output = command.current_dir(&project.folder).stdin(Stdio::null()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
        Err(error) => return Err(WorkshopError::file(Path::new(tool))(error)),
    };
    if output.status.success() {
        return Ok(output);
    }
    Err(WorkshopError::Build {
        tool,
        name: project.name.clone(),
        output: said(&output, true),
    })
}

/// The output of a tool; cargo's stdout is for machines.
pub(super) fn said(output: &Output, stdout_too: bool) -> String {
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    if stdout_too {
        text.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    text
}
