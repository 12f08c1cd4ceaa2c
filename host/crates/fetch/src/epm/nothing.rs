//! A document that says in words that there are no rows: `No records found`, alone, below a header, or in JSON.
//!
//! Only a document without any row is taken so: a row may well hold such words.

use serde_json::Value;

use super::envelope::{self, Status};
use super::words::says_nothing_there;

/// The longest document that is looked at, in bytes: a longer one holds more than such words.
pub(crate) const LONGEST: u64 = 4096;

/// With which words a whole document says that there is nothing.
pub(crate) fn said_by_document(document: &[u8]) -> Option<String> {
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document).trim_ascii();
    if let Ok(value) = serde_json::from_slice::<Value>(document)
        && (value.is_object() || value.is_array())
    {
        return said_by(&value);
    }
    let text = std::str::from_utf8(document).ok()?;
    let mut lines = text
        .split(['\r', '\n'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .peekable();
    let identifier = lines.next_if(|line| is_identifier(line));
    match (lines.next(), lines.next(), lines.next()) {
        (None, None, None) => identifier.map(|_| "nothing but the application's identifier".to_owned()),
        (Some(words), None, None) => phrase(words),
        (Some(header), Some(words), None) if header.contains(',') => phrase(words),
        _ => None,
    }
}

/// With which words a JSON value says that there is nothing: as a text, as the only element of a list, or as what an object
/// says that holds nothing else and tells no failure.
pub(crate) fn said_by(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => says_nothing_there(text).then(|| text.trim().to_owned()),
        Value::Array(list) => match list.as_slice() {
            [only @ (Value::String(_) | Value::Object(_))] => said_by(only),
            _ => None,
        },
        Value::Object(object) => {
            let mut words = None;
            for (name, value) in object {
                match (name.to_ascii_lowercase().as_str(), value) {
                    (_, Value::Null) | ("links", _) => {}
                    (_, Value::Array(list)) if list.is_empty() => {}
                    ("status", value) if envelope::status(value) == Some(Status::Done) => {}
                    ("message" | "details" | "detail", value) => {
                        let said = match value {
                            Value::Object(_) => None,
                            value => said_by(value),
                        };
                        words = Some(said?);
                    }
                    _ => return None,
                }
            }
            words
        }
        _ => None,
    }
}

/// A line that has one cell, which says that there is nothing.
fn phrase(line: &str) -> Option<String> {
    let cell = line.trim_end_matches(',').trim_matches('"').trim();
    let one = !cell.contains(',') && !cell.contains('"');
    (one && says_nothing_there(cell)).then(|| cell.to_owned())
}

/// True if a line is the encrypted identifier that stands before the header of a report, in quotes.
fn is_identifier(line: &str) -> bool {
    let inner = line.strip_prefix('"').and_then(|line| line.strip_suffix('"'));
    inner.is_some_and(|inner| {
        !inner.contains(|c: char| c.is_whitespace() || c == '"' || c == ',')
            && inner.contains(|c: char| c.is_ascii_digit() || "=+/".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_document_without_a_row_says_that_there_is_nothing() {
        for (document, nothing) in [
            ("No records found", true),
            ("\u{feff}\r\n\"No records found.\"\r\n", true),
            ("\"4fB==\"\r\n", true),
            ("\"4fB==\"\r\nNo data found for the given dates\r\n", true),
            ("\"4fB==\"\r\nUser Name,Date\r\nNo records found\r\n", true),
            ("User Name,Date\nNo records found,\n", true),
            (r#"{"message": "No records found"}"#, true),
            (
                r#"{"status":"0","details":["No records found"],"links":[],"items":null}"#,
                true,
            ),
            (r#"["No records found"]"#, true),
            (r#"[{"message":"No records found"}]"#, true),
            ("User Name,Date\njdoe,no data\n", false),
            ("User Name,Date\nNo records found\njdoe,1\n", false),
            ("User Name\nNo records found\n", false),
            ("\"Password\"", false),
            ("The database failed, no data", false),
            (r#"{"message":"No records found: access denied"}"#, false),
            (r#"{"status":1,"details":"No records found"}"#, false),
            (r#"{"user":"No data","message":"No records found"}"#, false),
            (r#"{"details":[{"user":"no data"}]}"#, false),
            (r#"{"details":{"message":"no data"}}"#, false),
            (r#"["No records found","x"]"#, false),
            ("", false),
        ] {
            assert_eq!(said_by_document(document.as_bytes()).is_some(), nothing, "{document}");
        }
    }
}
