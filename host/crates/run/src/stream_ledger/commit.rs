//! Windows whose events are delivered: to all of their sinks, or to some of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::durable::DurableChange;
use super::stream::StreamLedger;
use ledger::{FetchState, IdSetRef, InFlight, KnownIds, LedgerError, PartDelivery, Record, WindowEnd};

/// A window that some or all of its sinks have answered for.
#[derive(Debug, Default)]
pub(crate) struct WindowAnswers {
    /// The window's end.
    pub(crate) end: WindowEnd,
    /// The ids of its events, where they were delivered for the first time.
    pub(crate) ids: KnownIds,
    /// The sinks that the window is for.
    pub(crate) targets: Vec<String>,
    /// The sinks that have it now.
    pub(crate) answered: Vec<String>,
}

impl WindowAnswers {
    /// True where all sinks that a window is for have it, with those that had it before.
    pub(crate) fn is_whole(&self, window: Option<&InFlight>) -> bool {
        let before = window.map(|window| window.answered.as_slice()).unwrap_or_default();
        let has = |sink: &&String| self.answered.contains(sink) || before.contains(sink);
        self.targets_of(window).iter().all(|sink| has(&sink))
    }

    /// The sinks that a window is for: fixed where some have it already.
    fn targets_of<'a>(&'a self, window: Option<&'a InFlight>) -> &'a [String] {
        match window {
            Some(window) if window.end.is_some() => &window.only,
            _ => &self.targets,
        }
    }
}

/// A change of one window.
enum WindowChange {
    Whole { end: WindowEnd, targets: Vec<String> },
    InPart(PartDelivery),
    Answered { name: String, sinks: Vec<String> },
}

impl WindowChange {
    fn make(self, record: &mut Record) {
        match self {
            WindowChange::Whole { end, targets } => {
                if let Some(window) = record.window_mut(&end.name)
                    && window.end.is_none()
                {
                    window.only = targets;
                }
                record.commit(&end);
            }
            WindowChange::InPart(part) => record.deliver_in_part(part),
            WindowChange::Answered { name, sinks } => record.answer(&name, &sinks),
        }
    }
}

impl StreamLedger {
    /// Writes down who has windows, of all or of none of them. One that all have that it is for is committed, and its documents
    /// are forgotten; another waits for the rest, and what was known before it is kept for those. With them come the ids of
    /// their events. Where the `next` window is all here, the same change says that it is being delivered: each write is of
    /// all windows.
    pub(crate) async fn commit(&self, windows: Vec<WindowAnswers>, next: Option<String>) -> Result<(), LedgerError> {
        let record = self.record();
        let mut shelf = self.shelf.lock().await;
        let mut added = shelf.base(&record);
        let (mut changes, mut files, mut ids) = (Vec::new(), Vec::new(), KnownIds::default());
        let mut what = DurableChange::Committed;
        for answers in windows {
            let window = record.window(&answers.end.name).map(AsRef::as_ref);
            let in_part = window.is_some_and(|window| window.end.is_some());
            let whole = answers.is_whole(window);
            let WindowAnswers {
                end,
                ids: new,
                targets,
                answered,
            } = answers;
            if whole {
                files.extend(self.files_of(&end.name));
                changes.push(WindowChange::Whole { end, targets });
            } else if in_part {
                what = DurableChange::Answered;
                let (name, sinks) = (end.name, answered);
                changes.push(WindowChange::Answered { name, sinks });
            } else {
                what = DurableChange::InPart;
                // Written as they are before this window, so that they can be named.
                shelf.add(&mut added, &std::mem::take(&mut ids)).await?;
                changes.push(WindowChange::InPart(PartDelivery {
                    end,
                    only: targets,
                    answered,
                    known: added.noted.clone(),
                }));
            }
            ids.extend(&new);
        }
        shelf.add(&mut added, &ids).await?;
        let noted = added.noted;
        let change = move |record: &mut Record| {
            record.recent.extend(noted);
            changes.into_iter().for_each(|change| change.make(record));
            if let Some(window) = next.and_then(|next| record.window_mut(&next)) {
                window.delivering |= window.is_here();
            }
        };
        self.change(what, change).await?;
        shelf.settle(added.recent, &self.record()).await;
        self.remove(files).await
    }

    /// The ids that were known when a window's events were first delivered whole.
    pub(crate) async fn known_before(&self, noted: &BTreeMap<Date, IdSetRef>) -> Result<KnownIds, LedgerError> {
        self.shelf.lock().await.of(noted).await
    }

    /// Takes sinks off a window that waits for them and can never be delivered to them.
    pub(crate) async fn lose_for(&self, name: &str, sinks: Vec<String>) -> Result<(), LedgerError> {
        let (files, name) = (self.files_of(name), name.to_owned());
        self.change(DurableChange::LostFor, move |record| record.lose_for(&name, &sinks))
            .await?;
        self.sweep_windows(files).await
    }

    /// Lets a window that waits for sinks be fetched once more under another name, as the plugin plans it now. Answers with the
    /// window as it is then.
    pub(crate) async fn fetch_anew(&self, window: &InFlight, fetches: usize) -> Result<InFlight, LedgerError> {
        let mut anew = window.clone();
        anew.name = another_name(&window.name);
        anew.fetches = vec![FetchState::Planned; fetches];
        anew.delivering = false;
        if let Some(end) = &mut anew.end {
            end.name.clone_from(&anew.name);
        }
        let (files, name, new) = (self.files_of(&window.name), window.name.clone(), anew.clone());
        let change = move |record: &mut Record| {
            if let Some(window) = record.window_mut(&name) {
                *window = new;
            }
        };
        self.change(DurableChange::Anew, change).await?;
        self.remove(files).await?;
        Ok(anew)
    }

    /// Removes those of these files that no window needs.
    async fn sweep_windows(&self, files: Vec<String>) -> Result<(), LedgerError> {
        let record = self.record();
        let needed: BTreeSet<String> = (record.windows.iter())
            .flat_map(|window| self.files_of(&window.name))
            .collect();
        let files = files.into_iter().filter(|file| !needed.contains(file));
        self.remove(files.collect()).await
    }

    /// The sinks that hold documents in the spool, and since when the oldest of them waits, by the clock of the run that
    /// began it.
    pub(crate) fn held_by(&self) -> (Vec<String>, Option<Timestamp>) {
        let record = self.record();
        let waiting = record.windows.iter().filter(|window| window.end.is_some());
        let sinks: BTreeSet<String> = waiting.clone().flat_map(|window| window.waits_for().cloned()).collect();
        (sinks.into_iter().collect(), waiting.map(|window| window.clock).min())
    }
}

/// The name of a window that is fetched once more.
fn another_name(name: &str) -> String {
    match name.rsplit_once("-r") {
        Some((first, number)) if number.parse::<u32>().is_ok() => {
            let number = number.parse::<u32>().unwrap_or_default();
            format!("{first}-r{}", number.saturating_add(1))
        }
        _ => format!("{name}-r1"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::stream_ledger::StreamFacts;
    use ledger::memory::MemoryLedger;
    use ledger::{Interval, Ledger, NewIds, Stream};

    #[tokio::test]
    async fn a_window_that_waits_knows_the_ids_of_those_before_it_in_the_same_commit() {
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::default());
        let spool = tempfile::tempdir().unwrap();
        let stream = Stream::new("epm", "audit-events", &[]);
        let facts = StreamFacts::default();
        let book = StreamLedger::open(ledger, stream, facts, spool.path().into())
            .await
            .unwrap();
        let day = jiff::civil::date(2026, 3, 5);
        let ids = |ids: std::ops::Range<u32>| {
            let mut new = NewIds::default();
            ids.for_each(|id| new.note(day, KnownIds::short(&id.to_string())));
            new.collect()
        };
        let hour = |hour: i64| Timestamp::from_second(1_772_668_800 + hour * 3600).unwrap();
        let period = move |name: &str| match name {
            "first" => Interval::new(hour(0), hour(2)),
            _ => Interval::new(hour(1), hour(3)),
        };
        book.change(DurableChange::Planned, move |record| {
            record.recent = BTreeMap::new();
            record.windows = ["first", "second"]
                .map(|name| {
                    Arc::new(InFlight {
                        name: name.into(),
                        period: period(name),
                        settled: period(name).to,
                        ..InFlight::default()
                    })
                })
                .into();
        })
        .await
        .unwrap();
        let answers = |name: &str, ids: KnownIds| WindowAnswers {
            end: WindowEnd {
                name: name.into(),
                ..WindowEnd::default()
            },
            ids,
            targets: vec!["up".into(), "down".into()],
            answered: vec!["up".into()],
        };
        let both = vec![answers("first", ids(0..12)), answers("second", ids(12..13))];
        book.commit(both, None).await.unwrap();
        let record = book.record();
        let mut known = Vec::new();
        for window in &record.windows {
            known.push(book.known_before(window.known.as_ref().unwrap()).await.unwrap());
        }
        assert_eq!(known, [KnownIds::default(), ids(0..12)]);
        assert_eq!(book.known().await, ids(0..13));
    }

    #[test]
    fn each_fetch_of_a_window_has_a_name_of_its_own() {
        assert_eq!(another_name("host-user-login-1"), "host-user-login-1-r1");
        assert_eq!(another_name("host-user-login-1-r1"), "host-user-login-1-r2");
        assert_eq!(another_name("host-user-rest"), "host-user-rest-r1");
    }
}
