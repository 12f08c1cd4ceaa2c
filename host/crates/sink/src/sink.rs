//! The trait of every sink: [`Sink`].

use std::sync::Arc;

use async_trait::async_trait;

use crate::{BatchLimits, Guarantee, IntentLog, SinkError, Verdict};
use event::Event;

/// A receiver of events.
///
/// Calls come one at a time. After an error a sink takes no more events; they may be delivered again to a new sink. The
/// rules, and the tests that hold every sink to them, are in `README.md` beside this file.
#[async_trait]
pub trait Sink: Send {
    /// The name in the configuration, or the specification that was typed.
    fn name(&self) -> &str;

    /// The limits of what the sink takes at once, in events and in bytes.
    fn limits(&self) -> BatchLimits {
        BatchLimits::default()
    }

    /// The guarantee for a batch that is delivered twice.
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    /// True if events outlive a crash as soon as their delivery is answered, and not only once the sink is closed.
    /// Where they do, a run that was cut short goes on after them instead of delivering them again.
    fn is_durable(&self) -> bool {
        false
    }

    /// A sink whose output appears under a name, in one step or in several, tells the journal of each step before and after,
    /// from the first event on. What is sealed so outlives a crash, whether the sink is closed or not. Says whether it
    /// is such a sink.
    fn seal_with(&mut self, _journal: Arc<dyn IntentLog>) -> bool {
        false
    }

    /// Finds out whether the sink could take events now: reached, signed in, allowed. Delivers nothing and leaves nothing behind. Says
    /// in a few words what was found.
    async fn probe(&mut self) -> Result<String, SinkError>;

    /// Delivers events in order, and says what the receiver made of them. Taken events are written or acknowledged, but
    /// may not outlive a crash before [`close`](Sink::close).
    ///
    /// A receiver that cannot be reached, is busy or refuses is a [`Verdict`]; an error means that this sink is at its end.
    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError>;

    /// Makes everything delivered permanent and visible. No delivery may follow; a second call does nothing. After a
    /// failed, given up or aborted delivery this fails as well: what was delivered is not complete.
    async fn close(&mut self) -> Result<(), SinkError>;

    /// Gives up: what only [`close`](Sink::close) would have made visible never appears. Dropping a sink does the same.
    async fn abort(&mut self) {}
}
