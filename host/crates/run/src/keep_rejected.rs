//! Keeping the rejected rows of a document that counts, before its window is committed.

use std::sync::Arc;

use jiff::Timestamp;

use super::durable::DurableChange;
use super::parse::SetAside;
use super::verdict::MaxRejected;
use super::{Run, RunError};
use base::counted::counted;
use ledger::Stream;
use rejected::{Document, Origin, Period, Reader, RejectedRows};

/// What becomes of rows that are no events.
#[derive(Debug, Clone, Default)]
pub struct Rejects {
    /// Where they are kept; none where the run keeps nothing on purpose.
    pub store: Option<Arc<RejectedRows>>,
    /// How much of a document may be rejected.
    pub most: MaxRejected,
    /// The URL that the rows are collected from.
    pub source: Option<String>,
    /// What the user typed to name the plugin.
    pub plugin: String,
}

/// What became of them in a run.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// Rows that are kept.
    pub(super) kept: u64,
    /// Rows that are neither delivered nor kept.
    pub(super) lost: u64,
    /// Why.
    reason: String,
}

impl Fate {
    /// Whether all are kept.
    pub(super) fn result(&self) -> Result<(), RunError> {
        match self.lost {
            0 => Ok(()),
            rows => Err(RunError::RowsLost {
                rows,
                reason: self.reason.clone(),
            }),
        }
    }

    fn lose(&mut self, rows: u64, reason: &str) {
        if rows > 0 {
            tracing::warn!(
                "{} not kept: {reason}",
                counted(rows, "rejected row is", "rejected rows are")
            );
            self.lost += rows;
            self.reason = reason.to_owned();
        }
    }
}

impl Run {
    /// Where the rows of a document come from.
    pub(super) fn origin(&self, about: &sandbox::Document, job: Option<String>) -> Origin {
        let request = &about.request;
        let record = self.keeping.as_ref().map(|keeping| keeping.book.record());
        Origin {
            provenance: (*self.provenance).clone(),
            ids_of: record.and_then(|record| record.ids_of.clone()),
            source: self.rejects.source.clone(),
            parameters: request.parameters.clone(),
            run_id: self.id.clone(),
            plugin: Reader {
                asked: self.rejects.plugin.clone(),
                version: self.description.version.clone(),
                sha256: self.plugin_sha256.clone(),
            },
            document: Document {
                fetch: about.fetch,
                file: about.file_name.clone(),
                job,
                window: request.unique_name.clone(),
            },
            window: Period {
                from: request.window.from,
                to: request.window.to,
            },
            now: request.now,
        }
    }

    /// Keeps the rejected rows of a document, durably. Those for which there is no room, or no place, are counted as lost.
    pub(super) async fn keep_rejected(&self, origin: Origin, aside: SetAside, fate: &mut Fate) -> Result<(), RunError> {
        let (Some(store), Some(rows)) = (self.rejects.store.clone(), aside.rows) else {
            return Ok(());
        };
        if let Err(nowhere) = store.need_place() {
            fate.lose(aside.rejected, &nowhere.to_string());
            return Ok(());
        }
        let stream = match &self.keeping {
            Some(keeping) => keeping.book.stream().key(),
            None => {
                let provenance = &origin.provenance;
                Stream::new(&provenance.connection, &provenance.report, &origin.parameters).key()
            }
        };
        let beyond = rows.beyond;
        let bounds = store.bounds();
        let path = store.path().map(|path| path.display().to_string()).unwrap_or_default();
        let now = Timestamp::now();
        let keeping = tokio::task::spawn_blocking(move || -> Result<(u64, u64), RunError> {
            let (mut kept, mut refused) = (0, beyond);
            DurableChange::Rejects.before();
            rows.each(|rows| -> Result<(), RunError> {
                let added = store.add(&stream, &origin, &aside.preamble, rows, now)?;
                kept += added.kept;
                refused += added.refused;
                Ok(())
            })?;
            DurableChange::Rejects.after();
            Ok((kept, refused))
        });
        let (kept, refused) = keeping.await.map_err(|error| RunError::Internal(error.to_string()))??;
        fate.kept += kept;
        let full = format!(
            "{path} holds at most {} and {}",
            counted(bounds.rows, "row", "rows"),
            counted(bounds.bytes, "byte", "bytes")
        );
        fate.lose(refused, &full);
        Ok(())
    }
}
