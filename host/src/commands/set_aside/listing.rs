//! `list` and `show`: a table for people, JSON for programs.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use serde::Serialize;
use serde_json::Value;

use super::store::SetAsideStore;
use crate::error::{CliError, Exit};
use crate::render::{json_line, print};
use sink::terminal;

/// Entries that `list` shows unless told otherwise.
const LISTED: usize = 100;

/// The form in which a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// At most this many.
    pub limit: Option<usize>,
    /// For programs, and all of them.
    pub json: bool,
    /// True where the process exits with 8 where there are any.
    pub exit_code: bool,
}

/// Lists what is selected: as JSON, as the lines that `table` makes of it, or, where there is nothing, as `nothing` says.
pub fn list<S: SetAsideStore>(
    store: &S,
    selection: &S::Selection,
    listing: Listing,
    nothing: &str,
    table: impl FnOnce(&[S::Entry]) -> String,
) -> Result<(), CliError> {
    let most = listing
        .limit
        .unwrap_or(if listing.json { usize::MAX >> 1 } else { LISTED });
    let entries = store.list(selection, most)?;
    let total = store.count(selection)?;
    if listing.json {
        let mut lines = Vec::new();
        for entry in &entries {
            lines.append(&mut json_line(entry)?);
        }
        print(&lines)?;
    } else if total == 0 {
        print(format!("{nothing}\n").as_bytes())?;
    } else {
        let mut text = table(&entries);
        if total > entries.len() as u64 {
            let _ = writeln!(text, "… {} of {total}; --limit shows more, --json all", entries.len());
        }
        print(text.as_bytes())?;
    }
    match listing.exit_code && total > 0 {
        true => Err(CliError::silent(Exit::Partial)),
        false => Ok(()),
    }
}

/// Shows one entry with its content, as JSON.
pub fn show(entry: &impl Serialize, content: Vec<(&str, Value)>) -> Result<(), CliError> {
    let text: Result<String, serde_json::Error> = (|| {
        let mut object = serde_json::to_value(entry)?;
        if let Some(object) = object.as_object_mut() {
            object.extend(content.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        serde_json::to_string_pretty(&object)
    })();
    let text = text.map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    let mut text = (text + "\n").into_bytes();
    if std::io::stdout().is_terminal() {
        terminal::defuse(&mut text, true);
    }
    print(&text)
}
