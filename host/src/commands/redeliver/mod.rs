//! `host redeliver`: what sinks wrote, for a receiver that came later.
//!
//! [`source`] finds the files, [`reading`] makes batches of events of each, [`delivery`] gives them to the sink, and [`progress`]
//! keeps how far each file is.

mod delivery;
mod progress;
mod reading;
mod source;

use std::sync::Arc;

use ::ledger::SqliteLedger;
use ::run::{Bound, RunObserver as _, SinkProgress};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use crate::args::{IdsFrom, OutputOptions, RedeliverArgs};
use crate::error::{CliError, Exit, note};
use crate::render::progress::ProgressLine;
use crate::stop::Shutdown;
use base::counted::counted;
use delivery::{ArchiveDelivery, DeliveredEvents};
use event::Encoding;
use event_archive::{EventDecoder, IdOrigin};
use progress::{FileProgress, RedeliveryProgress};
use reading::{ReadBatch, ReadingRules};
use setup::config::{Config, SinkKind};
use setup::sinks::{self, SinkChoice};
use sink::SinkSpec;
use source::ArchivedFile;

/// Batches that wait for the sink, at most.
const QUEUE: usize = 4;

/// The totals of a redelivery.
#[derive(Debug, Clone, Copy, Default)]
struct RedeliveryTotals {
    files: u64,
    /// Files that an earlier call was done with.
    before: u64,
    events: u64,
    skipped: u64,
    unreadable: u64,
}

/// A redelivery under way.
struct Redelivering<'a> {
    files: Vec<ArchivedFile>,
    rules: Arc<ReadingRules>,
    /// None where nothing is to be delivered.
    delivery: Option<ArchiveDelivery>,
    totals: RedeliveryTotals,
    sink: &'a str,
    line: ProgressLine,
}

/// Delivers an archive.
pub async fn redeliver(args: &RedeliverArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let path = args.file.config.config.clone();
    let config = Arc::new(base::blocking(move || Config::load(path.as_deref())).await??);
    sinks::check_names(&config, std::slice::from_ref(&args.sink))?;
    let rules = Arc::new(rules(args, &config)?);
    let files = source::find(&config, &args.from_archive).await?;
    if args.from_archive.split(':').next() == Some(args.sink.as_str()) {
        return Err(
            CliError::usage(format!("the sink {} would get its own objects", args.sink)).hint("name another sink"),
        );
    }
    if let Some((written, rotates)) = written_by(args, &config)? {
        source::refuse_own(&files, &args.sink, &written, rotates)?;
    }
    let name = name_of(args, &config, &rules)?;
    let delivery = match args.dry_run {
        true => None,
        false => Some(open(args, &config, &name).await?),
    };
    stop.set_resume_hint("run the same command again: it goes on where it was");
    let mut work = Redelivering {
        files,
        rules,
        delivery,
        totals: RedeliveryTotals::default(),
        sink: &args.sink,
        line: ProgressLine::start(talk, "redeliver"),
    };
    let result = tokio::select! {
        biased;
        () = stop.token.cancelled() => None,
        result = work.all() => Some(result),
    };
    work.line.finish();
    let delivered = work
        .delivery
        .as_ref()
        .map(ArchiveDelivery::delivered)
        .unwrap_or_default();
    let Some(result) = result else {
        if let Some(delivery) = &mut work.delivery {
            delivery.abandon().await;
        }
        return Err(stop.failure());
    };
    if let (Err(_), Some(delivery)) = (&result, &mut work.delivery) {
        delivery.abandon().await;
    }
    if !matches!(&result, Err(failure) if failure.message.is_none()) {
        note(&work.told(delivered), talk);
    }
    result?;
    work.totals.end(delivered)
}

/// The whole path of the sink, placeholders and all, and whether it rotates; none where it writes to no file.
fn written_by(args: &RedeliverArgs, config: &Config) -> Result<Option<(String, bool)>, CliError> {
    Ok(match args.sink.parse::<SinkSpec>()? {
        SinkSpec::File(_) => (args.sink.strip_prefix("file:"))
            .and_then(|path| std::path::absolute(path).ok())
            .map(|path| (path.display().to_string(), false)),
        SinkSpec::Named(name) => config.sinks.get(&name).and_then(|set| match &set.kind {
            SinkKind::File(file) => {
                let written = sinks::destination(config, &name, set);
                let path = written.strip_prefix("file ")?.to_owned();
                Some((path, file.rotate.is_some()))
            }
            _ => None,
        }),
        SinkSpec::Stdout | SinkSpec::Plugin(_) => None,
    })
}

/// Opens the ledger, and takes up what an earlier call did not end.
async fn open(args: &RedeliverArgs, config: &Arc<Config>, name: &str) -> Result<ArchiveDelivery, CliError> {
    let path = match &args.file.ledger {
        Some(path) => path.clone(),
        None => setup::state::ledger(config)?,
    };
    let ledger = base::blocking(move || SqliteLedger::open(path)).await??;
    let progress = RedeliveryProgress::open(ledger, name, args.restart).await?;
    let choice = SinkChoice {
        names: vec![args.sink.clone()],
        plugin_config: None,
        presentation: args.rendering.presentation(),
        extend: true,
    };
    Ok(ArchiveDelivery::new(
        Arc::clone(config),
        choice,
        format!("redeliver-{name}"),
        progress,
    ))
}

/// The name of a redelivery in the ledger.
fn name_of(args: &RedeliverArgs, config: &Config, rules: &ReadingRules) -> Result<String, CliError> {
    let is_sink_s = args
        .from_archive
        .split(':')
        .next()
        .is_some_and(|name| config.sinks.contains_key(name));
    let source = match is_sink_s {
        true => args.from_archive.clone(),
        false => std::path::absolute(&args.from_archive)
            .map_err(|error| CliError::usage(format!("--from-archive {}: {error}", args.from_archive)))?
            .display()
            .to_string(),
    };
    let configured = config.sinks.get(&args.sink);
    let target = configured.map_or(String::new(), |set| sinks::destination(config, &args.sink, set));
    let bound = |bound: Option<i64>| bound.map_or(String::new(), |ms| ms.to_string());
    Ok(progress::name_of(&[
        &source,
        &args.sink,
        &target,
        &bound(rules.from),
        &bound(rules.to),
        args.report.as_deref().unwrap_or_default(),
        args.connection.as_deref().unwrap_or_default(),
    ]))
}

/// The rules of reading that the arguments ask for.
fn rules(args: &RedeliverArgs, config: &Config) -> Result<ReadingRules, CliError> {
    let from = args
        .from
        .as_deref()
        .map(|text| Bound::parse("--from", text))
        .transpose()?;
    let to = args.to.as_deref().map(|text| Bound::parse("--to", text)).transpose()?;
    let from = from.map(|bound| beginning(bound, false)).transpose()?;
    let to = to.map(|bound| beginning(bound, true)).transpose()?;
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(CliError::usage("--from does not lie before --to").hint("a day that --to names is included"));
    }
    let mut decoder = EventDecoder::default()
        .with_report(args.report.clone())
        .with_ids(args.ids.map(|ids| match ids {
            IdsFrom::Source => IdOrigin::Source,
            IdsFrom::Derived => IdOrigin::Derived,
        }));
    for (name, connection) in &config.connections {
        if let Some(host) = connection.url.host_str() {
            decoder = decoder.with_host(name, host);
        }
    }
    Ok(ReadingRules {
        decoder,
        target: target_of(args, config)?,
        from,
        to,
        report: args.report.clone(),
        connection: args.connection.clone(),
        skip_unreadable: args.skip_unreadable,
        allow_ambiguous: args.allow_ambiguous,
    })
}

/// The encoding that the sink's events are in. A plugin may look at all of an event.
fn target_of(args: &RedeliverArgs, config: &Config) -> Result<Encoding, CliError> {
    Ok(match args.sink.parse::<SinkSpec>()? {
        SinkSpec::Plugin(_) => Encoding::Event,
        SinkSpec::Stdout | SinkSpec::File(_) => args.rendering.encoding.unwrap_or_default(),
        SinkSpec::Named(name) => match config.sinks.get(&name) {
            Some(set) if matches!(set.kind, SinkKind::Plugin(_)) => Encoding::Event,
            Some(set) => set.encoding(),
            None => Encoding::default(),
        },
    })
}

/// The instant of a bound; of a day its beginning, or its end where it is included. In ms.
fn beginning(bound: Bound, included: bool) -> Result<i64, CliError> {
    let instant: Option<Timestamp> = match bound {
        Bound::Instant(instant) => Some(instant),
        Bound::Day(day) => {
            let day = if included { day.tomorrow().ok() } else { Some(day) };
            day.and_then(|day| day.to_zoned(TimeZone::UTC).ok())
                .map(|day| day.timestamp())
        }
    };
    match instant {
        Some(instant) => Ok(instant.as_millisecond()),
        None => Err(CliError::usage("the period is out of range").hint("periods lie between the years 1 and 9999")),
    }
}

impl Redelivering<'_> {
    /// Delivers every file. What stands before a failure of the archive is delivered and kept.
    async fn all(&mut self) -> Result<(), CliError> {
        let mut broken = None;
        for file in std::mem::take(&mut self.files) {
            match self.one(&file).await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    broken = Some(failure);
                    break;
                }
                Err(failure) => return Err(failure),
            }
        }
        if let Some(delivery) = &mut self.delivery {
            delivery.finish().await?;
        }
        broken.map_or(Ok(()), Err)
    }

    /// Delivers one file. The outer error is the sink's, the inner one the file's.
    async fn one(&mut self, file: &ArchivedFile) -> Result<Result<(), CliError>, CliError> {
        let before = self
            .delivery
            .as_ref()
            .and_then(|delivery| delivery.progress.of(&file.name))
            .cloned();
        // They are not delivered, whoever left them out.
        self.totals.unreadable += before.as_ref().map_or(0, |before| before.left_out);
        if let Some(before) = &before
            && before.done
            && (before.size, &before.version) == (file.size, &file.version)
        {
            self.totals.before += 1;
            return Ok(Ok(()));
        }
        let opened = match file.open().await {
            Ok(opened) => opened,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Some(FileProgress { records: 1.., .. }) = &before {
            let what = format!(
                "{}: an earlier call has delivered its beginning; going on behind it",
                file.name
            );
            self.line.resuming(&what);
        }
        let (sender, mut batches) = mpsc::channel::<ReadBatch>(QUEUE);
        let begun = FileProgress::new(&file.name, file.size, &file.version);
        let rules = Arc::clone(&self.rules);
        let reading = base::blocking(move || {
            let mut send = |batch| sender.blocking_send(batch).is_ok();
            reading::read(opened, begun, before.as_ref(), &rules, &mut send)
        });
        self.totals.files += 1;
        let mut failed = None;
        while let Some(batch) = batches.recv().await {
            self.totals.events += batch.events.len() as u64;
            self.totals.skipped += batch.skipped;
            self.totals.unreadable += batch.unreadable;
            if let Some(delivery) = &mut self.delivery
                && let Err(failure) = delivery.take(batch).await
            {
                failed = Some(failure);
                break;
            }
            self.show();
        }
        // Where the sink takes no more, the file is read no further.
        drop(batches);
        let read = reading.await?;
        match failed {
            Some(failure) => Err(failure),
            None => Ok(read),
        }
    }

    /// Shows how far it is.
    fn show(&self) {
        match &self.delivery {
            None => self.line.parsed(self.totals.events, self.totals.unreadable),
            Some(delivery) => {
                let DeliveredEvents {
                    sent,
                    delivered,
                    dead_lettered,
                } = delivery.delivered();
                self.line.delivering(&[SinkProgress {
                    name: self.sink.to_owned(),
                    routed: sent,
                    settled: delivered + dead_lettered,
                }]);
            }
        }
    }

    /// The result of the redelivery, in one line.
    fn told(&self, delivered: DeliveredEvents) -> String {
        let totals = self.totals;
        let mut parts = vec![counted(totals.files, "file read", "files read")];
        if totals.before > 0 {
            parts.push(counted(totals.before, "file was done before", "files were done before"));
        }
        parts.push(counted(totals.events, "event", "events"));
        match &self.delivery {
            Some(_) => {
                parts.push(format!("{} delivered to {}", delivered.delivered, self.sink));
                parts.push(counted(delivered.dead_lettered, "dead letter", "dead letters"));
            }
            None => parts.push(format!("nothing delivered to {}", self.sink)),
        }
        parts.push(format!("{} not asked for", totals.skipped));
        if totals.unreadable > 0 {
            parts.push(format!("{} left out as unreadable", totals.unreadable));
        }
        let what = if self.delivery.is_some() {
            "Redelivery"
        } else {
            "Dry run"
        };
        format!("{what}: {}.", parts.join(", "))
    }
}

impl RedeliveryTotals {
    /// The end of a redelivery that went through.
    fn end(&self, delivered: DeliveredEvents) -> Result<(), CliError> {
        if self.unreadable > 0 {
            let left = counted(self.unreadable, "record was left out", "records were left out");
            return Err(CliError::new(Exit::Partial, format!("{left} as unreadable")).hint(
                "the warnings name them; with --restart and without --skip-unreadable the first of them ends it",
            ));
        }
        match delivered.dead_lettered {
            0 => Ok(()),
            letters => Err(CliError::new(
                Exit::Partial,
                counted(
                    letters,
                    "event was refused and is kept as a dead letter",
                    "events were refused and are kept as dead letters",
                ),
            )
            .hint(
                "`host dead-letter list` says why; `host dead-letter replay` delivers them once the sink takes them",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_included_whole() {
        let day = Bound::parse("--to", "1970-01-01").unwrap();
        assert_eq!(beginning(day, false).unwrap(), 0);
        assert_eq!(beginning(day, true).unwrap(), 86_400_000);
        let instant = Bound::parse("--to", "1970-01-01T00:00:01Z").unwrap();
        assert_eq!(beginning(instant, true).unwrap(), 1000);
    }
}
