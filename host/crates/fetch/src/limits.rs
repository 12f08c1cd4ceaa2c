//! How much a fetch may take in.

use std::time::Duration;

/// How much a fetch may take in, and how patiently it polls.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    /// Bytes of a downloaded file or of a call's body. Default 1.5 GiB: EPM Cloud serves files of up to 1 GB.
    pub document_bytes: u64,
    /// Bytes of a control answer: submit, poll, list, delete. Default 4 MiB.
    pub control_bytes: u64,
    /// Bytes of one JSON record. Default 1 MiB.
    pub record_bytes: u64,
    /// Bytes of one page of a paged query. Default 256 MiB.
    pub page_bytes: u64,
    /// Bytes of a page that is held in memory; a larger one lies on the spool until it is read. All pages in memory together have
    /// four times as many. Default 4 MiB.
    pub page_memory: usize,
    /// Bytes of all records of a paged query. Default 8 GiB.
    pub paged_bytes: u64,
    /// Pages of a paged query. Default 100,000.
    pub pages: u64,
    /// How often what was read of a long list is kept, so that another process can go on from there. Default 10 s.
    pub pages_kept: Duration,
    /// Bytes of all documents that wait in the folder for temporary files. Default 32 GiB.
    pub spool_bytes: u64,
    /// Limits of an archive.
    pub archive: ArchiveLimits,
    /// How patiently a job is polled.
    pub polling: Polling,
    /// How often a broken download is started again. Default 3.
    pub restarts: u32,
}

impl Default for FetchLimits {
    fn default() -> Self {
        FetchLimits {
            document_bytes: 1536 * 1024 * 1024,
            control_bytes: 4 * 1024 * 1024,
            record_bytes: 1024 * 1024,
            page_bytes: 256 * 1024 * 1024,
            page_memory: 4 * 1024 * 1024,
            paged_bytes: 8 * 1024 * 1024 * 1024,
            pages: 100_000,
            pages_kept: Duration::from_secs(10),
            spool_bytes: 32 * 1024 * 1024 * 1024,
            archive: ArchiveLimits::default(),
            polling: Polling::default(),
            restarts: 3,
        }
    }
}

/// Limits of an archive.
#[derive(Debug, Clone, Copy)]
pub struct ArchiveLimits {
    /// Entries, folders included. Default 64.
    pub entries: u16,
    /// Bytes of the file inside. Default 4 GiB.
    pub total_bytes: u64,
    /// Bytes out per byte in, judged once more than 1 MiB came out. Default 200; a repetitive CSV reaches 30.
    pub ratio: u64,
    /// How long reading one may take. Default 10 min: 4 GiB take a quarter of one.
    pub time: Duration,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        ArchiveLimits {
            entries: 64,
            total_bytes: 4 * 1024 * 1024 * 1024,
            ratio: 200,
            time: Duration::from_secs(600),
        }
    }
}

/// How patiently a job is polled: the wait grows by half each time, with jitter.
#[derive(Debug, Clone, Copy)]
pub struct Polling {
    /// The wait before the first poll. Default 500 ms.
    pub first: Duration,
    /// The longest wait. Default 20 s.
    pub longest: Duration,
    /// For the whole job. Default 30 min.
    pub total: Duration,
    /// How long the file of a job is looked for where nobody knows whether the job exists. Default 10 min.
    pub search: Duration,
    /// How long a server may refuse to give the file of a job that it calls done. Default 2 min.
    pub file: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Polling {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(20),
            total: Duration::from_secs(1800),
            search: Duration::from_secs(600),
            file: Duration::from_secs(120),
        }
    }
}
