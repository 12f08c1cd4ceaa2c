//! What a document needs before a data stream takes it.

use plugin_sdk::{Fault, json_lines, time};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// The longest `_id`, in bytes; a longer one makes Elasticsearch refuse the whole request.
const ID_BYTES: usize = 512;

#[derive(Deserialize)]
struct Times {
    #[serde(rename = "@timestamp")]
    timestamp: Option<IgnoredAny>,
    time: Option<Value>,
}

/// The document in one line, with an `@timestamp` where it has none but a `time`.
///
/// # Errors
///
/// Where it is no JSON object.
pub fn with_timestamp(document: &str) -> Result<String, Fault> {
    let compact = json_lines::compact(document);
    let no_object = || Fault::internal("a document is no JSON object");
    let members = compact.strip_prefix('{').ok_or_else(no_object)?;
    let times: Times = serde_json::from_str(&compact).map_err(|_| no_object())?;
    let time = match (times.timestamp, times.time) {
        (None, Some(Value::String(text))) => time::parse(&text).ok(),
        (None, Some(number)) => number.as_i64(),
        _ => None,
    };
    let Some(time) = time.and_then(time::rfc3339) else {
        return Ok(compact);
    };
    let comma = if members == "}" { "" } else { "," };
    Ok(format!(r#"{{"@timestamp":"{time}"{comma}{members}"#))
}

/// The `_id` of a document. One that is too long keeps its beginning, and the rest becomes a hash: still the same for the
/// same event. Without an id Elasticsearch makes one up.
pub fn id(id: &str) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    if id.len() <= ID_BYTES {
        return Some(id.to_owned());
    }
    // FNV-1a, 128 bits.
    let hash = id
        .bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
    let kept = id.get(..id.floor_char_boundary(ID_BYTES - 33)).unwrap_or_default();
    Some(format!("{kept}-{hash:032x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_timestamp_comes_from_the_time() {
        for (document, expected) in [
            (
                r#"{ "time": 1525902954890, "a b": "c\n d" }"#,
                r#"{"@timestamp":"2018-05-09T21:55:54.890Z","time":1525902954890,"a b":"c\n d"}"#,
            ),
            (
                r#"{"time":"2018-05-09T21:55:54.890Z"}"#,
                r#"{"@timestamp":"2018-05-09T21:55:54.890Z","time":"2018-05-09T21:55:54.890Z"}"#,
            ),
            (r#"{"@timestamp":"x","time":0}"#, r#"{"@timestamp":"x","time":0}"#),
            (r#"{"time":"soon"}"#, r#"{"time":"soon"}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(with_timestamp(document), Ok(expected.into()), "{document}");
        }
        for document in ["", "[]", "[0, 1]", "{", "null"] {
            assert!(with_timestamp(document).is_err(), "{document}");
        }
    }

    #[test]
    fn a_long_id_is_shortened_and_stays_its_own() {
        assert_eq!(id(""), None);
        assert_eq!(id("e1").as_deref(), Some("e1"));
        let long = "é".repeat(400);
        let (one, other) = (id(&format!("{long}1")).unwrap(), id(&format!("{long}2")).unwrap());
        assert!(one.len() <= ID_BYTES && one != other);
        assert_eq!(id(&format!("{long}1")), Some(one));
    }
}
