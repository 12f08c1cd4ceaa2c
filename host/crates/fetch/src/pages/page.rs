//! One page: a JSON list, or an object that holds one (RFC 7644 section 3.4.2: `ListResponse`).

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::body::PageBody;
use super::listing::{MOST_RECORDS, PageMembers, RecordsPlace, TOLD, malformed, of_another_form, too_many};
use super::members;
use super::spooled_page::SpooledRecords;
use crate::error::FetchError;
use crate::records::piece::Piece;
use crate::records::salvage;

/// A page that is known to be whole.
#[derive(Debug)]
pub(super) struct Page<'a> {
    records: PageRecords<'a>,
    total: Option<u64>,
}

/// The records of a page.
#[derive(Debug)]
enum PageRecords<'a> {
    /// Borrowed from the page's text.
    Held(Vec<Piece<'a>>),
    Spooled(SpooledRecords),
}

impl<'a> Page<'a> {
    /// Reads a page whose records are at the end of that path of members. Names of members are compared without regard to
    /// case, as SCIM wants it. A record that breaks the grammar, or is longer than `record_bytes`, costs no other. Blocking.
    pub(super) fn read(body: &'a PageBody, path: Option<&[String]>, record_bytes: u64) -> Result<Page<'a>, FetchError> {
        match body {
            PageBody::Held { bytes, .. } => Page::held(bytes, path, record_bytes),
            PageBody::Spooled(body) => {
                let path = path.unwrap_or_default();
                let (listing, records) = SpooledRecords::read(body, path, record_bytes)?;
                Ok(Page {
                    total: listing.total(Some(&path.join(".")))?,
                    records: PageRecords::Spooled(records),
                })
            }
        }
    }

    /// The number of its records, with those that are broken or missing.
    pub(super) fn count(&self) -> u64 {
        match &self.records {
            PageRecords::Held(records) => records.len() as u64,
            PageRecords::Spooled(records) => records.count(),
        }
    }

    /// The number of records of the whole list, where the page says it.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// Hands out each record, in order. Blocking.
    pub(super) fn each(&self, take: &mut dyn FnMut(&Piece<'_>) -> Result<(), FetchError>) -> Result<(), FetchError> {
        match &self.records {
            PageRecords::Held(records) => records.iter().try_for_each(take),
            PageRecords::Spooled(records) => records.each(take),
        }
    }

    /// Reads a page that is in memory.
    fn held(body: &'a [u8], path: Option<&[String]>, record_bytes: u64) -> Result<Page<'a>, FetchError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        if body.is_empty() {
            return Err(malformed("the body is empty".into()));
        }
        let path = path.filter(|path| !path.is_empty());
        let place = path.map(|path| path.join("."));
        let read = match path.and_then(<[String]>::split_last) {
            None => strictly(body, None),
            Some((member, [])) => strictly(body, Some(member)),
            Some((member, around)) => below(body, around, member),
        };
        let strict = match read {
            Ok(list) => return list.page(place.as_deref(), record_bytes),
            Err(error) => of_another_form(error),
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
        let Ok(told) = told else { return Err(strict) };
        let total = PageMembers::from(told).total(place.as_deref())?;
        // A damaged page says nothing by having no records.
        if pieces.is_empty() {
            return Err(strict);
        }
        Ok(Page {
            total,
            records: PageRecords::Held(pieces),
        })
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
    fn page(self, member: Option<&str>, record_bytes: u64) -> Result<Page<'a>, FetchError> {
        let (place, records) = match self.records {
            None => (None, Vec::new()),
            Some(RecordsMember::List(records)) => (Some(RecordsPlace::List), records),
            Some(RecordsMember::Null) => (Some(RecordsPlace::Null), Vec::new()),
            Some(RecordsMember::Other) => (Some(RecordsPlace::Other), Vec::new()),
        };
        let listing = PageMembers { told: self.told, place };
        let pieces = records.into_iter().map(|record| Piece::of(record.get(), record_bytes));
        Ok(Page {
            total: listing.total(member)?,
            records: PageRecords::Held(pieces.collect()),
        })
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
mod tests;
