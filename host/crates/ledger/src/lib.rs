//! Durable progress: which periods are committed, which windows are in flight, how far each sink is; kept so that a run may end
//! at any instant.
//!
//! A [`Ledger`] keeps documents by key, each with a revision, and changes one only for whoever knows its latest
//! revision. That is all it does, so that any key-value store with compare-and-swap can stand behind it;
//! [`SqliteLedger`] is the one that comes with the program. `conformance.rs` is its contract as tests.
//!
//! The content of the documents is decided here too: the [`Record`] of a [`Stream`] holds whatever must change together (the
//! watermark, the periods covered, the windows in flight), and a [`DeliveryProgress`] for each sink holds what changes with every
//! batch. The ids of recent events, which are many, are documents of their own that the record names by their SHA-256
//! ([`KnownIds`]): whoever reads the record and what it names reads what was written together.
//!
//! The file of a [`SqliteLedger`] holds the last runs of each stream too, in a table beside the documents: a [`RunHistory`] is for
//! whoever wants to know how they ended. It is no part of the contract above, because no run reads it and no promise stands on it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use ledger::{Ledger, Record, SqliteLedger, Stream};
//!
//! let folder = tempfile::tempdir()?;
//! let ledger = SqliteLedger::open(folder.path().join("ledger.db"))?;
//! let stream = Stream::new("epm", "user-login", &[]);
//! let _claim = ledger.claim(&stream.key()).await?;
//! let record = Record::new(stream.clone());
//! let revision = ledger.swap(&stream.key(), None, record.encode()?).await?;
//! assert_eq!(ledger.load(&stream.key()).await?.map(|document| document.revision), Some(revision));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod conformance;
mod document;
mod error;
mod form;
mod holder;
mod interval;
mod known_ids;
mod ledger;
mod look_back;
pub mod memory;
mod named;
mod past_run;
mod place;
mod progress;
mod record;
pub mod spool;
mod sqlite;
mod stream;
mod window;

pub use document::{Document, Revision};
pub use error::LedgerError;
pub use holder::Holder;
pub use interval::{Interval, merged, without};
pub use known_ids::{DayIds, IdSetRef, KnownIds, NewIds, ShortId};
pub use ledger::{Claim, Ledger};
pub use look_back::{LookBack, Tier};
pub use past_run::{PastRun, RunEnd, RunFacts, RunPlugin, RunSelection, RunState, SinkTotals, StreamTest};
pub use place::{PartDelivery, SinkPlace, SinkStatus};
pub use progress::{DeliveryProgress, Intent, Reached};
pub use record::Record;
pub use sqlite::{ClosedLedger, LedgerExclusion, ListedRun, RunHistory, SqliteLedger};
pub use stream::Stream;
pub use window::{Dead, FetchState, InFlight, Kept, WindowEnd};
