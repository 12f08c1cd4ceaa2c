//! The end of a run: the sinks are closed, what is safe only then is committed, and what was lost is told.

use jiff::Timestamp;

use super::Pipeline;
use crate::RunError;
use crate::fan_out::settled;
use crate::silence;
use crate::stream_ledger::DurableChange;
use crate::windows::{Delivered, RunMode, UncommittedWindow, say_held};
use base::counted::counted;
use ledger::Record;
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
        let endings = self.sinks.close(&*self.run.observer).await;
        base::failpoint!("close.after");
        if self.sinks.unrouted() > 0 {
            tracing::warn!(
                "{} no route and not delivered anywhere; a catch-all under [[routes]] keeps them",
                counted(self.sinks.unrouted(), "event matched", "events matched")
            );
        }
        let settled = settled(endings, &self.sinks.counts());
        let goes_on = matches!(
            settled,
            Ok(()) | Err(RunError::DeadLettered { .. } | RunError::Lost { .. })
        );
        if !goes_on {
            return settled;
        }
        self.commit(pending, None).await?;
        self.watch();
        // The first of these is what the run ends with; each is said.
        let lost = self.tell_lost().await?;
        let ends = [held.take(), settled.err(), lost, self.counts.fate.result().err()];
        let mut ends = ends.into_iter().flatten();
        let first = ends.next();
        ends.for_each(|error| tracing::error!("{}", in_one_line(&error)));
        first.map_or(Ok(()), Err)
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
        Ok(Some(RunError::Gap {
            report: self.run.provenance.report.clone(),
            connection: self.run.provenance.connection.clone(),
            gaps,
            backfill: matches!(self.keeping.wanted, RunMode::Backfill { .. }),
        }))
    }
}
