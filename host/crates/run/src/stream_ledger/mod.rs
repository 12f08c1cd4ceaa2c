//! What is durable of a stream: its record, the ids of its events, how far its sinks are.
//!
//! A [`StreamLedger`] holds the record for the time of a run, [`changes`] writes what is asked for at the same time together,
//! [`shelf`] keeps the ids, and a [`Checkpoint`] says how far one sink is. Each change has a name among the [`DurableChange`]s.

mod checkpoint;
mod commit;
mod dedup_store;
mod drop_sink;
mod durable;
mod facts;
mod group_commit;
mod stream;

pub(crate) use checkpoint::{Checkpoint, CheckpointError, SharedCheckpoint};
pub(crate) use commit::WindowAnswers;
pub use drop_sink::drop_sink;
pub use durable::DurableChange;
pub use facts::{PlaceNews, SinkFact, StreamFacts};
pub use stream::StreamLedger;
