//! The bytes that a parser gets of what a server sent.

use std::collections::HashMap;

use serde_json::value::RawValue;

use fetch::compact;
use sandbox::Fetch;

/// The document that the host makes of a body: where the plan asks for records, one a line.
pub(crate) fn document_of(fetch: &Fetch, body: Vec<u8>) -> Result<Vec<u8>, String> {
    match fetch {
        Fetch::Call(call) => match &call.records {
            Some(member) => of_members(&body, member),
            None => Ok(body),
        },
        Fetch::Pages(pages) => match &pages.records {
            Some(member) => of_members(&body, member),
            None => array(&body),
        },
        Fetch::Job(_) => Ok(body),
    }
}

fn of_members(body: &[u8], path: &[String]) -> Result<Vec<u8>, String> {
    let Some((member, below)) = path.split_first() else {
        return array(body);
    };
    let envelope: HashMap<String, &RawValue> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let inner = envelope
        .get(member)
        .ok_or_else(|| format!("it has no member {member:?}"))?;
    of_members(inner.get().as_bytes(), below)
}

fn array(json: &[u8]) -> Result<Vec<u8>, String> {
    let records: Vec<&RawValue> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let mut lines = Vec::with_capacity(json.len());
    for record in records {
        compact(record.get(), &mut lines).map_err(|error| error.to_string())?;
        lines.push(b'\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::{Call, HttpRequest, Method};

    #[test]
    fn records_stand_one_a_line_as_they_were_written() {
        let request = HttpRequest {
            method: Method::Get,
            path: vec![],
            query: vec![],
            headers: vec![],
            body: None,
        };
        let fetch = |records: Option<&str>| {
            Fetch::Call(Call {
                service: None,
                request: request.clone(),
                records: records.map(|name| vec![name.to_owned()]),
            })
        };
        let body = br#"{ "items": [ {"a": "x \" y", "b": 1.0}, 2 ], "more": {} }"#;
        assert_eq!(document_of(&fetch(None), body.to_vec()).unwrap(), body);
        let lines = document_of(&fetch(Some("items")), body.to_vec()).unwrap();
        assert_eq!(String::from_utf8(lines).unwrap(), "{\"a\":\"x \\\" y\",\"b\":1.0}\n2\n");
        assert!(document_of(&fetch(Some("none")), body.to_vec()).is_err());
    }
}
