//! An envelope all of whose records are JSON and short enough, read as a stream.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::lines::RecordLines;
use super::piece::Piece;
use crate::error::FetchError;
use crate::spool::Spooled;

/// Members of an envelope that tell how the request ended, or how large the whole list is.
pub(super) const TOLD: [&str; 10] = [
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

/// Reads an envelope all of whose records are JSON and short enough.
pub(super) fn strictly(
    body: &Spooled,
    path: &[String],
    record_bytes: u64,
    lines: &mut RecordLines,
) -> Result<Scanned, FetchError> {
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
        path,
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

/// True if a text stands for no text.
pub(super) fn is_no_text(text: &str) -> bool {
    matches!(text.trim(), "" | "null")
}

/// The value in the place of the records.
pub(super) enum RecordsFound {
    Missing,
    /// Null, an empty text or the text "null": no records.
    Nothing,
    List,
    /// Something that is not a list.
    Other,
}

/// An envelope, read; its records are written.
pub(super) struct Scanned {
    pub(super) told: Map<String, Value>,
    pub(super) found: RecordsFound,
}

struct EnvelopeSeed<'a> {
    /// The members to the records, from this object on.
    path: &'a [String],
    allowance: Rc<Cell<u64>>,
    record_bytes: u64,
    lines: &'a mut RecordLines,
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
            found: RecordsFound::Missing,
        };
        while let Some(key) = map.next_key::<String>()? {
            self.allowance.set(self.record_bytes);
            if self.path.first().is_some_and(|name| name.eq_ignore_ascii_case(&key)) {
                if !matches!(read.found, RecordsFound::Missing) {
                    return Err(A::Error::custom("the records come twice"));
                }
                if let [_, below @ ..] = self.path
                    && !below.is_empty()
                {
                    let inner = map.next_value_seed(EnvelopeSeed {
                        path: below,
                        allowance: self.allowance.clone(),
                        record_bytes: self.record_bytes,
                        lines: &mut *self.lines,
                    })?;
                    read.found = inner.found;
                    for (name, value) in inner.told {
                        read.told.entry(name).or_insert(value);
                    }
                    continue;
                }
                let (found, text) = map.next_value_seed(RecordsSeed {
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

struct RecordsSeed<'a> {
    allowance: &'a Cell<u64>,
    record_bytes: u64,
    lines: &'a mut RecordLines,
}

impl<'de> DeserializeSeed<'de> for RecordsSeed<'_> {
    type Value = (RecordsFound, Option<String>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RecordsSeed<'_> {
    type Value = (RecordsFound, Option<String>);

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
        Ok((RecordsFound::List, None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((RecordsFound::Nothing, None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if is_no_text(text) {
            (RecordsFound::Nothing, None)
        } else {
            (RecordsFound::Other, Some(text.to_owned()))
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok((RecordsFound::Other, None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok((RecordsFound::Other, None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok((RecordsFound::Other, None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok((RecordsFound::Other, None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok((RecordsFound::Other, None))
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
