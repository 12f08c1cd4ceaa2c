//! The making of dead letters from events that cannot be delivered.

use std::sync::Arc;

use jiff::Timestamp;

use super::DeliveryCounters;
use crate::answer::in_one_line;
use crate::dead_letters::{DeadLetters, Undelivered};
use event::{Event, Provenance};

/// The store of events that cannot be delivered, and what their dead letters say besides.
#[derive(Debug, Clone)]
pub struct DeadLetterContext {
    /// The store.
    pub dead_letters: Arc<DeadLetters>,
    /// The place that the sink leads to, in a text without secrets; none where nobody configured it.
    pub destination: Option<String>,
    /// The run that the events come from.
    pub run_id: String,
    /// The facts that all events of the run share.
    pub provenance: Arc<Provenance>,
}

/// The attempts of one batch.
pub(super) struct Attempts {
    pub(super) count: u32,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Attempts {
    pub(super) fn none_yet() -> Attempts {
        let now = Timestamp::now();
        Attempts {
            count: 0,
            first: now,
            last: now,
        }
    }
}

impl DeadLetterContext {
    /// Keeps events that the sink refused, each with its reason, on a thread that may wait for the disk. Where they cannot be
    /// kept, the error says why, in a line. They are counted there too: the work goes on where this future is dropped.
    pub(super) async fn keep(
        &self,
        sink: &str,
        refused: Vec<(Event, String)>,
        attempts: &Attempts,
        tally: &Arc<DeliveryCounters>,
    ) -> Result<(), String> {
        let letters = refused.into_iter().map(|(event, reason)| Undelivered {
            event,
            reason,
            first_attempt: attempts.first,
            last_attempt: attempts.last,
            attempts: attempts.count,
        });
        let (letters, context, sink) = (letters.collect::<Vec<_>>(), self.clone(), sink.to_owned());
        let (counts, token, count) = (Arc::clone(tally), tally.keeping(), letters.len());
        let kept = base::blocking(move || {
            let place = (sink.as_str(), context.destination.as_deref());
            let store = &context.dead_letters;
            let kept = store.add(place, &context.run_id, &context.provenance, &letters);
            let counter = match kept {
                Ok(()) => &counts.dead_lettered,
                Err(_) => &counts.undelivered,
            };
            DeliveryCounters::add(counter, count);
            drop(token);
            kept
        });
        match kept.await {
            Ok(kept) => kept.map_err(|error| in_one_line(&error)),
            Err(died) => {
                DeliveryCounters::add(&tally.undelivered, count);
                Err(in_one_line(&died))
            }
        }
    }
}
