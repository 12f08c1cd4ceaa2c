//! A record that many change at once: what is asked for while it is being written is written together after that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::durable::DurableChange;
use ledger::{Ledger, LedgerError, Record, Revision};

/// The record of a stream, and the changes that are asked for.
pub(super) struct GroupCommit {
    ledger: Arc<dyn Ledger>,
    key: String,
    /// The record as it was written last.
    record: Mutex<Arc<Record>>,
    asked: Mutex<PendingChanges>,
    /// The revision that it takes to write the record; whoever holds it writes.
    revision: tokio::sync::Mutex<Option<Revision>>,
}

/// Changes that are asked for and not yet taken to be written.
#[derive(Default)]
struct PendingChanges {
    /// In the order in which they were asked for.
    changes: Vec<Change>,
    /// How many were taken before these.
    taken: u64,
}

struct Change {
    what: DurableChange,
    make: Box<dyn FnOnce(&mut Record) + Send>,
    answer: ChangeAnswer,
}

type ChangeAnswer = oneshot::Sender<Result<(), LedgerError>>;

impl GroupCommit {
    /// A record as it was read under that key, or made anew.
    pub(crate) fn new(ledger: Arc<dyn Ledger>, key: String, record: Record, revision: Option<Revision>) -> GroupCommit {
        GroupCommit {
            ledger,
            key,
            record: Mutex::new(Arc::new(record)),
            asked: Mutex::default(),
            revision: tokio::sync::Mutex::new(revision),
        }
    }

    /// The record as it was written last.
    pub(crate) fn record(&self) -> Arc<Record> {
        Arc::clone(&lock(&self.record))
    }

    /// Asks for a change; what this answers with ends when the change is durable, or cannot be: then the record is as it
    /// was. Changes are made in the order of these calls, whether or not anybody waits for them: the work is a task of
    /// its own, so that nobody who is not looked at holds up the others. One that is not urgent is written with the next
    /// that is, after `patience` at the latest.
    pub(crate) fn change(
        self: &Arc<Self>,
        what: DurableChange,
        patience: Duration,
        make: impl FnOnce(&mut Record) + Send + 'static,
    ) -> BoxFuture<'static, Result<(), LedgerError>> {
        let (answer, answered) = oneshot::channel();
        let make = Box::new(make);
        let number = {
            let mut asked = lock(&self.asked);
            asked.changes.push(Change { what, make, answer });
            asked.taken + asked.changes.len() as u64
        };
        let changes = Arc::clone(self);
        let written = async move {
            if !patience.is_zero() {
                tokio::time::sleep(patience).await;
            }
            changes.write(number).await;
        };
        tokio::spawn(written.in_current_span());
        let durable = async move {
            let gone = |_| Err(LedgerError::Internal("a change of the record broke off".into()));
            answered.await.unwrap_or_else(gone)
        };
        durable.boxed()
    }

    /// Makes all changes that are asked for by now, where nobody else has made the one of this number. Later ones have
    /// somebody to see to them, and may still wait for more.
    async fn write(&self, number: u64) {
        let mut revision = self.revision.lock().await;
        let asked = {
            let mut asked = lock(&self.asked);
            if asked.taken >= number {
                return;
            }
            asked.taken += asked.changes.len() as u64;
            std::mem::take(&mut asked.changes)
        };
        let before = self.record();
        let mut record = Record::clone(&before);
        let mut waiting = Vec::with_capacity(asked.len());
        for Change { what, make, answer } in asked {
            make(&mut record);
            waiting.push((what, answer));
        }
        if record != *before {
            match self.swap(*revision, &record, &waiting).await {
                Ok(new) => *revision = Some(new),
                Err(error) => return refuse(waiting, error),
            }
            *lock(&self.record) = Arc::new(record);
        }
        for (_, answer) in waiting {
            // Whoever asked may have gone.
            let _ = answer.send(Ok(()));
        }
    }

    async fn swap(
        &self,
        expected: Option<Revision>,
        record: &Record,
        waiting: &[(DurableChange, ChangeAnswer)],
    ) -> Result<Revision, LedgerError> {
        let body = record.encode()?;
        for (what, _) in waiting {
            what.before();
        }
        let revision = self.ledger.swap(&self.key, expected, body).await?;
        for (what, _) in waiting {
            what.after();
        }
        Ok(revision)
    }
}

/// Tells everybody who waits for the same write why it failed.
fn refuse(waiting: Vec<(DurableChange, ChangeAnswer)>, error: LedgerError) {
    let error = Arc::new(error);
    for (_, answer) in waiting {
        let _ = answer.send(Err(LedgerError::Shared(Arc::clone(&error))));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use bytes::Bytes;
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;
    use ledger::memory::MemoryLedger;
    use ledger::{Claim, Document, Interval, Stream};

    /// Counts swaps, lets each wait for its turn, and fails while it is told to.
    struct Gated {
        inner: MemoryLedger,
        turns: Semaphore,
        swaps: AtomicUsize,
        full: AtomicBool,
    }

    #[async_trait]
    impl Ledger for Gated {
        async fn load(&self, key: &str) -> Result<Option<Document>, LedgerError> {
            self.inner.load(key).await
        }

        async fn swap(&self, key: &str, expected: Option<Revision>, body: Bytes) -> Result<Revision, LedgerError> {
            self.turns.acquire().await.unwrap().forget();
            self.swaps.fetch_add(1, Ordering::Relaxed);
            if self.full.load(Ordering::Relaxed) {
                return Err(LedgerError::Conflict { key: key.into() });
            }
            self.inner.swap(key, expected, body).await
        }

        async fn remove(&self, key: &str, expected: Revision) -> Result<(), LedgerError> {
            self.inner.remove(key, expected).await
        }

        async fn list(&self, prefix: &str) -> Result<Vec<Document>, LedgerError> {
            self.inner.list(prefix).await
        }

        async fn claim(&self, key: &str) -> Result<Claim, LedgerError> {
            self.inner.claim(key).await
        }
    }

    fn scene() -> (Arc<Gated>, Arc<GroupCommit>) {
        let ledger = Arc::new(Gated {
            inner: MemoryLedger::default(),
            turns: Semaphore::new(0),
            swaps: AtomicUsize::new(0),
            full: AtomicBool::new(false),
        });
        let record = Record::new(Stream::new("epm", "user-login", &[]));
        let changes = GroupCommit::new(Arc::clone(&ledger) as _, "k".into(), record, None);
        (ledger, Arc::new(changes))
    }

    /// A change that can be told from others: an hour that is lost.
    fn hour(changes: &Arc<GroupCommit>, hour: i64) -> impl Future<Output = Result<(), LedgerError>> + use<> {
        let at = |hour: i64| jiff::Timestamp::from_second(hour * 3600).unwrap();
        let interval = Interval::new(at(2 * hour), at(2 * hour + 1));
        changes.change(DurableChange::Lost, Duration::ZERO, move |record| record.lose(interval))
    }

    /// Until a write is under way that took everything asked for so far.
    async fn under_way(changes: &GroupCommit) {
        while !lock(&changes.asked).changes.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    async fn kept(ledger: &Gated) -> Record {
        Record::decode("k", &ledger.load("k").await.unwrap().unwrap().body).unwrap()
    }

    #[tokio::test]
    async fn changes_that_come_while_one_is_written_are_written_together() {
        let (ledger, changes) = scene();
        let first = hour(&changes, 0);
        under_way(&changes).await;
        let others: Vec<_> = (1..1000).map(|number| hour(&changes, number)).collect();
        ledger.turns.add_permits(1000);
        first.await.unwrap();
        assert!(join_all(others).await.into_iter().all(|made| made.is_ok()));
        assert_eq!(ledger.swaps.load(Ordering::Relaxed), 2);
        assert_eq!(kept(&ledger).await.lost.len(), 1000);
        assert_eq!(*changes.record(), kept(&ledger).await);
    }

    #[tokio::test]
    async fn a_write_that_fails_fails_its_own_changes_and_leaves_the_record_as_it_was() {
        let (ledger, changes) = scene();
        let first = hour(&changes, 0);
        under_way(&changes).await;
        let doomed = [hour(&changes, 1), hour(&changes, 2)];
        ledger.turns.add_permits(1);
        first.await.unwrap();
        under_way(&changes).await;
        let later = hour(&changes, 3);
        ledger.full.store(true, Ordering::Relaxed);
        ledger.turns.add_permits(1);
        for doomed in join_all(doomed).await {
            let error = doomed.unwrap_err();
            assert!(error.to_string().contains("another process"), "{error}");
            assert!(error.hint().unwrap().contains("run again"));
        }
        assert_eq!(changes.record().lost.len(), 1);
        ledger.full.store(false, Ordering::Relaxed);
        ledger.turns.add_permits(1);
        later.await.unwrap();
        assert_eq!(kept(&ledger).await.lost.len(), 2);
    }

    #[tokio::test]
    async fn a_change_that_is_not_urgent_is_written_with_the_next_one_that_is() {
        let (ledger, changes) = scene();
        ledger.turns.add_permits(2);
        let begin = move |record: &mut Record| record.watermark = Some(jiff::Timestamp::UNIX_EPOCH);
        let patient = changes.change(DurableChange::Begun, Duration::from_secs(3600), begin);
        assert_eq!(changes.record().watermark, None);
        hour(&changes, 1).await.unwrap();
        patient.await.unwrap();
        assert_eq!(ledger.swaps.load(Ordering::Relaxed), 1);
        assert!(kept(&ledger).await.watermark.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_are_not_urgent_are_gathered_however_many_come() {
        let (ledger, changes) = scene();
        ledger.turns.add_permits(100);
        let mut patient = Vec::new();
        for number in 0..1000 {
            let at = |hour: i64| jiff::Timestamp::from_second(hour * 3600).unwrap();
            let interval = Interval::new(at(2 * number), at(2 * number + 1));
            let lose = move |record: &mut Record| record.lose(interval);
            patient.push(changes.change(DurableChange::Lost, Duration::from_millis(250), lose));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(join_all(patient).await.into_iter().all(|made| made.is_ok()));
        assert_eq!(kept(&ledger).await.lost.len(), 1000);
        let swaps = ledger.swaps.load(Ordering::Relaxed);
        assert!((4..=5).contains(&swaps), "{swaps}");
    }

    #[tokio::test]
    async fn a_change_is_made_also_when_nobody_waits_for_it_and_nothing_is_written_for_no_change() {
        let (ledger, changes) = scene();
        ledger.turns.add_permits(2);
        drop(hour(&changes, 0));
        hour(&changes, 1).await.unwrap();
        assert_eq!(kept(&ledger).await.lost.len(), 2);
        let swaps = ledger.swaps.load(Ordering::Relaxed);
        changes
            .change(DurableChange::Told, Duration::ZERO, |_| ())
            .await
            .unwrap();
        assert_eq!(ledger.swaps.load(Ordering::Relaxed), swaps);
    }
}
