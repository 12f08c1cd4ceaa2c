//! The runtime of commands that wait for servers, disks or signals.

use crate::args::OutputOptions;
use crate::error::{CliError, Exit};
use crate::stop;

/// Makes a write beyond the limit on file sizes an error also for work that needs no runtime.
pub fn outlive_file_size_limit() -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Internal, format!("cannot start: {error}")))?;
    // What is set up for signals stays when the runtime is gone.
    let _inside = runtime.enter();
    stop::outlive_file_size_limit();
    Ok(())
}

/// Carries work out, until it is done or the process ends.
pub fn block_on(talk: &OutputOptions, work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Internal, format!("cannot start: {error}")))?;
    let result = runtime.block_on(async {
        stop::outlive_file_size_limit();
        work.await
    });
    stop::yield_to_signal();
    stop::redeemed(talk);
    // A thread that waits for the terminal or a full pipe must not hold the process back.
    runtime.shutdown_background();
    result
}
