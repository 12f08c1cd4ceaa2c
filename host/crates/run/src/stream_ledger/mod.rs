//! What is durable of a stream: its record, the ids of its events, how far its sinks are.
//!
//! A [`StreamLedger`] holds the record for the time of a run, [`changes`] writes what is asked for at the same time together,
//! [`shelf`] keeps the ids, and a [`Checkpoint`] says how far one sink is. Each change has a name among the [`DurableChange`]s.

mod checkpoint;
mod dedup_store;
mod durable;
mod group_commit;
mod stream;

pub(crate) use checkpoint::{Checkpoint, CheckpointError, SharedCheckpoint};
pub use durable::DurableChange;
pub use stream::{StreamFacts, StreamLedger};
