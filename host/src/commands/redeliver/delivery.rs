//! The sink of a redelivery: opened for each origin, and asked what it has durably before progress is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::progress::{FileProgress, RedeliveryProgress};
use super::reading::ReadBatch;
use crate::error::{CliError, Exit};
use ::run::RunError;
use event::Provenance;
use setup::config::Config;
use setup::sinks::{self, SinkChoice};
use sink::{Delivery, SinkError};

/// Origins whose sinks are open at once.
const OPEN: usize = 16;

/// The sink of a redelivery.
pub struct ArchiveDelivery {
    pub config: Arc<Config>,
    pub choice: SinkChoice,
    pub run_id: String,
    pub progress: RedeliveryProgress,
    open: Vec<OpenSink>,
    /// The progress of files once everything sent is durable.
    pending: BTreeMap<String, FileProgress>,
    totals: DeliveredEvents,
}

struct OpenSink {
    provenance: Arc<Provenance>,
    delivery: Delivery,
}

/// The fates of events so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveredEvents {
    pub sent: u64,
    pub delivered: u64,
    pub dead_lettered: u64,
}

impl ArchiveDelivery {
    /// A sink that is opened when the first event comes.
    pub fn new(
        config: Arc<Config>,
        choice: SinkChoice,
        run_id: String,
        progress: RedeliveryProgress,
    ) -> ArchiveDelivery {
        ArchiveDelivery {
            config,
            choice,
            run_id,
            progress,
            open: Vec::new(),
            pending: BTreeMap::new(),
            totals: DeliveredEvents::default(),
        }
    }

    /// The fates of events so far.
    pub fn delivered(&self) -> DeliveredEvents {
        let mut totals = self.totals;
        for sink in &self.open {
            totals.delivered += sink.delivery.tally().delivered();
            totals.dead_lettered += sink.delivery.tally().dead_lettered();
        }
        totals
    }

    /// Delivers a batch, and keeps how far its file is once the sink has everything durably.
    pub async fn take(&mut self, batch: ReadBatch) -> Result<(), CliError> {
        if let Some(provenance) = &batch.provenance {
            let place = self.place_of(provenance).await?;
            let events = batch.events.len() as u64;
            self.totals.sent += events;
            let Some(sink) = self.open.get_mut(place) else {
                return Err(CliError::new(Exit::Internal, "the sink is gone"));
            };
            let taken = sink.delivery.deliver(&batch.events).await;
            taken.map_err(|error| failed(sink.delivery.name(), error))?;
        }
        self.pending.insert(batch.after.file.clone(), batch.after);
        if !self.is_durable() {
            return Ok(());
        }
        // A sink that gathers answers now: so batches end at the same places when a later call goes on here.
        self.flush().await?;
        self.save().await
    }

    /// Makes the sink answer for everything, completes it, and keeps how far all files are.
    pub async fn finish(&mut self) -> Result<(), CliError> {
        while let Some(mut sink) = self.open.pop() {
            let closed = sink.delivery.close().await;
            let tally = sink.delivery.tally();
            self.totals.delivered += tally.delivered();
            self.totals.dead_lettered += tally.dead_lettered();
            closed.map_err(|error| failed(sink.delivery.name(), error))?;
            whole(&sink.delivery)?;
        }
        self.save().await
    }

    /// Gives the sink up. What was durable stays kept.
    pub async fn abandon(&mut self) {
        for sink in &mut self.open {
            sink.delivery.abort().await;
        }
    }

    /// True where answers of the sink are final before it is closed.
    fn is_durable(&self) -> bool {
        self.open.iter().all(|sink| sink.delivery.is_durable())
    }

    async fn flush(&mut self) -> Result<(), CliError> {
        for sink in &mut self.open {
            let flushed = sink.delivery.flush().await;
            flushed.map_err(|error| failed(sink.delivery.name(), error))?;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), CliError> {
        for sink in &self.open {
            whole(&sink.delivery)?;
        }
        while let Some((_, progress)) = self.pending.pop_first() {
            self.progress.save(progress).await?;
        }
        Ok(())
    }

    /// The place of the sink for events of that origin, which is opened where it is not yet.
    async fn place_of(&mut self, provenance: &Arc<Provenance>) -> Result<usize, CliError> {
        if let Some(place) = self.open.iter().position(|sink| *sink.provenance == **provenance) {
            return Ok(place);
        }
        if self.open.len() >= OPEN {
            self.finish().await?;
        }
        let (config, choice, run_id) = (Arc::clone(&self.config), self.choice.clone(), self.run_id.clone());
        let of = Arc::clone(provenance);
        let opened = base::blocking(move || sinks::open(&config, &choice, &run_id, &of)).await??;
        sinks::admit(&self.config, &opened.outlets).await?;
        for mut outlet in opened.outlets {
            // The archive keeps them.
            outlet.delivery.wait_when_down();
            self.open.push(OpenSink {
                provenance: Arc::clone(provenance),
                delivery: outlet.delivery,
            });
        }
        match self.open.len().checked_sub(1) {
            Some(place) => Ok(place),
            None => Err(CliError::new(Exit::Internal, "no sink was opened")),
        }
    }
}

/// Fails where events are neither delivered nor dead letters.
fn whole(delivery: &Delivery) -> Result<(), CliError> {
    match delivery.tally().undelivered() {
        0 => Ok(()),
        events => Err(CliError::from(RunError::Undelivered {
            name: delivery.name().to_owned(),
            events,
            reason: delivery.trouble().unwrap_or_default().to_owned(),
        })),
    }
}

/// The error of a sink that takes no more.
fn failed(name: &str, source: SinkError) -> CliError {
    match source {
        SinkError::Closed => CliError::silent(Exit::Done),
        source => {
            let failure = CliError::from(RunError::Sink {
                name: name.to_owned(),
                source,
            });
            let hint = match failure.hint {
                Some(hint) => format!("{hint}; the same command then goes on where it was"),
                None => "run the same command again once the sink is back: it goes on where it was".to_owned(),
            };
            CliError {
                hint: Some(hint),
                ..failure
            }
        }
    }
}
