//! The sandbox from outside: what loads, what a good guest gets, and what every kind of bad guest gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod apart;
mod fit;
mod guests;
mod limits;
mod load;
mod mutate;
mod packed;
mod released;
mod report;
mod settlement;
mod sink;
mod wasi;
