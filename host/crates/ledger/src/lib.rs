//! What is committed, what is in flight, how far each sink is: kept so that a run may end at any instant.
//!
//! A [`Ledger`] keeps documents by key, each with a revision, and changes one only for whoever knows its latest
//! revision. That is all it does, so that any key-value store with compare-and-swap can stand behind it;
//! [`SqliteLedger`] is the one that comes with the program. `conformance.rs` is its contract as tests.
//!
//! What the documents say is decided here too: the [`Record`] of a [`Stream`] holds whatever must change together (the
//! watermark, the periods covered, the windows in flight), and a [`DeliveryProgress`] for each sink holds what changes with every
//! batch. The ids of recent events, which are many, are documents of their own that the record names by their SHA-256
//! ([`KnownIds`]): whoever reads the record and what it names reads what was written together.
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

mod check;
#[cfg(test)]
mod conformance;
mod error;
mod form;
mod holder;
mod interval;
mod known_ids;
mod look_back;
pub mod memory;
mod presence;
mod progress;
mod record;
mod schema;
pub mod spool;
mod sqlite;
mod stream;

pub use error::LedgerError;
pub use holder::Holder;
pub use interval::{Interval, merged, without};
pub use known_ids::{DayIds, IdSetRef, KnownIds, NewIds, ShortId};
pub use look_back::{LookBack, Tier};
pub use progress::{DeliveryProgress, Intent, Reached};
pub use record::{Dead, FetchState, InFlight, Kept, Record, WindowEnd};
pub use sqlite::SqliteLedger;
pub use stream::Stream;

use async_trait::async_trait;
use bytes::Bytes;

/// Names one state of one document. A later state has a greater one, also after the document was removed and made anew.
pub type Revision = u64;

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its key.
    pub key: String,
    /// What it takes to change it.
    pub revision: Revision,
    /// What it says: JSON, but for ids.
    pub body: Bytes,
}

/// Held while a key is claimed; dropping it, or the end of the process, gives the key free.
pub type Claim = Box<dyn std::any::Any + Send + Sync>;

/// Durable documents with compare-and-swap.
///
/// Keys are letters, digits, `-` and `.`. When a change returns, it outlives a crash of the process and of the machine.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The document under this key.
    async fn load(&self, key: &str) -> Result<Option<Document>, LedgerError>;

    /// Writes the document if its revision is still `expected`, none for a document that must not be there yet. Says
    /// the new revision.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Conflict`] where somebody else was faster; nothing has changed then.
    async fn swap(&self, key: &str, expected: Option<Revision>, body: Bytes) -> Result<Revision, LedgerError>;

    /// Removes the document if its revision is still `expected`.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Conflict`], as with [`swap`](Ledger::swap).
    async fn remove(&self, key: &str, expected: Revision) -> Result<(), LedgerError>;

    /// All documents whose keys begin so, by key.
    async fn list(&self, prefix: &str) -> Result<Vec<Document>, LedgerError>;

    /// Claims a key for one holder at a time, in whatever process.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Claimed`] at once, where somebody holds it.
    async fn claim(&self, key: &str) -> Result<Claim, LedgerError>;
}
