//! One sink's task: its orders, one after the other, and how far it is written down after each batch.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::event_pool::EventPool;
use crate::stream_ledger::{CheckpointError, SharedCheckpoint};
use event::Event;
use sink::{Delivery, SinkError};

/// An order to a sink's task.
pub(super) enum SinkCommand {
    /// A window begins; these are in flight.
    Begin(Arc<str>, BTreeSet<String>),
    Deliver(Arc<Vec<Event>>),
    /// The window's events are all sent: answer for them, and say whether that is durable.
    Settle(oneshot::Sender<bool>),
    /// Everything was sent: complete the sink. A queue that ends without this gives the sink up.
    Close,
}

/// Why a sink's task ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkWorkerError {
    /// The sink is at its end.
    #[error(transparent)]
    Sink(SinkError),
    /// The sink's progress is not what it was, or cannot be kept.
    #[error(transparent)]
    Mark(#[from] CheckpointError),
    /// The sink was given up between two batches.
    #[error("given up")]
    GivenUp,
}

impl SinkWorkerError {
    /// True where the sink's events wait for another run, which delivers them.
    pub(super) fn leaves_events_waiting(&self) -> bool {
        matches!(self, SinkWorkerError::Sink(error) if error.leaves_events_waiting())
    }
}

impl From<SinkError> for SinkWorkerError {
    /// An error that the checkpoint gave to the sink comes back as its own.
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

/// Carries out a sink's orders, until it is closed, given up or at its end.
pub(super) async fn work(
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

/// True where nothing was lost on the way. After that, the next run delivers from there on.
fn is_clean(delivery: &Delivery) -> bool {
    delivery.tally().undelivered() == 0
}
