//! How far one sink is in the window under way, durable after each batch that it has answered for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::Event;
use crate::ledger::{Ledger, LedgerError, Progress, Reached, Revision, Stream};

/// Why a sink cannot go on where it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum MarkError {
    /// Its progress cannot be read or kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Other events come than those it has answered for.
    #[error("the window's events are not those of the run that was cut short")]
    Changed,
}

/// A sink's progress.
pub(super) struct Mark {
    ledger: Arc<dyn Ledger>,
    key: String,
    progress: Progress,
    revision: Option<Revision>,
    loaded: bool,
    window: String,
    /// Events of the window that came by.
    seen: u64,
    /// The last of them.
    last: Option<String>,
    /// Events passed over because they were answered for before; for the summary.
    before: Arc<AtomicU64>,
}

impl Mark {
    /// The progress of a sink in a stream.
    pub(super) fn new(ledger: Arc<dyn Ledger>, stream: &Stream, sink: &str, before: Arc<AtomicU64>) -> Mark {
        Mark {
            ledger,
            key: stream.progress_key(sink),
            progress: Progress {
                sink: sink.to_owned(),
                ..Progress::default()
            },
            revision: None,
            loaded: false,
            window: String::new(),
            seen: 0,
            last: None,
            before,
        }
    }

    /// Begins a window, or goes on with it. Windows that are no longer in flight are forgotten.
    pub(super) async fn begin(&mut self, window: &str, in_flight: &BTreeSet<String>) -> Result<(), MarkError> {
        if !self.loaded {
            if let Some(found) = self.ledger.load(&self.key).await? {
                self.progress = Progress::decode(&self.key, &found.json)?;
                self.revision = Some(found.revision);
            }
            self.loaded = true;
        }
        self.progress.windows.retain(|name, _| in_flight.contains(name));
        self.window = window.to_owned();
        self.seen = 0;
        self.last = None;
        Ok(())
    }

    /// The events that the sink has not answered for yet.
    pub(super) async fn pass<'a>(&mut self, events: &'a [Event]) -> Result<&'a [Event], MarkError> {
        let reached = self.progress.windows.get(&self.window);
        let Some(reached) = reached.filter(|reached| reached.events > self.seen) else {
            return Ok(events);
        };
        let left = usize::try_from(reached.events - self.seen).unwrap_or(usize::MAX);
        let (passed, rest) = events.split_at(left.min(events.len()));
        let same = passed.len() < left || passed.last().and_then(|event| event.id.as_ref()) == reached.last.as_ref();
        if !same {
            // They are delivered by the next run, all of them.
            self.progress.windows.remove(&self.window);
            self.keep().await?;
            return Err(MarkError::Changed);
        }
        self.took(passed);
        self.before.fetch_add(passed.len() as u64, Ordering::Relaxed);
        Ok(rest)
    }

    /// Events went to the sink.
    pub(super) fn took(&mut self, events: &[Event]) {
        self.seen += events.len() as u64;
        if let Some(last) = events.last() {
            self.last.clone_from(&last.id);
        }
    }

    /// The sink has answered for everything that went to it so far. Returns when that is durable.
    pub(super) async fn answered(&mut self) -> Result<(), MarkError> {
        let reached = self.progress.windows.entry(self.window.clone()).or_default();
        if self.seen == reached.events {
            return Ok(());
        }
        if self.seen < reached.events {
            // All of the window came by, and it is less than before: so it is another one.
            self.progress.windows.remove(&self.window);
            self.keep().await?;
            return Err(MarkError::Changed);
        }
        *reached = Reached {
            events: self.seen,
            batches: reached.batches + 1,
            last: self.last.clone(),
        };
        self.keep().await
    }

    async fn keep(&mut self) -> Result<(), MarkError> {
        let json = self.progress.encode()?;
        failpoint!("mark.before");
        self.revision = Some(self.ledger.swap(&self.key, self.revision, &json).await?);
        failpoint!("mark.after");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Activity, Outcome, Principal};
    use crate::ledger::memory::MemoryLedger;

    fn events(ids: std::ops::Range<u32>) -> Vec<Event> {
        ids.map(|id| {
            let mut event = Event::new(0, Activity::Logon, Outcome::Success, Principal::named("x"));
            event.id = Some(id.to_string());
            event
        })
        .collect()
    }

    async fn mark(ledger: &MemoryLedger, before: &Arc<AtomicU64>) -> Mark {
        let stream = Stream::new("epm", "user-login", &[]);
        let mut mark = Mark::new(Arc::new(ledger.clone()), &stream, "siem", Arc::clone(before));
        let in_flight = BTreeSet::from(["w".to_owned()]);
        mark.begin("w", &in_flight).await.unwrap();
        mark
    }

    #[tokio::test]
    async fn what_was_answered_for_is_passed_over_however_it_comes() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let all = events(0..10);
        let mut first = mark(&ledger, &before).await;
        assert_eq!(first.pass(&all).await.unwrap().len(), 10);
        first.took(&all[..4]);
        first.answered().await.unwrap();
        first.took(&all[4..7]); // sent, and the process dies
        for cut in [1, 3, 4, 10] {
            let mut again = mark(&ledger, &before).await;
            let mut rest = Vec::new();
            for part in all.chunks(cut) {
                rest.extend_from_slice(again.pass(part).await.unwrap());
            }
            assert_eq!(rest, all[4..], "in parts of {cut}");
        }
        assert_eq!(before.load(Ordering::Relaxed), 16);
    }

    #[tokio::test]
    async fn other_events_than_before_are_noticed_and_the_window_begins_anew() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let mut first = mark(&ledger, &before).await;
        first.took(&events(0..4));
        first.answered().await.unwrap();
        let mut other = mark(&ledger, &before).await;
        let error = other.pass(&events(1..9)).await.unwrap_err();
        assert!(matches!(error, MarkError::Changed));
        let mut next = mark(&ledger, &before).await;
        assert_eq!(next.pass(&events(1..9)).await.unwrap().len(), 8);
    }

    #[tokio::test]
    async fn fewer_events_than_before_are_noticed_and_the_window_begins_anew() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let mut first = mark(&ledger, &before).await;
        first.took(&events(0..4));
        first.answered().await.unwrap();
        let mut less = mark(&ledger, &before).await;
        let all = events(10..13);
        assert!(less.pass(&all).await.unwrap().is_empty());
        assert!(matches!(less.answered().await, Err(MarkError::Changed)));
        let mut next = mark(&ledger, &before).await;
        assert_eq!(next.pass(&all).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn windows_that_have_ended_are_forgotten() {
        let (ledger, before) = (MemoryLedger::default(), Arc::default());
        let mut first = mark(&ledger, &before).await;
        first.took(&events(0..4));
        first.answered().await.unwrap();
        first.begin("v", &BTreeSet::from(["v".to_owned()])).await.unwrap();
        first.took(&events(0..1));
        first.answered().await.unwrap();
        let kept = &ledger.list("progress.").await.unwrap()[0];
        let kept = Progress::decode(&kept.key, &kept.json).unwrap();
        assert_eq!(kept.windows.keys().collect::<Vec<_>>(), ["v"]);
    }
}
