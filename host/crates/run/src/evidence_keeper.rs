//! Runs that keep each document as evidence before anything is made of it.
//!
//! [`Run::keeping_evidence`] puts a fetcher in front of the run's own: it does the same, and when a document has come whole, the store
//! of evidence has it before the fetch goes on. So the document is kept before the ledger says that it is on the spool, and before
//! its events are delivered where there is no ledger.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::Run;
use crate::fetching::Fetch;
use crate::stream_ledger::DurableChange;
use evidence::{DocumentContent, EvidenceDocument, EvidenceRequest, EvidenceStore, EvidenceStream, EvidenceWindow};
use fetch::{Cleanup, DocumentForm, FetchCheckpoint, FetchError, FetchStage, Fetched, ReceivedDocument, WindowPlace};
use ledger::Stream;
use remote::Counters;

impl Run {
    /// The same run, which also keeps each document in that store.
    #[must_use]
    pub fn keeping_evidence(self, store: Arc<dyn EvidenceStore>) -> Run {
        let stream = match &self.keeping {
            Some(keeping) => keeping.book.stream().clone(),
            None => {
                let about = &self.provenance;
                Stream::new(&about.connection, &about.report, &self.request.parameters)
            }
        };
        let fetcher = Arc::new(EvidenceKeeper {
            fetcher: self.fetcher,
            store,
            run: self.id.clone(),
            plugin: self.plugin_sha256.clone(),
            stream: EvidenceStream {
                id: (stream.key().strip_prefix(Stream::KEYS).unwrap_or_default()).to_owned(),
                name: stream.name.or_else(|| self.provenance.stream.clone()),
                report: stream.report,
                connection: stream.connection,
                parameters: stream.parameters,
            },
        });
        Run { fetcher, ..self }
    }
}

/// Fetches, and keeps each document as evidence.
struct EvidenceKeeper {
    fetcher: Arc<dyn Fetch>,
    store: Arc<dyn EvidenceStore>,
    /// The run's id.
    run: String,
    /// SHA-256 of the plugin's component, hexadecimal.
    plugin: String,
    stream: EvidenceStream,
}

#[async_trait]
impl Fetch for EvidenceKeeper {
    async fn fetch_from(
        &self,
        fetch: &sandbox::Fetch,
        from: FetchStage,
        journal: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError> {
        let keeping = KeepingCheckpoint { keeper: self, journal };
        self.fetcher.fetch_from(fetch, from, &keeping).await
    }

    async fn clean_up(&self, cleanup: &Cleanup) {
        self.fetcher.clean_up(cleanup).await;
    }

    fn clock_offset(&self) -> Option<SignedDuration> {
        self.fetcher.clock_offset()
    }

    fn counters(&self) -> Counters {
        self.fetcher.counters()
    }
}

/// A checkpoint of which the store of evidence gets the documents.
struct KeepingCheckpoint<'a> {
    keeper: &'a EvidenceKeeper,
    journal: &'a dyn FetchCheckpoint,
}

#[async_trait]
impl FetchCheckpoint for KeepingCheckpoint<'_> {
    async fn reached(&self, point: FetchStage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.journal.reached(point).await
    }

    fn document_place(&self) -> Option<PathBuf> {
        self.journal.document_place()
    }

    fn window_place(&self) -> Option<WindowPlace> {
        self.journal.window_place()
    }

    async fn received(&self, document: ReceivedDocument) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let EvidenceKeeper {
            store,
            run,
            plugin,
            stream,
            ..
        } = self.keeper;
        let place = self.journal.window_place();
        let evidence = EvidenceDocument {
            window: EvidenceWindow {
                name: place.as_ref().map_or_else(|| run.clone(), |place| place.window.clone()),
                fetch: place.as_ref().map_or(0, |place| place.fetch),
                from: place.as_ref().map(|place| place.from),
                to: place.as_ref().map(|place| place.to),
            },
            content: match document.form {
                DocumentForm::File => DocumentContent::File,
                DocumentForm::Answer => DocumentContent::Answer,
                DocumentForm::Records => DocumentContent::Records,
            },
            request: EvidenceRequest {
                method: document.request.method.clone(),
                target: document.request.target.clone(),
                status: document.request.status,
                date: document.request.date.clone(),
            },
            server_clock: document.server_clock,
            host_clock: Timestamp::now(),
            run: run.clone(),
            plugin: plugin.clone(),
            stream: stream.clone(),
            bytes: Box::new(document.open()),
        };
        DurableChange::Evidence.before();
        store.keep(evidence).await?;
        DurableChange::Evidence.after();
        self.journal.received(document).await
    }

    fn unsure(&self) {
        self.journal.unsure();
    }
}
