//! One stream of events to several sinks, each at its own pace.
//!
//! Every sink has a task and a short queue. A sink that is slow, down or at its end holds nobody else back for longer
//! than its queue is full; what becomes of each event is in the sinks' [`DeliveryCounters`].

mod behind;
mod event_pool;
mod loss;
mod outcome;
mod part;
mod sink_worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::observer::{RunObserver, SinkProgress};
use crate::route::Router;
use crate::stream_ledger::{Checkpoint, SharedCheckpoint, StreamLedger};
use event::{Event, Provenance};
use ledger::{InFlight, Record};
use part::{WindowPart, unanswered};
use sink::{Delivery, DeliveryCounters, Guarantee, SinkError, in_one_line};
use sink_worker::{SinkCommand, SinkWorkerError, work};

pub use behind::SinkBehind;
pub(crate) use behind::lagging;
pub(crate) use event_pool::EventPool;
pub use loss::Loss;
pub(crate) use loss::told;
pub(crate) use outcome::{SinkOutcome, settled, without_down};

/// Batches that wait for a sink, at most.
const QUEUE: usize = 8;

/// A sink of a run.
pub struct RunSink {
    /// The sink with its retries.
    pub delivery: Delivery,
    /// True where the run is done only once the sink has answered for every event.
    pub required: bool,
    /// The fate of the sink's events while it is down; none is to wait, where that is possible.
    pub when_down: Option<WhenDown>,
}

/// What becomes of a sink's events while its receiver is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenDown {
    /// The events wait for this sink while the others go on, and the next run delivers them first. That takes a ledger and a sink
    /// that is required.
    Wait,
    /// The events are set aside, and nobody waits for the sink.
    DeadLetters,
}

/// How often it is looked how far the sinks are, once that is all there is to do.
const LOOK: Duration = Duration::from_millis(200);

/// How long a sink that is given up may take to be told what became of the batch under way.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// How long it may take to let go of what it holds.
const LETTING_GO: Duration = Duration::from_secs(1);

/// One sink under way.
struct SinkWorker {
    name: String,
    required: bool,
    guarantee: Guarantee,
    tally: Arc<DeliveryCounters>,
    /// Events sent its way.
    routed: u64,
    /// Of these, those that it answered for in a run that was cut short.
    before: Arc<AtomicU64>,
    queue: Option<mpsc::Sender<SinkCommand>>,
    /// True where the sink's progress is kept, so that the answer to the batch under way is worth waiting for.
    marked: bool,
    /// The sink's part in the window under way.
    part: WindowPart,
    task: Option<AbortOnDropHandle<(Delivery, Result<(), SinkWorkerError>)>>,
    /// The end of its task, where that came before the sinks were closed.
    ended: Option<WorkerEnd>,
    /// The reason why the sink is down, where its events wait.
    why_down: Option<String>,
}

/// The end of a sink's task.
struct WorkerEnd {
    result: Result<(), SinkWorkerError>,
    /// The reason why events could not be set aside.
    trouble: Option<String>,
}

/// The answers of the sinks that a window is owed to for its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FlushOutcome {
    /// Sinks that have it durably.
    pub(crate) answered: Vec<String>,
    /// Sinks that have it, safely only once they are closed.
    pub(crate) at_close: Vec<String>,
    /// Sinks that are down and whose events wait.
    pub(crate) down: Vec<String>,
    /// True where a sink did not take all of it for another reason.
    pub(crate) failed: bool,
}

/// A sink's counts, for the summary.
pub(crate) struct SinkCounts {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) guarantee: Guarantee,
    pub(crate) delivered: u64,
    pub(crate) before: u64,
    pub(crate) retries: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) undelivered: u64,
}

/// All sinks of a run.
pub(crate) struct FanOut {
    lanes: Vec<SinkWorker>,
    router: Router,
    provenance: Arc<Provenance>,
    chosen: Vec<bool>,
    /// Events that no route took.
    unrouted: u64,
    used: EventPool,
    /// Cancelled when sinks shall begin no further batch.
    enough: CancellationToken,
}

impl FanOut {
    /// Starts a task for each sink; with a book, each keeps there how far it is.
    pub(crate) fn start(
        outlets: Vec<RunSink>,
        router: Router,
        provenance: Arc<Provenance>,
        book: Option<&StreamLedger>,
    ) -> Self {
        let enough = CancellationToken::new();
        let used = EventPool::default();
        let lanes = outlets.into_iter().map(|mut outlet| {
            let (queue, orders) = mpsc::channel(QUEUE);
            let before = Arc::default();
            let mark = book.and_then(|book| {
                let name = outlet.delivery.name();
                let mark = Checkpoint::new(Arc::clone(book.ledger()), book.stream(), name, Arc::clone(&before));
                let keeper = SharedCheckpoint::new(mark);
                // Whose answers are not final may still seal what it has taken.
                let kept = outlet.delivery.is_durable() || outlet.delivery.seal_with(Arc::new(keeper.clone()));
                kept.then_some(keeper)
            });
            let waits = outlet.when_down.unwrap_or(WhenDown::Wait) == WhenDown::Wait;
            if waits && outlet.required && mark.is_some() {
                outlet.delivery.wait_when_down();
            }
            SinkWorker {
                name: outlet.delivery.name().to_owned(),
                required: outlet.required,
                guarantee: outlet.delivery.guarantee(),
                tally: outlet.delivery.tally(),
                routed: 0,
                before,
                queue: Some(queue),
                marked: mark.is_some(),
                part: WindowPart {
                    takes: true,
                    owed: outlet.required,
                    bound: None,
                },
                ended: None,
                why_down: None,
                task: Some(AbortOnDropHandle::new(tokio::spawn(
                    work(outlet.delivery, orders, mark, used.clone(), enough.clone()).in_current_span(),
                ))),
            }
        });
        FanOut {
            lanes: lanes.collect(),
            router,
            provenance,
            chosen: Vec::new(),
            unrouted: 0,
            used,
            enough,
        }
    }

    /// Begins a window at every sink that has a part in it.
    pub(crate) async fn begin(&mut self, window: &InFlight, record: &Record) {
        let name = Arc::<str>::from(window.name.as_str());
        for lane in &mut self.lanes {
            lane.part = WindowPart::of(&lane.name, lane.required, window, record);
            if !lane.part.takes {
                continue;
            }
            let in_flight = unanswered(&lane.name, &window.name, record);
            let order = SinkCommand::Begin(Arc::clone(&name), in_flight);
            if let Some(queue) = &lane.queue
                && queue.send(order).await.is_err()
            {
                lane.queue = None;
            }
        }
    }

    /// Waits until every sink with a part in the window has answered for all that was sent to it, and says who has what.
    pub(crate) async fn settle(&mut self) -> FlushOutcome {
        let mut asked = Vec::new();
        for lane in &mut self.lanes {
            let (sender, answer) = oneshot::channel();
            if lane.part.takes
                && let Some(queue) = &lane.queue
                && queue.send(SinkCommand::Settle(sender)).await.is_err()
            {
                lane.queue = None;
            }
            asked.push(answer);
        }
        let mut outcome = FlushOutcome::default();
        for (lane, answer) in self.lanes.iter_mut().zip(asked) {
            if !lane.part.takes {
                continue;
            }
            let durable = answer.await;
            if durable.is_err() {
                lane.queue = None;
                lane.end().await;
            }
            if !lane.part.owed {
                continue;
            }
            let undelivered = lane.tally.undelivered() > 0;
            let name = lane.name.clone();
            match durable {
                // Its reader has what it wanted; what that means is decided at the end.
                Err(_) if lane.tally.is_closed() => outcome.at_close.push(name),
                Err(_) if lane.waits() => outcome.down.push(name),
                Err(_) => outcome.failed = true,
                Ok(_) if undelivered => outcome.failed = true,
                Ok(true) => outcome.answered.push(name),
                Ok(false) => outcome.at_close.push(name),
            }
        }
        outcome
    }

    /// Sinks that windows may be owed to, besides those that are named with them.
    pub(crate) fn required(&self) -> Vec<String> {
        let required = self.lanes.iter().filter(|lane| lane.required);
        required.map(|lane| lane.name.clone()).collect()
    }

    /// True where the run delivers to a sink.
    pub(crate) fn has(&self, sink: &str) -> bool {
        self.lanes.iter().any(|lane| lane.name == sink)
    }

    /// True where a sink of the run takes events still.
    pub(crate) fn takes(&self, sink: &str) -> bool {
        self.lanes.iter().any(|lane| lane.name == sink && lane.queue.is_some())
    }

    /// The reason why a sink is down, where its events wait.
    pub(crate) fn why_down(&self, sink: &str) -> Option<String> {
        let lane = self.lanes.iter().find(|lane| lane.name == sink)?;
        lane.why_down.clone()
    }

    /// Sends events on their ways, waiting where a queue is full.
    pub(crate) async fn send(&mut self, events: Vec<Event>) {
        let mut shares = self.shares(&events);
        let everything = Arc::new(events);
        for (lane, share) in self.lanes.iter_mut().zip(&mut shares) {
            if !lane.part.takes {
                continue;
            }
            let batch = match share.take() {
                None => Arc::clone(&everything),
                Some(share) if share.is_empty() => continue,
                Some(share) => Arc::new(share),
            };
            lane.routed += batch.len() as u64;
            if let Some(queue) = &lane.queue
                && queue.send(SinkCommand::Deliver(batch)).await.is_err()
            {
                // Its task has ended, and says why when it is asked.
                lane.queue = None;
            }
        }
        self.used.give(everything);
    }

    /// Where events go that all sinks are done with.
    pub(crate) fn used(&self) -> EventPool {
        self.used.clone()
    }

    /// The share of the events that each sink gets; none means all of them, which costs no copy.
    fn shares(&mut self, events: &[Event]) -> Vec<Option<Vec<Event>>> {
        let sinks = self.lanes.len();
        let bounds: Vec<_> = self.lanes.iter().map(|lane| lane.part.bound).collect();
        if matches!(self.router, Router::All) && bounds.iter().all(Option::is_none) {
            return vec![None; sinks];
        }
        let mut ways = Vec::with_capacity(events.len() * sinks);
        for event in events {
            self.router.choose(event, &self.provenance, sinks, &mut self.chosen);
            if !self.chosen.contains(&true) {
                self.unrouted += 1;
            }
            for (chosen, bound) in self.chosen.iter_mut().zip(&bounds) {
                *chosen &= !bound.is_some_and(|bound| bound.leaves_out(event));
            }
            ways.extend_from_slice(&self.chosen);
        }
        let takes: Vec<bool> = self.lanes.iter().map(|lane| lane.part.takes).collect();
        let share = |sink: usize| {
            if takes.get(sink) == Some(&false) {
                return Some(Vec::new());
            }
            let chosen = || ways.iter().skip(sink).step_by(sinks);
            if chosen().all(|chosen| *chosen) {
                return None;
            }
            let share = events.iter().zip(chosen()).filter(|(_, chosen)| **chosen);
            Some(share.map(|(event, _)| event.clone()).collect())
        };
        (0..sinks).map(share).collect()
    }

    /// True where no sink with a part in the window takes any more events.
    pub(crate) fn is_over(&self) -> bool {
        let mut lanes = self.lanes.iter().filter(|lane| lane.part.takes);
        lanes.all(|lane| lane.queue.is_none())
    }

    /// True where windows still get to a sink that is to answer for them; where none is to answer, to any.
    pub(crate) fn goes_on(&self) -> bool {
        let any = self.lanes.iter().any(|lane| lane.required);
        let mut lanes = self.lanes.iter().filter(|lane| lane.required || !any);
        lanes.any(|lane| lane.queue.is_some())
    }

    /// True where there is more than one sink.
    pub(crate) fn several(&self) -> bool {
        self.lanes.len() > 1
    }

    /// How far every sink is.
    pub(crate) fn progress(&self) -> Vec<SinkProgress> {
        let progress = |lane: &SinkWorker| SinkProgress {
            name: lane.name.clone(),
            routed: lane.routed,
            settled: lane.tally.delivered() + lane.tally.dead_lettered() + lane.tally.undelivered(),
        };
        self.lanes.iter().map(progress).collect()
    }

    /// Tells every sink to complete, and waits until all have.
    pub(crate) async fn close(&mut self, observer: &dyn RunObserver) -> Vec<SinkOutcome> {
        for lane in &mut self.lanes {
            if let Some(queue) = lane.queue.take() {
                // A full queue must not keep the others from completing. Its task may have ended, and says why below.
                tokio::spawn(async move { queue.send(SinkCommand::Close).await });
            }
        }
        let mut endings = Vec::new();
        for place in 0..self.lanes.len() {
            while let Some(lane) = self.lanes.get_mut(place)
                && tokio::time::timeout(LOOK, lane.end()).await.is_err()
            {
                observer.delivering(&self.progress());
            }
            let Some(lane) = self.lanes.get_mut(place) else {
                continue;
            };
            let Some(WorkerEnd { result, trouble }) = lane.ended.take() else {
                continue;
            };
            endings.push(SinkOutcome {
                name: lane.name.clone(),
                required: lane.required,
                result,
                trouble,
            });
        }
        endings
    }

    /// Gives up every sink that is still under way, all at once, and waits until they have let go of what they hold. One
    /// that keeps how far it is may hear the answer to its batch, so that the next run need not send it again.
    pub(crate) async fn give_up(&mut self) {
        self.enough.cancel();
        let tasks = self.lanes.iter_mut().filter_map(|lane| {
            lane.queue = None;
            Some((lane.marked, lane.task.take()?, Arc::clone(&lane.tally)))
        });
        let ended = tasks.map(|(marked, mut task, tally)| async move {
            if marked && tokio::time::timeout(LAST_ANSWER, &mut task).await.is_ok() {
                return;
            }
            task.abort();
            // A write that hangs in the system must not hold the process.
            let _ = tokio::time::timeout(LETTING_GO, async {
                let _ = task.await;
                tally.kept().await;
            })
            .await;
        });
        futures_util::future::join_all(ended).await;
    }

    /// Events that sinks which are not required could neither deliver nor set aside so far.
    pub(crate) fn losses(&self) -> impl Iterator<Item = Loss> {
        let lost = |lane: &&SinkWorker| !lane.required && lane.tally.undelivered() > 0;
        self.lanes.iter().filter(lost).map(|lane| Loss {
            name: lane.name.clone(),
            events: lane.tally.undelivered(),
            reason: "they could not be set aside as dead letters".into(),
        })
    }

    /// How many events no route took.
    pub(crate) fn unrouted(&self) -> u64 {
        self.unrouted
    }

    /// The counts of every sink so far.
    pub(crate) fn counts(&self) -> Vec<SinkCounts> {
        let count = |lane: &SinkWorker| {
            let (delivered, dead_lettered) = (lane.tally.delivered(), lane.tally.dead_lettered());
            let before = lane.before.load(Ordering::Relaxed);
            SinkCounts {
                name: lane.name.clone(),
                required: lane.required,
                guarantee: lane.guarantee,
                delivered,
                before,
                retries: lane.tally.retries(),
                dead_lettered,
                undelivered: match lane.tally.is_closed() {
                    true => 0,
                    false => lane.routed.saturating_sub(delivered + dead_lettered + before),
                },
            }
        };
        self.lanes.iter().map(count).collect()
    }
}

impl SinkWorker {
    /// Waits for the end of the task, which has ended or is about to.
    async fn end(&mut self) {
        let Some(task) = &mut self.task else { return };
        let ended = task.await;
        self.task = None;
        if let Ok((_, Err(error))) = &ended
            && error.leaves_events_waiting()
        {
            self.why_down = Some(in_one_line(error));
        }
        self.ended = Some(match ended {
            Ok((delivery, result)) => WorkerEnd {
                result,
                trouble: delivery.trouble().map(str::to_owned),
            },
            Err(_) => WorkerEnd {
                result: Err(SinkWorkerError::Sink(SinkError::Ended {
                    sink: self.name.clone(),
                })),
                trouble: None,
            },
        });
    }

    /// True where the sink is down and its events wait for another run.
    fn waits(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|ended| matches!(&ended.result, Err(error) if error.leaves_events_waiting()))
    }
}
