//! How a record is written down: JSON, compressed where it is long; and the forms in which older programs wrote it.

use std::borrow::Cow;
use std::io::{BufWriter, Read as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Deserialize;

use super::record::FORM;
use super::{KnownIds, LedgerError, Record};

/// With so many windows in flight a document is compressed: each change writes all of them.
const MANY: usize = 32;
/// Bytes of text that are compressed at once.
const BUFFER: usize = 64 * 1024;

impl Record {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Where it is none of ours, or a later version's.
    pub fn decode(key: &str, body: &[u8]) -> Result<Record, LedgerError> {
        Record::decode_with_ids(key, body).map(|(record, _)| record)
    }

    /// Reads a document, and the ids that it has within it where an older program wrote it. They are noted as if they were
    /// documents: whoever writes the record has to write these first.
    ///
    /// # Errors
    ///
    /// As with [`decode`](Record::decode).
    pub fn decode_with_ids(key: &str, body: &[u8]) -> Result<(Record, KnownIds), LedgerError> {
        #[derive(Deserialize)]
        struct FormOnly {
            form: u32,
        }
        let wrong = |problem: String| LedgerError::Document {
            key: key.to_owned(),
            problem,
        };
        let body = &*json(body).map_err(|error| wrong(error.to_string()))?;
        let unread = |error: serde_json::Error| wrong(error.to_string());
        let FormOnly { form } = serde_json::from_slice(body).map_err(unread)?;
        match form {
            1 => decode_first(body).map_err(wrong),
            2 => Ok((decode_second(body).map_err(wrong)?, KnownIds::default())),
            3 => Ok((decode_third(body).map_err(wrong)?, KnownIds::default())),
            FORM => Ok((serde_json::from_slice(body).map_err(unread)?, KnownIds::default())),
            form => Err(wrong(format!("it has form {form}, this program knows {FORM}"))),
        }
    }

    /// The document: JSON, compressed where it is long.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn encode(&self) -> Result<Bytes, LedgerError> {
        let body = match self.windows.len() {
            0..MANY => serde_json::to_vec(self).map_err(std::io::Error::from),
            _ => self.compressed(),
        };
        (body.map(Bytes::from)).map_err(|error| LedgerError::Internal(error.to_string()))
    }

    /// Never whole in memory as text. Names and hashes of windows are much alike, so that little is left of them.
    fn compressed(&self) -> std::io::Result<Vec<u8>> {
        let encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut json = BufWriter::with_capacity(BUFFER, encoder);
        serde_json::to_writer(&mut json, self)?;
        json.into_inner()?.finish()
    }
}

/// The text of a document; what begins with a brace is not compressed.
fn json(body: &[u8]) -> std::io::Result<Cow<'_, [u8]>> {
    if body.first() == Some(&b'{') {
        return Ok(Cow::Borrowed(body));
    }
    let mut text = Vec::new();
    ZlibDecoder::new(body).read_to_end(&mut text)?;
    Ok(Cow::Owned(text))
}

/// The record of a document of the third form: all sinks had one place. The next run gives each that it knows its own.
fn decode_third(body: &[u8]) -> Result<Record, String> {
    let mut record: Record = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    record.form = FORM;
    Ok(record)
}

/// The record of a document of the second form: ids of what lies before the watermark were not kept, but for those of an open day.
fn decode_second(body: &[u8]) -> Result<Record, String> {
    let mut record: Record = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    record.form = FORM;
    record.look_back.known_from = record.watermark;
    Ok(record)
}

/// The record of a document of the first form: ids by day stood within it, as text.
fn decode_first(body: &[u8]) -> Result<(Record, KnownIds), String> {
    let unread = |error: serde_json::Error| error.to_string();
    let mut json: serde_json::Value = serde_json::from_slice(body).map_err(unread)?;
    let texts = json.get_mut("recent").map(serde_json::Value::take);
    let recent = KnownIds::of_texts(serde_json::from_value(texts.unwrap_or_default()).map_err(unread)?)?;
    if let Some(json) = json.as_object_mut() {
        json.insert("form".into(), FORM.into());
        json.insert("recent".into(), serde_json::Map::new().into());
    }
    let mut record: Record = serde_json::from_value(json).map_err(unread)?;
    record.recent = recent.days().map(|(day, ids)| (day, ids.noted())).collect();
    record.look_back.known_from = record.watermark;
    Ok((record, recent))
}
