//! The folder of a user's state that is no file of the configuration's own.

use std::path::PathBuf;

use base::SetupError;

/// The folder of all state: `$XDG_STATE_HOME/host`, else `~/.local/state/host`; none where neither variable names a folder.
pub fn state_folder() -> Option<PathBuf> {
    let folder = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || folder("HOME").map(|home| home.join(".local").join("state"));
    folder("XDG_STATE_HOME").or_else(home).map(|state| state.join("host"))
}

/// The folder of refresh tokens, a file a connection; none where there is no folder of state.
pub fn token_folder() -> Option<PathBuf> {
    state_folder().map(|folder| folder.join("tokens"))
}

/// The file of a connection's refresh token.
///
/// # Errors
///
/// Where there is no folder of state.
pub(crate) fn token_file(connection: &str) -> Result<PathBuf, SetupError> {
    let folder = token_folder().ok_or_else(|| {
        SetupError::usage("there is no place to keep a refresh token").hint("set $XDG_STATE_HOME or $HOME")
    })?;
    Ok(folder.join(format!("{connection}.json")))
}
