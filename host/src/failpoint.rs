//! Where tests end the process. `HOST_FAILPOINT=NAME:N` aborts it when the place NAME is reached for the N-th time, from 0.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The place, and how often it may still be passed.
static PLACE: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
    let set = std::env::var("HOST_FAILPOINT").ok()?;
    let (name, times) = set.split_once(':')?;
    Some((name.to_owned(), AtomicU64::new(times.parse().ok()?)))
});

/// Ends the process if this is the place and the time.
pub(crate) fn reached(name: &str) {
    if let Some((place, left)) = &*PLACE
        && place == name
        && left.fetch_sub(1, Ordering::SeqCst) == 0
    {
        std::process::abort();
    }
}
