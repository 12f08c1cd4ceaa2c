//! Reading a small document at once: the beginning of one, to learn what stands before its rows, and a rejected row again.
//!
//! What stands before the first row is the same in any format: the longest run of lines, from the document's start, in which the
//! plugin finds nothing. A table has its header there, and whatever comes before that; a document of JSON lines has nothing.

use std::collections::HashMap;
use std::io::{self, Read};

use super::lines;
use super::stamp::Stamp;
use crate::report::Report;
use event::id::IdError;
use event::{Batch, Event};
use rejected::RejectedRow;
use sandbox::PluginError;

/// Lines that may stand before the first row, at most.
const LINES: usize = 16;
/// Bytes of them, at most.
const BYTES: u64 = 64 * 1024;
/// Bytes that a parser gets at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// A rejected row, read again.
#[derive(Debug)]
pub enum Reread {
    /// Events, with the ids that they would have had.
    Events(Vec<Event>),
    /// None, and why.
    Rejected(String),
}

/// Why a row cannot be read again at all.
#[derive(Debug, thiserror::Error)]
pub enum RereadError {
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The event cannot be given its id.
    #[error(transparent)]
    Ids(#[from] IdError),
}

/// Reads a rejected row with a plugin, behind what stood before the first row of its document.
///
/// An event without an id of its source's gets the one that it would have had in the run that rejected the row: rows of the
/// same bytes are told apart by how many of them came before. What that run could not know is whether a row that it did
/// read makes the very same event as this one: then the two have one id.
///
/// # Errors
///
/// Where the plugin fails, or refuses what it gets in a way that is no reject.
pub fn reread(report: &dyn Report, row: &RejectedRow) -> Result<Reread, RereadError> {
    alone(report, row)?.stamped(row)
}

/// Reads all rejected rows of a document that are kept, in their order. What a row alone does not say (whether `07/03/2025` is
/// a day in March or in July) its neighbours may: rows that cannot be read by themselves are read once more as one document.
/// That counts where it is plain which row each event is of: each row is one event or one reject, and those that can be read
/// by themselves are the same events among the others.
///
/// # Errors
///
/// As [`reread`].
pub fn reread_together(report: &dyn Report, rows: &[&RejectedRow]) -> Result<Vec<Reread>, RereadError> {
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        read.push(alone(report, row)?);
    }
    let undecided = read.iter().any(|read| matches!(read, Reread::Rejected(_)));
    if undecided && rows.len() > 1 && rows.iter().all(|row| row.entry.whole) {
        let together = together(report, rows, &read)?;
        for (alone, together) in read.iter_mut().zip(together) {
            if let (Reread::Rejected(_), Some(event)) = (&alone, together) {
                *alone = Reread::Events(vec![event]);
            }
        }
    }
    read.into_iter()
        .zip(rows)
        .map(|(read, row)| read.stamped(row))
        .collect()
}

/// The event of each row where they are one document; of none where that cannot be told.
fn together(report: &dyn Report, rows: &[&RejectedRow], alone: &[Reread]) -> Result<Vec<Option<Event>>, RereadError> {
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut bytes = first.preamble.clone();
    let (mut line, mut places) = (lines(&bytes) + 1, HashMap::new());
    // What waits for the rest of the document comes behind what does not. With those rows at the end, events have the order
    // of their rows.
    let read_alone = |place: &usize| matches!(alone.get(*place), Some(Reread::Events(_)));
    let (at_once, later): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(read_alone);
    let order = [at_once, later].concat();
    for (at, row) in order.iter().filter_map(|place| rows.get(*place)).enumerate() {
        places.insert(line, at);
        line += lines(&row.raw) + 1;
        bytes.extend_from_slice(&row.raw);
        bytes.push(b'\n');
    }
    let batch = match read(report, about(first), &bytes) {
        Ok(batch) => batch,
        Err(PluginError::Fault(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut rejected = vec![false; rows.len()];
    for reject in &batch.rejects {
        // A second one of a row, or one of no row: these are not the lines that it was taken for.
        match places.remove(&reject.line).and_then(|at| rejected.get_mut(at)) {
            Some(rejected) => *rejected = true,
            None => return Ok(Vec::new()),
        }
    }
    if batch.events.len() + batch.rejects.len() != rows.len() {
        return Ok(Vec::new());
    }
    let mut events = batch.events.into_iter();
    let mut found = vec![None; rows.len()];
    for (place, rejected) in order.iter().zip(rejected) {
        if let (Some(found), false) = (found.get_mut(*place), rejected) {
            *found = events.next();
        }
    }
    let same = found.iter().zip(alone).all(|(together, alone)| match alone {
        Reread::Events(alone) => alone.as_slice() == together.as_slice(),
        Reread::Rejected(_) => true,
    });
    Ok(if same { found } else { Vec::new() })
}

/// The document of a row.
fn about(row: &RejectedRow) -> sandbox::Document {
    let origin = &row.origin;
    sandbox::Document {
        fetch: origin.document.fetch,
        request: sandbox::Request {
            window: sandbox::Window {
                from: origin.window.from,
                to: origin.window.to,
            },
            now: origin.now,
            parameters: origin.parameters.clone(),
            unique_name: origin.document.window.clone(),
        },
        file_name: origin.document.file.clone(),
        length: None,
    }
}

/// Reads a row behind what stood before the first row of its document. Its events are as the plugin made them.
fn alone(report: &dyn Report, row: &RejectedRow) -> Result<Reread, RereadError> {
    let mut bytes = row.preamble.clone();
    bytes.extend_from_slice(&row.raw);
    bytes.push(b'\n');
    let batch = match read(report, about(row), &bytes) {
        Ok(batch) => batch,
        // The plugin works, and cannot read this.
        Err(PluginError::Fault(fault)) => return Ok(Reread::Rejected(fault.message)),
        Err(error) => return Err(error.into()),
    };
    if let Some(reject) = batch.rejects.into_iter().next() {
        return Ok(Reread::Rejected(reject.reason));
    }
    match batch.events.is_empty() {
        true => Ok(Reread::Rejected("the plugin finds no row in it".into())),
        false => Ok(Reread::Events(batch.events)),
    }
}

impl Reread {
    /// With the ids that the events of the row would have had.
    fn stamped(self, row: &RejectedRow) -> Result<Reread, RereadError> {
        let Reread::Events(mut events) = self else {
            return Ok(self);
        };
        let origin = &row.origin;
        let mut stamp = Stamp::new(&origin.provenance, origin.ids_of.as_deref(), origin.now);
        let alone = events.clone();
        for (at, event) in events.iter_mut().enumerate() {
            let same = |other: &&Event| alone.get(at) == Some(*other);
            let earlier = alone.iter().take(at).filter(same).count() as u64;
            let each = alone.iter().filter(same).count() as u64;
            stamp.put_nth(event, row.before.saturating_mul(each).saturating_add(earlier))?;
        }
        Ok(Reread::Events(events))
    }
}

/// The lines before the first row of a document, with the ends of its lines; empty where that cannot be told.
pub(crate) fn preamble(report: &dyn Report, about: &sandbox::Document, document: impl Read) -> io::Result<Vec<u8>> {
    let mut before = Vec::new();
    for line in lines::head(document, LINES, BYTES)? {
        let mut bytes = before.clone();
        bytes.extend_from_slice(&line);
        if !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r") {
            bytes.push(b'\n');
        }
        let about = sandbox::Document {
            length: None,
            ..about.clone()
        };
        match read(report, about, &bytes) {
            Ok(batch) if batch.events.is_empty() && batch.rejects.is_empty() => before = bytes,
            Ok(_) => return Ok(before),
            // Half of what it needs: a line before the header, say.
            Err(PluginError::Fault(_)) => before = bytes,
            Err(_) => return Ok(Vec::new()),
        }
    }
    Ok(Vec::new())
}

fn read(report: &dyn Report, document: sandbox::Document, bytes: &[u8]) -> Result<Batch, PluginError> {
    let mut parser = report.parser(document)?;
    let mut all = Batch::default();
    let mut add = |batch: Batch| {
        all.events.extend(batch.events);
        all.rejects.extend(batch.rejects);
    };
    for chunk in bytes.chunks(CHUNK_BYTES) {
        add(parser.push(chunk)?);
    }
    add(parser.finish()?);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use built_in::built_in;
    use event::{Product, Provenance};
    use rejected::{PluginIdentity, RejectedEntry, RowOrigin, RowPeriod, RowWindow, SourceDocument};
    use sandbox::{Plugin, PluginLimits, ReportPlugin, Sandbox};

    fn report(name: &str) -> ReportPlugin {
        static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
        let sandbox = SANDBOX.get_or_init(|| Sandbox::new(PluginLimits::default(), None).unwrap());
        let plugin: Plugin = sandbox.load(built_in(name).unwrap(), name).unwrap();
        plugin.report().unwrap()
    }

    fn about() -> sandbox::Document {
        sandbox::Document {
            fetch: 0,
            request: sandbox::Request {
                window: sandbox::Window {
                    from: 0,
                    to: 86_400_000,
                },
                now: 86_400_000,
                parameters: Vec::new(),
                unique_name: "w".into(),
            },
            file_name: Some("w.csv".into()),
            length: None,
        }
    }

    fn row(report: &str, preamble: &str, raw: &str, before: u64) -> RejectedRow {
        let reader = PluginIdentity {
            asked: report.into(),
            version: "1".into(),
            sha256: String::new(),
        };
        let document = SourceDocument {
            fetch: 0,
            file: Some("w.csv".into()),
            job: None,
            window: "w".into(),
        };
        RejectedRow {
            entry: RejectedEntry {
                number: 1,
                report: report.into(),
                connection: "epm".into(),
                source: None,
                parameters: Vec::new(),
                line: 2,
                reason: "x".into(),
                rejected_at: jiff::Timestamp::UNIX_EPOCH,
                times_rejected: 1,
                bytes: raw.len() as u64,
                whole: true,
                document: document.clone(),
                window: RowWindow {
                    from: jiff::Timestamp::UNIX_EPOCH,
                    to: jiff::Timestamp::UNIX_EPOCH,
                },
                plugin: reader.clone(),
                run_id: "run".into(),
            },
            origin: RowOrigin {
                provenance: Provenance::new(report, "epm", "epm.example.com", Product::epm_cloud()),
                ids_of: None,
                source: None,
                parameters: Vec::new(),
                run_id: "run".into(),
                plugin: reader,
                document,
                window: RowPeriod {
                    from: 0,
                    to: 86_400_000,
                },
                now: 86_400_000,
            },
            document: 1,
            before,
            preamble: preamble.into(),
            raw: raw.into(),
        }
    }

    #[test]
    fn what_stands_before_the_first_row_is_found_in_every_form() {
        let csv = "User Name,Remote IP Address,Timestamp\r\n";
        let row = "ada,203.0.113.7,\"July 3, 2025 11:34:33 UTC\"\r\n";
        let odd = "ada,203.0.113.7,some time ago\r\n";
        let marked = format!("\u{feff}\"4fB=\"\r\n{csv}");
        let report = report("invalid-login");
        for (document, before) in [
            (format!("{csv}{row}{row}"), csv),
            (format!("{csv}{odd}"), csv),
            (format!("{marked}{row}"), &marked),
            // Nothing but a header has no row that it could stand before.
            (csv.to_owned(), ""),
            (String::new(), ""),
        ] {
            let found = preamble(&report, &about(), document.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), before, "{document:?}");
        }
    }

    #[test]
    fn a_document_of_json_lines_has_nothing_before_its_first_row() {
        let report = self::report("audit-events");
        let document = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n";
        assert!(preamble(&report, &about(), document.as_bytes()).unwrap().is_empty());
    }

    #[test]
    fn rows_that_can_be_read_now_have_the_ids_that_the_whole_document_gives() {
        let csv = "User Name,Remote IP Address,Timestamp\n";
        let line = "ada,203.0.113.7,\"July 3, 2025 11:34:33 UTC\"";
        let report = report("invalid-login");
        let provenance = Provenance::new("invalid-login", "epm", "epm.example.com", Product::epm_cloud());
        for renamed in [None, Some("old")] {
            let mut stamp = Stamp::new(&provenance, renamed, 86_400_000);
            let mut whole = read(&report, about(), format!("{csv}{line}\n{line}\n").as_bytes()).unwrap();
            whole.events.iter_mut().for_each(|event| stamp.put(event).unwrap());
            assert_eq!(whole.events.len(), 2);
            assert_ne!(whole.events[0].id, whole.events[1].id);
            for (before, expected) in whole.events.iter().enumerate() {
                let mut row = row("invalid-login", csv, line, before as u64);
                row.origin.ids_of = renamed.map(str::to_owned);
                match reread(&report, &row).unwrap() {
                    Reread::Events(events) => assert_eq!(&events, std::slice::from_ref(expected)),
                    Reread::Rejected(reason) => panic!("{reason}"),
                }
            }
        }
    }

    #[test]
    fn rows_of_a_document_settle_the_order_of_its_dates_among_themselves() {
        let csv = "User Name,Remote IP Address,Timestamp\n";
        let line = |date: &str| format!("ada,203.0.113.7,{date} 11:34:33 UTC");
        let report = report("invalid-login");
        let dates = ["07/03/2025", "some time ago", "13/03/2025", "07/03/2025", "01/02/2025"];
        let rows: Vec<_> = dates
            .iter()
            .enumerate()
            .map(|(at, date)| row("invalid-login", csv, &line(date), u64::from(at == 3)))
            .collect();
        let all: Vec<_> = rows.iter().collect();
        let whole = format!("{csv}{}\n", dates.map(line).join("\n"));
        let mut whole = read(&report, about(), whole.as_bytes()).unwrap();
        let provenance = Provenance::new("invalid-login", "epm", "epm.example.com", Product::epm_cloud());
        let mut stamp = Stamp::new(&provenance, None, 86_400_000);
        whole.events.iter_mut().for_each(|event| stamp.put(event).unwrap());
        assert_eq!(whole.events.len(), 4);
        assert_ne!(whole.events[1].id, whole.events[2].id, "the same row twice");
        // What waits for the order comes behind what does not.
        let event_of = [Some(1), None, Some(0), Some(2), Some(3)];
        let found = reread_together(&report, &all).unwrap();
        assert_eq!(found.len(), 5);
        for (at, found) in found.into_iter().enumerate() {
            match found {
                Reread::Events(events) => assert_eq!(events, [whole.events[event_of[at].unwrap()].clone()]),
                Reread::Rejected(reason) => assert_eq!(event_of[at], None, "{reason}"),
            }
        }
        // Nothing settles it, and each stays as it is.
        for few in [&all[..2], &all[..1], &[&rows[0], &rows[4]]] {
            let found = reread_together(&report, few).unwrap();
            assert!(
                found.iter().all(|found| matches!(found, Reread::Rejected(_))),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_still_cannot_be_read_says_why() {
        let csv = "User Name,Remote IP Address,Timestamp\n";
        let report = report("invalid-login");
        for (preamble, raw) in [
            (csv, "ada,203.0.113.7,some time ago"),
            (csv, "ada"),
            (csv, ""),
            ("", "ada"),
        ] {
            match reread(&report, &row("invalid-login", preamble, raw, 0)).unwrap() {
                Reread::Rejected(reason) => assert!(!reason.is_empty()),
                Reread::Events(events) => panic!("{events:?}"),
            }
        }
    }
}
