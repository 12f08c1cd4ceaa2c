//! `[fetch]`: limits of what is fetched.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use base::duration::DurationText;
use fetch::FetchLimits;

/// Limits of what is fetched; what is left out keeps its default.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Fetch")]
pub struct FetchSection {
    /// The largest downloaded file, or answer that is a document.
    #[schemars(extend("x-unit" = "bytes"))]
    pub document_bytes: u64,
    /// The largest JSON record; a larger one becomes a rejected row.
    #[schemars(extend("x-unit" = "bytes"))]
    pub record_bytes: u64,
    /// Entries of an archive, at most.
    #[schemars(extend("x-unit" = "entries"))]
    pub archive_entries: u16,
    /// The largest file in an archive.
    #[schemars(extend("x-unit" = "bytes"))]
    pub archive_bytes: u64,
    /// How far an archive may expand.
    #[schemars(extend("x-unit" = "bytes out per byte in"))]
    pub archive_ratio: u64,
    /// How long reading an archive may take.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub archive_timeout: Duration,
    /// Bytes of all documents of a run that wait for their parser in the folder for temporary files, archives and what came
    /// out of them together; beyond, the run ends with exit 1.
    #[schemars(extend("x-unit" = "bytes"))]
    pub spool_bytes: u64,
    /// How long a run waits for a job on the server; with a ledger the next run continues with it.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub job_timeout: Duration,
    /// How long the file of a job is looked for whose submission got no answer, before another job is submitted; at least as
    /// long as jobs take.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub job_search: Duration,
    /// How long the server may refuse to give the file of a job that is done ("Invalid file"), or give it empty although it
    /// lists a size, before that is believed; the job is then given up.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub file_wait: Duration,
}

impl Default for FetchSection {
    fn default() -> Self {
        let limits = FetchLimits::default();
        FetchSection {
            document_bytes: limits.document_bytes,
            record_bytes: limits.record_bytes,
            archive_entries: limits.archive.entries,
            archive_bytes: limits.archive.total_bytes,
            archive_ratio: limits.archive.ratio,
            archive_timeout: limits.archive.time,
            spool_bytes: limits.spool_bytes,
            job_timeout: limits.polling.total,
            job_search: limits.polling.search,
            file_wait: limits.polling.file,
        }
    }
}

impl FetchSection {
    /// The limits of a run's fetches.
    pub fn limits(&self) -> FetchLimits {
        let mut limits = FetchLimits {
            document_bytes: self.document_bytes,
            record_bytes: self.record_bytes,
            spool_bytes: self.spool_bytes,
            ..FetchLimits::default()
        };
        limits.archive.entries = self.archive_entries;
        limits.archive.total_bytes = self.archive_bytes;
        limits.archive.ratio = self.archive_ratio;
        limits.archive.time = self.archive_timeout;
        limits.polling.total = self.job_timeout;
        limits.polling.search = self.job_search;
        limits.polling.file = self.file_wait;
        limits
    }
}
