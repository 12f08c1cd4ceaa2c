//! Records above the rows that are not a header, and what is said of a document that has none or is not whole.

use crate::header::HeaderRow;
use crate::{Fault, nothing};

/// The number of records that are tried as the header.
const HEADER_WITHIN: usize = 8;

/// The place of a reader in its document: above the header, or below it.
pub(super) enum TableStage {
    /// The records so far, which are not a header: known columns, missing ones, and the record.
    Preamble(Vec<(usize, Vec<&'static str>, String)>),
    Rows(HeaderRow),
}

pub(super) fn not_a_header(
    seen: &mut Vec<(usize, Vec<&'static str>, String)>,
    known: usize,
    missing: Vec<&'static str>,
    raw: &[u8],
) -> Result<(), Fault> {
    let mut shown: String = String::from_utf8_lossy(raw).trim_end().chars().take(200).collect();
    if shown.len() < raw.trim_ascii_end().len() {
        shown.push('…');
    }
    seen.push((known, missing, shown));
    if seen.len() < HEADER_WITHIN {
        Ok(())
    } else {
        Err(no_header(seen))
    }
}

/// True where a document that has no header says that it has no rows, or holds only the identifier.
pub(super) fn has_no_rows(seen: &[(usize, Vec<&'static str>, String)]) -> bool {
    match seen {
        [(_, _, only)] => nothing::is_identifier(only) || nothing::is_said_by(only),
        [(_, _, first), (_, _, said)] => nothing::is_identifier(first) && nothing::is_said_by(said),
        _ => false,
    }
}

pub(super) fn no_header(seen: &[(usize, Vec<&'static str>, String)]) -> Fault {
    // The record that is most like a header, the first of equals.
    let best = seen.iter().rev().max_by_key(|(known, _, _)| *known);
    let (missing, shown) = best.map_or((String::new(), ""), |(_, missing, shown)| {
        (missing.join(" and no "), shown)
    });
    let missing = if missing.is_empty() { "known".into() } else { missing };
    Fault::malformed_document(format!("the report has no {missing} column: its header is \"{}\"", shown.escape_debug()))
        .hint("open an issue with the first lines of the file, with names and addresses replaced, so that its columns can be added")
}

/// A document whose last row is not whole.
pub(super) fn breaks_off(line: u64) -> Fault {
    Fault::malformed_document(format!("the document breaks off in line {line}"))
        .hint("fetch it again: what has arrived is only a part of the report")
}
