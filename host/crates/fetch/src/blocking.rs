//! Blocking work beside the asynchronous.

use tokio::task::JoinError;

use super::error::FetchError;

/// Runs blocking work beside the asynchronous.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    match base::blocking(work).await {
        Ok(outcome) => outcome,
        Err(died) => Err(FetchError::Spool(died.resume_panic().into())),
    }
}

/// The outcome of a task of ours. A panic in it is one here.
pub(super) fn joined<T>(outcome: Result<Result<T, FetchError>, JoinError>) -> Result<T, FetchError> {
    match outcome {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(FetchError::Spool(std::io::Error::other(error))),
        },
    }
}
