//! What the endings of all sinks mean for the run.

use super::SinkCounts;
use super::loss::Loss;
use super::sink_worker::SinkWorkerError;
use crate::RunError;
use crate::stream_ledger::CheckpointError;
use sink::{SinkError, in_one_line};

/// The end of a sink.
pub(crate) struct SinkOutcome {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) result: Result<(), SinkWorkerError>,
    /// The reason why events could not be set aside.
    pub(crate) trouble: Option<String>,
}

impl SinkOutcome {
    /// True where the sink has all that it was to have: it is closed well, or its reader wants no more.
    pub(crate) fn has_all(&self) -> bool {
        matches!(self.result, Ok(()) | Err(SinkWorkerError::Sink(SinkError::Closed)))
    }

    fn waits(&self) -> bool {
        self.required && matches!(&self.result, Err(error) if error.leaves_events_waiting())
    }
}

/// The endings and counts without those of required sinks that are down, where other required ones have what these lack: it waits
/// for them.
pub(crate) fn without_down(endings: Vec<SinkOutcome>, counts: Vec<SinkCounts>) -> (Vec<SinkOutcome>, Vec<SinkCounts>) {
    let others = endings.iter().any(|ending| ending.required && ending.has_all());
    let pairs = endings.into_iter().zip(counts);
    pairs.filter(|(ending, _)| !(others && ending.waits())).unzip()
}

/// The result of a run whose sinks ended so.
pub(crate) fn settled(endings: Vec<SinkOutcome>, counts: &[SinkCounts]) -> Result<(), RunError> {
    let mut closed = 0;
    let mut first = None;
    let mut dead = Vec::new();
    let mut lost = Vec::new();
    let sinks = endings.len();
    for (ending, count) in endings.into_iter().zip(counts) {
        let failed = match ending.result {
            Err(SinkWorkerError::Sink(SinkError::Closed)) => {
                closed += 1;
                None
            }
            Err(SinkWorkerError::GivenUp) => Some(RunError::Stopped),
            Err(SinkWorkerError::Mark(CheckpointError::Ledger(source))) => Some(RunError::Ledger(source)),
            Err(SinkWorkerError::Mark(CheckpointError::Changed)) => Some(RunError::Changed {
                name: ending.name.clone(),
            }),
            Err(SinkWorkerError::Mark(error @ CheckpointError::Unseen { .. })) => Some(RunError::Sink {
                name: ending.name.clone(),
                source: SinkError::Journal {
                    sink: ending.name.clone(),
                    source: Box::new(error),
                },
            }),
            Err(SinkWorkerError::Sink(source)) => Some(RunError::Sink {
                name: ending.name.clone(),
                source,
            }),
            Ok(()) if count.undelivered > 0 => Some(RunError::Undelivered {
                name: ending.name.clone(),
                events: count.undelivered,
                reason: ending.trouble.unwrap_or_default(),
            }),
            Ok(()) => None,
        };
        match failed {
            Some(error) if ending.required && first.is_none() => first = Some(error),
            Some(error) if ending.required => tracing::error!("{}", in_one_line(&error)),
            Some(error) if count.undelivered > 0 => lost.push(Loss {
                name: ending.name,
                events: count.undelivered,
                reason: match error {
                    RunError::Undelivered { reason, .. } => reason,
                    RunError::Sink { source, .. } => in_one_line(&source),
                    error => in_one_line(&error),
                },
            }),
            Some(error) => {
                tracing::warn!(
                    "{}; this sink is not required, so the run continues",
                    in_one_line(&error)
                );
            }
            None if ending.required && count.dead_lettered > 0 => dead.push((ending.name, count.dead_lettered)),
            None => {}
        }
    }
    if let Some(error) = first {
        for loss in &lost {
            tracing::error!("{loss}");
        }
        return Err(error);
    }
    if sinks > 0 && closed == sinks {
        return Err(RunError::Closed);
    }
    let dead = (!dead.is_empty()).then_some(RunError::DeadLettered { sinks: dead });
    if lost.is_empty() {
        return dead.map_or(Ok(()), Err);
    }
    if let Some(dead) = dead {
        tracing::error!("{dead}");
    }
    Err(RunError::Lost { sinks: lost })
}
