//! The parsing thread: a spooled document in, batches of identified events out, and what was rejected set aside.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::aside::{Alike, Aside};
use super::reread;
use super::stamp::Stamp;
use super::verdict::{MaxRejected, TooManyRejected};
use crate::RunError;
use crate::fan_out::EventPool;
use crate::report::{DocumentParser, Report};
use event::Batch;
use fetch::Fetched;
use rejected::RejectedOptions;
use sandbox::{Quoting, Usage};

/// Bytes that a parser gets at once; within the 64 to 256 KiB that the WIT package promises.
const CHUNK_BYTES: usize = 128 * 1024;

/// A document's plugin, and the rules by which it is read.
pub(crate) struct DocumentReading {
    pub(crate) report: Arc<dyn Report>,
    pub(crate) about: sandbox::Document,
    /// How much of it may be rejected.
    pub(crate) most: MaxRejected,
    /// The way in which pieces of it are kept and told.
    pub(crate) quoting: Quoting,
    /// The options of the store that what is rejected is for; none where there is none.
    pub(crate) rejected: Option<RejectedOptions>,
    /// True where a later run reads the document again after a failure.
    pub(crate) waits: bool,
}

/// The state that goes from one document of a window to the next.
pub(crate) struct Known {
    pub(crate) stamp: Stamp,
    pub(crate) alike: Alike,
}

/// A document that was read.
pub(crate) struct Parsed {
    pub(crate) known: Known,
    pub(crate) usage: Usage,
    pub(crate) rejected: Rejected,
}

/// The rejected rows of a document.
pub(crate) enum Rejected {
    /// No row, or nobody wants to know: the reader stopped in the middle.
    Nothing,
    /// Some rows.
    Some(Box<SetAside>),
    /// Too many for the document to count.
    TooMany {
        why: Box<TooManyRejected>,
        /// Rows that have not come by as part of a batch.
        unseen: u64,
    },
}

/// Rejected rows of a document that counts.
pub(crate) struct SetAside {
    /// How many there are.
    pub(crate) rejected: u64,
    /// The lines before the first row of the document.
    pub(crate) preamble: Vec<u8>,
    /// The rows, where there is a store.
    pub(crate) rows: Option<super::aside::RowsAside>,
}

/// Feeds the document to the parser and sends each batch on. Ends quietly when nobody receives any more. Where a document may fail
/// some of whose rows are events, it is read twice: nothing of one that fails is sent.
pub(crate) fn parse(
    reading: &DocumentReading,
    document: &Fetched,
    mut known: Known,
    used: &EventPool,
    batches: &mpsc::Sender<Batch>,
) -> Result<Parsed, RunError> {
    let parser = reading.report.parser(reading.about.clone())?;
    let quoting = reading.quoting;
    let mut aside = Aside::new(document, reading.rejected.as_ref(), quoting);
    let (mut events, mut usage) = (0, Usage::default());
    // Of a record that the server broke, a plugin that knows the form can make no event either.
    let of_plugin = |rejected: u64| rejected.saturating_sub(document.broken);
    let twice = reading.most.is_of_some();
    if twice {
        let parser = reading.report.parser(reading.about.clone())?;
        usage.add(read(parser, document, quoting, None, |batch| {
            events += batch.events.len() as u64;
            aside
                .take(&batch.rejects, &mut known.alike)
                .map_err(RunError::SetAside)?;
            Ok(true)
        })?);
        if reading.most.refuses(events, of_plugin(aside.rejected)) {
            let unseen = aside.rejected;
            let why = Box::new(refused(reading, document, events, aside)?);
            let rejected = Rejected::TooMany { why, unseen };
            return Ok(Parsed { known, usage, rejected });
        }
    }
    let mut stopped = false;
    usage.add(read(parser, document, quoting, Some(used), |batch| {
        if !twice {
            events += batch.events.len() as u64;
            aside
                .take(&batch.rejects, &mut known.alike)
                .map_err(RunError::SetAside)?;
        }
        let goes_on = send(batch, quoting, &mut known.stamp, batches)?;
        stopped = !goes_on;
        Ok(goes_on)
    })?);
    let rejected = match aside.rejected {
        0 => Rejected::Nothing,
        _ if stopped => Rejected::Nothing,
        rejected if reading.most.refuses(events, of_plugin(rejected)) => Rejected::TooMany {
            why: Box::new(refused(reading, document, events, aside)?),
            unseen: 0,
        },
        rejected => Rejected::Some(Box::new(SetAside {
            rejected,
            preamble: match reading.rejected {
                Some(_) => preamble(reading, document)?,
                None => Vec::new(),
            },
            rows: aside.rows(),
        })),
    };
    Ok(Parsed { known, usage, rejected })
}

/// Says of a document what the user needs to see.
fn refused(
    reading: &DocumentReading,
    document: &Fetched,
    events: u64,
    aside: Aside<'_>,
) -> Result<TooManyRejected, RunError> {
    let preamble = preamble(reading, document)?;
    let preamble = String::from_utf8_lossy(&preamble);
    let header = preamble.lines().rfind(|line| !line.trim().is_empty());
    let rejected = aside.rejected;
    Ok(TooManyRejected {
        file: document.file_name.clone(),
        events,
        rejected,
        most: reading.most,
        header: header.map(|header| header.trim().trim_start_matches('\u{feff}').to_owned()),
        first: aside.first,
        waits: reading.waits,
    })
}

/// The lines before the first row of the document. Of a list of records these are records too, in which the plugin finds nothing.
fn preamble(reading: &DocumentReading, document: &Fetched) -> Result<Vec<u8>, RunError> {
    let preamble = reread::preamble(&*reading.report, &reading.about, document.open())?;
    Ok(reading.quoting.lines(&preamble))
}

/// Feeds the document to the parser, until its end or until nobody wants any more of it. Says what that used.
fn read(
    mut parser: Box<dyn DocumentParser>,
    document: &Fetched,
    quoting: Quoting,
    used: Option<&EventPool>,
    mut each: impl FnMut(Batch) -> Result<bool, RunError>,
) -> Result<Usage, RunError> {
    let mut file = document.open();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let filled = fill(&mut file, &mut chunk)?;
        let part = chunk.get(..filled).unwrap_or_default();
        let last = filled < CHUNK_BYTES;
        if !part.is_empty() {
            if let Some(events) = used.and_then(EventPool::take) {
                parser.reuse(events);
            }
            let batch = parser.push(part).map_err(|error| quoting.error(error))?;
            if !each(batch)? {
                break;
            }
        }
        if last {
            let batch = parser.finish().map_err(|error| quoting.error(error))?;
            each(batch)?;
            break;
        }
    }
    Ok(parser.usage())
}

fn send(
    mut batch: Batch,
    quoting: Quoting,
    stamp: &mut Stamp,
    batches: &mpsc::Sender<Batch>,
) -> Result<bool, RunError> {
    if batch.events.is_empty() && batch.rejects.is_empty() {
        return Ok(true);
    }
    for event in &mut batch.events {
        stamp.put(event)?;
    }
    for reject in &mut batch.rejects {
        *reject = quoting.reject(reject);
    }
    Ok(batches.blocking_send(batch).is_ok())
}

/// Reads until the buffer is full or the document ends.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
