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
    strict.or_else(|why| match (records, body) {
        (Some(records), PageBody::Held { bytes, .. }) => salvaged(&bytes[..], path, records, record_bytes).ok_or(why),
        (Some(records), PageBody::Spooled(body)) => salvaged(body.reader(), path, records, record_bytes).ok_or(why),
        (None, _) => Err(why),
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
fn salvaged(body: impl Read, path: &[String], records: &[String], record_bytes: u64) -> Option<Option<String>> {
    // How many objects on the way to the records are on the way to the token too.
    let (_, around) = records.split_last()?;
    let level = (path.iter().zip(around))
        .take_while(|(one, other)| one.eq_ignore_ascii_case(other))
        .count();
    let (name, within) = path.get(level..)?.split_first()?;
    let name = name.to_ascii_lowercase();
    let wanted = |of: usize, told: &str| of == level && told == name;
    let told = salvage::list(body, Some(records), record_bytes, wanted, |_| Ok(())).ok()?;
    let Some(mut token) = told.levels.get(level).and_then(|members| members.get(&name)) else {
        return Some(None);
    };
    for member in within {
        let members = match token {
            Value::Null => return Some(None),
            Value::Object(members) => members,
            _ => return None,
        };
        let found = members.iter().find(|(name, _)| name.eq_ignore_ascii_case(member));
        let Some((_, value)) = found else { return Some(None) };
        token = value;
    }
    match token {
        Value::Null => Some(None),
        Value::String(token) => Some(Some(token.clone()).filter(|token| !token.is_empty())),
        Value::Number(number) => Some(Some(number.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_beside_a_broken_record_is_found_wherever_it_lies() {
        let path = |text: &str| -> Vec<String> { text.split('.').map(str::to_owned).collect() };
        let body = br#"{"next":"n0","paging":{"Next":"n1"},"data":{"next":"n2","items":[{"a":"x"y"}],"n":{"x":7}},"none":null}"#;
        for (token, found) in [
            ("next", Some(Some("n0"))),
            ("paging.next", Some(Some("n1"))),
            ("data.next", Some(Some("n2"))),
            ("DATA.n.x", Some(Some("7"))),
            ("none", Some(None)),
            ("none.x", Some(None)),
            ("data.gone", Some(None)),
            ("paging.gone", Some(None)),
            // An object is no token.
            ("paging", None),
            ("data", None),
        ] {
            let salvaged = salvaged(&body[..], &path(token), &path("data.items"), 100);
            assert_eq!(salvaged, found.map(|token| token.map(str::to_owned)), "{token}");
        }
    }
}
