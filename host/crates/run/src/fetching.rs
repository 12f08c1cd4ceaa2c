//! The requests of a run to a connection: documents, from wherever an earlier run left them.

use async_trait::async_trait;
use jiff::SignedDuration;

use fetch::{Cleanup, FetchCheckpoint, FetchError, FetchStage, Fetched, Fetcher};
use remote::Counters;

/// Carries out fetches over one connection.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Carries out one fetch from the point that an earlier process reached, and writes to the journal how far it is.
    ///
    /// # Errors
    ///
    /// Where the server or the network fails, and where the journal does.
    async fn fetch_from(
        &self,
        fetch: &sandbox::Fetch,
        from: FetchStage,
        journal: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError>;

    /// Removes what a fetch left on the server. That it is still there is no failure of the run.
    async fn clean_up(&self, cleanup: &Cleanup);

    /// By how much the server's clock is ahead of this machine's, where its answers told.
    fn clock_offset(&self) -> Option<SignedDuration>;

    /// The counts of what was exchanged so far.
    fn counters(&self) -> Counters;
}

#[async_trait]
impl Fetch for Fetcher {
    async fn fetch_from(
        &self,
        fetch: &sandbox::Fetch,
        from: FetchStage,
        journal: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError> {
        Fetcher::fetch_from(self, fetch, from, journal).await
    }

    async fn clean_up(&self, cleanup: &Cleanup) {
        Fetcher::clean_up(self, cleanup).await;
    }

    fn clock_offset(&self) -> Option<SignedDuration> {
        Fetcher::clock_offset(self)
    }

    fn counters(&self) -> Counters {
        Fetcher::counters(self)
    }
}
