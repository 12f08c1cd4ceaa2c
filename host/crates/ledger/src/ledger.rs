//! The contract of a ledger: documents by key, compare-and-swap, and claims.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Document, LedgerError, Revision, Stream};

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

    /// The keys that begin so, each with the revision of its document, by key: for documents that are many or long.
    async fn keys(&self, prefix: &str) -> Result<Vec<(String, Revision)>, LedgerError> {
        let found = self.list(prefix).await?;
        Ok((found.into_iter())
            .map(|document| (document.key, document.revision))
            .collect())
    }

    /// Claims a key for one holder at a time, in whatever process.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Claimed`] at once, where somebody holds it.
    async fn claim(&self, key: &str) -> Result<Claim, LedgerError>;
}

impl Stream {
    /// Claims the stream for one run at a time.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Claimed`] at once, where another run collects it.
    pub async fn claim(&self, ledger: &dyn Ledger) -> Result<Claim, LedgerError> {
        ledger.claim(&self.key()).await.map_err(|error| match error {
            LedgerError::Claimed { holder, .. } => LedgerError::Claimed {
                what: self.to_string(),
                holder,
            },
            error => error,
        })
    }
}
