//! From a connection's settings to what carries out fetches over it.

use std::path::PathBuf;
use std::sync::Arc;

use fetch::{FetchProgress, Fetcher};
use remote::{Remote, Settings};
use sandbox::ConnectionKind;

use crate::SetupError;
use crate::config::Config;
use crate::plugins;

/// The fetcher of a run over a connection of that kind, told about its progress by `progress`.
///
/// # Errors
///
/// Where the settings cannot be meant.
pub fn open(
    config: &Config,
    settings: Settings,
    kind: ConnectionKind,
    progress: Arc<dyn FetchProgress>,
) -> Result<Fetcher, SetupError> {
    let remote = Arc::new(Remote::new(settings)?);
    Ok(Fetcher::new(remote, &spool_folder(), config.fetch, progress).of_kind(kind))
}

/// The folder where documents wait: on disk, not in a memory-backed `/tmp`. It is `$XDG_CACHE_HOME/host`, else the system's
/// temporary folder.
pub fn spool_folder() -> PathBuf {
    plugins::cache_folder().unwrap_or_else(std::env::temp_dir)
}
