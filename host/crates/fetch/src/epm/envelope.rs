//! The JSON around every control answer of EPM Cloud.
//!
//! Three families share it, and differ: `links` is an array in job interfaces and an object in the security reports;
//! `details` is absent, `null`, the string `"null"`, a text, an array or an object; `status` is a number or a string.
//! [Oracle, REST API for EPM Cloud: "Migration Status Codes"]: 0 success, -1 in progress, above 0 an error.

use serde_json::Value;

use super::words::find_code;
use crate::error::FetchError;
use crate::records::mend;
use crate::web_page;
use remote::Remote;

/// A link that the server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) rel: String,
    pub(crate) href: String,
    /// The part of the request that the server repeats.
    pub(crate) data: Option<Value>,
}

/// A control answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) status: Status,
    pub(crate) links: Vec<Link>,
    /// The server's words, where it says anything.
    pub(crate) text: Option<String>,
    /// The server's error code, such as `EPMCSS-20679`.
    pub(crate) code: Option<String>,
    /// Whatever `items` lists.
    pub(crate) items: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Done,
    Running,
    Failed(i64),
}

impl Envelope {
    /// Reads a control answer; `what` names the request for messages.
    pub(crate) fn read(remote: &Remote, what: &'static str, body: &[u8]) -> Result<Envelope, FetchError> {
        let malformed = |why: String| FetchError::Malformed { what, why };
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.trim_ascii().is_empty() {
            return Err(malformed("the body is empty".into()));
        }
        if body.trim_ascii_start().first() == Some(&b'<') {
            return Err(web_page::instead_of(remote, what, body));
        }
        let value: Value = parse(body).map_err(|error| malformed(format!("it is not JSON: {error}")))?;
        let Value::Object(object) = value else {
            return Err(malformed("it is JSON, but not an object".into()));
        };
        let status = match object.get("status") {
            None | Some(Value::Null) => return Err(malformed("it has no status".into())),
            Some(value) => status(value).ok_or_else(|| malformed("its status is not a number".into()))?,
        };
        let (text, code) = message(&object);
        Ok(Envelope {
            status,
            links: links(object.get("links")),
            text: text.map(|text| remote.presentable(&text, 300)),
            code,
            items: match object.get("items") {
                Some(Value::Array(items)) => items.clone(),
                _ => Vec::new(),
            },
        })
    }

    /// A success without anything said.
    pub(crate) fn done() -> Envelope {
        Envelope {
            status: Status::Done,
            links: Vec::new(),
            text: None,
            code: None,
            items: Vec::new(),
        }
    }

    /// The envelope of a success, or what the server says failed.
    pub(crate) fn check(self) -> Result<Envelope, FetchError> {
        match self.status {
            Status::Failed(status) => {
                let text = self.text.unwrap_or_else(|| "the server gives no reason".into());
                Err(FetchError::told(status, self.code, text))
            }
            Status::Done | Status::Running => Ok(self),
        }
    }

    /// The first link of that relation, whatever its case and the space around it.
    pub(crate) fn link(&self, rel: &str) -> Option<&str> {
        self.links
            .iter()
            .find(|link| link.rel.trim().eq_ignore_ascii_case(rel))
            .map(|link| link.href.as_str())
    }
}

/// JSON whose strings may break the grammar: what a server says of a failure often repeats what broke it.
fn parse(body: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(body).or_else(|error| {
        let mended = mend::mend(body).ok_or(error)?;
        serde_json::from_str(&mended.text)
    })
}

/// 0, -1 or an error's number; strings of digits count, and so does the letter O that Oracle's table prints.
pub(crate) fn status(value: &Value) -> Option<Status> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => match text.trim() {
            "O" | "o" => 0,
            text => text.parse().ok()?,
        },
        _ => return None,
    };
    Some(match number {
        0 => Status::Done,
        -1 => Status::Running,
        other => Status::Failed(other),
    })
}

/// The words of an envelope and the code in them: `error`, else `details`, else `message`.
pub(crate) fn message(object: &serde_json::Map<String, Value>) -> (Option<String>, Option<String>) {
    let error = object.get("error").filter(|error| !error.is_null());
    let told = |value: Option<&Value>| match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.trim().is_empty() || text.trim() == "null" => None,
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(Value::Array(list)) if list.is_empty() => None,
        Some(other) => Some(other.to_string()),
    };
    let mut code = error.and_then(|error| told(error.get("errorcode")));
    let mut text = error.and_then(|error| match error {
        Value::Object(error) => told(error.get("errormessage")).or_else(|| told(error.get("message"))),
        other => told(Some(other)),
    });
    text = text
        .or_else(|| told(object.get("details")))
        .or_else(|| told(object.get("message")));
    if code.is_none() {
        code = text.as_deref().and_then(find_code).map(str::to_owned);
    } else if let (Some(code), Some(said)) = (&code, &text)
        && !said.contains(code.as_str())
    {
        text = Some(format!("{code}: {said}"));
    }
    (text.or_else(|| code.clone()), code)
}

fn links(value: Option<&Value>) -> Vec<Link> {
    let link = |value: &Value| {
        Some(Link {
            rel: value.get("rel").and_then(Value::as_str).unwrap_or_default().to_owned(),
            href: value.get("href")?.as_str()?.to_owned(),
            data: value.get("data").filter(|data| data.is_object()).cloned(),
        })
    };
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(link).collect(),
        Some(object @ Value::Object(_)) => link(object).into_iter().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remote::{BaseUrl, Settings};

    fn remote() -> Remote {
        let base = BaseUrl::parse("https://epm.example.com").unwrap();
        Remote::new(Settings::new("epm", base.url().clone())).unwrap()
    }

    fn read(body: &str) -> Result<Envelope, FetchError> {
        Envelope::read(&remote(), "the poll", body.as_bytes())
    }

    #[test]
    fn statuses_are_read_in_every_form() {
        for (json, expected) in [
            ("0", Some(Status::Done)),
            ("-1", Some(Status::Running)),
            ("1", Some(Status::Failed(1))),
            ("9", Some(Status::Failed(9))),
            ("-2", Some(Status::Failed(-2))),
            (r#""0""#, Some(Status::Done)),
            (r#"" -1 ""#, Some(Status::Running)),
            (r#""O""#, Some(Status::Done)),
            ("1.5", None),
            ("true", None),
            (r#""done""#, None),
            ("{}", None),
        ] {
            assert_eq!(status(&serde_json::from_str(json).unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn links_are_found_in_arrays_and_objects() {
        let envelope = read(
            r#"{"status":-1,"links":[{"rel":"self","href":"a"},{"rel":" job status ","href":" b"},7,{"rel":"x"}]}"#,
        );
        assert_eq!(envelope.unwrap().link("Job Status"), Some(" b"));
        let envelope = read(r#"{"status":0,"links":{"href":"a","action":"GET"},"details":"null"}"#).unwrap();
        assert_eq!((envelope.links.len(), envelope.text), (1, None));
        assert_eq!(read(r#"{"status":0,"links":null}"#).unwrap().links, []);
    }

    #[test]
    fn the_server_s_words_and_code_come_from_wherever_they_are() {
        for (body, text, code) in [
            (
                r#"{"status":1,"details":"EPMCSS-20679: Failed. "}"#,
                Some("EPMCSS-20679: Failed."),
                Some("EPMCSS-20679"),
            ),
            (
                r#"{"status":1,"error":{"errorcode":"EPMCSS-21192","errormessage":"denied"},"details":null}"#,
                Some("EPMCSS-21192: denied"),
                Some("EPMCSS-21192"),
            ),
            (r#"{"status":1,"error":"boom"}"#, Some("boom"), None),
            (r#"{"status":1,"details":["a","b"]}"#, Some(r#"["a","b"]"#), None),
            (r#"{"status":1,"details":"null","message":"m"}"#, Some("m"), None),
            (r#"{"status":1,"details":null}"#, None, None),
            (
                r#"{"status":1,"details":"A-1 UTF-8 EPM-X1 EPMAT-11:x"}"#,
                Some("A-1 UTF-8 EPM-X1 EPMAT-11:x"),
                Some("EPMAT-11"),
            ),
        ] {
            let envelope = read(body).unwrap();
            assert_eq!(
                (envelope.text.as_deref(), envelope.code.as_deref()),
                (text, code),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_no_envelope_is_named() {
        for (body, why) in [
            ("", "empty"),
            ("  \n", "empty"),
            ("<html></html>", "web page"),
            ("{\"status\":", "not JSON"),
            ("[]", "not an object"),
            ("{}", "no status"),
            (r#"{"status":null}"#, "no status"),
            (r#"{"status":"soon"}"#, "not a number"),
        ] {
            let error = read(body).unwrap_err().to_string();
            assert!(error.contains(why), "{body}: {error}");
        }
    }

    #[test]
    fn words_that_break_the_grammar_do_not_hide_how_a_job_ended() {
        let body = b"{\"status\":9,\"details\":\"EPMCSS-20679: ACME\\j \xff\t\"}";
        let envelope = Envelope::read(&remote(), "the poll", body).unwrap();
        assert_eq!(
            (envelope.status, envelope.code.as_deref()),
            (Status::Failed(9), Some("EPMCSS-20679"))
        );
    }

    #[test]
    fn refusals_are_told_from_failures() {
        use base::ErrorKind;
        let refused = read(r#"{"status":1,"details":"EPMCSS-21192: not authorized"}"#)
            .unwrap()
            .check()
            .unwrap_err();
        assert_eq!(
            (refused.kind(), refused.remote_code()),
            (ErrorKind::Refused, Some("EPMCSS-21192"))
        );
        let failed = read(r#"{"status":9,"details":null}"#).unwrap().check().unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Failed);
    }
}
