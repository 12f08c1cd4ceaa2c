//! The clock that guests are stopped by: one thread for the process that advances the epoch of every engine every
//! [`TICK`], and sleeps while no guest runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// The precision of time limits.
const TICK: Duration = Duration::from_millis(10);

static ENGINES: Mutex<Vec<EngineWeak>> = Mutex::new(Vec::new());
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static THREAD: OnceLock<Thread> = OnceLock::new();

/// Registers an engine, and starts the thread with the first one.
pub(super) fn watch(engine: &Engine) -> std::io::Result<()> {
    ENGINES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(engine.weak());
    if THREAD.get().is_none() {
        let thread = std::thread::Builder::new()
            .name("plugin-ticker".to_owned())
            .spawn(run)?;
        // Where two threads came here at once, both tickers start and the surplus one parks for good.
        let _ = THREAD.set(thread.thread().clone());
    }
    Ok(())
}

/// Ticks until `time` has passed for certain: the first tick may come at once.
pub(super) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(TICK.as_millis()))
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

/// A guest is running for as long as this lives.
pub(super) struct Running(());

impl Running {
    pub(super) fn new() -> Self {
        if RUNNING.fetch_add(1, Ordering::SeqCst) == 0
            && let Some(thread) = THREAD.get()
        {
            thread.unpark();
        }
        Running(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

fn run() {
    loop {
        let surplus = THREAD
            .get()
            .is_some_and(|thread| thread.id() != std::thread::current().id());
        if surplus || RUNNING.load(Ordering::SeqCst) == 0 {
            std::thread::park();
            continue;
        }
        std::thread::sleep(TICK);
        ENGINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|engine| match engine.upgrade() {
                Some(engine) => {
                    engine.increment_epoch();
                    true
                }
                None => false,
            });
    }
}
