//! How far a sink is in the windows in flight. It changes with every batch, so it has a document of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::LedgerError;

/// The progress of a sink in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Of the events that go its way, so many from the start are answered for.
    pub events: u64,
    /// Of these, the batches.
    pub batches: u64,
    /// The id of the last of them: what is there in its place after a restart must be the same.
    pub last: Option<String>,
}

/// The progress of a sink in each window in flight, by the window's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryProgress {
    /// The sink's name.
    pub sink: String,
    /// The windows.
    pub windows: BTreeMap<String, Reached>,
    /// The thing that was about to appear when the sink was last heard of: whether it did can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
}

/// Bytes that a sink was about to show in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The file's absolute path; what is not printable ASCII is percent-encoded.
    pub path: String,
    /// Where in the file the bytes begin.
    pub offset: u64,
    /// How many.
    pub length: u64,
    /// Their SHA-256, hexadecimal.
    pub sha256: String,
    /// How far the sink is in these windows, if the bytes are there.
    pub windows: BTreeMap<String, Reached>,
}

impl DeliveryProgress {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Where it is none of ours.
    pub fn decode(key: &str, body: &[u8]) -> Result<DeliveryProgress, LedgerError> {
        serde_json::from_slice(body).map_err(|error| LedgerError::Document {
            key: key.to_owned(),
            problem: error.to_string(),
        })
    }

    /// The document.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn encode(&self) -> Result<Bytes, LedgerError> {
        let json = serde_json::to_vec(self).map(Bytes::from);
        json.map_err(|error| LedgerError::Internal(error.to_string()))
    }
}
