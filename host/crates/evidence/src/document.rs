//! A document that is to be kept, and the trait of those who keep it.

use std::fmt;
use std::io::Read;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::EvidenceError;

/// The bytes that a document consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentContent {
    /// The file that a job wrote, as it was downloaded; an archive as it is.
    File,
    /// The body of one answer.
    Answer,
    /// The records of all pages of a list, one JSON text a line.
    Records,
}

/// The request that brought a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRequest {
    /// The method.
    pub method: String,
    /// Path and query, without secrets; of a list, those of the first page.
    pub target: String,
    /// The status of the answer; none of a list, whose pages were all answered with a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The `Date` of the answer, as the server wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// The window of a run that a document belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceWindow {
    /// The window's name.
    pub name: String,
    /// The place of the fetch in the plan.
    pub fetch: usize,
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The instant behind the last.
    pub to: Option<Timestamp>,
}

/// The stream that a document belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceStream {
    /// The digest under which the ledger keeps the stream.
    pub id: String,
    /// The stream's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The report's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// The parameters by name.
    pub parameters: Vec<(String, String)>,
}

/// A document that is to be kept.
pub struct EvidenceDocument {
    /// The window that it belongs to.
    pub window: EvidenceWindow,
    /// The bytes that it consists of.
    pub content: DocumentContent,
    /// The request that brought it.
    pub request: EvidenceRequest,
    /// The server's clock when it was there, by all of the server's answers.
    pub server_clock: Option<Timestamp>,
    /// The clock of this machine.
    pub host_clock: Timestamp,
    /// The run's id.
    pub run: String,
    /// SHA-256 of the plugin's component, hexadecimal.
    pub plugin: String,
    /// The stream that it belongs to.
    pub stream: EvidenceStream,
    /// The bytes as they were received.
    pub bytes: Box<dyn Read + Send>,
}

impl fmt::Debug for EvidenceDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvidenceDocument")
            .field("stream", &self.stream)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// Keeps documents as evidence.
#[async_trait]
pub trait EvidenceStore: Send + Sync {
    /// Keeps a document and its line in the manifest. Both outlive the machine's end once this returns.
    ///
    /// # Errors
    ///
    /// Where it cannot be kept.
    async fn keep(&self, document: EvidenceDocument) -> Result<(), EvidenceError>;
}
