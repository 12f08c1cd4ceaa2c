//! The standard output, if there is one at all.
//!
//! Before `main`, the standard library opens what is closed of the first three descriptors to `/dev/null`, so that no other
//! file gets their numbers. Events written there would count as delivered, and nobody would have them. Afterwards it cannot
//! be told from a `/dev/null` that somebody chose, so it is looked at before.

use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

/// True if standard output was open when the process began.
pub fn is_open() -> bool {
    !CLOSED.load(Ordering::Relaxed)
}

/// Called by the loader before `main`; it may rely on nothing that the standard library prepares.
extern "C" fn look() {
    if rustix::io::fcntl_getfd(std::io::stdout()).is_err() {
        CLOSED.store(true, Ordering::Relaxed);
    }
}

// SAFETY: the section holds addresses of functions with this signature. `look` asks about one descriptor and sets a flag.
#[cfg_attr(
    target_os = "macos",
    allow(unsafe_code),
    unsafe(link_section = "__DATA,__mod_init_func")
)]
#[cfg_attr(not(target_os = "macos"), allow(unsafe_code), unsafe(link_section = ".init_array"))]
#[used]
static LOOK: extern "C" fn() = look;
