//! Documents as servers send them, before anything is made of them: for whoever keeps them as evidence.

use jiff::Timestamp;

use super::spool::{SpoolReader, Spooled};

/// The form of a document that has come whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentForm {
    /// The file that a job wrote, as it was downloaded; an archive is not opened yet.
    File,
    /// The body of one answer; its records are not taken out yet.
    Answer,
    /// The records of all pages of a list, one JSON text a line: what stands around them in each page is left out.
    Records,
}

/// A request that was answered with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// The method.
    pub method: String,
    /// Path and query, without secrets.
    pub target: String,
    /// The status of the answer; none where there were several answers, each of them a success.
    pub status: Option<u16>,
    /// The `Date` of the answer, as the server wrote it.
    pub date: Option<String>,
}

/// A document as the server sent it, decoded as its transport says and not further.
#[derive(Debug, Clone)]
pub struct ReceivedDocument {
    pub(super) document: Spooled,
    /// The form that it has.
    pub form: DocumentForm,
    /// The request that brought it; the first of several.
    pub request: AnsweredRequest,
    /// The server's clock when it was there, by all answers so far.
    pub server_clock: Option<Timestamp>,
}

impl ReceivedDocument {
    /// A reader from the start. Unbuffered.
    pub fn open(&self) -> SpoolReader {
        self.document.reader()
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.document.len()
    }

    /// True if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The place of a document in its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPlace {
    /// The window's name.
    pub window: String,
    /// The place of the fetch in the plan.
    pub fetch: usize,
    /// The first instant of the window.
    pub from: Timestamp,
    /// The instant behind the window.
    pub to: Timestamp,
}
