//! The limits of what a fetch may take in: `[fetch]` of the configuration, and what no configuration sets.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use base::duration::DurationText;

/// Limits of what is fetched; what is left out keeps its default.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Fetch")]
pub struct FetchLimits {
    // EPM Cloud serves files of up to 1 GB.
    /// The largest downloaded file, or answer that is a document.
    #[schemars(extend("x-unit" = "bytes"))]
    pub document_bytes: u64,
    /// The largest JSON record; a larger one becomes a rejected row.
    #[schemars(extend("x-unit" = "bytes"))]
    pub record_bytes: u64,
    // Folders included.
    /// Entries of an archive, at most.
    #[schemars(extend("x-unit" = "entries"))]
    pub archive_entries: u16,
    /// The largest file in an archive.
    #[schemars(extend("x-unit" = "bytes"))]
    pub archive_bytes: u64,
    // Judged once more than 1 MiB came out; a repetitive CSV reaches 30.
    /// The ratio up to which an archive may expand.
    #[schemars(extend("x-unit" = "bytes out per byte in"))]
    pub archive_ratio: u64,
    // 4 GiB take a quarter of one minute.
    /// The longest time that reading an archive may take.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub archive_timeout: Duration,
    /// Bytes of all documents of a run that wait for their parser in the folder for temporary files, archives and what came
    /// out of them together; beyond, the run ends with exit 1.
    #[schemars(extend("x-unit" = "bytes"))]
    pub spool_bytes: u64,
    /// The longest time that a run waits for a job on the server; with a ledger the next run continues with it.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub job_timeout: Duration,
    /// The time for which the file of a job is looked for whose submission got no answer, before another job is submitted; at least as
    /// long as jobs take.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub job_search: Duration,
    /// The longest time that the server may refuse to give the file of a job that is done ("Invalid file"), or give it empty although it
    /// lists a size, before that is believed; the job is then given up.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub file_wait: Duration,
    /// The wait before a job is polled for the first time; it grows by half each time, with jitter. Default 500 ms.
    #[serde(skip)]
    pub first_poll: Duration,
    /// The longest wait between two polls. Default 20 s.
    #[serde(skip)]
    pub longest_poll: Duration,
    /// Bytes of a control answer: submit, poll, list, delete. Default 4 MiB.
    #[serde(skip)]
    pub control_bytes: u64,
    /// Bytes of one page of a paged query. Default 256 MiB.
    #[serde(skip)]
    pub page_bytes: u64,
    /// Bytes of a page that is held in memory; a larger one lies on the spool until it is read. All pages in memory together have
    /// four times as many. Default 1 MiB.
    #[serde(skip)]
    pub page_memory: usize,
    /// Bytes of all records of a paged query. Default 8 GiB.
    #[serde(skip)]
    pub paged_bytes: u64,
    /// Pages of a paged query. Default 100,000.
    #[serde(skip)]
    pub pages: u64,
    /// The interval at which what was read of a long list is kept, so that another process can go on from there. Default 10 s.
    #[serde(skip)]
    pub pages_kept: Duration,
    /// The number of times that a broken download is started again. Default 3.
    #[serde(skip)]
    pub restarts: u32,
}

impl Default for FetchLimits {
    fn default() -> Self {
        FetchLimits {
            document_bytes: 1536 * 1024 * 1024,
            record_bytes: 1024 * 1024,
            archive_entries: 64,
            archive_bytes: 4 * 1024 * 1024 * 1024,
            archive_ratio: 200,
            archive_timeout: Duration::from_secs(600),
            spool_bytes: 32 * 1024 * 1024 * 1024,
            job_timeout: Duration::from_secs(1800),
            job_search: Duration::from_secs(600),
            file_wait: Duration::from_secs(120),
            first_poll: Duration::from_millis(500),
            longest_poll: Duration::from_secs(20),
            control_bytes: 4 * 1024 * 1024,
            page_bytes: 256 * 1024 * 1024,
            page_memory: 1024 * 1024,
            paged_bytes: 8 * 1024 * 1024 * 1024,
            pages: 100_000,
            pages_kept: Duration::from_secs(10),
            restarts: 3,
        }
    }
}
