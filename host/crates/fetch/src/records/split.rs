//! Takes the records out of a JSON envelope without holding the envelope in memory.
//!
//! [`split`] reads `{"status":0,"details":[{…},{…}]}` from the spool and writes one record a line to the spool. Only
//! one record at a time is in memory, and its size is limited. The envelope may say only at its end that it is a
//! failure; as nothing is handed out before it was read whole, no record of a failure ever is. Where a record breaks the
//! grammar or is too long, the envelope is read once more, by [`salvage`](super::salvage), which costs that record and no other.

use serde_json::Value;

use super::lines::{RecordLines, RecordTally};
use super::salvage::{self, SalvageError, SalvagedRecords};
use super::strict::{RecordsFound, Scanned, TOLD, is_no_text, strictly};
use crate::epm::envelope::{self, Status};
use crate::epm::nothing;
use crate::epm::words::{says_nothing_there, tells_failure};
use crate::error::FetchError;
use crate::spool::{Spool, Spooled};
use crate::web_page;
use remote::Remote;

/// The records of an envelope.
#[derive(Debug)]
pub(crate) struct Records {
    /// One JSON text a line.
    pub(crate) lines: Spooled,
    /// The counts of the records.
    pub(crate) tally: RecordTally,
    /// With which words the server says that there are none.
    pub(crate) nothing: Option<String>,
}

/// The vendor whose answer holds the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerOf {
    /// EPM Cloud, whose members `status`, `error` and the like say how the request ended.
    EpmCloud,
    /// Anybody else: whatever stands beside the records is the vendor's own, and the status of HTTP says how the request ended.
    Others,
}

const WHAT: &str = "the call";

fn malformed(why: String) -> FetchError {
    FetchError::Malformed { what: WHAT, why }
}

/// Checks an envelope and takes its records out. Blocking.
pub(crate) fn split(
    remote: &Remote,
    body: &Spooled,
    path: &[String],
    record_bytes: u64,
    spool: &Spool,
    of: AnswerOf,
) -> Result<Records, FetchError> {
    let head = body.head(web_page::LOOKED_AT)?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    match text.first() {
        None => return Err(malformed("the body is empty".into())),
        Some(b'<') => return Err(web_page::instead_of(remote, WHAT, text)),
        Some(_) => {}
    }
    let (mut lines, mut damage) = (RecordLines::create(spool)?, None);
    let member = path.join(".");
    let read = match strictly(body, path, record_bytes, &mut lines) {
        Ok(read) => read,
        Err(strict) => {
            lines = RecordLines::create(spool)?;
            match broken(body, path, record_bytes, &mut lines) {
                Ok(read) => {
                    damage = Some(strict).filter(|strict| matches!(strict, FetchError::Malformed { .. }));
                    read
                }
                Err(SalvageError::Form(why)) => {
                    tracing::debug!(why, "no record of the answer can be told from the next");
                    return Err(strict.presentable(remote));
                }
                Err(SalvageError::Io(error)) => return Err(error.into()),
                Err(SalvageError::Taker(error)) => return Err(error),
            }
        }
    };

    // A damaged answer says nothing by having no records.
    let damage = damage.filter(|_| matches!(read.found, RecordsFound::List) && lines.tally().records == 0);
    let (text, code) = envelope::message(&read.told);
    let text = text.map(|text| remote.presentable(&text, 300));
    if of == AnswerOf::Others {
        if let Some(strict) = damage {
            return Err(strict.presentable(remote));
        }
        return plain(read.found, lines, &member, text);
    }
    let status = match read.told.get("status").filter(|status| !status.is_null()) {
        None => None,
        Some(status) => match envelope::status(status) {
            Some(Status::Done) => Some(Status::Done),
            Some(Status::Running) => return Err(malformed("it says that it is still in progress".into())),
            Some(Status::Failed(status)) => {
                let text = text.unwrap_or_else(|| "the server gives no reason".into());
                return Err(FetchError::told(status, code, text));
            }
            None => return Err(malformed("its status is not a number".into())),
        },
    };
    if let Some(error) = read.told.get("error").filter(|error| !error.is_null()) {
        let text = text.unwrap_or_else(|| remote.presentable(&error.to_string(), 300));
        return Err(FetchError::told(1, code, text));
    }
    if let Some(strict) = damage {
        return Err(strict.presentable(remote));
    }
    // That it is done says that there is a result; in its words, or by an empty list of items, that it is empty.
    // Where it does not say so, only words that stand alone count.
    if status.is_none()
        && matches!(read.found, RecordsFound::Missing | RecordsFound::Other)
        && let Some(words) = nothing::said_by(&Value::Object(read.told.clone()))
    {
        let (file, tally) = RecordLines::create(spool)?.finish()?;
        return Ok(Records {
            lines: file,
            tally,
            nothing: Some(remote.presentable(&words, 300)),
        });
    }
    let words = (status == Some(Status::Done)).then(|| match &text {
        Some(text) => says_nothing_there(text).then(|| text.clone()),
        None => {
            let none = matches!(read.told.get("items"), Some(Value::Null));
            let none = none || matches!(read.told.get("items"), Some(Value::Array(items)) if items.is_empty());
            (none && matches!(read.found, RecordsFound::Missing)).then(|| "its items are empty".to_owned())
        }
    });
    let (file, tally) = lines.finish()?;
    if tally.records == 1
        && let Ok(only) = serde_json::from_slice::<Value>(&file.head(nothing::LONGEST)?)
        && let Some(words) = nothing::said_by(&only)
    {
        let (file, tally) = RecordLines::create(spool)?.finish()?;
        return Ok(Records {
            lines: file,
            tally,
            nothing: Some(remote.presentable(&words, 300)),
        });
    }
    let records = |nothing| Records {
        lines: file,
        tally,
        nothing,
    };
    match (read.found, words.flatten()) {
        // What could not be read is not nothing.
        (RecordsFound::List | RecordsFound::Nothing, None)
            if tally.records == 0 && text.as_deref().is_some_and(tells_failure) =>
        {
            let text = text.unwrap_or_default();
            Err(malformed(format!("it has no records, and says: {text}")))
        }
        (RecordsFound::List, _) => Ok(records(None)),
        (RecordsFound::Nothing, words) => Ok(records(words)),
        (RecordsFound::Missing | RecordsFound::Other, Some(words)) => Ok(records(Some(words))),
        (RecordsFound::Missing, None) => Err(malformed(match text {
            Some(text) => format!("it has no member `{member}`: {text}"),
            None => format!("it has no member `{member}`"),
        })),
        (RecordsFound::Other, None) => Err(malformed(match text {
            Some(text) => format!("`{member}` is not a list: {text}"),
            None => format!("`{member}` is not a list"),
        })),
    }
}

/// The records of an answer that says nothing of how its request ended; `text` is what it says where there are none.
fn plain(found: RecordsFound, lines: RecordLines, member: &str, text: Option<String>) -> Result<Records, FetchError> {
    let said = text.map(|text| format!(": {text}")).unwrap_or_default();
    match found {
        RecordsFound::List | RecordsFound::Nothing => {
            let (lines, tally) = lines.finish()?;
            Ok(Records {
                lines,
                tally,
                nothing: None,
            })
        }
        RecordsFound::Missing => Err(malformed(format!("it has no member `{member}`{said}"))),
        RecordsFound::Other => Err(malformed(format!("`{member}` is not a list{said}"))),
    }
}

/// Reads an envelope some of whose records are not.
fn broken(
    body: &Spooled,
    path: &[String],
    record_bytes: u64,
    lines: &mut RecordLines,
) -> Result<Scanned, SalvageError> {
    let is_told = |_: usize, name: &str| TOLD.iter().any(|told| told.eq_ignore_ascii_case(name));
    let mut told = salvage::list(body.reader(), Some(path), record_bytes, is_told, |piece| {
        Ok(lines.write(&piece)?)
    })?;
    let records = told.records.take();
    let mut read = Scanned {
        told: told.told(),
        found: RecordsFound::Missing,
    };
    read.found = match records {
        None => RecordsFound::Missing,
        Some(SalvagedRecords::List) => RecordsFound::List,
        Some(SalvagedRecords::Other(Value::Null)) => RecordsFound::Nothing,
        Some(SalvagedRecords::Other(Value::String(text))) if is_no_text(&text) => RecordsFound::Nothing,
        Some(SalvagedRecords::Other(value)) => {
            if let Some(member) = path.last().filter(|_| value.is_string()) {
                read.told.insert(member.clone(), value);
            }
            RecordsFound::Other
        }
    };
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::super::compact::compact;
    use super::*;
    use base::ErrorKind;
    use remote::{BaseUrl, Settings};

    fn split_text(body: &str, member: &str, record_bytes: u64) -> Result<String, FetchError> {
        split_of(AnswerOf::EpmCloud, body, member, record_bytes)
    }

    fn split_of(of: AnswerOf, body: &str, member: &str, record_bytes: u64) -> Result<String, FetchError> {
        let base = BaseUrl::parse("https://epm.example.com").unwrap();
        let remote = Remote::new(Settings::new("epm", base.url().clone())).unwrap();
        let path: Vec<String> = member.split('.').map(str::to_owned).collect();
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let mut file = spool.create().unwrap();
        file.write_all(body.as_bytes()).unwrap();
        let records = split(&remote, &Spooled::new(file).unwrap(), &path, record_bytes, &spool, of)?;
        let mut text = String::new();
        records.lines.reader().read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count() as u64, records.tally.records);
        Ok(text)
    }

    #[test]
    fn records_come_out_one_a_line_and_unchanged() {
        let body = "\u{feff}{ \"links\": {\"href\": \"x\"}, \"status\": 0, \"error\": null,\n \"details\": [\n  {\n  \"a b\": \" x\\\" y \",\n \"n\": 1.0e400, \"big\": 12345678901234567890123 },\n {} , 7 ] }\n";
        let lines = split_text(body, "details", 1000).unwrap();
        assert_eq!(
            lines,
            "{\"a b\":\" x\\\" y \",\"n\":1.0e400,\"big\":12345678901234567890123}\n{}\n7\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn white_space_goes_wherever_it_stands_between_tokens(
            texts in proptest::collection::vec("[a ,:{}\\[\\]\"]{0,5}", 1..4),
            spaces in proptest::collection::vec("[ \t\r\n]{0,2}", 1..40),
        ) {
            let short = serde_json::json!({"a": texts, "b": {"c d": [1, true, null]}}).to_string();
            let (mut spaces, mut long) = (spaces.iter().cycle(), String::new());
            let (mut in_string, mut escaped) = (false, false);
            for c in short.chars() {
                let between = !in_string && "{}[],:".contains(c);
                long.extend(spaces.next().filter(|_| between).map(String::as_str));
                long.push(c);
                long.extend(spaces.next().filter(|_| between).map(String::as_str));
                in_string ^= c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
            }
            let mut compacted = Vec::new();
            compact(&long, &mut compacted).unwrap();
            proptest::prop_assert_eq!(String::from_utf8(compacted).unwrap(), short);
        }
    }

    #[test]
    fn no_records_are_no_error() {
        for details in ["[]", "null", "\"null\""] {
            assert_eq!(
                split_text(&format!("{{\"status\":\"0\",\"details\":{details}}}"), "details", 100).unwrap(),
                ""
            );
        }
    }

    #[test]
    fn a_failure_told_after_the_records_hands_out_none() {
        let body = r#"{"details":[{"a":1}],"status":1,"error":{"errorcode":"EPMCSS-20679","errormessage":"no"}}"#;
        let error = split_text(body, "details", 100).unwrap_err();
        assert_eq!(
            (error.kind(), error.remote_code()),
            (ErrorKind::Failed, Some("EPMCSS-20679"))
        );
        let body = r#"{"status":1,"details":"EPMCSS-21192: not authorized"}"#;
        assert_eq!(split_text(body, "details", 100).unwrap_err().kind(), ErrorKind::Refused);
        let body = r#"{"details":[],"error":{"errormessage":"no status, but an error"}}"#;
        assert_eq!(split_text(body, "details", 100).unwrap_err().kind(), ErrorKind::Failed);
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for body in [
            "",
            " ",
            "<html>",
            "[]",
            "7",
            "{}",
            r#"{"status":0}"#,
            r#"{"status":-1,"details":[]}"#,
            r#"{"status":"x","details":[]}"#,
            r#"{"status":0,"details":"generated"}"#,
            r#"{"status":0,"details":{"a":1}}"#,
            r#"{"status":0,"details":7}"#,
            r#"{"status":0,"details":[{"a":1}"#,
            r#"{"status":0,"details":[{"a":1}]"#,
            r#"{"status":0,"details":[{"a":1}]} trailing"#,
            r#"{"status":0,"details":[1],"details":[2]}"#,
            r#"{"status":1,"status":0,"details":[2]}"#,
            r#"{"status":0,"message":"the report was generated"}"#,
            r#"{"details":"No records found","user":"jdoe","totalResults":3}"#,
            r#"{"status":0,"details":"No data could be retrieved: the audit store is unavailable"}"#,
            r#"{"status":0,"details":[],"message":"User has no access to login records"}"#,
            r#"{"status":0,"details":null,"message":"User has no access to login records"}"#,
        ] {
            let error = split_text(body, "details", 100).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed, "{body}: {error}");
        }
    }

    #[test]
    fn one_record_is_limited_and_their_number_is_not() {
        let record = format!("{{\"a\":\"{}\"}}", "x".repeat(50));
        let many = vec![record.as_str(); 1000].join(",");
        let body = format!("{{\"status\":0,\"details\":[{many}]}}");
        assert_eq!(split_text(&body, "details", 100).unwrap().lines().count(), 1000);
        let spaces = format!("{{\"status\":0,\"details\":[{}]}}", " ".repeat(200));
        assert_eq!(split_text(&spaces, "details", 100).unwrap(), "");
        let huge = format!("{{\"status\":0,\"x\":\"{}\",\"details\":[]}}", "x".repeat(2000));
        assert!(matches!(
            split_text(&huge, "details", 100),
            Err(FetchError::TooLarge { limit: 100, .. })
        ));
    }

    #[test]
    fn a_record_that_is_too_long_or_broken_costs_no_other() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(50));
        for (record, line) in [
            (long.as_str(), &long[..=40]),
            (
                "{\"a\":\"\tb\"}",
                r#"{"a":"\u0009b","hostMended":"1 raw control character"}"#,
            ),
            (
                r#"{"a":"\ud800"}"#,
                r#"{"a":"\ufffd","hostMended":"1 half of a surrogate pair"}"#,
            ),
            ("{\"a\":\"b\n\"c\"}", r#"{"a":"b "c"}"#),
            ("", ","),
            (",", ",\n,"),
        ] {
            let body = format!("{{\"status\":0,\"details\":[{{\"a\":1}}, {record} ,{{\"a\":2}}]}}");
            let lines = split_text(&body, "details", 40).unwrap();
            assert_eq!(lines, format!("{{\"a\":1}}\n{line}\n{{\"a\":2}}\n"), "{body}");
        }
    }

    #[test]
    fn a_damaged_answer_without_any_record_is_refused() {
        for of in [AnswerOf::EpmCloud, AnswerOf::Others] {
            for body in [r#"{"status":0,"details":[],}"#, r#"{"status":0,,"details":[]}"#] {
                let error = split_of(of, body, "details", 100).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Failed, "{body}: {error}");
                assert!(error.to_string().contains("not JSON of the expected form"), "{error}");
            }
            assert_eq!(split_of(of, r#"{"details":[,]}"#, "details", 100).unwrap(), ",\n,\n");
        }
        let told = split_text(
            r#"{"status":1,"details":[],"message":"the disk is full",}"#,
            "details",
            100,
        );
        assert!(told.unwrap_err().to_string().contains("the disk is full"));
    }

    #[test]
    fn a_server_that_says_in_words_that_there_is_nothing_is_believed() {
        for body in [
            r#"{"status":0,"details":"No records found"}"#,
            r#"{"status":"0","details":"There is no data for the given criteria."}"#,
            r#"{"status":0,"details":null,"message":"No rows"}"#,
            r#"{"status":0,"message":"User login information not found"}"#,
            r#"{"status":0,"details":["No records found"]}"#,
            r#"{"status":0,"details":[{"message":"No records found"}]}"#,
            r#"{"message":"No records found"}"#,
            r#"{"details":"No records found"}"#,
            r#"{"status":0,"items":null,"details":null}"#,
            r#"{"status":0,"items":[]}"#,
            r#"{"status":0,"details":""}"#,
        ] {
            assert_eq!(split_text(body, "details", 1000).unwrap(), "", "{body}");
        }
    }

    #[test]
    fn records_are_found_below_other_members() {
        let other_case = r#"{"status":0,"items":[],"Entries":[1]}"#;
        assert_eq!(split_text(other_case, "entries", 100).unwrap(), "1\n");
        let body = r#"{"data":{"total":2,"log":{"entries":[{"a":1},{"a":2}]}},"status":0}"#;
        assert_eq!(
            split_text(body, "data.log.entries", 100).unwrap(),
            "{\"a\":1}\n{\"a\":2}\n"
        );
        for body in [
            r#"{"data":{"log":{}}}"#,
            r#"{"data":{}}"#,
            r#"{"data":null}"#,
            r#"{"data":[]}"#,
            r#"{"data":{"log":{"entries":{}}}}"#,
            r#"{"data":{"log":{"entries":[{"a":]}}}"#,
            r#"{"data":{"log":{"entries":[1]}},"data":{"log":{"entries":[2]}}}"#,
        ] {
            let error = split_text(body, "data.log.entries", 100).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed, "{body}: {error}");
        }
    }

    #[test]
    fn a_record_below_other_members_that_is_too_long_or_broken_costs_no_other() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(50));
        for (record, line) in [(long.as_str(), &long[..=40]), ("{\"a\":\"b\n\"c\"}", r#"{"a":"b "c"}"#)] {
            let body = format!(
                "{{\"status\":0,\"data\":{{\"n\":1,\"log\":[{{\"a\":1}}, {record} ,{{\"a\":2}}],\"m\":{{}}}},\"x\":[]}}"
            );
            let lines = split_text(&body, "data.log", 40).unwrap();
            assert_eq!(lines, format!("{{\"a\":1}}\n{line}\n{{\"a\":2}}\n"), "{body}");
        }
        let refused = r#"{"status":9,"data":{"log":[{"a":"b"c"},{"a":2}]}}"#;
        assert_eq!(
            split_text(refused, "data.log", 40).unwrap_err().kind(),
            ErrorKind::Failed
        );
    }

    #[test]
    fn what_another_vendor_says_beside_its_records_is_its_own() {
        for body in [
            r#"{"status":3,"error":{"code":1},"list":[{"a":1}]}"#,
            r#"{"status":"done","list":[{"a":1}],"message":"access was denied to nobody"}"#,
            r#"{"status":-1,"details":"No records found","list":[{"a":1}]}"#,
        ] {
            assert_eq!(
                split_of(AnswerOf::Others, body, "list", 100).unwrap(),
                "{\"a\":1}\n",
                "{body}"
            );
            assert!(split_text(body, "list", 100).is_err(), "{body}");
        }
        // A record that says there is none is one.
        let one = r#"{"list":[{"message":"No records found"}]}"#;
        let lines = split_of(AnswerOf::Others, one, "list", 100).unwrap();
        assert_eq!(lines, "{\"message\":\"No records found\"}\n");
        for empty in [r#"{"list":[],"message":"it failed"}"#, r#"{"status":1,"list":null}"#] {
            assert_eq!(split_of(AnswerOf::Others, empty, "list", 100).unwrap(), "", "{empty}");
        }
        for (body, said) in [
            (
                r#"{"message":"No records found"}"#,
                "it has no member `list`: No records found",
            ),
            (r#"{"list":{"a":1}}"#, "`list` is not a list"),
            (r#"{"list":"No records found"}"#, "`list` is not a list"),
        ] {
            let error = split_of(AnswerOf::Others, body, "list", 100).unwrap_err().to_string();
            assert!(error.contains(said), "{body}: {error}");
        }
    }

    #[test]
    fn deep_nesting_ends_in_an_error() {
        let body = format!("{{\"status\":0,\"details\":[{}]}}", "[".repeat(100_000));
        assert_eq!(
            split_text(&body, "details", 1_000_000).unwrap_err().kind(),
            ErrorKind::Failed
        );
        let body = format!("{{\"status\":0,\"x\":{}", "[".repeat(100_000));
        assert_eq!(
            split_text(&body, "details", 1_000_000).unwrap_err().kind(),
            ErrorKind::Failed
        );
    }
}
