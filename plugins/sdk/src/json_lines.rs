//! Reads a document of one JSON object a line, in chunks of any size: what the host makes of a query's pages and of a
//! JSON answer that holds its records in an array.
//!
//! [`JsonLines`] takes bytes and calls back with a [`Record`] for each line. A record hands out its members by name, and
//! knows which of them nobody has asked for, so that an event can keep the rest.
//!
//! ```
//! use plugin_sdk::{Activity, Batch, Event, Outcome, Principal, json_lines::{JsonLines, Record}, table::Reason};
//!
//! fn event<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
//!     let user = record.take("userName").ok_or("the record names no user")?;
//!     let mut event = Event::new(0, Activity::Logon, Outcome::Success, Principal::named(user));
//!     event.attributes = record.rest();
//!     Ok(event)
//! }
//! let (mut lines, mut batch) = (JsonLines::new(), Batch::default());
//! lines.push(b"{\"username\":\"ada\",\"age\":36,\"na", &mut batch, event)?;
//! lines.push(b"me\":{\"given\": \"Ada\"}}", &mut batch, event)?;
//! lines.finish(&mut batch, event)?;
//! let attributes = vec![("age".into(), "36".into()), ("name".into(), r#"{"given":"Ada"}"#.into())];
//! assert_eq!(batch.events().next().unwrap().attributes, attributes);
//! # Ok::<(), plugin_sdk::Fault>(())
//! ```

use crate::batch::{MAX_ATTRIBUTES, MAX_NAME};
use crate::held::{HeldRecord, HeldRecords};
use crate::table::Reason;
use crate::time::Orders;
use crate::{Batch, Event, Fault};
use memchr::{memchr, memchr_iter, memchr3};

mod record;

pub use record::Record;

/// The longest line, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// A reader of one document.
#[derive(Default)]
pub struct JsonLines {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// The number of lines that have ended.
    ended: u64,
    /// Within a line that is too long: skipping to the next.
    discarding: bool,
    /// The order of dates that are three numbers, and the records that wait until it is known.
    orders: Orders,
    held: HeldRecords,
}

impl JsonLines {
    /// A reader at the start of a document.
    pub fn new() -> JsonLines {
        JsonLines::default()
    }

    /// Takes the next bytes.
    pub fn push<F>(&mut self, chunk: &[u8], batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: for<'r> FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        let mut rest = chunk;
        while let Some(length) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.line(line, batch, &mut event);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, batch, &mut event);
                // Keeps the allocation for the next line that a chunk cuts.
                whole.clear();
                self.partial = whole;
            }
            self.ended += 1;
            self.discarding = false;
        }
        if !self.discarding {
            self.partial.extend_from_slice(rest);
            if self.partial.len() > MAX_LINE {
                self.too_long(batch);
            }
        }
        Ok(())
    }

    /// Takes note that the document is complete.
    pub fn finish<F>(&mut self, batch: &mut Batch, mut event: F) -> Result<(), Fault>
    where
        F: for<'r> FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        let line = std::mem::take(&mut self.partial);
        self.line(&line, batch, &mut event);
        self.release(batch, &mut event);
        Ok(())
    }

    /// Reads the records that waited, now that all is known that will be, or that no more can wait.
    #[cold]
    fn release<F>(&mut self, batch: &mut Batch, event: &mut F)
    where
        F: for<'r> FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        self.orders.decide();
        for waiting in self.held.take() {
            match self.event(waiting.text.as_bytes(), event) {
                Ok(event) => {
                    if let Err(reason) = batch.push_bounded(event) {
                        batch.reject(waiting.line, reason, waiting.text.as_bytes());
                    }
                }
                Err(reason) => batch.reject(waiting.line, reason, waiting.raw()),
            }
        }
    }

    fn event<'r, F>(&'r self, line: &'r [u8], event: &mut F) -> Result<Event<'r>, Reason>
    where
        F: FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        let record = Record::read(line, &self.orders).ok_or("the record is not a JSON object");
        let event = event(&mut record?)?;
        if event.attributes.len() > MAX_ATTRIBUTES {
            return Err("the record has more than 2048 members".into());
        }
        if event.attributes.iter().any(|(name, _)| name.len() > MAX_NAME) {
            return Err("the name of a member has more than 512 bytes".into());
        }
        Ok(event)
    }

    fn line<F>(&mut self, line: &[u8], batch: &mut Batch, event: &mut F)
    where
        F: for<'r> FnMut(&mut Record<'r>) -> Result<Event<'r>, Reason>,
    {
        if self.discarding || line.trim_ascii().is_empty() {
            return;
        }
        if line.len() > MAX_LINE {
            batch.reject(self.ended + 1, TOO_LONG, line);
            return;
        }
        match self.event(line, event) {
            Ok(event) => {
                if let Err(reason) = batch.push_bounded(event) {
                    batch.reject(self.ended + 1, reason, line);
                }
            }
            Err(_) if self.orders.is_waited_for() => {
                self.held.push(HeldRecord {
                    line: self.ended + 1,
                    text: String::from_utf8_lossy(line).into_owned(),
                    spans: Vec::new(),
                    raw: None,
                });
                if self.held.is_full() {
                    self.release(batch, event);
                }
            }
            Err(reason) => batch.reject(self.ended + 1, reason, line),
        }
    }

    fn too_long(&mut self, batch: &mut Batch) {
        batch.reject(self.ended + 1, TOO_LONG, &self.partial);
        self.partial = Vec::new();
        self.discarding = true;
    }
}

const TOO_LONG: &str = "the record is longer than 1 MiB";

/// The text of a JSON string; none where the text is no JSON string.
pub fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// A JSON text without the white space between its tokens.
pub fn compact(json: &str) -> String {
    if is_compact(json.as_bytes()) {
        return json.into();
    }
    let mut kept = String::with_capacity(json.len());
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        if !quoted && byte.is_ascii_whitespace() {
            kept.push_str(json.get(from..at).unwrap_or_default());
            from = at + 1;
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
    }
    kept.push_str(json.get(from..).unwrap_or_default());
    kept
}

/// True where a JSON text surely has no white space between its tokens: what most servers send.
fn is_compact(json: &[u8]) -> bool {
    is_unbroken(json) && has_no_outer_space(json)
}

/// True where there is no white space but for spaces.
fn is_unbroken(json: &[u8]) -> bool {
    memchr3(b'\n', b'\r', b'\t', json).is_none()
}

/// True where there surely is no space between tokens. Of two neighbours one is a bracket, a brace, a comma or a colon, so
/// such a space has one of these on a side, or another space.
fn has_no_outer_space(json: &[u8]) -> bool {
    let is_structural = |place: Option<usize>| {
        let byte = place.and_then(|place| json.get(place));
        byte.is_none_or(|byte| b" {}[],:".contains(byte))
    };
    memchr_iter(b' ', json).all(|at| !is_structural(at.checked_sub(1)) && !is_structural(at.checked_add(1)))
}
