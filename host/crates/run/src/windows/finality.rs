//! Whether a failure of a window is the last word on it.

use jiff::{SignedDuration, Timestamp};

use crate::RunError;
use base::ErrorKind;
use fetch::FetchError;
use ledger::InFlight;
use sandbox::{FaultOrigin, PluginError};
use sink::in_one_line;

/// After so long, a job that does not end is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Says why a window stays open where the run ends with something else.
pub(crate) fn say_held(held: Option<RunError>) {
    if let Some(error) = held {
        tracing::error!("{}", in_one_line(&error));
    }
}

/// Says whether another attempt with the same job and the same document would fail the same way.
pub(crate) fn is_final(error: &RunError, window: &InFlight) -> bool {
    match error {
        // What is granted later goes on with the job that there is.
        RunError::Plan(PluginError::NotGranted { .. }) => false,
        RunError::Plan(_) | RunError::Gone => true,
        RunError::Plugin(error) => error.blame() == FaultOrigin::Remote,
        RunError::Fetch(FetchError::JobTimeout { .. }) => Timestamp::now().duration_since(window.clock) > PATIENCE,
        RunError::Fetch(error) if error.is_silent_on_the_job() => {
            Timestamp::now().duration_since(window.clock) > PATIENCE
        }
        RunError::Fetch(error) => matches!(error.kind(), ErrorKind::Failed | ErrorKind::Plugin),
        _ => false,
    }
}
