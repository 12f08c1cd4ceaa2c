//! Plans carried out against servers that do as they like.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod download;
mod faults;
mod flow;
mod pages;
mod pages_ahead;
mod pages_kept;
mod pages_spooled;
mod polled_lists;
