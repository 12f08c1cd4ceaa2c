//! The C library's allocator, told to keep little of what was freed.
//!
//! glibc gives every thread an arena of its own, up to eight for each processor, and keeps in each what was freed there: a run whose
//! events take 11 MiB at once held 22, and 36 after compiling a plugin. Two arenas, for one thread that makes events and one that
//! writes them out, and buffers of 256 KiB and more straight from the system keep that to a third and cost no time. Other C libraries
//! are left as they are.

/// Arenas for all threads together.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: i32 = 2;
/// Bytes: what is larger comes from the system and goes back there, and no more than that stays free at the end of an arena.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 256 * 1024;

/// Bounds what the allocator keeps. To be called before there are threads; whoever sets one of `MALLOC_ARENA_MAX`,
/// `MALLOC_MMAP_THRESHOLD_` and `MALLOC_TRIM_THRESHOLD_` in the environment is right about it. True unless the allocator refuses.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn bound() -> bool {
    let bounds = [
        ("MALLOC_ARENA_MAX", libc::M_ARENA_MAX, ARENAS),
        ("MALLOC_MMAP_THRESHOLD_", libc::M_MMAP_THRESHOLD, KEPT),
        ("MALLOC_TRIM_THRESHOLD_", libc::M_TRIM_THRESHOLD, KEPT),
    ];
    let open = |name: &str| std::env::var_os(name).is_none();
    bounds
        .into_iter()
        .filter(|(name, ..)| open(name))
        .all(|(_, parameter, value)| {
            // SAFETY: mallopt(3) takes two numbers, and sets a parameter of the allocator under its own lock.
            #[allow(unsafe_code)]
            unsafe {
                libc::mallopt(parameter, value) == 1
            }
        })
}

/// Gives back to the system what was freed: after work that took much memory and will not come again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    // SAFETY: malloc_trim(3) takes a number, and lets go of free pages only.
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Nothing: this allocator has no such bounds.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn bound() -> bool {
    true
}

/// Nothing: this allocator cannot be told to.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocator_takes_every_bound() {
        assert!(bound());
        give_back();
    }
}
