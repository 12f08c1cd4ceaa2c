//! `[fetch]`: limits of what is fetched.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use base::duration::{DurationText, in_words};
use fetch::{ArchiveLimits, FetchLimits, Polling};

/// Limits of what is fetched; what is left out keeps its default.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fetch {
    /// The largest downloaded file, or answer that is a document.
    #[schemars(extend("x-unit" = "bytes", "default" = FetchLimits::default().document_bytes))]
    pub document_bytes: Option<u64>,
    /// The largest JSON record; a larger one becomes a rejected row.
    #[schemars(extend("x-unit" = "bytes", "default" = FetchLimits::default().record_bytes))]
    pub record_bytes: Option<u64>,
    /// Entries of an archive, at most.
    #[schemars(extend("x-unit" = "entries", "default" = ArchiveLimits::default().entries))]
    pub archive_entries: Option<u16>,
    /// The largest file in an archive.
    #[schemars(extend("x-unit" = "bytes", "default" = ArchiveLimits::default().total_bytes))]
    pub archive_bytes: Option<u64>,
    /// How far an archive may expand.
    #[schemars(extend("x-unit" = "bytes out per byte in", "default" = ArchiveLimits::default().ratio))]
    pub archive_ratio: Option<u64>,
    /// How long reading an archive may take.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(ArchiveLimits::default().time)))]
    pub archive_timeout: Option<Duration>,
    /// Bytes of all documents of a run that wait for their parser in the folder for temporary files, archives and what came
    /// out of them together; beyond, the run ends with exit 1.
    #[schemars(extend("x-unit" = "bytes", "default" = FetchLimits::default().spool_bytes))]
    pub spool_bytes: Option<u64>,
    /// How long a run waits for a job on the server; with a ledger the next run goes on with it.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(Polling::default().total)))]
    pub job_timeout: Option<Duration>,
    /// How long the file of a job is looked for whose submission got no answer, before another job is submitted; at least as
    /// long as jobs take.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(Polling::default().search)))]
    pub job_search: Option<Duration>,
    /// How long the server may refuse to give the file of a job that is done ("Invalid file"), or give it empty although it
    /// lists a size, before that is believed; the job is then given up.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(Polling::default().file)))]
    pub file_wait: Option<Duration>,
}
