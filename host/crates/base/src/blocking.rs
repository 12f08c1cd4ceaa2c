//! Work that blocks: calls into plugins, SQLite, the disk. None of it is done on a thread that drives everything else.

use std::io;

/// The end of a thread that died before its work was done.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WorkerDied(tokio::task::JoinError);

impl WorkerDied {
    /// Goes on with the panic that the work ended with; gives the error back where it was none.
    pub fn resume_panic(self) -> WorkerDied {
        match self.0.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => WorkerDied(error),
        }
    }
}

impl From<WorkerDied> for io::Error {
    fn from(died: WorkerDied) -> io::Error {
        io::Error::other(died)
    }
}

/// Begins work on a thread for work that blocks, and answers with what comes of it. The work goes on also where nobody waits
/// for it any more. What it says is said by the run that asked for it.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, WorkerDied>> {
    let span = tracing::Span::current();
    let task = tokio::task::spawn_blocking(move || span.in_scope(work));
    async move { task.await.map_err(WorkerDied) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn work_is_done_on_another_thread_and_its_answer_comes_back() {
        let here = std::thread::current().id();
        let there = done(async { blocking(|| std::thread::current().id()).await });
        assert_ne!(there.unwrap(), here);
    }

    #[test]
    fn work_that_panics_is_an_error_and_can_be_a_panic_again() {
        let died = done(async { blocking(|| panic!("odd")).await });
        let died: WorkerDied = died.unwrap_err();
        let resumed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| died.resume_panic()));
        assert!(resumed.is_err());
    }
}
