//! One page: a JSON list, or an object that holds one (RFC 7644 section 3.4.2: `ListResponse`).

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::members;
use crate::epm::envelope;
use crate::error::FetchError;
use crate::records::piece::Piece;
use crate::records::salvage::{self, SalvagedRecords};

pub(super) const WHAT: &str = "a page's query";

/// Members of an object that count besides its records, in lower case.
const TOLD: [&str; 6] = ["totalresults", "status", "error", "details", "detail", "message"];

/// No list is longer; who claims so errs.
const LONGEST: u64 = 1_000_000_000_000;

/// Records in one page: ten times what may be asked for, since some servers give more.
const MOST_RECORDS: usize = 1_000_000;

/// One page, borrowed from its text.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) records: Vec<Piece<'a>>,
    /// How many records the whole list has.
    pub(super) total: Option<u64>,
}

impl<'a> Page<'a> {
    /// Reads a page whose records are at the end of that path of members. Names of members are compared without regard to
    /// case, as SCIM wants it. A record that breaks the grammar, or is longer than `record_bytes`, costs no other.
    pub(super) fn read(body: &'a [u8], path: Option<&[String]>, record_bytes: u64) -> Result<Page<'a>, FetchError> {
        let malformed = |why: String| FetchError::Malformed { what: WHAT, why };
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        if body.is_empty() {
            return Err(malformed("the body is empty".into()));
        }
        let path = path.filter(|path| !path.is_empty());
        let place = path.map(|path| path.join(".")).unwrap_or_default();
        let read = match path.and_then(<[String]>::split_last) {
            None => strictly(body, None),
            Some((member, [])) => strictly(body, Some(member)),
            Some((member, around)) => below(body, around, member),
        };
        let strict = match read {
            Ok(list) => return list.page(&place, record_bytes),
            Err(error) => malformed(format!("it is not JSON of the expected form: {error}")),
        };
        let mut pieces = Vec::new();
        let told = salvage::list(
            body,
            path,
            record_bytes,
            |_, name| TOLD.contains(&name),
            |piece| {
                if pieces.len() == MOST_RECORDS {
                    return Err(malformed(too_many()));
                }
                pieces.push(piece);
                Ok(())
            },
        );
        let Ok(mut told) = told else { return Err(strict) };
        let list = List {
            records: match told.records.take() {
                None => None,
                Some(SalvagedRecords::List) => Some(RecordsMember::List(Vec::new())),
                Some(SalvagedRecords::Other(Value::Null)) => Some(RecordsMember::Null),
                Some(SalvagedRecords::Other(_)) => Some(RecordsMember::Other),
            },
            told: told.told(),
        };
        let mut page = list.page(&place, record_bytes)?;
        page.records = pieces;
        Ok(page)
    }
}

/// Reads a page whose records are a member of an object within it, all of them JSON. What the page itself says of its list, or of a
/// failure, counts where that object is silent.
fn below<'a>(body: &'a [u8], around: &[String], member: &str) -> serde_json::Result<List<'a>> {
    let outer = strictly(body, around.first().map(String::as_str))?;
    let Some(inner) = members::raw(body, around)? else {
        return Ok(List { records: None, ..outer });
    };
    let mut list = strictly(inner.get().as_bytes(), Some(member))?;
    for (name, value) in outer.told {
        list.told.entry(name).or_insert(value);
    }
    Ok(list)
}

fn too_many() -> String {
    format!("it holds more than {MOST_RECORDS} records")
}

/// Reads a page all of whose records are JSON.
fn strictly<'a>(body: &'a [u8], member: Option<&str>) -> serde_json::Result<List<'a>> {
    let Some(member) = member else {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let records = deserializer.deserialize_seq(RecordsVisitor)?;
        deserializer.end()?;
        return Ok(List {
            records: Some(records),
            told: Map::new(),
        });
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let list = ListSeed { member }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(list)
}

/// An object, read.
struct List<'a> {
    records: Option<RecordsMember<'a>>,
    told: Map<String, Value>,
}

impl<'a> List<'a> {
    /// The page, whose records have that place in messages.
    fn page(self, member: &str, record_bytes: u64) -> Result<Page<'a>, FetchError> {
        let malformed = |why: String| FetchError::Malformed { what: WHAT, why };
        let total = match self.told.get("totalresults") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = match value {
                    Value::String(text) => text.trim().parse().ok(),
                    value => value.as_u64(),
                };
                let number = number.filter(|number| *number <= LONGEST);
                Some(number.ok_or_else(|| malformed("its totalResults is not a sensible number".into()))?)
            }
        };
        match self.records {
            Some(RecordsMember::List(records)) => Ok(Page {
                records: (records.into_iter())
                    .map(|record| Piece::of(record.get(), record_bytes))
                    .collect(),
                total,
            }),
            // RFC 7644: the member may be missing where the list is empty.
            None | Some(RecordsMember::Null) if total == Some(0) => Ok(Page {
                records: Vec::new(),
                total,
            }),
            Some(RecordsMember::Null | RecordsMember::Other) => Err(malformed(format!("`{member}` is not a list"))),
            None => {
                let (text, code) = envelope::message(&self.told);
                let text = text.or_else(|| self.told.get("detail").and_then(Value::as_str).map(str::to_owned));
                let status = match self.told.get("status") {
                    Some(Value::String(text)) => text.trim().parse().ok(),
                    Some(value) => value.as_i64(),
                    None => None,
                };
                match (status, text) {
                    (Some(status), text) if status > 0 => Err(FetchError::told(
                        status,
                        code,
                        text.unwrap_or_else(|| "the server gives no reason".into()),
                    )),
                    (_, Some(text)) => Err(malformed(format!("it has no member `{member}`: {text}"))),
                    (_, None) => Err(malformed(format!("it has no member `{member}`"))),
                }
            }
        }
    }
}

/// The value in the place of the records.
enum RecordsMember<'a> {
    List(Vec<&'a RawValue>),
    Null,
    Other,
}

impl<'de> Deserialize<'de> for RecordsMember<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordsVisitor)
    }
}

struct RecordsVisitor;

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = RecordsMember<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RecordsMember<'de>, A::Error> {
        let mut records = Vec::new();
        while let Some(record) = list.next_element()? {
            if records.len() == MOST_RECORDS {
                return Err(A::Error::custom(too_many()));
            }
            records.push(record);
        }
        Ok(RecordsMember::List(records))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordsMember<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(RecordsMember::Other)
    }

    fn visit_unit<E>(self) -> Result<RecordsMember<'de>, E> {
        Ok(RecordsMember::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RecordsMember<'de>, E> {
        Ok(RecordsMember::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RecordsMember<'de>, E> {
        Ok(RecordsMember::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RecordsMember<'de>, E> {
        Ok(RecordsMember::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RecordsMember<'de>, E> {
        Ok(RecordsMember::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<RecordsMember<'de>, E> {
        Ok(RecordsMember::Other)
    }
}

struct ListSeed<'m> {
    member: &'m str,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = List<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<List<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = List<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<List<'de>, A::Error> {
        let mut list = List {
            records: None,
            told: Map::new(),
        };
        while let Some(key) = map.next_key::<String>()? {
            let lower = key.to_ascii_lowercase();
            if key.eq_ignore_ascii_case(self.member) {
                if list.records.replace(map.next_value()?).is_some() {
                    return Err(A::Error::custom("the records come twice"));
                }
            } else if TOLD.contains(&lower.as_str()) {
                let value = map.next_value::<&RawValue>()?.get();
                if value.len() > salvage::TOLD_BYTES {
                    return Err(A::Error::custom("one of its members is too long"));
                }
                list.told
                    .insert(lower, serde_json::from_str(value).map_err(A::Error::custom)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page whose records are in a member of that name, or are the page.
    fn page<'a>(body: &'a [u8], member: Option<&str>, record_bytes: u64) -> Result<Page<'a>, FetchError> {
        let path = member.map(|member| vec![member.to_owned()]);
        Page::read(body, path.as_deref(), record_bytes)
    }

    #[test]
    fn a_page_of_more_records_than_anybody_asks_for_is_refused() {
        let many = "1,".repeat(MOST_RECORDS) + "1";
        for (body, member) in [
            (format!("[{many}]"), None),
            (format!("{{\"Resources\":[{many}]}}"), Some("Resources")),
            (format!("{{\"Resources\":[{many},\u{1}]}}"), Some("Resources")),
        ] {
            let error = page(body.as_bytes(), member, 1 << 20).unwrap_err();
            assert!(error.to_string().contains("records"), "{error}");
        }
        let enough = format!("[{}1]", "1,".repeat(MOST_RECORDS - 1));
        assert_eq!(
            page(enough.as_bytes(), None, 1 << 20).unwrap().records.len(),
            MOST_RECORDS
        );
    }

    #[test]
    fn a_page_is_read_in_every_spelling() {
        for (body, member, count, total) in [
            (
                r#"{"totalResults":2,"Resources":[{"id":1},{}],"startIndex":1}"#,
                Some("Resources"),
                2,
                Some(2),
            ),
            (
                r#"{"TOTALRESULTS":"2","resources":[{}]}"#,
                Some("Resources"),
                1,
                Some(2),
            ),
            (r#"{"totalResults":0}"#, Some("Resources"), 0, Some(0)),
            (r#"{"totalResults":0,"Resources":null}"#, Some("Resources"), 0, Some(0)),
            ("\u{feff} [1,2,3] ", None, 3, None),
            (r#"{"items":[]}"#, Some("items"), 0, None),
        ] {
            let found = page(body.as_bytes(), member, 1000).unwrap();
            assert_eq!((found.records.len(), found.total), (count, total), "{body}");
        }
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            "7",
            r#"{"totalResults":2}"#,
            r#"{"totalResults":-1,"Resources":[]}"#,
            r#"{"totalResults":1e30,"Resources":[]}"#,
            r#"{"totalResults":"many","Resources":[]}"#,
            r#"{"totalResults":1,"Resources":{}}"#,
            r#"{"totalResults":1,"Resources":"x"}"#,
            r#"{"Resources":[1],"resources":[2]}"#,
            r#"{"Resources":[1]"#,
            r#"{"Resources":[1]} x"#,
            r#"{"detail":"no","status":"400"}"#,
        ] {
            assert!(page(body.as_bytes(), Some("Resources"), 1000).is_err(), "{body}");
        }
        assert!(page(b"{}", None, 1000).is_err());
    }

    #[test]
    fn what_a_page_says_besides_its_records_is_short() {
        let text = |length| format!(r#"{{"detail":"{}","Resources":[1]}}"#, "x".repeat(length));
        assert!(page(text(60_000).as_bytes(), Some("Resources"), 1000).is_ok());
        let error = page(text(70_000).as_bytes(), Some("Resources"), 1000).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }

    #[test]
    fn a_record_that_is_broken_or_too_long_costs_no_other() {
        let body = b"{\"totalResults\":4,\"Resources\":[{\"id\":\"a\"},{\"id\":\"b\xff\"},{\"id\":\"c\",\"x\":\"\"\"},\
            {\"id\":\"d\",\"x\":\"0123456789012345\"}]}";
        let found = page(body, Some("resources"), 20).unwrap();
        let read: Vec<_> = found.records.iter().map(Piece::json).collect();
        let mended = "{\"id\":\"b\u{fffd}\",\"hostMended\":\"1 byte that is not UTF-8\"}";
        assert_eq!(read, [Some(r#"{"id":"a"}"#), Some(mended), None, None]);
        assert_eq!(found.total, Some(4));
        let found = page(br#"[{"id":"0123456789012345"},{"id":"\udc00"},1]"#, None, 20).unwrap();
        let kinds: Vec<_> = found.records.iter().map(|piece| piece.json().is_some()).collect();
        assert_eq!(kinds, [false, true, true]);
    }

    #[test]
    fn a_broken_record_below_other_members_costs_no_other_either() {
        let body = b"{\"totalResults\":3,\"data\":{\"items\":[{\"id\":\"a\"},{\"id\":\"b\",\"x\":\"\"\"},{\"id\":\"c\xff\"}],\"x\":1},\"y\":{}}";
        let path = ["Data".to_owned(), "items".to_owned()];
        let found = Page::read(body, Some(&path), 100).unwrap();
        let read: Vec<_> = found.records.iter().map(Piece::json).collect();
        let mended = "{\"id\":\"c\u{fffd}\",\"hostMended\":\"1 byte that is not UTF-8\"}";
        assert_eq!(read, [Some(r#"{"id":"a"}"#), None, Some(mended)]);
        assert_eq!(found.total, Some(3));
    }

    #[test]
    fn records_are_found_below_other_members() {
        let read = |body: &str, path: &[&str]| {
            let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
            let page = Page::read(body.as_bytes(), Some(&path), 1000);
            page.map(|page| page.records.len()).map_err(|error| error.to_string())
        };
        assert_eq!(read(r#"{"Data":{"x":1,"ITEMS":[{},{}]}}"#, &["data", "items"]), Ok(2));
        assert_eq!(read(r#"{"a":{"b":{"c":[1]}}}"#, &["a", "b", "c"]), Ok(1));
        for body in [
            "{}",
            r#"{"data":null}"#,
            r#"{"data":[]}"#,
            r#"{"data":{"items":7}}"#,
            r#"{"data":{"items":[1]}"#,
        ] {
            assert!(read(body, &["data", "items"]).is_err(), "{body}");
        }
        for body in [
            r#"{"data":{"items":[1]},"Data":{"items":[2]}}"#,
            r#"{"data":{"items":[1],"Items":[2]}}"#,
            r#"{"data":[{"items":[1]}]}"#,
        ] {
            assert!(read(body, &["data", "items"]).is_err(), "{body}");
        }
        let path = ["data".to_owned(), "items".to_owned()];
        let page = |body: &'static str| Page::read(body.as_bytes(), Some(&path), 1000);
        assert_eq!(
            page(r#"{"totalResults":7,"data":{"items":[1]}}"#).unwrap().total,
            Some(7)
        );
        assert_eq!(page(r#"{"totalResults":0}"#).unwrap().records.len(), 0);
        let refused = page(r#"{"status":403,"detail":"no access"}"#).unwrap_err().to_string();
        assert!(refused.contains("no access"), "{refused}");
    }
}
