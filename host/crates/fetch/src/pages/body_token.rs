//! The token of the next page where it is a member of the page's body.

use std::io::Read;

use serde_json::Value;

use super::body::PageBody;
use super::listing::malformed;
use super::{members, spooled_page};
use crate::error::FetchError;
use crate::records::salvage;
use crate::records::values::ValuesError;
use crate::spool::Spooled;

/// The token at the end of that path of members, wherever in the page it is; none where there is none, it is `null` or empty.
/// `records` is the path of the records. Blocking.
///
/// # Errors
///
/// Fails where it cannot be told whether there is one: a list must not end in silence.
pub(super) fn read(
    body: &PageBody,
    path: &[String],
    records: Option<&[String]>,
    record_bytes: u64,
) -> Result<Option<String>, FetchError> {
    let strict = match body {
        PageBody::Held { bytes, .. } => members::token(bytes, path).map_err(malformed),
        PageBody::Spooled(body) => spooled(body, path, record_bytes),
    };
    strict.or_else(|why| match (path, records, body) {
        ([name], Some([records]), PageBody::Held { bytes, .. }) => {
            salvaged(&bytes[..], name, records, record_bytes).ok_or(why)
        }
        ([name], Some([records]), PageBody::Spooled(body)) => {
            salvaged(body.reader(), name, records, record_bytes).ok_or(why)
        }
        _ => Err(why),
    })
}

fn spooled(body: &Spooled, path: &[String], record_bytes: u64) -> Result<Option<String>, FetchError> {
    match at_path(body, path, record_bytes) {
        Ok(found) => members::token_text(found.as_deref(), path).map_err(malformed),
        Err(ValuesError::Form(why)) => Err(malformed(members::unreadable_token(why))),
        Err(ValuesError::Io(error)) => Err(error.into()),
        Err(ValuesError::Taker(error)) => Err(error),
    }
}

/// The member at the end of a path in a page that is JSON throughout.
fn at_path(body: &Spooled, path: &[String], record_bytes: u64) -> Result<Option<String>, ValuesError> {
    let mut values = spooled_page::reader(body, record_bytes)?;
    let found = values.at_path(path)?;
    values.end()?;
    Ok(found)
}

/// The token beside records of which some are broken; none where it cannot be told either.
fn salvaged(body: impl Read, name: &str, records: &str, record_bytes: u64) -> Option<Option<String>> {
    let name = name.to_ascii_lowercase();
    let told = salvage::list(body, Some(records), record_bytes, |told| told == name, |_| Ok(()));
    match told.ok()?.members.get(&name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(token)) => Some(Some(token.clone()).filter(|token| !token.is_empty())),
        Some(Value::Number(number)) => Some(Some(number.to_string())),
        Some(_) => None,
    }
}
