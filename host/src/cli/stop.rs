//! Ctrl-C and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Exit, Failure};

/// Cancelled by the first signal; a second one ends the process at once.
#[derive(Clone)]
pub struct Stop {
    /// Cancelled when the process shall stop.
    pub token: CancellationToken,
    code: Arc<AtomicU8>,
}

impl Stop {
    /// Starts to listen. Must be called inside the runtime.
    pub fn listen() -> Result<Stop, Failure> {
        let failed =
            |error: std::io::Error| Failure::new(Exit::Internal, format!("cannot listen for signals: {error}"));
        let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminations = signal(SignalKind::terminate()).map_err(failed)?;
        let stop = Stop {
            token: CancellationToken::new(),
            code: Arc::new(AtomicU8::new(Exit::Interrupted.code())),
        };
        let handle = stop.clone();
        tokio::spawn(async move {
            loop {
                let exit = tokio::select! {
                    _ = interrupts.recv() => Exit::Interrupted,
                    _ = terminations.recv() => Exit::Terminated,
                };
                if handle.token.is_cancelled() {
                    std::process::exit(i32::from(exit.code()));
                }
                handle.code.store(exit.code(), Ordering::Relaxed);
                handle.token.cancel();
            }
        });
        Ok(stop)
    }

    /// The exit that belongs to the signal that came.
    pub fn exit(&self) -> Exit {
        if self.code.load(Ordering::Relaxed) == Exit::Terminated.code() {
            Exit::Terminated
        } else {
            Exit::Interrupted
        }
    }
}
