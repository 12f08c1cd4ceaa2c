//! Keeping the rejected rows of a document that counts, before its window is committed.

use jiff::Timestamp;

use super::Pipeline;
use super::parse::SetAside;
use crate::RunError;
use crate::stream_ledger::DurableChange;
use base::blocking;
use base::counted::counted;
use rejected::{PluginIdentity, RowOrigin, RowPeriod, SourceDocument};

impl Pipeline {
    /// Where the rows of a document come from.
    pub(super) fn origin(&self, about: &sandbox::Document, job: Option<String>) -> RowOrigin {
        let request = &about.request;
        RowOrigin {
            provenance: (*self.run.provenance).clone(),
            ids_of: self.keeping.book.record().ids_of.clone(),
            source: self.run.rejects.source.clone(),
            parameters: request.parameters.clone(),
            run_id: self.run.id.clone(),
            plugin: PluginIdentity {
                asked: self.run.rejects.plugin.clone(),
                version: self.run.description.version.clone(),
                sha256: self.run.plugin_sha256.clone(),
            },
            document: SourceDocument {
                fetch: about.fetch,
                file: about.file_name.clone(),
                job,
                window: request.unique_name.clone(),
            },
            window: RowPeriod {
                from: request.window.from,
                to: request.window.to,
            },
            now: request.now,
        }
    }

    /// Keeps the rejected rows of a document, durably. Those for which there is no room, or no place, are counted as lost.
    pub(super) async fn keep_rejected(&mut self, origin: RowOrigin, aside: SetAside) -> Result<(), RunError> {
        let fate = &mut self.counts.fate;
        let (Some(store), Some(rows)) = (self.run.rejects.store.clone(), aside.rows) else {
            return Ok(());
        };
        if let Err(nowhere) = store.need_place() {
            fate.lose(aside.rejected, &nowhere.to_string());
            return Ok(());
        }
        let stream = self.keeping.book.stream().key();
        let beyond = rows.beyond;
        let options = store.options().clone();
        let path = store.path().map(|path| path.display().to_string()).unwrap_or_default();
        let now = Timestamp::now();
        let keeping = blocking(move || -> Result<(u64, u64), RunError> {
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
        let (kept, refused) = keeping.await??;
        fate.kept += kept;
        let full = format!(
            "{path} holds at most {} and {}",
            counted(options.rows, "row", "rows"),
            counted(options.bytes, "byte", "bytes")
        );
        fate.lose(refused, &full);
        Ok(())
    }
}
