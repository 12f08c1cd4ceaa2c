//! The process ends where it hurts, and the next run carries on: nothing lost, nothing doubled, no second job.
//!
//! `walk` ends it at every named place in turn, once with a receiver of batches, once with files, and once each while
//! sinks fall behind and while they catch up. `random` kills it at random times during runs of all reports to all kinds of sinks,
//! with faults at the server, and in every third stream with a sink that is down for some of the runs:
//!
//! `CRASHES=1000 cargo test -p tests --test crash -- --ignored --nocapture`, or `CRASH_SECONDS=300`; `CRASH_SEED` repeats
//! what a failure printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod held;
mod random;
mod scene;
mod walk;
