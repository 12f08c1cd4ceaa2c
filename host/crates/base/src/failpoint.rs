//! Places where tests end the process: `HOST_FAILPOINT=NAME:N` aborts it when the place NAME is reached for the N-th time, from 0.
//!
//! A build with debug assertions has these places, and so the one that tests run. What is shipped has none.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The place, and how often it may still be passed.
static PLACE: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
    let set = std::env::var("HOST_FAILPOINT").ok()?;
    let (name, times) = set.split_once(':')?;
    Some((name.to_owned(), AtomicU64::new(times.parse().ok()?)))
});

/// A place of that name, given as for [`format!`].
#[macro_export]
macro_rules! failpoint {
    ($($name:tt)+) => {
        if cfg!(debug_assertions) {
            $crate::failpoint::reached(&format!($($name)+));
        }
    };
}

/// Ends the process if this is the place and the time.
pub fn reached(name: &str) {
    if let Some((place, left)) = &*PLACE
        && place == name
        && left.fetch_sub(1, Ordering::SeqCst) == 0
    {
        std::process::abort();
    }
}
