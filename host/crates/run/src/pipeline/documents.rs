//! Documents as they come: each is read on a thread of its own, and its batches are sent to the sinks.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use tokio::sync::{Semaphore, mpsc};

use super::Pipeline;
use super::parse::{self, DocumentReading, Known};
use super::stamp::Stamp;
use crate::RunError;
use crate::windows::WindowDelivery;
use base::blocking;
use event::Batch;
use fetch::{Cleanup, Fetched};
use sandbox::Quoting;

/// Batches parsed ahead of the one that is delivered.
const BATCHES_AHEAD: usize = 4;
/// Documents parsed at once by all runs of the process. A parser keeps a thread for blocking work until its sinks have taken
/// the events, and sinks need such threads themselves: of the 512 that tokio has by default, these may be taken.
static PARSERS: Semaphore = Semaphore::const_new(256);
/// Rejected rows that are written to the log, one by one.
const REJECTS_LOGGED: u64 = 5;

impl Pipeline {
    /// Parses documents as they come, and sends their events on. Says what may be removed from the server once these are
    /// answered for.
    pub(crate) async fn deliver_documents(
        &mut self,
        request: &sandbox::Request,
        documents: impl Stream<Item = Result<Fetched, RunError>>,
        course: &mut WindowDelivery,
    ) -> Result<Vec<Cleanup>, RunError> {
        let (sender, mut arrived) = mpsc::channel(1);
        // Fetches only go on while somebody waits for them, and whoever delivers a document waits for its sinks.
        let fetching = async move {
            let mut documents = std::pin::pin!(documents);
            while let Some(fetched) = documents.next().await {
                let failed = fetched.is_err();
                if sender.send(fetched).await.is_err() || failed {
                    break;
                }
            }
        };
        let delivering = async move {
            let record = self.keeping.book.record();
            let renamed = record.ids_of.as_deref();
            let mut known = Known {
                stamp: Stamp::new(&self.run.provenance, renamed, request.now),
                alike: HashMap::new(),
            };
            let mut cleanups = Vec::new();
            let mut index = 0;
            while let Some(mut fetched) = arrived.recv().await.transpose()? {
                self.counts.polls += fetched.polls;
                // Of what waits for a sink it was all counted when the others got it.
                if !course.is_known() {
                    self.counts.bytes += fetched.len();
                    self.counts.mended += fetched.mended;
                }
                if self.counts.job.is_none() {
                    self.counts.job.clone_from(&fetched.job);
                }
                let cleanup = fetched.cleanup.take();
                course.begin().await?;
                let lost = self.counts.fate.lost;
                known = self.deliver_document(request, index, fetched, known, course).await?;
                if self.counts.fate.lost == lost {
                    cleanups.extend(cleanup);
                } else if let Some(cleanup) = cleanup {
                    let file = cleanup.file.escape_debug();
                    tracing::warn!("{file} stays on the server: rejected rows of it were not kept");
                }
                index += 1;
                if self.sinks.is_over() {
                    break;
                }
            }
            Ok(cleanups)
        };
        let mut delivering = std::pin::pin!(delivering);
        tokio::select! {
            biased;
            delivered = &mut delivering => return delivered,
            () = fetching => {}
        }
        delivering.await
    }

    /// Parses one document on its own thread, gives each batch to every sink, and keeps what was rejected.
    async fn deliver_document(
        &mut self,
        request: &sandbox::Request,
        index: u32,
        fetched: Fetched,
        known: Known,
        course: &mut WindowDelivery,
    ) -> Result<Known, RunError> {
        let about = sandbox::Document {
            fetch: index,
            request: request.clone(),
            file_name: fetched.file_name.clone(),
            length: Some(fetched.len()),
        };
        let reading = DocumentReading {
            report: Arc::clone(&self.run.report),
            about: about.clone(),
            most: self.run.rejects.most,
            quoting: Quoting::of(self.run.description.connection),
            // Rows that were kept may have been read or dropped since.
            rejected: (self.run.rejects.store.as_ref())
                .filter(|_| !course.is_known())
                .map(|store| store.options().clone()),
            waits: self.keeping.book.outlives(),
        };
        let origin = self.origin(&about, fetched.job.clone());
        // It fails only when it is closed, which it never is.
        let turn = PARSERS.acquire().await.ok();
        let (sender, mut batches) = mpsc::channel::<Batch>(BATCHES_AHEAD);
        let used = self.sinks.used();
        let parsing = blocking(move || {
            let _turn = turn;
            parse::parse(&reading, &fetched, known, &used, &sender)
        });
        while let Some(mut batch) = batches.recv().await {
            if !course.is_known() {
                self.note_rejects(&batch);
                self.counts.events += batch.events.len() as u64;
            }
            self.counts.last_event = self
                .counts
                .last_event
                .max(batch.events.iter().map(|event| event.time).max());
            course.sift(&mut batch.events);
            self.sinks.send(batch.events).await;
            // What each of them ran into comes out when they are closed.
            if self.sinks.is_over() {
                break;
            }
            self.run.observer.parsed(self.counts.events, self.counts.rejected);
            if self.sinks.several() {
                self.run.observer.delivering(&self.sinks.progress());
            }
        }
        // A parser that still has something to say must not wait for a listener.
        drop(batches);
        let parsed = parsing.await??;
        self.counts.usage.add(parsed.usage);
        match parsed.rejected {
            parse::Rejected::Nothing => {}
            parse::Rejected::Some(aside) => self.keep_rejected(origin, *aside).await?,
            parse::Rejected::TooMany { why, unseen } => {
                if !course.is_known() {
                    self.counts.rejected += unseen;
                }
                return Err(RunError::TooManyRejected(why));
            }
        }
        Ok(parsed.known)
    }

    /// Rejected rows are counted all and logged only at first: a file of nothing else must not flood the log.
    fn note_rejects(&mut self, batch: &Batch) {
        for reject in &batch.rejects {
            self.counts.rejected += 1;
            if self.counts.rejected <= REJECTS_LOGGED {
                tracing::warn!("line {} was rejected: {}", reject.line, reject.reason.escape_debug());
            }
        }
    }
}
