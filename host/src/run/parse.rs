//! The parsing thread: a spooled document in, batches of identified events out.

use std::io::{ErrorKind, Read};

use tokio::sync::mpsc;

use super::RunError;
use super::stamp::Stamp;
use super::used::Used;
use crate::event::Batch;
use crate::fetch::Fetched;
use crate::plugin::{Parser, Usage};

/// What a parser gets at once; within the 64 to 256 KiB that the WIT package promises.
const CHUNK_BYTES: usize = 128 * 1024;

/// Feeds the document to the parser and sends each batch on. Ends quietly when nobody receives any more.
pub(super) fn parse(
    mut parser: Parser,
    document: &Fetched,
    mut stamp: Stamp,
    used: &Used,
    batches: &mpsc::Sender<Batch>,
) -> Result<(Stamp, Usage), RunError> {
    let mut file = document.open();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let filled = fill(&mut file, &mut chunk)?;
        let part = chunk.get(..filled).unwrap_or_default();
        let last = filled < CHUNK_BYTES;
        if !part.is_empty() {
            if let Some(events) = used.take() {
                parser.reuse(events);
            }
            let batch = parser.push(part)?;
            if !send(batch, &mut stamp, batches)? {
                break;
            }
        }
        if last {
            let batch = parser.finish()?;
            send(batch, &mut stamp, batches)?;
            break;
        }
    }
    Ok((stamp, parser.usage()))
}

fn send(mut batch: Batch, stamp: &mut Stamp, batches: &mpsc::Sender<Batch>) -> Result<bool, RunError> {
    if batch.events.is_empty() && batch.rejects.is_empty() {
        return Ok(true);
    }
    for event in &mut batch.events {
        stamp.put(event)?;
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
