//! `host rejected replay`: rows are read again, and their events delivered.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::readers::{Readers, RowsRead};
use super::selected::SelectedRows;
use crate::args::OutputOptions;
use crate::error::{CliError, Exit, note};
use crate::render::print;
use crate::stop::Shutdown;
use ::rejected::{RejectedRow, RejectedSelection};
use ::run::route::Router;
use ::run::{Redelivery, RunError, RunObserver};
use base::counted::counted;
use event::{Event, Provenance};
use setup::config::{Config, PluginTransport, SinkKind};
use setup::run_ledger;
use setup::sinks::{self, OpenedSinks, Presentation, SinkChoice};

/// The options with which rows are read and delivered again.
pub struct ReplayOptions {
    /// The sinks to which the events go; where there are none, the routes say.
    pub sinks: Vec<String>,
    pub presentation: Presentation,
    /// The plugin that was named for all rows.
    pub plugin: Option<String>,
    /// Rows whose events were delivered are forgotten, whatever sinks had them.
    pub forget: bool,
}

/// A replay under way, and what came of it so far.
struct RejectedReplay {
    rows: SelectedRows,
    options: ReplayOptions,
    /// The readers of rows; none while rows are read.
    readers: Option<Readers>,
    /// Events that were delivered.
    delivered: u64,
    /// Rows that stay.
    kept: u64,
    /// Of these, rows whose events no route takes.
    unrouted: u64,
    /// Of these, rows whose events were delivered, to other sinks than their stream's.
    looked_at: u64,
    /// The streams of such rows, as they were said.
    said: BTreeSet<String>,
    /// The first thing that went wrong.
    failed: Option<CliError>,
    /// True where events went to standard output, so that nothing else may.
    data: bool,
}

/// Reads rows again, delivers their events, and forgets them. The others stay, with what is wrong with them now.
pub async fn replay(
    select: impl FnOnce() -> Result<SelectedRows, CliError> + Send + 'static,
    options: ReplayOptions,
    talk: &OutputOptions,
) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let rows = base::blocking(select).await??;
    let readers = Readers {
        config: Arc::clone(&rows.config),
        plugin: options.plugin.clone(),
        loaded: HashMap::new(),
    };
    let mut replay = RejectedReplay {
        rows,
        options,
        readers: Some(readers),
        delivered: 0,
        kept: 0,
        unrouted: 0,
        looked_at: 0,
        said: BTreeSet::new(),
        failed: None,
        data: false,
    };
    let mut after = 0;
    stop.set_resume_hint("what was not delivered is still kept");
    while !stop.token.is_cancelled() {
        let batch = replay.rows.next(after).await?;
        let Some(last) = batch.last() else { break };
        after = last.entry.number;
        for group in by_origin(batch) {
            if stop.token.is_cancelled() {
                break;
            }
            if let Err((failure, kept)) = replay.deliver(group).await {
                replay.kept += kept;
                replay.failed.get_or_insert(failure);
            }
        }
    }
    if stop.token.is_cancelled() {
        replay.kept = replay.rows.count().await?;
    }
    replay.tell(&stop, talk)
}

/// Groups of rows that one plugin reads and that are of one origin.
fn by_origin(mut batch: Vec<RejectedRow>) -> Vec<Vec<RejectedRow>> {
    batch.sort_by_cached_key(|row| {
        let of = &row.origin;
        let provenance = &of.provenance;
        (
            of.plugin.asked.clone(),
            provenance.report.clone(),
            provenance.connection.clone(),
            provenance.service.clone(),
            of.parameters.clone(),
            row.document,
            row.entry.line,
        )
    });
    let together = |a: &RejectedRow, b: &RejectedRow| {
        let (a, b) = (&a.origin, &b.origin);
        a.plugin.asked == b.plugin.asked && a.provenance == b.provenance && a.parameters == b.parameters
    };
    let mut groups: Vec<Vec<RejectedRow>> = Vec::new();
    for row in batch {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| together(last, &row)) => group.push(row),
            _ => groups.push(vec![row]),
        }
    }
    groups
}

impl RejectedReplay {
    /// Reads rows of one plugin and one origin again, and delivers their events. Where that fails, says how many rows stay.
    async fn deliver(&mut self, group: Vec<RejectedRow>) -> Result<(), (CliError, u64)> {
        let all = group.len() as u64;
        let Some(first) = group.first() else { return Ok(()) };
        let (provenance, run_id) = (Arc::new(first.origin.provenance.clone()), first.entry.run_id.clone());
        let parameters = first.origin.parameters.clone();
        let stream = format!("{} @ {}", first.entry.report, first.entry.connection);
        let RowsRead { events: found, vain } = self.read(group).await.map_err(|failure| (failure, all))?;
        self.kept += vain;
        if found.is_empty() {
            return Ok(());
        }
        let readable = found.len() as u64;
        let looks = self.looks(stream, &provenance, &parameters).await;
        let looks = looks.map_err(|failure| (failure, readable))?;
        let opened = self.open_sinks(run_id, &provenance).await;
        let mut opened = opened.map_err(|failure| (failure, readable))?;
        // Nothing of a row is delivered that stays for a route, so that nothing is delivered twice once there is one.
        let sinks = opened.outlets.len();
        let mut found = found;
        found.retain(|(_, events)| are_routed(&mut opened.router, events, &provenance, sinks));
        let unrouted = readable - found.len() as u64;
        self.kept += unrouted;
        self.unrouted += unrouted;
        let readable = found.len() as u64;
        if found.is_empty() {
            for mut outlet in opened.outlets {
                outlet.delivery.abort().await;
            }
            return Ok(());
        }
        let (done, events): (Vec<i64>, Vec<_>) = found.into_iter().unzip();
        let events: Vec<Event> = events.into_iter().flatten().collect();
        let delivered = events.len() as u64;
        self.data |= writes_to_stdout(&self.rows.config, &opened);
        let mut again = Redelivery::start(opened.outlets, opened.router, provenance);
        again.send(events).await;
        let settled = again.finish(&Silent).await;
        let lettered = match settled {
            Ok(()) => None,
            // They are kept there.
            Err(error @ RunError::DeadLettered { .. }) => Some(CliError::from(error)),
            Err(error) => return Err((error.into(), readable)),
        };
        self.delivered += delivered;
        if looks {
            self.kept += readable;
            self.looked_at += readable;
            return lettered.map_or(Ok(()), |failure| Err((failure, 0)));
        }
        let selection = RejectedSelection {
            numbers: done,
            ..RejectedSelection::default()
        };
        let removed = self.rows.in_store(move |store| store.remove(&selection)).await;
        // The receiver has the events already: they are delivered, and still rejected rows.
        let after_sending = |failure| CliError {
            exit: Exit::DeliveryFailed,
            ..failure
        };
        removed.map_err(|failure| (after_sending(failure), readable))?;
        match lettered {
            Some(failure) => Err((failure, 0)),
            None => Ok(()),
        }
    }

    async fn read(&mut self, group: Vec<RejectedRow>) -> Result<RowsRead, CliError> {
        let Some(mut readers) = self.readers.take() else {
            return Err(CliError::new(Exit::Internal, "the plugins are gone"));
        };
        let reading = self.rows.in_store(move |store| {
            let read = readers.read(store, &group);
            Ok::<_, CliError>((readers, read))
        });
        let (readers, read) = reading.await?;
        self.readers = Some(readers);
        read
    }

    async fn open_sinks(&self, run_id: String, provenance: &Arc<Provenance>) -> Result<OpenedSinks, CliError> {
        let (config, provenance) = (Arc::clone(&self.rows.config), Arc::clone(provenance));
        let wanted = SinkChoice {
            names: self.options.sinks.clone(),
            plugin_config: None,
            presentation: self.options.presentation,
            extend: true,
        };
        let opening = base::blocking(move || sinks::open(&config, &wanted, &run_id, &provenance));
        Ok(opening.await??)
    }

    /// True if a replay of rows of a stream only looks, and the rows stay: as a run, where it delivers to other sinks than those
    /// that the stream is collected for.
    async fn looks(
        &mut self,
        stream: String,
        provenance: &Provenance,
        parameters: &[(String, String)],
    ) -> Result<bool, CliError> {
        let named = &self.options.sinks;
        if named.is_empty() || self.options.forget {
            return Ok(false);
        }
        let sinks = run_ledger::collects_for(&self.rows.config, provenance, parameters).await?;
        let Some(sinks) = sinks.filter(|sinks| !run_ledger::serves(named, sinks)) else {
            return Ok(false);
        };
        if !self.said.contains(&stream) {
            tracing::warn!(
                "{stream} is collected for {}, but this replay delivers to {}: the rows are kept for a replay to all those \
                 sinks; --forget removes them",
                sinks.join(", "),
                named.join(", ")
            );
            self.said.insert(stream);
        }
        Ok(true)
    }

    /// Prints what came of the replay.
    fn tell(self, stop: &Shutdown, talk: &OutputOptions) -> Result<(), CliError> {
        let vain = self.kept.saturating_sub(self.unrouted + self.looked_at);
        // Said once: an error says it where there is nothing worse to say.
        let is_error = self.failed.is_none() && !stop.token.is_cancelled() && (vain > 0 || self.unrouted > 0);
        let kept = match self.kept {
            0 => String::new(),
            _ if is_error => String::new(),
            kept => format!(", {}", counted(kept, "row stays", "rows stay")),
        };
        let said = format!("Replay: {} delivered{kept}.", self.delivered);
        match self.data {
            true => note(&said, talk),
            false => print((said + "\n").as_bytes())?,
        }
        if stop.token.is_cancelled() {
            return Err(stop.failure());
        }
        match self.failed {
            Some(failure) => Err(failure),
            None if vain > 0 => Err(CliError::new(
                Exit::Partial,
                counted(
                    vain,
                    "row was rejected again and is kept",
                    "rows were rejected again and are kept",
                ),
            )
            .hint("`host rejected list` says why")),
            None if self.unrouted > 0 => Err(CliError::new(
                Exit::Partial,
                counted(
                    self.unrouted,
                    "row is kept: its events match no route",
                    "rows are kept: their events match no route",
                ),
            )
            .hint("add one that they match under [[routes]], or drop them with `host rejected drop`")),
            None => self.rows.elsewhere.end(),
        }
    }
}

/// Refuses a configuration that does not say where events go, where nothing else does.
pub fn check_destination(config: &Config, names: &[String]) -> Result<(), CliError> {
    sinks::check_names(config, names)?;
    match names.is_empty() && config.routes.is_empty() {
        true => Err(CliError::usage("no route says where the events go")
            .hint("name a sink with --sink, or add [[routes]] to host.toml")
            .read_from(config)),
        false => Ok(()),
    }
}

/// True if every one of some events goes to some sink.
fn are_routed(router: &mut Router, events: &[Event], provenance: &Provenance, sinks: usize) -> bool {
    let mut chosen = Vec::new();
    events.iter().all(|event| {
        router.choose(event, provenance, sinks, &mut chosen);
        chosen.contains(&true)
    })
}

/// True if one of the sinks is standard output.
fn writes_to_stdout(config: &Config, opened: &OpenedSinks) -> bool {
    opened.outlets.iter().any(|outlet| {
        let name = outlet.delivery.name();
        match config.sinks.get(name).map(|sink| &sink.kind) {
            Some(SinkKind::Stdout(_)) => true,
            Some(SinkKind::Plugin(plugin)) => {
                plugin.endpoint.is_none() && matches!(plugin.transport, None | Some(PluginTransport::Stdout))
            }
            Some(_) => false,
            None => !name.starts_with("file:"),
        }
    })
}

/// Nobody watches.
struct Silent;

impl RunObserver for Silent {}
