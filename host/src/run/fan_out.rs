//! One stream of events to several sinks, each at its own pace.
//!
//! Every sink has a task and a short queue. A sink that is slow, down or at its end holds nobody else back for longer
//! than its queue is full; what becomes of each event is in the sinks' [`Tally`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::Observer;
use super::route::Router;
use crate::event::{Event, Provenance};
use crate::sink::{Delivery, Guarantee, SinkError, Tally};

/// Batches that wait for a sink, at most.
const QUEUE: usize = 8;

/// A sink of a run.
pub struct Outlet {
    /// The sink with its retries.
    pub delivery: Delivery,
    /// Whether the run is done only once it has answered for every event.
    pub required: bool,
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

/// How long a sink that is given up may take.
const LETTING_GO: Duration = Duration::from_secs(3);

/// What a sink's task is told.
enum Order {
    Deliver(Arc<Vec<Event>>),
    /// Everything was sent: complete the sink. A queue that ends without this gives the sink up.
    Close,
}

/// One sink under way.
struct Lane {
    name: String,
    required: bool,
    guarantee: Guarantee,
    tally: Arc<Tally>,
    /// Events sent its way.
    routed: u64,
    queue: Option<mpsc::Sender<Order>>,
    task: Option<AbortOnDropHandle<(Delivery, Result<(), SinkError>)>>,
}

/// What became of a sink.
pub(super) struct Ending {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) result: Result<(), SinkError>,
    /// Why events could not be set aside.
    pub(super) trouble: Option<String>,
}

/// A sink's counts, for the summary.
pub(super) struct Count {
    pub(super) name: String,
    pub(super) guarantee: Guarantee,
    pub(super) delivered: u64,
    pub(super) retries: u64,
    pub(super) dead_lettered: u64,
    pub(super) undelivered: u64,
}

/// All sinks of a run.
pub(super) struct FanOut {
    lanes: Vec<Lane>,
    router: Router,
    provenance: Arc<Provenance>,
    chosen: Vec<bool>,
    /// Events that no route took.
    unrouted: u64,
}

impl FanOut {
    /// Starts a task for each sink.
    pub(super) fn start(outlets: Vec<Outlet>, router: Router, provenance: Arc<Provenance>) -> Self {
        let lanes = outlets.into_iter().map(|outlet| {
            let (queue, orders) = mpsc::channel(QUEUE);
            Lane {
                name: outlet.delivery.name().to_owned(),
                required: outlet.required,
                guarantee: outlet.delivery.guarantee(),
                tally: outlet.delivery.tally(),
                routed: 0,
                queue: Some(queue),
                task: Some(AbortOnDropHandle::new(tokio::spawn(work(outlet.delivery, orders)))),
            }
        });
        FanOut {
            lanes: lanes.collect(),
            router,
            provenance,
            chosen: Vec::new(),
            unrouted: 0,
        }
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
                && queue.send(Order::Deliver(batch)).await.is_err()
            {
                // Its task has ended, and says why when it is asked.
                lane.queue = None;
            }
        }
    }

    /// What each sink gets of the events; none means all of them.
    fn shares(&mut self, events: &[Event]) -> Vec<Option<Vec<Event>>> {
        let sinks = self.lanes.len();
        if matches!(self.router, Router::All) {
            return vec![None; sinks];
        }
        let mut shares = vec![Some(Vec::new()); sinks];
        for event in events {
            self.router.choose(event, &self.provenance, sinks, &mut self.chosen);
            if !self.chosen.contains(&true) {
                self.unrouted += 1;
            }
            for (share, _) in shares.iter_mut().zip(&self.chosen).filter(|(_, chosen)| **chosen) {
                if let Some(share) = share {
                    share.push(event.clone());
                }
            }
        }
        shares
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
        let progress = |lane: &Lane| SinkProgress {
            name: lane.name.clone(),
            routed: lane.routed,
            settled: lane.tally.delivered() + lane.tally.dead_lettered() + lane.tally.undelivered(),
        };
        self.lanes.iter().map(progress).collect()
    }

    /// Tells every sink to complete, and waits until all have.
    pub(super) async fn close(&mut self, observer: &dyn Observer) -> Vec<Ending> {
        for lane in &mut self.lanes {
            if let Some(queue) = lane.queue.take() {
                // A full queue must not keep the others from completing. Its task may have ended, and says why below.
                tokio::spawn(async move { queue.send(Order::Close).await });
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
                    Err(SinkError::Ended {
                        sink: lane.name.clone(),
                    }),
                ),
            };
            endings.push(Ending {
                name: lane.name.clone(),
                required: lane.required,
                result,
                trouble,
            });
        }
        endings
    }

    /// Gives up every sink that is still under way, and waits until they have let go of what they hold.
    pub(super) async fn give_up(&mut self) {
        for lane in &mut self.lanes {
            lane.queue = None;
            let Some(task) = lane.task.take() else { continue };
            task.abort();
            // A write that hangs in the system must not hold the process.
            let _ = tokio::time::timeout(LETTING_GO, task).await;
        }
    }

    /// How many events no route took.
    pub(super) fn unrouted(&self) -> u64 {
        self.unrouted
    }

    /// What has come of every sink's events so far.
    pub(super) fn counts(&self) -> Vec<Count> {
        let count = |lane: &Lane| {
            let (delivered, dead_lettered) = (lane.tally.delivered(), lane.tally.dead_lettered());
            Count {
                name: lane.name.clone(),
                guarantee: lane.guarantee,
                delivered,
                retries: lane.tally.retries(),
                dead_lettered,
                undelivered: match lane.tally.is_closed() {
                    true => 0,
                    false => lane.routed.saturating_sub(delivered + dead_lettered),
                },
            }
        };
        self.lanes.iter().map(count).collect()
    }
}

/// Carries out a sink's orders.
async fn work(mut delivery: Delivery, mut orders: mpsc::Receiver<Order>) -> (Delivery, Result<(), SinkError>) {
    loop {
        let result = match orders.recv().await {
            Some(Order::Deliver(events)) => delivery.deliver(&events).await,
            Some(Order::Close) => {
                let result = delivery.close().await;
                return (delivery, result);
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
