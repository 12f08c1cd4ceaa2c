//! The progress of a fetch, told while it runs.

use std::sync::Arc;
use std::time::Duration;

/// Hears how a fetch gets on. Every method does nothing unless implemented; none may block.
pub trait FetchProgress: Send + Sync {
    /// A job exists on the server. `link` is where its status can be asked, relative to the origin: what a later run
    /// needs to adopt the job.
    fn submitted(&self, link: &str) {
        let _ = link;
    }

    /// Nobody knows whether a job exists that writes this file: it is looked for, so long at most.
    fn searching(&self, file: &str, longest: Duration) {
        let _ = (file, longest);
    }

    /// The job's status was asked so many times.
    fn polled(&self, polls: u64) {
        let _ = polls;
    }

    /// So many bytes of the document have arrived, of so many where the server says.
    fn received(&self, bytes: u64, total: Option<u64>) {
        let _ = (bytes, total);
    }

    /// So many records of a paged query have arrived, of so many where the server says.
    fn records(&self, records: u64, total: Option<u64>) {
        let _ = (records, total);
    }

    /// Something went wrong that does not stop the fetch.
    fn warned(&self, message: &str) {
        let _ = message;
    }
}

/// Nobody listens.
impl FetchProgress for () {}

/// A listener that may be shared.
pub(super) type Listener = Arc<dyn FetchProgress>;
