//! The plugins that rejected rows are read with.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{CliError, Exit};
use ::rejected::{PluginIdentity, RejectedRow, RejectedRows};
use ::run::{Reread, reread_together};
use event::Event;
use sandbox::{Plugin, PluginKind, ReportPlugin};
use setup::config::Config;
use setup::plugins;

/// Plugins, each loaded once. All methods wait: for the disk, and for plugins.
pub struct Readers {
    pub config: Arc<Config>,
    /// The plugin that was named for all rows.
    pub plugin: Option<String>,
    pub loaded: HashMap<String, (ReportPlugin, PluginIdentity)>,
}

/// Rejected rows, read again.
pub struct RowsRead {
    /// The rows that can be read now, by number, with their events.
    pub events: Vec<(i64, Vec<Event>)>,
    /// The number of rows that still cannot be read.
    pub vain: u64,
}

impl Readers {
    /// Reads rows of one plugin and one origin again, and keeps for those that are rejected again what is wrong with them now.
    pub fn read(&mut self, store: &RejectedRows, rows: &[RejectedRow]) -> Result<RowsRead, CliError> {
        let (mut events, mut vain) = (Vec::new(), Vec::new());
        let Some(first) = rows.first() else {
            return Ok(RowsRead { events, vain: 0 });
        };
        let (report, reader) = self.get(&first.origin.plugin.asked, &first.entry.report)?;
        for document in rows.chunk_by(|a, b| a.document == b.document) {
            for (row, read) in document.iter().zip(read(store, report, document)?) {
                match read {
                    Reread::Events(found) => events.push((row.entry.number, found)),
                    Reread::Rejected(reason) => vain.push((row.entry.number, reason)),
                }
            }
        }
        store.note(reader, &vain)?;
        let vain = vain.len() as u64;
        Ok(RowsRead { events, vain })
    }

    /// The plugin of that name or path as it is today; it must still be this report.
    fn get(&mut self, asked: &str, report: &str) -> Result<&(ReportPlugin, PluginIdentity), CliError> {
        let asked = self.plugin.as_deref().unwrap_or(asked).to_owned();
        if !self.loaded.contains_key(&asked) {
            let loaded = read_with(&plugins::load(&self.config, &asked)?, &asked)?;
            self.loaded.insert(asked.clone(), loaded);
        }
        let found = self.loaded.get(&asked);
        let found = found.ok_or_else(|| CliError::new(Exit::Internal, "a plugin that was loaded is gone"))?;
        let name = found.0.name();
        if name != report {
            return Err(
                CliError::usage(format!("the plugin {asked} is {name}, and the rows are of {report}"))
                    .hint("name the plugin that reads them with --plugin, or choose rows with --report"),
            );
        }
        Ok(found)
    }
}

/// Reads rows of a document again: as one where they are all that is kept of it, else each by itself. Some of them may settle
/// what all of them would contradict.
fn read(store: &RejectedRows, report: &ReportPlugin, rows: &[RejectedRow]) -> Result<Vec<Reread>, CliError> {
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let whole = rows.len() > 1 && store.of_document(first.document)? == rows.len() as u64;
    let rows: Vec<&RejectedRow> = rows.iter().collect();
    let together = if whole { rows.len() } else { 1 };
    let mut read = Vec::with_capacity(rows.len());
    for rows in rows.chunks(together) {
        read.append(&mut reread_together(report, rows)?);
    }
    Ok(read)
}

fn read_with(plugin: &Plugin, asked: &str) -> Result<(ReportPlugin, PluginIdentity), CliError> {
    if plugin.kind() != PluginKind::Report {
        return Err(CliError::usage(format!("{asked} is a sink plugin, not a report"))
            .hint("name a report plugin with --plugin"));
    }
    let mut report = plugin.report()?;
    let reader = PluginIdentity {
        asked: asked.to_owned(),
        version: report.describe()?.version,
        sha256: plugin.digest().to_owned(),
    };
    Ok((report, reader))
}
