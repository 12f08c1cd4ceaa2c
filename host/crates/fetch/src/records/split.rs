//! Takes the records out of a JSON envelope without holding the envelope in memory.
//!
//! [`split`] reads `{"status":0,"details":[{…},{…}]}` from the spool and writes one record a line to the spool. Only
//! one record at a time is in memory, and its size is limited. The envelope may say only at its end that it is a
//! failure; as nothing is handed out before it was read whole, no record of a failure ever is. Where a record breaks the
//! grammar or is too long, the envelope is read once more, by [`salvage`], which costs that record and no other.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::rc::Rc;

use memchr::{memchr_iter, memchr2, memchr3};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::envelope::{self, Status};
use super::error::FetchError;
use super::lines::{Lines, Tally};
use super::salvage::{self, Piece, SalvageError};
use super::spool::{Spool, Spooled};
use super::{nothing, web_page};
use remote::Remote;

/// The records of an envelope.
#[derive(Debug)]
pub(super) struct Records {
    /// One JSON text a line.
    pub(super) lines: Spooled,
    /// How many.
    pub(super) tally: Tally,
    /// With which words the server says that there are none.
    pub(super) nothing: Option<String>,
}

/// Members of an envelope that tell how the request ended, or how large the whole list is.
const TOLD: [&str; 10] = [
    "status",
    "items",
    "error",
    "details",
    "detail",
    "message",
    "totalResults",
    "startIndex",
    "itemsPerPage",
    "schemas",
];

/// Checks an envelope and takes its records out. Blocking.
pub(super) fn split(
    remote: &Remote,
    body: &Spooled,
    member: &str,
    record_bytes: u64,
    spool: &Spool,
) -> Result<Records, FetchError> {
    const WHAT: &str = "the call";
    let malformed = |why: String| FetchError::Malformed { what: WHAT, why };
    let head = body.head(web_page::LOOKED_AT)?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    match text.first() {
        None => return Err(malformed("the body is empty".into())),
        Some(b'<') => return Err(web_page::instead_of(remote, WHAT, text)),
        Some(_) => {}
    }
    let mut lines = Lines::create(spool)?;
    let read = match strictly(body, member, record_bytes, &mut lines) {
        Ok(read) => read,
        Err(strict) => {
            lines = Lines::create(spool)?;
            match broken(body, member, record_bytes, &mut lines) {
                Ok(read) => read,
                Err(SalvageError::Form(why)) => {
                    tracing::debug!(why, "no record of the answer can be told from the next");
                    return Err(strict);
                }
                Err(SalvageError::Io(error)) => return Err(error.into()),
                Err(SalvageError::Taker(error)) => return Err(error),
            }
        }
    };

    let (text, code) = envelope::message(&read.told);
    let text = text.map(|text| remote.presentable(&text, 300));
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
    // That it is done says that there is a result; in its words, or by an empty list of items, that it is empty.
    // Where it does not say so, only words that stand alone count.
    if status.is_none()
        && matches!(read.found, Found::Missing | Found::Other)
        && let Some(words) = nothing::said_by(&Value::Object(read.told.clone()))
    {
        let (file, tally) = Lines::create(spool)?.finish()?;
        return Ok(Records {
            lines: file,
            tally,
            nothing: Some(remote.presentable(&words, 300)),
        });
    }
    let words = (status == Some(Status::Done)).then(|| match &text {
        Some(text) => envelope::says_nothing_there(text).then(|| text.clone()),
        None => {
            let none = matches!(read.told.get("items"), Some(Value::Null));
            let none = none || matches!(read.told.get("items"), Some(Value::Array(items)) if items.is_empty());
            (none && matches!(read.found, Found::Missing)).then(|| "its items are empty".to_owned())
        }
    });
    let (file, tally) = lines.finish()?;
    if tally.records == 1
        && let Ok(only) = serde_json::from_slice::<Value>(&file.head(nothing::LONGEST)?)
        && let Some(words) = nothing::said_by(&only)
    {
        let (file, tally) = Lines::create(spool)?.finish()?;
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
        (Found::List | Found::Nothing, None)
            if tally.records == 0 && text.as_deref().is_some_and(envelope::tells_failure) =>
        {
            let text = text.unwrap_or_default();
            Err(malformed(format!("it has no records, and says: {text}")))
        }
        (Found::List, _) => Ok(records(None)),
        (Found::Nothing, words) => Ok(records(words)),
        (Found::Missing | Found::Other, Some(words)) => Ok(records(Some(words))),
        (Found::Missing, None) => Err(malformed(match text {
            Some(text) => format!("it has no member `{member}`: {text}"),
            None => format!("it has no member `{member}`"),
        })),
        (Found::Other, None) => Err(malformed(match text {
            Some(text) => format!("`{member}` is not a list: {text}"),
            None => format!("`{member}` is not a list"),
        })),
    }
}

/// Reads an envelope all of whose records are JSON and short enough.
fn strictly(body: &Spooled, member: &str, record_bytes: u64, lines: &mut Lines) -> Result<Scanned, FetchError> {
    let mut reader = body.reader();
    if body.head(3)? == b"\xef\xbb\xbf" {
        io::Seek::seek(&mut reader, io::SeekFrom::Start(3))?;
    }
    let allowance = Rc::new(Cell::new(record_bytes));
    let metered = Metered {
        inner: BufReader::with_capacity(128 * 1024, reader),
        allowance: allowance.clone(),
    };
    let mut deserializer = serde_json::Deserializer::from_reader(metered);
    let seed = EnvelopeSeed {
        member,
        allowance,
        record_bytes,
        lines,
    };
    let read = seed
        .deserialize(&mut deserializer)
        .and_then(|read| deserializer.end().map(|()| read));
    read.map_err(|error| match error.io_error_kind() {
        Some(io::ErrorKind::FileTooLarge) => FetchError::TooLarge {
            what: "one record",
            limit: record_bytes,
        },
        Some(kind) => FetchError::Spool(kind.into()),
        None => FetchError::Malformed {
            what: "the call",
            why: format!("it is not JSON of the expected form: {error}"),
        },
    })
}

/// Reads an envelope some of whose records are not.
fn broken(body: &Spooled, member: &str, record_bytes: u64, lines: &mut Lines) -> Result<Scanned, SalvageError> {
    let is_told = |name: &str| TOLD.iter().any(|told| told.eq_ignore_ascii_case(name));
    let told = salvage::list(body.reader(), Some(member), record_bytes, is_told, |piece| {
        Ok(lines.write(&piece)?)
    })?;
    let mut read = Scanned {
        told: told.members,
        found: Found::Missing,
    };
    read.found = match told.records {
        None => Found::Missing,
        Some(salvage::Found::List) => Found::List,
        Some(salvage::Found::Other(Value::Null)) => Found::Nothing,
        Some(salvage::Found::Other(Value::String(text))) if is_no_text(&text) => Found::Nothing,
        Some(salvage::Found::Other(value)) => {
            if value.is_string() {
                read.told.insert(member.to_owned(), value);
            }
            Found::Other
        }
    };
    Ok(read)
}

fn is_no_text(text: &str) -> bool {
    matches!(text.trim(), "" | "null")
}

/// A JSON text without white space between its tokens; so it is one line.
pub fn compact(json: &str, out: &mut impl Write) -> io::Result<()> {
    let bytes = json.as_bytes();
    if is_compact(bytes) {
        return out.write_all(bytes);
    }
    let (mut from, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            // Most of a text is within strings, and these are passed over.
            b'"' => at = end_of_string(bytes, at),
            b' ' | b'\t' | b'\r' | b'\n' => {
                out.write_all(bytes.get(from..at - 1).unwrap_or_default())?;
                from = at;
            }
            _ => {}
        }
    }
    out.write_all(bytes.get(from..).unwrap_or_default())
}

/// Whether a JSON text surely has no white space between its tokens: what most servers send. One of two neighbouring tokens
/// is a bracket, a brace, a comma or a colon, so white space between them has one of these, or more of it, on a side.
fn is_compact(json: &[u8]) -> bool {
    let is_structural = |place: Option<usize>| {
        let byte = place.and_then(|place| json.get(place));
        byte.is_none_or(|byte| b" {}[],:".contains(byte))
    };
    memchr3(b'\n', b'\r', b'\t', json).is_none()
        && memchr_iter(b' ', json).all(|at| !is_structural(at.checked_sub(1)) && !is_structural(at.checked_add(1)))
}

/// Where the JSON string ends in which `at` is.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
        // What the backslash escapes.
        at += 1;
    }
    bytes.len()
}

enum Found {
    Missing,
    /// Null, an empty text or the text "null": no records.
    Nothing,
    List,
    /// Something that is not a list.
    Other,
}

struct Scanned {
    told: Map<String, Value>,
    found: Found,
}

struct EnvelopeSeed<'a> {
    member: &'a str,
    allowance: Rc<Cell<u64>>,
    record_bytes: u64,
    lines: &'a mut Lines,
}

impl<'de> DeserializeSeed<'de> for EnvelopeSeed<'_> {
    type Value = Scanned;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scanned, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeSeed<'_> {
    type Value = Scanned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scanned, A::Error> {
        let mut read = Scanned {
            told: Map::new(),
            found: Found::Missing,
        };
        while let Some(key) = map.next_key::<String>()? {
            self.allowance.set(self.record_bytes);
            if key == self.member {
                if !matches!(read.found, Found::Missing) {
                    return Err(A::Error::custom("the records come twice"));
                }
                let (found, text) = map.next_value_seed(ListSeed {
                    allowance: &self.allowance,
                    record_bytes: self.record_bytes,
                    lines: &mut *self.lines,
                })?;
                read.found = found;
                if let Some(text) = text {
                    read.told.insert(key, Value::String(text));
                }
            } else if TOLD.contains(&key.as_str()) {
                let value = map.next_value::<Value>()?;
                if read.told.insert(key, value).is_some() {
                    return Err(A::Error::custom("a member comes twice"));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            self.allowance.set(self.record_bytes);
        }
        Ok(read)
    }
}

struct ListSeed<'a> {
    allowance: &'a Cell<u64>,
    record_bytes: u64,
    lines: &'a mut Lines,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = (Found, Option<String>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = (Found, Option<String>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        loop {
            self.allowance.set(self.record_bytes);
            let Some(record) = list.next_element::<Box<RawValue>>()? else {
                break;
            };
            let piece = Piece::of(record.get(), self.record_bytes);
            self.lines.write(&piece).map_err(A::Error::custom)?;
        }
        Ok((Found::List, None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((Found::Nothing, None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if is_no_text(text) {
            (Found::Nothing, None)
        } else {
            (Found::Other, Some(text.to_owned()))
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok((Found::Other, None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok((Found::Other, None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok((Found::Other, None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok((Found::Other, None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok((Found::Other, None))
    }
}

/// Ends reading when an allowance is used up: what one record may take.
struct Metered<R> {
    inner: R,
    allowance: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.allowance.get().checked_sub(count as u64) {
            Some(left) => {
                self.allowance.set(left);
                Ok(count)
            }
            None => Err(io::ErrorKind::FileTooLarge.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ErrorKind;
    use remote::{BaseUrl, Settings};

    fn split_text(body: &str, member: &str, record_bytes: u64) -> Result<String, FetchError> {
        let base = BaseUrl::parse("https://epm.example.com").unwrap();
        let remote = Remote::new(Settings::new("epm", base.url().clone())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let mut file = spool.create().unwrap();
        file.write_all(body.as_bytes()).unwrap();
        let records = split(&remote, &Spooled::new(file).unwrap(), member, record_bytes, &spool)?;
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
        ] {
            let body = format!("{{\"status\":0,\"details\":[{{\"a\":1}}, {record} ,{{\"a\":2}}]}}");
            let lines = split_text(&body, "details", 40).unwrap();
            assert_eq!(lines, format!("{{\"a\":1}}\n{line}\n{{\"a\":2}}\n"), "{body}");
        }
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
