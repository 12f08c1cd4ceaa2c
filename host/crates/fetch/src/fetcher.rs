//! Fetches over one connection: calls, lists and jobs.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use remote::{Counters, Remote};

use super::archive::{self, ArchiveError};
use super::blocking::blocking;
use super::checkpoint::{FetchCheckpoint, FetchStage};
use super::epm::cleanup::{self, Cleanup};
use super::epm::download::Download;
use super::epm::envelope::Envelope;
use super::epm::job::{Finished, RunningJob};
use super::epm::poll_pacer::PollPacer;
use super::epm::words::says_nothing_there;
use super::epm::{files, nothing};
use super::error::FetchError;
use super::fetched::Fetched;
use super::limits::FetchLimits;
use super::pages;
use super::progress::{FetchProgress, Listener};
use super::receive::receive;
use super::received_document::{AnsweredRequest, DocumentForm, ReceivedDocument};
use super::records::lines::RecordTally;
use super::records::split::{AnswerOf, split};
use super::request::build as build_request;
use super::spool::{Spool, Spooled};

/// Carries out fetches over one connection.
pub struct Fetcher {
    remote: Arc<Remote>,
    spool: Spool,
    limits: FetchLimits,
    progress: Listener,
    answers_of: AnswerOf,
    pacer: PollPacer,
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
            turns: pages::PageScheduler::new(remote.parallel(), limits.page_memory),
            remote,
            spool: Spool::new(spool).within(limits.spool_bytes),
            limits,
            progress,
            answers_of: AnswerOf::EpmCloud,
            pacer: PollPacer::default(),
        }
    }

    /// The fetcher of a connection of that kind. Only EPM Cloud tells in the members of an answer how the request ended, so no other
    /// answer is judged by them.
    pub fn of_kind(self, kind: sandbox::ConnectionKind) -> Fetcher {
        Fetcher {
            answers_of: match kind {
                sandbox::ConnectionKind::Epm => AnswerOf::EpmCloud,
                _ => AnswerOf::Others,
            },
            ..self
        }
    }

    /// The time that must be added to this machine's clock to get the server's; none before the first answer.
    pub fn clock_offset(&self) -> Option<SignedDuration> {
        self.remote.clock_offset()
    }

    /// The cost of the connection so far.
    pub fn counters(&self) -> Counters {
        self.remote.counters()
    }

    /// Carries out one fetch.
    pub async fn fetch(&self, fetch: &sandbox::Fetch) -> Result<Fetched, FetchError> {
        self.fetch_from(fetch, FetchStage::Start, &()).await
    }

    /// Carries out one fetch from the point that an earlier process reached, and keeps how far it is. Only jobs have
    /// points on the way; of a list by position, what was read is kept where the checkpoint has a place for it; everything else
    /// is asked again.
    pub async fn fetch_from(
        &self,
        fetch: &sandbox::Fetch,
        from: FetchStage,
        checkpoint: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError> {
        // A document that is kept is known by its digest.
        let spool = self.spool.hashing(checkpoint.document_place().is_some());
        match fetch {
            sandbox::Fetch::Call(call) => Box::pin(self.call(call, checkpoint, &spool)).await,
            sandbox::Fetch::Job(job) => self.job(job, from, checkpoint, &spool).await,
            sandbox::Fetch::Pages(pages) => Box::pin(self.pages(pages, checkpoint, &spool)).await,
        }
    }

    /// Goes on with a job that an earlier run submitted: `link` is what [`FetchProgress::submitted`] was told.
    pub async fn adopt(&self, job: &sandbox::Job, link: &str) -> Result<Fetched, FetchError> {
        let link = link.to_owned();
        self.job(job, FetchStage::Submitted { link }, &(), &self.spool).await
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

    async fn call(
        &self,
        call: &sandbox::Call,
        checkpoint: &dyn FetchCheckpoint,
        spool: &Spool,
    ) -> Result<Fetched, FetchError> {
        let request = build_request(&self.remote, &call.request)?.limit(self.limits.document_bytes);
        let restarts = self.limits.restarts;
        let received = receive(&self.remote, &request, spool, restarts, &*self.progress).await?;
        let mut document = received.file;
        self.hand_over(checkpoint, &document, DocumentForm::Answer, received.answered)
            .await?;
        let mut tally = None;
        if let Some(path) = call.records.clone() {
            let (remote, spool, limit) = (self.remote.clone(), spool.clone(), self.limits.record_bytes);
            let of = self.answers_of;
            let records = blocking(move || split(&remote, &document, &path, limit, &spool, of)).await?;
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

    async fn pages(
        &self,
        pages: &sandbox::Pages,
        checkpoint: &dyn FetchCheckpoint,
        spool: &Spool,
    ) -> Result<Fetched, FetchError> {
        let collected = pages::run(
            &self.remote,
            pages,
            spool,
            &self.limits,
            &self.turns,
            &*self.progress,
            checkpoint,
        )
        .await?;
        let request = build_request(&self.remote, &pages.request)?;
        let first = AnsweredRequest {
            method: request.method().to_string(),
            target: self.remote.recordable_target(request.url()),
            status: None,
            date: None,
        };
        self.hand_over(checkpoint, &collected.lines, DocumentForm::Records, first)
            .await?;
        Ok(self.listed(collected.lines, Some(collected.tally)))
    }

    /// Hands a document that has come whole to whoever keeps such as evidence, before anything is made of it.
    async fn hand_over(
        &self,
        checkpoint: &dyn FetchCheckpoint,
        document: &Spooled,
        form: DocumentForm,
        request: AnsweredRequest,
    ) -> Result<(), FetchError> {
        let offset = self.remote.clock_offset();
        let received = ReceivedDocument {
            document: document.clone(),
            form,
            request,
            server_clock: offset.and_then(|offset| Timestamp::now().checked_add(offset).ok()),
        };
        checkpoint.received(received).await.map_err(FetchError::Checkpoint)
    }

    fn say_nothing(&self, words: &str) {
        let connection = self.remote.name();
        self.progress.warned(&format!(
            "{connection} has no rows for this period: it says \"{words}\""
        ));
    }

    /// A document that is no file on the server.
    fn listed(&self, document: Spooled, tally: Option<RecordTally>) -> Fetched {
        if let Some(notice) = tally.and_then(RecordTally::notice) {
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
        checkpoint: &dyn FetchCheckpoint,
        spool: &Spool,
    ) -> Result<Fetched, FetchError> {
        let run = RunningJob {
            remote: &self.remote,
            limits: &self.limits,
            progress: &*self.progress,
            checkpoint,
            pacer: &self.pacer,
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
            FetchStage::Ready { job, polls, files } => Finished {
                id: job,
                polls,
                told: files,
                envelope: Envelope::done(),
            },
        };
        Box::pin(self.collect(job, finished, checkpoint, spool)).await
    }

    /// Downloads what a finished job wrote, and opens it where it is an archive.
    async fn collect(
        &self,
        job: &sandbox::Job,
        finished: Finished,
        checkpoint: &dyn FetchCheckpoint,
        spool: &Spool,
    ) -> Result<Fetched, FetchError> {
        let download = Download {
            remote: &self.remote,
            spool,
            limits: &self.limits,
            progress: &*self.progress,
            pacer: &self.pacer,
        };
        base::failpoint!("download.before");
        // Some servers write no file where there is nothing to write, and say so.
        let nothing = (finished.envelope.text.as_deref()).filter(|text| says_nothing_there(text));
        let downloaded = match (
            download.run(&finished.told, &job.file, nothing.is_none()).await,
            nothing,
        ) {
            (Err(FetchError::NoFile { .. }), Some(words)) => {
                self.say_nothing(words);
                let document = Spooled::new(spool.create()?)?;
                return Ok(Fetched {
                    job: finished.id,
                    polls: finished.polls,
                    ..self.listed(document, None)
                });
            }
            (downloaded, _) => downloaded?,
        };
        base::failpoint!("download.after");
        self.hand_over(checkpoint, &downloaded.file, DocumentForm::File, downloaded.answered)
            .await?;
        let shown = self.remote.presentable(&downloaded.name, 100);
        let (mut document, mut empty) = (downloaded.file, downloaded.empty);
        let mut file_name = downloaded.name.clone();
        if archive::is_archive(&document.head(4)?) {
            let (within, limits, shown) = (spool.clone(), self.limits, shown.clone());
            let opened = blocking(move || {
                archive::open(&document, &limits, &within).map_err(|source| match source {
                    ArchiveError::Spool(error) => FetchError::Spool(error),
                    source => FetchError::Archive { file: shown, source },
                })
            })
            .await?;
            (document, file_name) = match opened {
                Some(inside) => inside,
                None => (Spooled::new(spool.create()?)?, file_name),
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
            document = Spooled::new(spool.create()?)?;
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
