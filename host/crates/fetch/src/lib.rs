//! Carries out what a plugin planned: call, job, download, spool.
//!
//! A [`Fetcher`] takes a [`sandbox::Fetch`] and answers with a [`Fetched`]: a complete document on the spool, checked as
//! far as it can be without understanding it. Nothing partial is ever handed out. Once its events are delivered, the
//! [`Cleanup`] that came with it may be carried out.
//!
//! ```no_run
//! # async fn example(remote: remote::Remote, plan: Vec<sandbox::Fetch>) -> Result<(), fetch::FetchError> {
//! use std::sync::Arc;
//! use fetch::{Fetcher, FetchLimits};
//!
//! let spool = std::env::temp_dir().join("host-spool");
//! let fetcher = Fetcher::new(Arc::new(remote), &spool, FetchLimits::default(), Arc::new(()));
//! for fetch in &plan {
//!     let fetched = fetcher.fetch(fetch).await?;
//!     std::io::copy(&mut fetched.open(), &mut std::io::stdout())?;
//! }
//! # Ok(())
//! # }
//! ```

mod archive;
mod checkpoint;
mod cleanup;
mod download;
mod envelope;
mod error;
mod error_codes;
mod files;
#[doc(hidden)]
pub mod fuzz;
mod job;
mod limits;
mod lines;
mod mend;
mod nothing;
mod pages;
mod poll_pacer;
mod progress;
mod receive;
mod records;
mod request;
mod salvage;
mod spool;
mod web_page;

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use remote::{Counters, Remote};

pub use archive::ArchiveError;
pub use checkpoint::{FetchCheckpoint, FetchStage};
pub use cleanup::Cleanup;
pub use error::FetchError;
pub use error_codes::ERROR_CODES;
pub use limits::{ArchiveLimits, FetchLimits, Polling};
pub use pages::kept_files as kept_pages;
pub use progress::FetchProgress;
pub use records::compact;
pub use request::build as build_request;
pub use spool::SpoolReader;

use spool::{Spool, Spooled};

/// A document, complete, on the spool. The file vanishes with its last reader.
#[derive(Debug)]
pub struct Fetched {
    document: Spooled,
    /// The name of the file, where the document came as one.
    pub file_name: Option<String>,
    /// What the server says the file is: `zip`, `csv`, …
    pub extension: Option<String>,
    /// The id of the job that wrote it.
    pub job: Option<String>,
    /// How often the job was asked for its status.
    pub polls: u64,
    /// How many records the document holds, where the host took them out of an envelope.
    pub records: Option<u64>,
    /// How many of these the host had to mend.
    pub mended: u64,
    /// How many are not valid JSON, and could not be mended.
    pub broken: u64,
    /// What may be removed from the server once the events are delivered.
    pub cleanup: Option<Cleanup>,
}

impl Fetched {
    /// A reader from the start.
    pub fn open(&self) -> SpoolReader {
        self.document.reader()
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.document.len()
    }

    /// Gives the document a name in a folder, and goes on with that; on another file system it is copied there. It is on disk
    /// once this returns; says its SHA-256 as hexadecimal digits. Blocks.
    pub fn keep(&mut self, folder: &Path, name: &str) -> std::io::Result<String> {
        let (document, sha256) = self.document.keep(folder, name)?;
        self.document = document;
        Ok(sha256)
    }

    /// Takes up a document that was kept; none where the file is gone or no longer what it was. The length is always
    /// looked at, the content where its SHA-256 is given. Blocks.
    pub fn reopen(path: &Path, length: u64, sha256: Option<&str>) -> std::io::Result<Option<Fetched>> {
        let document = Spooled::reopen(path, length, sha256)?;
        Ok(document.map(|document| Fetched {
            document,
            file_name: None,
            extension: None,
            job: None,
            polls: 0,
            records: None,
            mended: 0,
            broken: 0,
            cleanup: None,
        }))
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Carries out fetches over one connection.
pub struct Fetcher {
    remote: Arc<Remote>,
    spool: Spool,
    limits: FetchLimits,
    progress: progress::Listener,
    crowd: poll_pacer::PollPacer,
    turns: pages::PageScheduler,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    /// `spool` is the folder for temporary files; it is made when first needed, for its owner only.
    pub fn new(remote: Arc<Remote>, spool: &Path, limits: FetchLimits, progress: Arc<dyn FetchProgress>) -> Fetcher {
        Fetcher {
            turns: pages::PageScheduler::new(remote.parallel()),
            remote,
            spool: Spool::new(spool).within(limits.spool_bytes),
            limits,
            progress,
            crowd: poll_pacer::PollPacer::default(),
        }
    }

    /// What the connection cost so far.
    pub fn clock_offset(&self) -> Option<SignedDuration> {
        self.remote.clock_offset()
    }

    /// How much was exchanged.
    pub fn counters(&self) -> Counters {
        self.remote.counters()
    }

    /// Carries out one fetch.
    pub async fn fetch(&self, fetch: &sandbox::Fetch) -> Result<Fetched, FetchError> {
        self.fetch_from(fetch, FetchStage::Start, &()).await
    }

    /// Carries out one fetch from the point that an earlier process reached, and keeps how far it is. Only jobs have
    /// points on the way; of a list by position, what was read is kept where the journal has a place for it; everything else
    /// is asked again.
    pub async fn fetch_from(
        &self,
        fetch: &sandbox::Fetch,
        from: FetchStage,
        journal: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError> {
        match fetch {
            sandbox::Fetch::Call(call) => Box::pin(self.call(call)).await,
            sandbox::Fetch::Job(job) => self.job(job, from, journal).await,
            sandbox::Fetch::Pages(pages) => Box::pin(self.pages(pages, journal)).await,
        }
    }

    /// Goes on with a job that an earlier run submitted: `link` is what [`FetchProgress::submitted`] was told.
    pub async fn adopt(&self, job: &sandbox::Job, link: &str) -> Result<Fetched, FetchError> {
        let link = link.to_owned();
        self.job(job, FetchStage::Submitted { link }, &()).await
    }

    /// Removes what a fetch left on the server. That it is still there is worth a warning, not a failed run.
    pub async fn clean_up(&self, cleanup: &Cleanup) -> bool {
        match cleanup::delete(&self.remote, &cleanup.file, &self.limits).await {
            Ok(()) => true,
            Err(error) => {
                let file = self.remote.presentable(&cleanup.file, 100);
                let message = format!("the file {file} stays on the server: {error}");
                self.progress.warned(&message);
                false
            }
        }
    }

    async fn call(&self, call: &sandbox::Call) -> Result<Fetched, FetchError> {
        let request = request::build(&self.remote, &call.request)?.limit(self.limits.document_bytes);
        let restarts = self.limits.restarts;
        let mut document = receive::receive(&self.remote, &request, &self.spool, restarts, &*self.progress)
            .await?
            .file;
        let mut tally = None;
        if let Some(member) = call.records.clone() {
            let (remote, spool, limit) = (self.remote.clone(), self.spool.clone(), self.limits.record_bytes);
            let records =
                download::blocking(move || records::split(&remote, &document, &member, limit, &spool)).await?;
            document = records.lines;
            tally = Some(records.tally);
            let count = records.tally.records;
            self.progress.records(count, Some(count));
            if let Some(words) = records.nothing {
                self.say_nothing(&words);
            }
        }
        Ok(self.listed(document, tally))
    }

    async fn pages(&self, pages: &sandbox::Pages, journal: &dyn FetchCheckpoint) -> Result<Fetched, FetchError> {
        let collected = pages::run(
            &self.remote,
            pages,
            &self.spool,
            &self.limits,
            &self.turns,
            &*self.progress,
            journal,
        )
        .await?;
        Ok(self.listed(collected.lines, Some(collected.tally)))
    }

    fn say_nothing(&self, words: &str) {
        let connection = self.remote.name();
        self.progress.warned(&format!(
            "{connection} has no rows for this period: it says \"{words}\""
        ));
    }

    /// A document that is no file on the server.
    fn listed(&self, document: Spooled, tally: Option<lines::Tally>) -> Fetched {
        if let Some(notice) = tally.and_then(lines::Tally::notice) {
            self.progress.warned(&format!("{}: {notice}", self.remote.name()));
        }
        Fetched {
            document,
            file_name: None,
            extension: None,
            job: None,
            polls: 0,
            records: tally.map(|tally| tally.records),
            mended: tally.map_or(0, |tally| tally.mended),
            broken: tally.map_or(0, |tally| tally.broken),
            cleanup: None,
        }
    }

    async fn job(
        &self,
        job: &sandbox::Job,
        from: FetchStage,
        journal: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError> {
        let run = job::Running {
            remote: &self.remote,
            limits: &self.limits,
            progress: &*self.progress,
            journal,
            crowd: &self.crowd,
        };
        let finished = match from {
            FetchStage::Start | FetchStage::Submitting => {
                // In boxes, so that a job that is waited for holds no room for what comes before and after.
                let submitted = Box::pin(run.submit(job, from == FetchStage::Submitting)).await?;
                run.wait(submitted).await?
            }
            FetchStage::Submitted { link } => run.poll(self.remote.resolve(&link)?, 0, None).await?,
            FetchStage::Waiting { link, polls, next } => {
                run.poll(self.remote.resolve(&link)?, polls, Some(next)).await?
            }
            FetchStage::Ready { job, polls, files } => job::Finished {
                id: job,
                polls,
                told: files,
                envelope: envelope::Envelope::done(),
            },
        };
        Box::pin(self.collect(job, finished)).await
    }

    /// Downloads what a finished job wrote, and opens it where it is an archive.
    async fn collect(&self, job: &sandbox::Job, finished: job::Finished) -> Result<Fetched, FetchError> {
        let download = download::Download {
            remote: &self.remote,
            spool: &self.spool,
            limits: &self.limits,
            progress: &*self.progress,
            crowd: &self.crowd,
        };
        base::failpoint!("download.before");
        // Some servers write no file where there is nothing to write, and say so.
        let nothing = (finished.envelope.text.as_deref()).filter(|text| envelope::says_nothing_there(text));
        let downloaded = match (
            download.run(&finished.told, &job.file, nothing.is_none()).await,
            nothing,
        ) {
            (Err(FetchError::NoFile { .. }), Some(words)) => {
                self.say_nothing(words);
                let document = Spooled::new(self.spool.create()?)?;
                return Ok(Fetched {
                    job: finished.id,
                    polls: finished.polls,
                    ..self.listed(document, None)
                });
            }
            (downloaded, _) => downloaded?,
        };
        base::failpoint!("download.after");
        let shown = self.remote.presentable(&downloaded.name, 100);
        let (mut document, mut empty) = (downloaded.file, downloaded.empty);
        let mut file_name = downloaded.name.clone();
        if archive::is_archive(&document.head(4)?) {
            let (spool, limits, shown) = (self.spool.clone(), self.limits.archive, shown.clone());
            let opened = download::blocking(move || {
                archive::open(&document, &limits, &spool).map_err(|source| match source {
                    ArchiveError::Spool(error) => FetchError::Spool(error),
                    source => FetchError::Archive { file: shown, source },
                })
            })
            .await?;
            (document, file_name) = match opened {
                Some(inside) => inside,
                None => (Spooled::new(self.spool.create()?)?, file_name),
            };
            empty = document.len() == 0;
        }
        let words = match document.len() {
            0 => None,
            1..=nothing::LONGEST => nothing::said_by_document(&document.head(nothing::LONGEST)?),
            _ => None,
        };
        if let Some(words) = words {
            self.say_nothing(&self.remote.presentable(&words, 300));
            document = Spooled::new(self.spool.create()?)?;
        }
        if empty {
            self.progress.warned(&format!(
                "the file {shown} is empty although its job ended well: {} has no rows for this period",
                self.remote.name()
            ));
        }
        Ok(Fetched {
            document,
            file_name: Some(file_name),
            extension: downloaded.extension,
            job: finished.id,
            polls: finished.polls,
            records: None,
            mended: 0,
            broken: 0,
            cleanup: (!job.keep && files::is_own(&downloaded.name, &job.file))
                .then_some(Cleanup { file: downloaded.name }),
        })
    }
}
