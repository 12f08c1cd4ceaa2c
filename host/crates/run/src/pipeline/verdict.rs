//! Whether a document with rejected rows may count as delivered.
//!
//! Rows that are rejected one by one are kept, and the rest goes on. A document of which little or nothing was understood
//! is another matter: it is most likely in a form that the plugin does not know, so its window stays open, and a later
//! run reads the same document again with whatever the plugin is then.

use std::fmt;

use base::counted::counted;
pub use connection::MaxRejected;
use event::Reject;

/// Characters of a row that an error shows.
const SHOWN: usize = 200;

/// A document too many of whose rows were rejected.
#[derive(Debug)]
pub struct TooManyRejected {
    /// The name of its file, where it came as one.
    pub file: Option<String>,
    /// Rows that became events.
    pub events: u64,
    /// Rows that did not.
    pub rejected: u64,
    /// The share that is allowed.
    pub most: MaxRejected,
    /// The document's header, where it has one.
    pub header: Option<String>,
    /// The first row that was rejected.
    pub first: Option<Reject>,
    /// True where a later run reads the same document again.
    pub waits: bool,
}

impl std::error::Error for TooManyRejected {}

impl fmt::Display for TooManyRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verdict(self.file.as_deref().unwrap_or("the answer")))?;
        if let Some(first) = &self.first {
            let raw = shortened(&first.raw);
            write!(f, "; the first is line {}: {}: {raw:?}", first.line, first.reason)?;
        }
        match &self.header {
            Some(header) => write!(f, "; its header: {:?}", shortened(header)),
            None => Ok(()),
        }
    }
}

impl TooManyRejected {
    /// The message without anything that the document says, nor its name, which the server may have given it.
    pub fn own_words(&self) -> String {
        self.verdict("the document")
    }

    fn verdict(&self, document: &str) -> String {
        let rows = counted(self.events + self.rejected, "row", "rows");
        match self.events {
            0 => format!("no event in {document}: its {rows} cannot be read by the plugin"),
            _ => format!(
                "{} of the {rows} of {document} cannot be read by the plugin, which is more than {}",
                self.rejected, self.most
            ),
        }
    }

    /// The advice for the user.
    pub fn hint(&self) -> String {
        let accept = "`--max-rejected any` accepts it as it is, and keeps the rows for `host rejected replay`";
        match self.waits {
            true => format!(
                "the period stays open and the document is kept: once the plugin is updated, run again and it is read again; {accept}"
            ),
            false => {
                format!("no file was removed from the server; update the plugin and run again; {accept}")
            }
        }
    }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
