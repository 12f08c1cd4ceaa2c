mod down;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::Rejection;
use crate::dead_letters::{DeadLetterOptions, DeadLetterSelection, DeadLetters};
use event::{Activity, Outcome as EventOutcome, Principal, samples};

/// A receiver that answers by a script, then accepts; it remembers what it took.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    script: VecDeque<Verdict>,
    /// Every batch with more events than this is too large.
    room: Option<usize>,
    /// Refuses events with these subjects.
    poison: Vec<String>,
    taken: Vec<String>,
    batches: Vec<usize>,
}

struct Scripted(Receiver, BatchLimits);

#[async_trait]
impl Sink for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }
    fn limits(&self) -> BatchLimits {
        self.1
    }
    async fn probe(&mut self) -> Result<String, SinkError> {
        Ok(String::new())
    }
    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        let mut inner = self.0.0.lock().unwrap();
        inner.batches.push(events.len());
        if inner.room.is_some_and(|room| events.len() > room) {
            return Ok(Verdict::TooLarge { reason: "413".into() });
        }
        match inner.script.pop_front() {
            // Of three events it takes the first, wants the second again, and refuses the third.
            Some(Verdict::Partial { after, reason, .. }) => {
                let mut rejected = Vec::new();
                let mut retried = Vec::new();
                for (index, event) in events.iter().enumerate() {
                    match index % 3 {
                        0 => inner.taken.push(event.subject.name.clone()),
                        1 => retried.push(index),
                        _ => rejected.push(Rejection {
                            index,
                            reason: "third".into(),
                        }),
                    }
                }
                return Ok(Verdict::Partial {
                    rejected,
                    retried,
                    after,
                    reason,
                });
            }
            Some(verdict) => return Ok(verdict),
            None => {}
        }
        let mut rejections = Vec::new();
        for (index, event) in events.iter().enumerate() {
            match inner.poison.contains(&event.subject.name) {
                true => rejections.push(Rejection {
                    index,
                    reason: "poison".into(),
                }),
                false => inner.taken.push(event.subject.name.clone()),
            }
        }
        Ok(match rejections.is_empty() {
            true => Verdict::Accepted,
            false => Verdict::Rejected(rejections),
        })
    }
    async fn close(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

struct Bench {
    receiver: Receiver,
    delivery: Delivery,
    dead_letters: Arc<DeadLetters>,
    _folder: tempfile::TempDir,
}

fn bench(limits: BatchLimits, options: DeadLetterOptions) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let dead_letters = Arc::new(DeadLetters::new(DeadLetterOptions {
        path: Some(folder.path().join("x.db")),
        ..options
    }));
    let receiver = Receiver::default();
    let remains = DeadLetterContext {
        dead_letters: Arc::clone(&dead_letters),
        destination: None,
        run_id: "run".into(),
        provenance: Arc::new(samples::epm()),
    };
    let sink = Box::new(Scripted(receiver.clone(), limits));
    Bench {
        delivery: Delivery::new(sink, DeliveryPolicy::default(), remains),
        receiver,
        dead_letters,
        _folder: folder,
    }
}

fn events(range: std::ops::Range<usize>) -> Vec<Event> {
    range
        .map(|number| Event {
            id: Some(format!("id-{number}")),
            ..Event::new(
                0,
                Activity::Logon,
                EventOutcome::Failure,
                Principal::named(number.to_string()),
            )
        })
        .collect()
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn retry(after: Option<u64>) -> Verdict {
    Verdict::Retry {
        after: after.map(Duration::from_secs),
        reason: "busy".into(),
    }
}

fn unusable(reason: &str) -> Verdict {
    Verdict::Unusable { reason: reason.into() }
}

/// By thirds, as the receiver does it.
fn partial() -> Verdict {
    Verdict::Partial {
        rejected: Vec::new(),
        retried: Vec::new(),
        after: None,
        reason: "queue full".into(),
    }
}

fn unacknowledged(after: Option<u64>) -> Verdict {
    Verdict::Unacknowledged {
        after: after.map(Duration::from_secs),
        reason: "not acknowledged".into(),
    }
}

fn small(events: usize, gather: bool) -> BatchLimits {
    BatchLimits {
        events,
        bytes: 1 << 20,
        gather,
    }
}

impl Bench {
    /// Delivered, retried, dead-lettered, undelivered.
    fn counts(&self) -> (u64, u64, u64, u64) {
        let tally = self.delivery.tally();
        (
            tally.delivered(),
            tally.retries(),
            tally.dead_lettered(),
            tally.undelivered(),
        )
    }

    fn reasons(&self) -> Vec<String> {
        let entries = self.dead_letters.list(&DeadLetterSelection::default(), 1000).unwrap();
        entries.into_iter().map(|entry| entry.reason).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn batches_are_cut_and_gathered_in_order() {
    for (limits, sizes, expected) in [
        (small(3, false), vec![7, 1], vec![3, 3, 1, 1]),
        (small(3, true), vec![1, 1, 3, 1, 1], vec![3, 3, 1]),
        (small(100, true), vec![0, 5, 0], vec![5]),
    ] {
        let mut bench = bench(limits, DeadLetterOptions::default());
        let mut next = 0;
        for size in sizes {
            bench.delivery.deliver(&events(next..next + size)).await.unwrap();
            next += size;
        }
        bench.delivery.close().await.unwrap();
        let inner = bench.receiver.0.lock().unwrap();
        assert_eq!(inner.batches, expected);
        assert_eq!(inner.taken, names(0..next));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_weighs_no_more_than_its_limit_but_for_one_heavy_event() {
    let limits = BatchLimits {
        events: 100,
        bytes: 1000,
        gather: true,
    };
    let mut bench = bench(limits, DeadLetterOptions::default());
    let mut heavy = events(0..6);
    for (event, weight) in heavy.iter_mut().zip([400, 400, 400, 5000, 10, 10]) {
        event.message = Some("x".repeat(weight));
    }
    bench.delivery.deliver(&heavy).await.unwrap();
    bench.delivery.close().await.unwrap();
    assert_eq!(bench.receiver.0.lock().unwrap().batches, [2, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn only_what_may_be_taken_later_is_delivered_again() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().script = [partial(), retry(None), partial()].into();
    bench.delivery.deliver(&events(0..6)).await.unwrap();
    // 0 and 3 at once, then 1 and 4 alone, 1 of them, and 4 at last; 2 and 5 never.
    assert_eq!(bench.receiver.0.lock().unwrap().batches, [6, 2, 2, 1]);
    assert_eq!(
        bench.receiver.0.lock().unwrap().taken,
        ["0", "3", "1", "4"].map(String::from)
    );
    assert_eq!(bench.counts(), (4, 3, 2, 0));
    assert_eq!(bench.reasons(), ["third", "third"]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_the_budget_only_what_was_not_taken_is_set_aside() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    let mut script = VecDeque::from(vec![partial()]);
    script.extend(vec![retry(None); 1000]);
    bench.receiver.0.lock().unwrap().script = script;
    let begun = Instant::now();
    bench.delivery.deliver(&events(0..3)).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(61), "{:?}", begun.elapsed());
    let (delivered, _, dead, undelivered) = bench.counts();
    assert_eq!((delivered, dead, undelivered), (1, 2, 0));
    assert_eq!(bench.reasons(), ["third", "gave up: busy"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_batch_may_be_too_large_or_refused() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    let too_large = Verdict::TooLarge { reason: "413".into() };
    bench.receiver.0.lock().unwrap().script = [partial(), too_large].into();
    bench.delivery.deliver(&events(0..6)).await.unwrap();
    assert_eq!(bench.receiver.0.lock().unwrap().batches, [6, 2, 1, 1]);
    assert_eq!(bench.counts(), (4, 1, 2, 0));

    let refused = Verdict::Refused { reason: "400".into() };
    bench.receiver.0.lock().unwrap().script = [partial(), refused].into();
    bench.delivery.deliver(&events(6..9)).await.unwrap();
    assert_eq!(bench.counts(), (5, 2, 4, 0));
    assert_eq!(bench.reasons()[2..], ["third", "400"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_given_back_comes_again_as_a_whole_and_counts_nothing() {
    for last in [retry(None), unusable("401")] {
        let mut bench = bench(small(10, false), DeadLetterOptions::default());
        bench.delivery.wait_when_down();
        let mut script = VecDeque::from(vec![partial()]);
        script.extend(vec![last; 1000]);
        bench.receiver.0.lock().unwrap().script = script;
        bench.delivery.deliver(&events(0..3)).await.unwrap_err();
        let (delivered, _, dead, undelivered) = bench.counts();
        assert_eq!((delivered, dead, undelivered), (0, 0, 0));
        assert_eq!(bench.delivery.answered(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_is_no_delivery_and_is_asked_within_the_budget() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().script = vec![unacknowledged(None); 4].into();
    bench.delivery.deliver(&events(0..3)).await.unwrap();
    assert_eq!(bench.receiver.0.lock().unwrap().batches, [3; 5]);
    assert_eq!(bench.counts(), (3, 0, 0, 0), "nothing was repeated");

    for (after, from) in [(None, 10), (Some(0), 20)] {
        let (begun, before) = (Instant::now(), bench.receiver.0.lock().unwrap().batches.len());
        bench.receiver.0.lock().unwrap().script = vec![unacknowledged(after); 1000].into();
        bench.delivery.deliver(&events(from..from + 2)).await.unwrap();
        assert!(begun.elapsed() <= Duration::from_secs(61), "{:?}", begun.elapsed());
        let asked = bench.receiver.0.lock().unwrap().batches.len() - before;
        assert!(asked < 20, "{asked}");
        assert_eq!(bench.reasons().last().unwrap(), "gave up: not acknowledged");
        let letters = bench.dead_letters.read(&DeadLetterSelection::default(), 0, 10).unwrap();
        assert!(letters.iter().all(|letter| letter.entry.attempts == 1));

        // It is tried again, and one that asks for patience is no longer down.
        tokio::time::advance(Duration::from_secs(10)).await;
        bench.receiver.0.lock().unwrap().script = [unacknowledged(after)].into();
        let taken = bench.counts().0;
        bench.delivery.deliver(&events(from + 2..from + 5)).await.unwrap();
        assert_eq!(bench.counts().0, taken + 3);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_halved_until_it_fits_and_keeps_its_order() {
    let mut bench = bench(small(100, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().room = Some(3);
    bench.delivery.deliver(&events(0..20)).await.unwrap();
    assert_eq!(bench.receiver.0.lock().unwrap().taken, names(0..20));
    bench.receiver.0.lock().unwrap().room = Some(0);
    bench.delivery.deliver(&events(20..23)).await.unwrap();
    assert_eq!(bench.counts(), (20, 0, 3, 0));
    assert_eq!(bench.reasons(), ["413"; 3]);
}

#[tokio::test(start_paused = true)]
async fn only_rejected_events_are_set_aside() {
    let mut bench = bench(small(10, true), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().poison = vec!["3".into(), "11".into()];
    bench.delivery.deliver(&events(0..15)).await.unwrap();
    bench.delivery.close().await.unwrap();
    assert_eq!(bench.counts(), (13, 0, 2, 0));
    let letters = bench.dead_letters.read(&DeadLetterSelection::default(), 0, 10).unwrap();
    let kept: Vec<_> = letters
        .iter()
        .map(|letter| letter.event.subject.name.as_str())
        .collect();
    assert_eq!(kept, ["3", "11"]);
    assert_eq!(bench.reasons(), ["poison"; 2]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_even_be_set_aside_is_counted_and_said() {
    let options = DeadLetterOptions {
        events: 1,
        ..DeadLetterOptions::default()
    };
    let mut bench = bench(small(10, false), options);
    let refused = Verdict::Refused {
        reason: "status 400".into(),
    };
    bench.receiver.0.lock().unwrap().script = [refused].into();
    bench.delivery.deliver(&events(0..5)).await.unwrap();
    bench.delivery.deliver(&events(5..7)).await.unwrap();
    assert_eq!(bench.counts(), (2, 0, 0, 5));
    let trouble = bench.delivery.trouble().unwrap();
    assert!(trouble.contains("no room for 5 more events"), "{trouble}");
}

proptest::proptest! {
    /// Whatever the receiver answers, each event is delivered or set aside, exactly once.
    #[test]
    fn every_event_is_counted_exactly_once(
        answers in proptest::collection::vec(0_u8..9, 0..60),
        sizes in proptest::collection::vec(0_usize..30, 1..12),
        room in proptest::option::of(0_usize..12),
        gather: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut bench = bench(small(8, gather), DeadLetterOptions::default());
            {
                let mut inner = bench.receiver.0.lock().unwrap();
                inner.room = room;
                inner.poison = names(0..3);
                inner.script = answers
                    .iter()
                    .filter_map(|answer| match answer {
                        0 => Some(retry(None)),
                        1 => Some(retry(Some(30))),
                        2 => Some(retry(Some(3600))),
                        3 => Some(Verdict::Refused { reason: "no".into() }),
                        4 => Some(Verdict::TooLarge { reason: "big".into() }),
                        5 => Some(unusable("401")),
                        6 => Some(partial()),
                        7 => Some(unacknowledged(None)),
                        _ => None,
                    })
                    .collect();
            }
            let mut next = 0;
            for size in sizes {
                bench.delivery.deliver(&events(next..next + size)).await.unwrap();
                next += size;
            }
            bench.delivery.close().await.unwrap();
            let (delivered, _, dead, undelivered) = bench.counts();
            let letters = bench.dead_letters.read(&DeadLetterSelection::default(), 0, 10_000).unwrap();
            let mut all = bench.receiver.0.lock().unwrap().taken.clone();
            assert_eq!((delivered, dead, undelivered), (all.len() as u64, letters.len() as u64, 0));
            all.extend(letters.into_iter().map(|letter| letter.event.subject.name));
            all.sort_by_key(|name| name.parse::<usize>().unwrap());
            assert_eq!(all, names(0..next));
        });
    }
}

#[tokio::test]
async fn a_keep_that_nobody_waits_for_is_stored_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let context = DeadLetterContext {
        dead_letters: Arc::new(DeadLetters::at(folder.path().join("x.db"))),
        destination: None,
        run_id: "run".into(),
        provenance: Arc::new(samples::epm()),
    };
    let tally = Arc::new(DeliveryCounters::default());
    let refused = vec![(samples::full(Activity::Logon, EventOutcome::Success), "no".to_owned())];
    {
        let attempts = Attempts::none_yet();
        let mut keep = std::pin::pin!(context.keep("siem", refused, &attempts, &tally));
        let begun = std::future::poll_fn(|task| std::task::Poll::Ready(keep.as_mut().poll(task).is_pending()));
        begun.await;
    }
    tally.kept().await;
    assert_eq!((tally.dead_lettered(), tally.undelivered()), (1, 0));
    let store = &context.dead_letters;
    assert_eq!(store.count(&DeadLetterSelection::default()).unwrap(), 1);
}
