//! The end of a run that is told to stop: not while nobody could tell whether there is a job, and not just before its end.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::RunError;
use crate::submission_gate::SubmissionGate;

/// The longest time that a run may go on that is told to stop while its sinks complete, because then nothing is left to do.
const ENDING: Duration = Duration::from_secs(2);
/// The time that a run that is told to stop waits for the answers to requests that create jobs.
const SUBMITTING: Duration = Duration::from_millis(1500);

/// The signal that tells a run to stop, and the gate that it heeds before it does.
pub(crate) struct StopSignal {
    /// Cancelled when the run shall stop.
    stop: CancellationToken,
    /// Open as long as jobs may be submitted.
    gate: Arc<SubmissionGate>,
}

impl StopSignal {
    pub(crate) fn new(stop: CancellationToken, gate: Arc<SubmissionGate>) -> StopSignal {
        StopSignal { stop, gate }
    }

    /// Does work until the run is told to stop and no request that creates a job is under way: broken off, nobody would
    /// know whether there is one. None is begun once the answer to the last has come.
    pub(crate) async fn or_stop<T>(&self, work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        let told = async {
            self.stop.cancelled().await;
            tokio::time::timeout(SUBMITTING, self.gate.close()).await
        };
        tokio::select! {
            biased;
            // The gate stays closed until the work is dropped.
            _closed = told => Err(RunError::Stopped),
            done = work => done,
        }
    }

    /// Does the last of the work, for which there is some time even when the run is told to stop: so near the end, to end is
    /// the better way to stop.
    pub(crate) async fn or_late<T>(&self, work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        let late = async {
            self.stop.cancelled().await;
            tokio::time::sleep(ENDING).await;
        };
        tokio::select! {
            done = work => done,
            () = late => Err(RunError::Stopped),
        }
    }
}
