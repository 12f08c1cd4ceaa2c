//! Owing nothing to a sink any more: its place is forgotten, and what waited for it alone is committed.

use std::path::Path;

use jiff::Timestamp;

use super::durable::DurableChange;
use super::stream::files;
use base::blocking;
use ledger::{Ledger, LedgerError, Record, Stream};

/// Takes a sink out of a stream, whose claim the caller holds. Windows that then nobody waits for are committed; their documents
/// leave the spool, and the sink's progress the ledger. Answers with how many windows these were; none where the stream knows no
/// such sink. What they left on the server stays there.
///
/// # Errors
///
/// Where the ledger cannot be used, or another process changed the stream.
pub async fn drop_sink(
    ledger: &dyn Ledger,
    stream: &Stream,
    spool: &Path,
    sink: &str,
) -> Result<Option<usize>, LedgerError> {
    let key = stream.key();
    let Some(found) = ledger.load(&key).await? else {
        return Ok(None);
    };
    let mut record = Record::decode(&key, &found.body)?;
    let before = record.clone();
    let over = record.drop_sink(sink, Timestamp::now());
    if record == before {
        return Ok(None);
    }
    DurableChange::Dropped.before();
    ledger.swap(&key, Some(found.revision), record.encode()?).await?;
    DurableChange::Dropped.after();
    let progress = stream.progress_key(sink);
    if let Some(found) = ledger.load(&progress).await? {
        ledger.remove(&progress, found.revision).await?;
    }
    let windows = before.windows.iter().filter(|window| over.contains(&window.name));
    let documents: Vec<_> = windows
        .flat_map(|window| files(window))
        .map(|file| spool.join(file))
        .collect();
    let removed = blocking(move || {
        for document in documents {
            // What cannot be removed now is removed by the next run.
            let _ = std::fs::remove_file(document);
        }
    });
    removed.await.map_err(|died| LedgerError::Internal(died.to_string()))?;
    Ok(Some(over.len()))
}
