//! The records of one file as batches of events, with how far the file is after each.

use std::fs::File;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::progress::FileProgress;
use crate::error::{CliError, Exit};
use base::EVIDENCE;
use event::{Encoding, Event, Provenance};
use event_archive::{ArchiveReader, ArchivedRecord, DecodedEvent, EventDecoder};
use setup::SetupError;

/// The most events of a batch, and about the most bytes of their texts. Progress is kept after each.
const BATCH_EVENTS: usize = 500;
const BATCH_BYTES: usize = 4 << 20;

/// The number of records that are left out and named, in each file.
const NAMED: u64 = 10;

/// The rules of reading: what is read, and what becomes of records that cannot be.
#[derive(Debug, Clone)]
pub struct ReadingRules {
    pub decoder: EventDecoder,
    /// The encoding of the receiver.
    pub target: Encoding,
    /// Milliseconds since 1970, from which on events are delivered.
    pub from: Option<i64>,
    /// The same, before which.
    pub to: Option<i64>,
    pub report: Option<String>,
    pub connection: Option<String>,
    pub skip_unreadable: bool,
    pub allow_ambiguous: bool,
}

/// Events of one origin, and what was passed over before and between them.
pub struct ReadBatch {
    pub provenance: Option<Arc<Provenance>>,
    pub events: Vec<Event>,
    /// Events that were not asked for.
    pub skipped: u64,
    /// Records that are left out because they cannot be read.
    pub unreadable: u64,
    /// The progress of the file once these events are delivered.
    pub after: FileProgress,
}

/// A file as it is read.
struct FileReading<'a> {
    rules: &'a ReadingRules,
    hash: Sha256,
    batch: ReadBatch,
    bytes: usize,
    left_out: u64,
    /// Takes a batch; false where nobody wants more.
    send: &'a mut dyn FnMut(ReadBatch) -> bool,
}

/// Reads a file, from behind what was answered for before. Everything that stands before something unreadable is sent. Blocks.
pub fn read(
    file: File,
    begun: FileProgress,
    before: Option<&FileProgress>,
    rules: &ReadingRules,
    send: &mut dyn FnMut(ReadBatch) -> bool,
) -> Result<(), CliError> {
    let name = begun.file.clone();
    let mut reading = FileReading {
        rules,
        hash: Sha256::new(),
        batch: batch_after(begun),
        bytes: 0,
        left_out: 0,
        send,
    };
    let mut reader = match ArchiveReader::new(&name, file) {
        Ok(reader) => reader,
        // Nothing of it is new.
        Err(error) if before.is_some_and(|before| before.records > 0) => return Err(SetupError::from(error).into()),
        Err(error) => return reading.broken(error.into()),
    };
    if let Some(before) = before {
        for _ in 0..before.records {
            match reader.next() {
                Some(Ok(record)) => reading.count(&record),
                Some(Err(error)) => return Err(SetupError::from(error).into()),
                None => return Err(changed(before)),
            }
        }
        if reading.digest() != before.sha256 {
            return Err(changed(before));
        }
        reading.batch.after.left_out = before.left_out;
    }
    for record in reader {
        let record = match record {
            Ok(record) => record,
            Err(error) => return reading.broken(error.into()),
        };
        match reading.event(&name, &record) {
            Ok(Some(decoded)) => {
                if !reading.add(decoded) {
                    return Ok(());
                }
            }
            Ok(None) => reading.batch.skipped += 1,
            Err(failure) if rules.skip_unreadable => {
                reading.leave_out(&failure);
                reading.batch.after.left_out += 1;
            }
            Err(failure) => {
                reading.flush();
                return Err(failure);
            }
        }
        reading.count(&record);
    }
    reading.batch.after.done = true;
    reading.flush();
    Ok(())
}

fn batch_after(after: FileProgress) -> ReadBatch {
    ReadBatch {
        provenance: None,
        events: Vec::new(),
        skipped: 0,
        unreadable: 0,
        after,
    }
}

/// The error about a file whose beginning is no longer what was delivered.
fn changed(before: &FileProgress) -> CliError {
    let message = format!(
        "{} has changed: its first {} records are not those that were delivered of it",
        before.file, before.records
    );
    CliError {
        code: "archive",
        ..CliError::new(Exit::RemoteFailed, message)
            .hint("put the file back as it was; or deliver everything anew, under the same ids, with --restart")
    }
}

impl FileReading<'_> {
    /// Counts a record as answered for.
    fn count(&mut self, record: &ArchivedRecord) {
        self.hash.update((record.raw.len() as u64).to_le_bytes());
        self.hash.update(&record.raw);
        self.batch.after.records += 1;
    }

    fn digest(&self) -> String {
        base::hex(&self.hash.clone().finalize())
    }

    /// The event of a record; none where it was not asked for.
    fn event(&self, name: &str, record: &ArchivedRecord) -> Result<Option<DecodedEvent>, CliError> {
        let rules = self.rules;
        let failed = |problem: String, hint: &str| {
            let error = SetupError::new(
                base::ErrorKind::Failed,
                format!("{name} line {} {problem}", record.line),
            );
            CliError::from(error.code("archive").hint(hint))
        };
        let mut decoded = (rules.decoder.decode(record)).map_err(|error| failed(error.to_string(), error.hint()))?;
        let Provenance { report, connection, .. } = &*decoded.provenance;
        if report.is_empty() || connection.is_empty() {
            // A file of an early version has no place for it.
            let (Some(report), Some(connection)) = (
                Some(report).filter(|name| !name.is_empty()).or(rules.report.as_ref()),
                Some(connection)
                    .filter(|name| !name.is_empty())
                    .or(rules.connection.as_ref()),
            ) else {
                let problem = "holds an event that names no report or no connection".to_owned();
                return Err(failed(problem, "say which it is of with --report and --connection"));
            };
            let of = &decoded.provenance;
            let whole = Provenance::new(&**report, &**connection, &*of.service, of.product.clone());
            decoded.provenance = Arc::new(whole.of_tenant(of.tenant.clone()));
        }
        let Provenance { report, connection, .. } = &*decoded.provenance;
        let time = decoded.event.time;
        let is_meant = rules.report.as_ref().is_none_or(|wanted| wanted == report)
            && rules.connection.as_ref().is_none_or(|wanted| wanted == connection)
            && rules.from.is_none_or(|from| time >= from)
            && rules.to.is_none_or(|to| time < to);
        if !is_meant {
            return Ok(None);
        }
        if !rules.allow_ambiguous && !decoded.is_certain_in(rules.target) {
            let problem = format!(
                "holds an event of which its encoding does not tell what it was exactly, and the sink's encoding {} has a place for that",
                rules.target
            );
            return Err(failed(
                problem,
                "use an archive in another encoding, or deliver the likeliest with --allow-ambiguous",
            ));
        }
        Ok(Some(decoded))
    }

    /// Adds an event to the batch; says whether more is wanted.
    fn add(&mut self, decoded: DecodedEvent) -> bool {
        let is_full = self.batch.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES;
        let is_other = (self.batch.provenance.as_ref()).is_some_and(|provenance| **provenance != *decoded.provenance);
        if (is_full || is_other) && !self.flush() {
            return false;
        }
        self.batch.provenance.get_or_insert(decoded.provenance);
        self.bytes += decoded.event.bytes();
        self.batch.events.push(decoded.event);
        true
    }

    /// Counts a record that cannot be read, and says so.
    fn leave_out(&mut self, failure: &CliError) {
        self.batch.unreadable += 1;
        self.left_out += 1;
        let message = failure.message.as_deref().unwrap_or_default();
        match self.left_out {
            0..=NAMED => tracing::warn!(target: EVIDENCE, "left out: {message}"),
            more if more == NAMED + 1 => {
                tracing::warn!(target: EVIDENCE, "left out: more such records of {}", self.batch.after.file);
            }
            _ => {}
        }
    }

    /// The end of a file that cannot be read further.
    fn broken(mut self, error: SetupError) -> Result<(), CliError> {
        let failure = CliError::from(error);
        if self.rules.skip_unreadable && failure.exit != Exit::Usage {
            self.leave_out(&failure);
            self.flush();
            return Ok(());
        }
        self.flush();
        Err(failure)
    }

    /// Sends the batch; says whether more is wanted.
    fn flush(&mut self) -> bool {
        self.batch.after.sha256 = self.digest();
        let next = batch_after(self.batch.after.clone());
        self.bytes = 0;
        (self.send)(std::mem::replace(&mut self.batch, next))
    }
}
