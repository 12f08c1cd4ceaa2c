//! Checkpoints that a fetch writes down before it continues, so that another process can take it up.

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;

use super::received_document::{ReceivedDocument, WindowPlace};

/// The progress of a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FetchStage {
    /// Nothing was sent.
    #[default]
    Start,
    /// The request that creates the job is about to be sent, or was.
    Submitting,
    /// The job exists.
    Submitted {
        /// The link at which the job's status can be asked, relative to the origin.
        link: String,
    },
    /// The job was still running when it was asked.
    Waiting {
        /// The link at which the job's status can be asked.
        link: String,
        /// The number of times that the status was asked for.
        polls: u64,
        /// The time at which the status is asked for next.
        next: Timestamp,
    },
    /// The job ended well: its file is on the server.
    Ready {
        /// The job's id.
        job: Option<String>,
        /// The number of times that the status was asked for.
        polls: u64,
        /// The files that its last answer named.
        files: Vec<String>,
    },
}

/// Keeps how far a fetch is. The fetch goes on once it is kept, and fails where it cannot be.
#[async_trait]
pub trait FetchCheckpoint: Send + Sync {
    /// The fetch is so far. Between this and the next point, it may end at any instant.
    async fn reached(&self, point: FetchStage) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// The path of the document that the fetch is to become; what was read of a list is kept beside it. None where nothing is
    /// kept.
    fn document_place(&self) -> Option<PathBuf> {
        None
    }

    /// The place of the document in its run, where it has one.
    fn window_place(&self) -> Option<WindowPlace> {
        None
    }

    /// A document has come whole, as the server sent it. The fetch goes on once whoever wants it has it, and fails where that
    /// cannot be.
    async fn received(&self, _document: ReceivedDocument) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }

    /// Notes that a job is created once more: whether it was created before cannot be known, and its file did not appear.
    fn unsure(&self) {}
}

/// Nothing is kept.
#[async_trait]
impl FetchCheckpoint for () {
    async fn reached(&self, _: FetchStage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}
