//! Work that blocks: calls into plugins, documents on the disk. None of it is done on a thread that drives everything else.

use crate::RunError;

/// The thread that did the work died.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Died(tokio::task::JoinError);

impl From<Died> for RunError {
    fn from(error: Died) -> RunError {
        RunError::Internal(error.to_string())
    }
}

/// Begins work on a thread for work that blocks, and answers with what comes of it. The work goes on also where nobody waits
/// for it any more.
pub(crate) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Died>> {
    let task = tokio::task::spawn_blocking(work);
    async move { task.await.map_err(Died) }
}
