//! A file as a [`Sink`] of events, and as a [`ByteTransport`] of a plugin's bytes.

use std::sync::Arc;

use async_trait::async_trait;

use super::{FileSink, FileState, STEP, SharedJournal, WRITE};
use crate::kinds::file::Completed;
use crate::{BatchLimits, ByteTransport, Guarantee, IntentLog, Sink, SinkError, Verdict};
use event::Event;

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            // It writes as it renders, and so need not know how much there is.
            bytes: usize::MAX,
            ..BatchLimits::default()
        }
    }

    fn guarantee(&self) -> Guarantee {
        match (&self.series, self.copied, &self.journal) {
            (None, None, _) | (_, _, Some(_)) => Guarantee::IdempotentByBatch,
            _ => Guarantee::AtLeastOnce,
        }
    }

    fn seal_with(&mut self, journal: Arc<dyn IntentLog>) -> bool {
        // A file that takes another's place as a whole is the same however often it does.
        if self.series.is_none() && self.copied.is_none() {
            return false;
        }
        self.journal = Some(SharedJournal(journal));
        self.state = match std::mem::replace(&mut self.state, FileState::Ended) {
            FileState::Open(partial) => FileState::Open(Box::new(partial.hashed(true))),
            state => state,
        };
        true
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        Ok(format!("{} can be written", self.path.display()))
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.takes_events()?;
        self.turn().await?;
        let by_size = self.options.rotation.is_some_and(|rotation| rotation.bytes().is_some());
        for step in events.chunks(if by_size { 1 } else { STEP }) {
            self.render(step)?;
            if self.buffer.len() >= WRITE {
                self.flush().await?;
            }
            if self.is_full() {
                self.complete().await?;
            }
        }
        self.flush().await?;
        if self.is_full() {
            self.complete().await?;
        }
        Ok(Verdict::Accepted)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        if matches!(self.state, FileState::Closed) {
            return Ok(());
        }
        self.takes_events()?;
        if self.series.is_none() {
            return self.place().await;
        }
        if self.used {
            self.complete().await?;
        }
        self.state = FileState::Closed;
        Ok(())
    }

    async fn abort(&mut self) {
        self.state = FileState::Ended;
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        let Completed { files, events } = self.completed;
        if files > 0 && !matches!(self.state, FileState::Closed) {
            let sink = &self.name;
            tracing::warn!(
                sink,
                files,
                events,
                "the run failed; files that were complete before stay"
            );
        }
    }
}

#[async_trait]
impl ByteTransport for FileSink {
    async fn probe(&mut self) -> Result<String, SinkError> {
        Sink::probe(self).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<Verdict, SinkError> {
        self.takes_events()?;
        self.turn().await?;
        self.begin();
        self.buffer.extend_from_slice(bytes);
        self.flush().await?;
        if self.is_full() {
            self.complete().await?;
        }
        Ok(Verdict::Accepted)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        Sink::close(self).await
    }

    async fn abort(&mut self) {
        Sink::abort(self).await;
    }
}
