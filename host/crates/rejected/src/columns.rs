//! Rejected rows as they stand in the tables.

use jiff::Timestamp;
use rusqlite::Row as Found;

use super::origin::RowOrigin;
use super::row::{RejectedEntry, RejectedRow, RowWindow};
use base::store::{parsed, unsigned};

/// The columns of an [`RejectedEntry`], in its order.
pub(super) const ENTRY: &str = "number, line, reason, rejected_at, times_rejected, length(raw), whole, plugin, origin";
pub(super) const JOINED: &str = "row JOIN document ON document.id = row.document";

pub(super) fn entry(row: &Found<'_>) -> Result<RejectedEntry, rusqlite::Error> {
    Ok(of(row)?.0)
}

fn of(row: &Found<'_>) -> Result<(RejectedEntry, RowOrigin), rusqlite::Error> {
    let time = |millis: i64| Timestamp::from_millisecond(millis).unwrap_or_default();
    let origin: RowOrigin = parsed(row, 8)?;
    let entry = RejectedEntry {
        number: row.get(0)?,
        report: origin.provenance.report.clone(),
        connection: origin.provenance.connection.clone(),
        source: origin.source.clone(),
        parameters: origin.parameters.clone(),
        line: unsigned(row, 1)?,
        reason: row.get(2)?,
        rejected_at: time(row.get(3)?),
        times_rejected: row.get(4)?,
        bytes: unsigned(row, 5)?,
        whole: row.get(6)?,
        document: origin.document.clone(),
        window: RowWindow {
            from: time(origin.window.from),
            to: time(origin.window.to),
        },
        plugin: parsed(row, 7)?,
        run_id: origin.run_id.clone(),
    };
    Ok((entry, origin))
}

pub(super) fn rejected(row: &Found<'_>) -> Result<RejectedRow, rusqlite::Error> {
    let (entry, origin) = of(row)?;
    Ok(RejectedRow {
        entry,
        origin,
        before: unsigned(row, 9)?,
        preamble: row.get(10)?,
        raw: row.get(11)?,
        document: row.get(12)?,
    })
}
