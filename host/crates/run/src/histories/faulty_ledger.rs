//! What may fail: the life of a process, its ledger, its sinks' receivers.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::world::{Shared, lock};
use event::Event;
use ledger::{Claim, DayIds, Document, Ledger, LedgerError, Record, Revision, Stream};
use sink::{BatchLimits, Guarantee, Sink, SinkError, Verdict, idempotency_key};

/// How long a process lives, in steps. Every effect that others can see is one.
#[derive(Clone)]
pub(super) struct FaultyLife(Arc<Steps>);

struct Steps {
    /// Until the process ends.
    left: AtomicI64,
    over: AtomicBool,
    /// Until it is told to stop.
    undisturbed: AtomicI64,
    stop: CancellationToken,
}

impl FaultyLife {
    /// Ends after so many steps, and is told to stop after so many; none lives as long as it likes.
    pub(super) fn of(ends: Option<u16>, stops: Option<u16>) -> FaultyLife {
        let steps = |steps: Option<u16>| AtomicI64::new(steps.map_or(i64::MAX, i64::from));
        FaultyLife(Arc::new(Steps {
            left: steps(ends),
            over: AtomicBool::new(false),
            undisturbed: steps(stops),
            stop: CancellationToken::new(),
        }))
    }

    /// One step; an error where the process has ended.
    pub(super) fn step(&self) -> Result<(), LedgerError> {
        if self.0.undisturbed.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.0.stop.cancel();
        }
        if self.is_over() || self.0.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.end();
            return Err(LedgerError::Internal("the process has ended".into()));
        }
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.over.load(Ordering::SeqCst)
    }

    /// From now on nothing that it does has an effect.
    pub(super) fn end(&self) {
        self.0.over.store(true, Ordering::SeqCst);
    }

    /// It was thought dead, and goes on.
    pub(super) fn revive(&self) {
        self.0.left.store(i64::MAX, Ordering::SeqCst);
        self.0.over.store(false, Ordering::SeqCst);
    }

    /// What tells it to stop.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }
}

/// A change of the ledger that fails although the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glitch {
    NeverMade,
    /// The change was made, and whoever asked for it is told otherwise.
    NobodyLearns,
}

/// A process's view of a ledger.
pub(super) struct FaultyLedger {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) life: FaultyLife,
    pub(super) world: Shared,
    /// After so many changes.
    pub(super) glitch: Mutex<Option<(u8, Glitch)>>,
}

impl FaultyLedger {
    fn glitch(&self) -> Option<Glitch> {
        let mut planned = self.glitch.lock().unwrap();
        match planned.as_mut() {
            Some((0, glitch)) => {
                let glitch = *glitch;
                *planned = None;
                Some(glitch)
            }
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }

    /// Whether what the record names is there, and is what it says.
    async fn look(&self, record: &Record) -> Result<(), LedgerError> {
        let documents = self.ledger.list(&record.stream.ids_prefix()).await?;
        let waiting = record.windows.iter().filter_map(|window| window.known.as_ref());
        for (day, noted) in record.recent.iter().chain(waiting.flatten()) {
            let key = record.stream.ids_key(*day, noted);
            let found = documents.iter().find(|document| document.key == key);
            let ids = found.and_then(|found| DayIds::decode(found.body.clone(), noted));
            if ids.is_none() {
                let wrong = format!("the record names ids that are not there: {key}");
                lock(&self.world).violations.push(wrong);
            }
        }
        Ok(())
    }

    fn failed(&self, what: &'static str) -> LedgerError {
        lock(&self.world).seen.note(what);
        LedgerError::Internal(what.into())
    }
}

#[async_trait]
impl Ledger for FaultyLedger {
    async fn load(&self, key: &str) -> Result<Option<Document>, LedgerError> {
        self.life.step()?;
        self.ledger.load(key).await
    }

    async fn swap(&self, key: &str, expected: Option<Revision>, body: Bytes) -> Result<Revision, LedgerError> {
        self.life.step()?;
        let glitch = self.glitch();
        if glitch == Some(Glitch::NeverMade) {
            return Err(self.failed("a change was never made"));
        }
        let before = match key.starts_with(Stream::KEYS) {
            true => self.ledger.load(key).await?,
            false => None,
        };
        let revision = self.ledger.swap(key, expected, body.clone()).await?;
        if key.starts_with(Stream::KEYS) {
            let old = before.map(|found| Record::decode(key, &found.body)).transpose()?;
            let new = Record::decode(key, &body)?;
            lock(&self.world).swapped(old.as_ref(), &new);
            self.look(&new).await?;
        }
        if glitch == Some(Glitch::NobodyLearns) {
            return Err(self.failed("a change was made and nobody learned"));
        }
        self.life.step()?;
        Ok(revision)
    }

    async fn remove(&self, key: &str, expected: Revision) -> Result<(), LedgerError> {
        self.life.step()?;
        self.ledger.remove(key, expected).await?;
        lock(&self.world).seen.note("ids removed");
        let records = self.ledger.list(Stream::KEYS).await?;
        for record in &records {
            self.look(&Record::decode(&record.key, &record.body)?).await?;
        }
        self.life.step()
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Document>, LedgerError> {
        self.ledger.list(prefix).await
    }

    /// Everybody gets it: a process whose claim was lost unnoticed must do no harm either.
    async fn claim(&self, _: &str) -> Result<Claim, LedgerError> {
        Ok(Box::new(()))
    }
}

/// A sink whose receiver knows batches by their key.
pub(super) struct Receiver {
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) limits: BatchLimits,
    /// What it was given counts only once it is closed.
    pub(super) at_close: bool,
    pub(super) waiting: Vec<(String, Vec<usize>)>,
    pub(super) life: FaultyLife,
    pub(super) world: Shared,
}

impl Receiver {
    fn gone(&self) -> SinkError {
        SinkError::Ended {
            sink: self.name.clone(),
        }
    }
}

#[async_trait]
impl Sink for Receiver {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        self.limits
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::IdempotentByBatch
    }

    fn is_durable(&self) -> bool {
        !self.at_close
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        Ok(String::new())
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.step().map_err(|_| self.gone())?;
        let numbers = events.iter().filter_map(|event| event.subject.name.parse().ok());
        let batch = (idempotency_key(events, &event::samples::epm()), numbers.collect());
        if self.at_close {
            self.waiting.push(batch);
            return Ok(Verdict::Accepted);
        }
        {
            let mut world = lock(&self.world);
            let held = &mut world.sinks[self.place];
            if held.refuses > 0 {
                held.refuses -= 1;
                world.seen.note("a sink was down");
                return Ok(Verdict::Retry {
                    after: None,
                    reason: "busy".into(),
                });
            }
            held.batches.insert(batch.0, batch.1);
        }
        self.life.step().map_err(|_| self.gone())?;
        Ok(Verdict::Accepted)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        if self.at_close {
            self.life.step().map_err(|_| self.gone())?;
            let mut world = lock(&self.world);
            world.sinks[self.place].batches.extend(self.waiting.drain(..));
        }
        Ok(())
    }
}
