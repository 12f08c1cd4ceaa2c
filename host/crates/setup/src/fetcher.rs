//! From a connection's settings to what carries out fetches over it.

use std::path::PathBuf;
use std::sync::Arc;

use fetch::{FetchLimits, FetchProgress, Fetcher};
use remote::{Remote, Settings};

use crate::SetupError;
use crate::config::{self, Config};
use crate::plugins;

/// The fetcher of a run over a connection, told about its progress by `progress`.
///
/// # Errors
///
/// Where the settings cannot be meant.
pub fn open(config: &Config, settings: Settings, progress: Arc<dyn FetchProgress>) -> Result<Fetcher, SetupError> {
    let remote = Arc::new(Remote::new(settings)?);
    Ok(Fetcher::new(remote, &spool_folder(), limits(&config.fetch), progress))
}

/// The folder where documents wait: on disk, not in a memory-backed `/tmp`. It is `$XDG_CACHE_HOME/host`, else the system's
/// temporary folder.
pub fn spool_folder() -> PathBuf {
    plugins::cache_folder().unwrap_or_else(std::env::temp_dir)
}

fn limits(set: &config::Fetch) -> FetchLimits {
    let mut limits = FetchLimits::default();
    limits.document_bytes = set.document_bytes.unwrap_or(limits.document_bytes);
    limits.record_bytes = set.record_bytes.unwrap_or(limits.record_bytes);
    limits.archive.entries = set.archive_entries.unwrap_or(limits.archive.entries);
    limits.archive.total_bytes = set.archive_bytes.unwrap_or(limits.archive.total_bytes);
    limits.archive.ratio = set.archive_ratio.unwrap_or(limits.archive.ratio);
    limits.archive.time = set.archive_timeout.unwrap_or(limits.archive.time);
    limits.spool_bytes = set.spool_bytes.unwrap_or(limits.spool_bytes);
    limits.polling.total = set.job_timeout.unwrap_or(limits.polling.total);
    limits.polling.search = set.job_search.unwrap_or(limits.polling.search);
    limits.polling.file = set.file_wait.unwrap_or(limits.polling.file);
    limits
}
