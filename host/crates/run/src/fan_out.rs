//! One stream of events to several sinks, each at its own pace.
//!
//! Every sink has a task and a short queue. A sink that is slow, down or at its end holds nobody else back for longer
//! than its queue is full; what becomes of each event is in the sinks' [`DeliveryCounters`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Observer;
use super::book::StreamLedger;
use super::loss::Loss;
use super::mark::{Checkpoint, CheckpointError, SharedCheckpoint};
use super::route::Router;
use super::used::EventPool;
use event::{Event, Provenance};
use sink::{Delivery, DeliveryCounters, Guarantee, SinkError};

/// Batches that wait for a sink, at most.
const QUEUE: usize = 8;

/// A sink of a run.
pub struct RunSink {
    /// The sink with its retries.
    pub delivery: Delivery,
    /// Whether the run is done only once it has answered for every event.
    pub required: bool,
    /// What becomes of its events while it is down; none leaves that to the run.
    pub when_down: Option<WhenDown>,
}

/// What becomes of a sink's events while its receiver is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenDown {
    /// The window stays in flight, and the next run goes on there. It takes a ledger and a sink that is required.
    Wait,
    /// They are set aside, and the other sinks go on.
    DeadLetters,
}

/// How far a sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkProgress {
    /// Its name.
    pub name: String,
    /// Events sent its way so far.
    pub routed: u64,
    /// Of these, delivered or set aside.
    pub settled: u64,
}

/// How often it is looked how far the sinks are, once that is all there is to do.
const LOOK: Duration = Duration::from_millis(200);

/// How long a sink that is given up may take to be told what became of the batch under way.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// How long it may take to let go of what it holds.
const LETTING_GO: Duration = Duration::from_secs(1);

/// What a sink's task is told.
enum SinkCommand {
    /// A window begins; these are in flight.
    Begin(Arc<str>, Arc<BTreeSet<String>>),
    Deliver(Arc<Vec<Event>>),
    /// The window's events are all sent: answer for them, and say whether that is durable.
    Settle(oneshot::Sender<bool>),
    /// Everything was sent: complete the sink. A queue that ends without this gives the sink up.
    Close,
}

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
    /// Whether it keeps how far it is, so that the answer to the batch under way is worth waiting for.
    marked: bool,
    task: Option<AbortOnDropHandle<(Delivery, Result<(), SinkWorkerError>)>>,
}

/// Why a sink's task ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SinkWorkerError {
    /// The sink is at its end.
    #[error(transparent)]
    Sink(SinkError),
    /// Its progress is not what it was, or cannot be kept.
    #[error(transparent)]
    Mark(#[from] CheckpointError),
    /// It was given up between two batches.
    #[error("given up")]
    GivenUp,
}

impl From<SinkError> for SinkWorkerError {
    /// What the mark said to the sink comes back as its own.
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Journal { sink, source } => match source.downcast::<CheckpointError>() {
                Ok(error) => SinkWorkerError::Mark(*error),
                Err(source) => SinkWorkerError::Sink(SinkError::Journal { sink, source }),
            },
            error => SinkWorkerError::Sink(error),
        }
    }
}

/// Whether required sinks have answered for all events of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlushOutcome {
    /// All of them, durably.
    Safe,
    /// All of them, but what some have taken is safe only once they are closed.
    AtClose,
    /// Not all of them.
    Failed,
}

/// What became of a sink.
pub(super) struct SinkOutcome {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) result: Result<(), SinkWorkerError>,
    /// Why events could not be set aside.
    pub(super) trouble: Option<String>,
}

/// A sink's counts, for the summary.
pub(super) struct Count {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) guarantee: Guarantee,
    pub(super) delivered: u64,
    pub(super) before: u64,
    pub(super) retries: u64,
    pub(super) dead_lettered: u64,
    pub(super) undelivered: u64,
}

/// All sinks of a run.
pub(super) struct FanOut {
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
    /// Starts a task for each sink; with a book, each keeps how far it is.
    pub(super) fn start(
        outlets: Vec<RunSink>,
        router: Router,
        provenance: Arc<Provenance>,
        book: Option<&StreamLedger>,
    ) -> Self {
        let alone = outlets.len() == 1;
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
            // Where there are others, one that is down must not hold them up.
            let waits = match outlet.when_down {
                Some(set) => set == WhenDown::Wait,
                None => alone,
            };
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
                task: Some(AbortOnDropHandle::new(tokio::spawn(work(
                    outlet.delivery,
                    orders,
                    mark,
                    used.clone(),
                    enough.clone(),
                )))),
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

    /// Tells every sink that a window begins.
    pub(super) async fn begin(&mut self, window: &str, in_flight: BTreeSet<String>) {
        let (window, in_flight) = (Arc::<str>::from(window), Arc::new(in_flight));
        for lane in &mut self.lanes {
            let order = SinkCommand::Begin(Arc::clone(&window), Arc::clone(&in_flight));
            if let Some(queue) = &lane.queue
                && queue.send(order).await.is_err()
            {
                lane.queue = None;
            }
        }
    }

    /// Waits until every sink has answered for all that was sent to it, and says what that is worth.
    pub(super) async fn settle(&mut self) -> FlushOutcome {
        let mut asked = Vec::new();
        for lane in &mut self.lanes {
            let (sender, answer) = oneshot::channel();
            if let Some(queue) = &lane.queue
                && queue.send(SinkCommand::Settle(sender)).await.is_err()
            {
                lane.queue = None;
            }
            asked.push(answer);
        }
        let mut standing = FlushOutcome::Safe;
        for (lane, answer) in self.lanes.iter_mut().zip(asked) {
            let durable = answer.await;
            if durable.is_err() {
                lane.queue = None;
            }
            let undelivered = lane.tally.undelivered() > 0;
            match durable {
                _ if !lane.required => {}
                // Its reader has what it wanted; what that means is decided at the end.
                Err(_) if lane.tally.is_closed() => standing = worse(standing, FlushOutcome::AtClose),
                Err(_) => standing = FlushOutcome::Failed,
                Ok(_) if undelivered => standing = FlushOutcome::Failed,
                Ok(true) => {}
                Ok(false) => standing = worse(standing, FlushOutcome::AtClose),
            }
        }
        standing
    }

    /// Sends events on their ways, waiting where a queue is full.
    pub(super) async fn send(&mut self, events: Vec<Event>) {
        let mut shares = self.shares(&events);
        let everything = Arc::new(events);
        for (lane, share) in self.lanes.iter_mut().zip(&mut shares) {
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
    pub(super) fn used(&self) -> EventPool {
        self.used.clone()
    }

    /// What each sink gets of the events; none means all of them, which costs no copy.
    fn shares(&mut self, events: &[Event]) -> Vec<Option<Vec<Event>>> {
        let sinks = self.lanes.len();
        if matches!(self.router, Router::All) {
            return vec![None; sinks];
        }
        let mut ways = Vec::with_capacity(events.len() * sinks);
        for event in events {
            self.router.choose(event, &self.provenance, sinks, &mut self.chosen);
            if !self.chosen.contains(&true) {
                self.unrouted += 1;
            }
            ways.extend_from_slice(&self.chosen);
        }
        let share = |sink| {
            let chosen = || ways.iter().skip(sink).step_by(sinks);
            if chosen().all(|chosen| *chosen) {
                return None;
            }
            let share = events.iter().zip(chosen()).filter(|(_, chosen)| **chosen);
            Some(share.map(|(event, _)| event.clone()).collect())
        };
        (0..sinks).map(share).collect()
    }

    /// Whether no sink takes any more events.
    pub(super) fn is_over(&self) -> bool {
        self.lanes.iter().all(|lane| lane.queue.is_none())
    }

    /// Whether there is more than one sink.
    pub(super) fn several(&self) -> bool {
        self.lanes.len() > 1
    }

    /// How far every sink is.
    pub(super) fn progress(&self) -> Vec<SinkProgress> {
        let progress = |lane: &SinkWorker| SinkProgress {
            name: lane.name.clone(),
            routed: lane.routed,
            settled: lane.tally.delivered() + lane.tally.dead_lettered() + lane.tally.undelivered(),
        };
        self.lanes.iter().map(progress).collect()
    }

    /// Tells every sink to complete, and waits until all have.
    pub(super) async fn close(&mut self, observer: &dyn Observer) -> Vec<SinkOutcome> {
        for lane in &mut self.lanes {
            if let Some(queue) = lane.queue.take() {
                // A full queue must not keep the others from completing. Its task may have ended, and says why below.
                tokio::spawn(async move { queue.send(SinkCommand::Close).await });
            }
        }
        let mut endings = Vec::new();
        for place in 0..self.lanes.len() {
            let Some(mut task) = self.lanes.get_mut(place).and_then(|lane| lane.task.take()) else {
                continue;
            };
            let ended = loop {
                match tokio::time::timeout(LOOK, &mut task).await {
                    Ok(ended) => break ended,
                    Err(_) => observer.delivering(&self.progress()),
                }
            };
            let Some(lane) = self.lanes.get(place) else { continue };
            let (trouble, result) = match ended {
                Ok((delivery, result)) => (delivery.trouble().map(str::to_owned), result),
                Err(_) => (
                    None,
                    Err(SinkWorkerError::Sink(SinkError::Ended {
                        sink: lane.name.clone(),
                    })),
                ),
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
    pub(super) async fn give_up(&mut self) {
        self.enough.cancel();
        let tasks = self.lanes.iter_mut().filter_map(|lane| {
            lane.queue = None;
            Some((lane.marked, lane.task.take()?))
        });
        let ended = tasks.map(|(marked, mut task)| async move {
            if marked && tokio::time::timeout(LAST_ANSWER, &mut task).await.is_ok() {
                return;
            }
            task.abort();
            // A write that hangs in the system must not hold the process.
            let _ = tokio::time::timeout(LETTING_GO, task).await;
        });
        futures_util::future::join_all(ended).await;
    }

    /// What sinks that are not required could neither deliver nor set aside so far.
    pub(super) fn losses(&self) -> impl Iterator<Item = Loss> {
        let lost = |lane: &&SinkWorker| !lane.required && lane.tally.undelivered() > 0;
        self.lanes.iter().filter(lost).map(|lane| Loss {
            name: lane.name.clone(),
            events: lane.tally.undelivered(),
            reason: "they could not be set aside as dead letters".into(),
        })
    }

    /// How many events no route took.
    pub(super) fn unrouted(&self) -> u64 {
        self.unrouted
    }

    /// What has come of every sink's events so far.
    pub(super) fn counts(&self) -> Vec<Count> {
        let count = |lane: &SinkWorker| {
            let (delivered, dead_lettered) = (lane.tally.delivered(), lane.tally.dead_lettered());
            let before = lane.before.load(Ordering::Relaxed);
            Count {
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

/// The worse of two standings.
fn worse(one: FlushOutcome, other: FlushOutcome) -> FlushOutcome {
    match (one, other) {
        (FlushOutcome::Failed, _) | (_, FlushOutcome::Failed) => FlushOutcome::Failed,
        (FlushOutcome::AtClose, _) | (_, FlushOutcome::AtClose) => FlushOutcome::AtClose,
        (FlushOutcome::Safe, FlushOutcome::Safe) => FlushOutcome::Safe,
    }
}

/// Carries out a sink's orders, until it is closed, given up or at its end.
async fn work(
    mut delivery: Delivery,
    mut orders: mpsc::Receiver<SinkCommand>,
    mark: Option<SharedCheckpoint>,
    used: EventPool,
    enough: CancellationToken,
) -> (Delivery, Result<(), SinkWorkerError>) {
    loop {
        let order = tokio::select! {
            biased;
            () = enough.cancelled() => None,
            order = orders.recv() => order,
        };
        let result = match order {
            Some(SinkCommand::Begin(window, in_flight)) => match &mark {
                Some(mark) => mark
                    .lock()
                    .await
                    .begin(&window, &in_flight)
                    .await
                    .map_err(SinkWorkerError::from),
                None => Ok(()),
            },
            Some(SinkCommand::Deliver(events)) => {
                let result = deliver(&mut delivery, mark.as_ref(), &events, &enough).await;
                used.give(events);
                result
            }
            Some(SinkCommand::Settle(answer)) => match settle(&mut delivery, mark.as_ref()).await {
                Ok(durable) => {
                    // Whoever asked may have gone.
                    let _ = answer.send(durable);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Some(SinkCommand::Close) => {
                let result = delivery.close().await;
                return (delivery, result.map_err(SinkWorkerError::from));
            }
            None => {
                delivery.abort().await;
                return (delivery, Ok(()));
            }
        };
        if result.is_err() {
            return (delivery, result);
        }
    }
}

/// Delivers, batch by batch, and keeps after each how far the sink is.
async fn deliver(
    delivery: &mut Delivery,
    mark: Option<&SharedCheckpoint>,
    events: &[Event],
    enough: &CancellationToken,
) -> Result<(), SinkWorkerError> {
    let Some(mark) = mark else {
        return Ok(delivery.deliver(events).await?);
    };
    let mut rest = mark.lock().await.pass(events).await?;
    while !rest.is_empty() {
        if enough.is_cancelled() {
            return Err(SinkWorkerError::GivenUp);
        }
        let before = delivery.answered();
        // While the sink is at work it may seal, and then the mark is its own.
        let taken = delivery.take(rest).await?;
        let (batch, after) = rest.split_at(taken.min(rest.len()));
        let mut mark = mark.lock().await;
        mark.took(batch);
        // A batch is answered for as a whole, so now nothing is gathered.
        if delivery.is_durable() && delivery.answered() > before && is_clean(delivery) {
            mark.answered().await?;
        }
        rest = after;
    }
    Ok(())
}

/// Delivers what was gathered. Says whether everything of the window outlives a crash.
async fn settle(delivery: &mut Delivery, mark: Option<&SharedCheckpoint>) -> Result<bool, SinkWorkerError> {
    delivery.flush().await?;
    match mark {
        Some(mark) if !delivery.is_durable() => return Ok(mark.lock().await.is_answered()),
        Some(mark) if is_clean(delivery) => mark.lock().await.answered().await?,
        _ => {}
    }
    Ok(delivery.is_durable())
}

/// Whether nothing was lost on the way. After that, the next run delivers from there on.
fn is_clean(delivery: &Delivery) -> bool {
    delivery.tally().undelivered() == 0
}
