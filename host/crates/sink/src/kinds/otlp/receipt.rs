//! The check that an answer of success is a receipt: `ExportLogsServiceResponse`, in protobuf or in JSON.
//!
//! Gateways, sign-in pages and catch-all routes answer with 200 as well, and have stored nothing.

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message as _;
use serde_json::{Map, Value};

/// The answer, none where it is something else. An empty body is a whole message without a field, and so a receipt by itself,
/// also where nobody says what it is (as with 204) or where it is said to be JSON, as frameworks do; a web page without a word
/// is none.
pub(super) fn read(media_type: Option<&str>, body: &[u8]) -> Option<ExportLogsServiceResponse> {
    let form = ReceiptForm::of(media_type, body)?;
    if body.is_empty() {
        return Some(ExportLogsServiceResponse::default());
    }
    match form {
        ReceiptForm::Protobuf => ExportLogsServiceResponse::decode(body).ok(),
        ReceiptForm::Json => json(body),
        // Bytes that nobody says what they are may be anything, and a field that is not known is then no field.
        ReceiptForm::Unnamed => ExportLogsServiceResponse::decode(body)
            .ok()
            .filter(|answer| answer.encode_to_vec() == body),
    }
}

enum ReceiptForm {
    Protobuf,
    Json,
    Unnamed,
}

impl ReceiptForm {
    fn of(media_type: Option<&str>, body: &[u8]) -> Option<ReceiptForm> {
        match media_type {
            Some("application/x-protobuf" | "application/protobuf" | "application/vnd.google.protobuf") => {
                Some(ReceiptForm::Protobuf)
            }
            Some("application/json") => Some(ReceiptForm::Json),
            // What servers say where their author said nothing.
            None | Some("application/octet-stream" | "text/plain") => {
                match without_mark(body).trim_ascii_start().starts_with(b"{") {
                    true => Some(ReceiptForm::Json),
                    false => Some(ReceiptForm::Unnamed),
                }
            }
            Some(_) => None,
        }
    }
}

/// The message in JSON, by the mapping of protobuf: names in either spelling, 64-bit numbers as texts or as numbers, and null
/// for what is not there. Fields that are not known are left out, as the specification has it, but for those in which
/// interfaces say that they failed.
fn json(body: &[u8]) -> Option<ExportLogsServiceResponse> {
    let answer: Map<String, Value> = serde_json::from_slice(without_mark(body)).ok()?;
    let failed = ["error", "errors", "code", "message"]
        .iter()
        .any(|name| answer.get(*name).is_some_and(|value| !is_nothing(value)));
    if failed {
        return None;
    }
    let partial_success = match field(&answer, "partialSuccess", "partial_success") {
        None => None,
        Some(Value::Object(partial)) => Some(ExportLogsPartialSuccess {
            rejected_log_records: match field(partial, "rejectedLogRecords", "rejected_log_records") {
                None => 0,
                Some(number) => integer(number)?,
            },
            error_message: match field(partial, "errorMessage", "error_message") {
                None => String::new(),
                Some(text) => text.as_str()?.to_owned(),
            },
        }),
        Some(_) => return None,
    };
    Some(ExportLogsServiceResponse { partial_success })
}

/// The bytes without the mark of UTF-8 that some writers put in front.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn field<'a>(object: &'a Map<String, Value>, name: &str, original: &str) -> Option<&'a Value> {
    let value = object.get(name).or_else(|| object.get(original));
    value.filter(|value| !value.is_null())
}

/// True if a member that names failures names none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64().is_some_and(|number| number == 0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// A whole number, also as `"3"`, `3.0` and `3e0`.
fn integer(value: &Value) -> Option<i64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let number: f64 = text.parse().ok()?;
    // Exact up to here.
    let is_whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: Option<&str> = Some("application/x-protobuf");
    const JSON: Option<&str> = Some("application/json");

    fn partial(rejected: i64, message: &str) -> ExportLogsServiceResponse {
        ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records: rejected,
                error_message: message.into(),
            }),
        }
    }

    #[test]
    fn json_says_the_same_as_protobuf() {
        let none = ExportLogsServiceResponse::default();
        for (text, answer) in [
            ("{}", none.clone()),
            ("\u{feff}{}", none.clone()),
            (" {\"partialSuccess\":null}", none.clone()),
            ("{\"partialSuccess\":{}}", partial(0, "")),
            (
                "{\"partialSuccess\":{\"rejectedLogRecords\":3,\"errorMessage\":\"no\"}}",
                partial(3, "no"),
            ),
            ("{\"partialSuccess\":{\"rejectedLogRecords\":\"3\"}}", partial(3, "")),
            ("{\"partialSuccess\":{\"rejectedLogRecords\":3.0}}", partial(3, "")),
            ("{\"partialSuccess\":{\"rejectedLogRecords\":\"3e0\"}}", partial(3, "")),
            (
                "{\"partialSuccess\":{\"rejectedLogRecords\":null,\"errorMessage\":null}}",
                partial(0, ""),
            ),
            (
                "{\"partial_success\":{\"rejected_log_records\":\"9223372036854775807\",\"error_message\":\"x\"}}",
                partial(i64::MAX, "x"),
            ),
            ("{\"status\":\"success\",\"error\":null,\"errors\":[],\"code\":0}", none),
        ] {
            assert_eq!(read(JSON, text.as_bytes()).as_ref(), Some(&answer), "{text}");
            for unnamed in [None, Some("text/plain"), Some("application/octet-stream")] {
                assert_eq!(read(unnamed, text.as_bytes()).as_ref(), Some(&answer), "{text}");
            }
        }
    }

    #[test]
    fn an_empty_body_is_a_whole_answer() {
        for media_type in [None, PROTOBUF, JSON, Some("text/plain")] {
            assert_eq!(read(media_type, b""), Some(ExportLogsServiceResponse::default()));
        }
        let answer = partial(2, "no");
        for media_type in [None, PROTOBUF, Some("application/octet-stream")] {
            assert_eq!(read(media_type, &answer.encode_to_vec()), Some(answer.clone()));
        }
    }

    #[test]
    fn what_is_no_answer_of_the_protocol_is_no_receipt() {
        for (media_type, body) in [
            (Some("text/html"), "<html>Sign in</html>"),
            (Some("text/html"), ""),
            (Some("application/xml"), "<ok/>"),
            (None, "<html>Sign in</html>"),
            (None, "OK"),
            (None, "success"),
            (None, " "),
            (Some("text/plain"), "thank you\n"),
            (PROTOBUF, "<html>Sign in</html>"),
            (PROTOBUF, "{}"),
            (JSON, "OK"),
            (JSON, "\"OK\""),
            (JSON, "[]"),
            (JSON, "null"),
            (JSON, "{\"partialSuccess\":"),
            (JSON, "{\"partialSuccess\":true}"),
            (JSON, "{\"partialSuccess\":{\"rejectedLogRecords\":\"some\"}}"),
            (JSON, "{\"partialSuccess\":{\"rejectedLogRecords\":0.5}}"),
            (JSON, "{\"partialSuccess\":{\"errorMessage\":7}}"),
            (JSON, "{\"code\":16,\"message\":\"who are you\"}"),
            (JSON, "{\"error\":\"unknown tenant\"}"),
            (JSON, "{\"errors\":[{\"detail\":\"no\"}]}"),
        ] {
            assert_eq!(read(media_type, body.as_bytes()), None, "{media_type:?} {body}");
        }
    }
}
