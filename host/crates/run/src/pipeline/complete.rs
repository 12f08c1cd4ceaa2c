//! The end of a run: the sinks are closed, what is safe only then is committed, and what was lost is told.

use jiff::Timestamp;

use super::Pipeline;
use crate::RunError;
use crate::fan_out::{SinkBehind, SinkOutcome, settled, without_down};
use crate::run_mode::RunMode;
use crate::silence;
use crate::stream_ledger::DurableChange;
use crate::windows::{Delivered, UncommittedWindow, say_held};
use base::EVIDENCE;
use base::counted::counted;
use ledger::{Record, SinkStatus};
use sandbox::ConnectionKind;
use sink::in_one_line;

impl Pipeline {
    /// Closes the sinks, and commits what is safe only then.
    pub(crate) async fn complete(&mut self, mut delivered: Delivered) -> Result<(), RunError> {
        let mut held = delivered.held.take();
        let completed = self.commit_rest(delivered.pending, &mut held).await;
        say_held(held);
        completed
    }

    /// As [`complete`](Pipeline::complete); what it ends with or says of what is held, it takes.
    async fn commit_rest(
        &mut self,
        pending: Vec<UncommittedWindow>,
        held: &mut Option<RunError>,
    ) -> Result<(), RunError> {
        base::failpoint!("close.before");
        let mut endings = self.sinks.close(&*self.run.observer).await;
        base::failpoint!("close.after");
        if self.sinks.unrouted() > 0 {
            tracing::warn!(
                "{} no route and not delivered anywhere; a catch-all under [[routes]] keeps them",
                counted(self.sinks.unrouted(), "event matched", "events matched")
            );
        }
        let has = |ending: &&SinkOutcome| ending.has_all();
        let closed: Vec<String> = endings.iter().filter(has).map(|ending| ending.name.clone()).collect();
        let mut counts = self.sinks.counts();
        // Others have what waits for those that are down.
        if self.keeping.book.outlives() {
            (endings, counts) = without_down(endings, counts);
        }
        let settled = settled(endings, &counts);
        let goes_on = matches!(
            settled,
            Ok(()) | Err(RunError::DeadLettered { .. } | RunError::Lost { .. })
        );
        if !goes_on {
            return settled;
        }
        let mut done = Vec::new();
        for mut window in pending {
            let at_close = window.at_close.drain(..).filter(|sink| closed.contains(sink));
            window.answers.answered.extend(at_close);
            if !self.keeping.book.outlives() {
                // Nobody goes on from here.
                window.answers.targets.clear();
            }
            // What no sink has stays as it is.
            if !window.answers.answered.is_empty() || window.answers.targets.is_empty() {
                done.push(window);
            }
        }
        self.commit(done, None).await?;
        self.watch();
        // The first of these is what the run ends with; each is said.
        let lost = self.tell_lost().await?;
        let ends = [
            held.take(),
            self.behind(),
            settled.err(),
            lost,
            self.counts.fate.result().err(),
        ];
        let mut ends = ends.into_iter().flatten();
        let first = ends.next();
        ends.for_each(|error| tracing::error!("{}", in_one_line(&error)));
        first.map_or(Ok(()), Err)
    }

    /// The sinks that the run leaves behind: windows wait for them, or the configuration knows them no more.
    pub(crate) fn behind(&self) -> Option<RunError> {
        let book = &self.keeping.book;
        let record = book.record();
        let of_run = |sink: &SinkStatus| self.keeping.only.is_empty() || self.keeping.only.contains(&sink.name);
        let status: Vec<SinkStatus> = record.sink_status().into_iter().filter(of_run).collect();
        let is_removed = |sink: &SinkStatus| book.removed().contains(&sink.name);
        let (behind, others): (Vec<_>, Vec<_>) =
            (status.into_iter()).partition(|sink| sink.waiting > 0 || is_removed(sink));
        if behind.is_empty() {
            return None;
        }
        let sinks = behind.into_iter().map(|sink| SinkBehind {
            reason: match self.sinks.has(&sink.name) {
                true => self.sinks.why_down(&sink.name),
                false if is_removed(&sink) => Some("no route leads to it any more".into()),
                false => Some("this run does not deliver to it".into()),
            },
            name: sink.name,
            windows: sink.waiting,
            since: sink.waiting_since,
        });
        Some(RunError::Behind {
            sinks: sinks.collect(),
            others: others.into_iter().map(|sink| sink.name).collect(),
            up_to: record.fetched().watermark,
            arguments: book.stream().arguments(),
        })
    }

    /// Warns where a source that is known to go silent has had no event for suspiciously long.
    fn watch(&self) {
        let book = &self.keeping.book;
        let record = book.record();
        let watched = match book.outlives() {
            true => silence::watched(&record).map(|window| (record.last_event.map(Timestamp::as_millisecond), window)),
            false => Some((self.counts.last_event, self.run.window)),
        };
        if self.run.description.connection == ConnectionKind::IdentityDomain
            && let Some((last_event, window)) = watched
            && let Some(notice) = silence::notice(last_event, window, self.run.audit_log.as_ref())
        {
            tracing::warn!("{notice}");
        }
        if let Some(every) = self.keeping.expect_events_every
            && book.outlives()
            && let Some(notice) = silence::silent(&record, every)
        {
            tracing::warn!(target: EVIDENCE, "{}: {notice}", book.stream());
        }
    }

    /// The periods that are lost and that no run has told of: from now on they count as told.
    async fn tell_lost(&self) -> Result<Option<RunError>, RunError> {
        let gaps = self.keeping.book.record().untold.clone();
        if gaps.is_empty() {
            return Ok(None);
        }
        let told = gaps.clone();
        let change = move |record: &mut Record| record.untold.retain(|gap| !told.contains(gap));
        self.keeping.book.change(DurableChange::Told, change).await?;
        let stream = self.keeping.book.stream();
        Ok(Some(RunError::Gap {
            stream: stream.to_string(),
            // Without a name: `host gaps` takes no parameters.
            arguments: match &stream.name {
                Some(_) => stream.arguments(),
                None => format!("{} --connection {}", stream.report, stream.connection),
            },
            gaps,
            backfill: matches!(self.keeping.wanted, RunMode::Backfill { .. }),
        }))
    }
}
