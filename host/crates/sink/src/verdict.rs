//! The verdict of a receiver on a batch, and a sink's promises about batches.

use std::time::Duration;

/// The receiver's verdict on a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every event was taken.
    Accepted,
    /// Some events were refused for good, the others taken. No event is named twice.
    Rejected(Vec<Rejection>),
    /// Each event was dealt with, one way or another: these were refused for good, those may be taken later, and all
    /// others were taken. No event is named twice.
    Partial {
        /// Refused for good.
        rejected: Vec<Rejection>,
        /// Places in the batch, from 0: to be delivered again in a batch of their own.
        retried: Vec<usize>,
        /// Not before; none leaves the wait to the caller.
        after: Option<Duration>,
        /// The reason why some may be taken later, in one line.
        reason: String,
    },
    /// The receiver has the batch and says only later whether it keeps it: deliver the same batch again, with which the
    /// sink asks instead of sending.
    Unacknowledged {
        /// Not before; none leaves the wait to the caller.
        after: Option<Duration>,
        /// The missing thing, in one line.
        reason: String,
    },
    /// Nothing is certain: deliver the same batch again.
    Retry {
        /// Not before; none leaves the wait to the caller.
        after: Option<Duration>,
        /// The reason, in one line without the events' content.
        reason: String,
    },
    /// Too much at once: deliver it in smaller batches. A single event that is too large is refused for good.
    TooLarge {
        /// The receiver's words, in one line.
        reason: String,
    },
    /// The sink can take nothing until somebody changes something: a credential that ran out, a wrong address, a missing
    /// table. None of the events is at fault, and all may be delivered once that is done.
    Unusable {
        /// The problem, in one line.
        reason: String,
    },
    /// Every event was refused for good.
    Refused {
        /// The receiver's words, in one line.
        reason: String,
    },
}

impl Verdict {
    /// The verdict with other words.
    pub(super) fn map_reasons(mut self, words: impl Fn(&str) -> String) -> Verdict {
        match &mut self {
            Verdict::Accepted => {}
            Verdict::Rejected(rejections) => {
                for rejection in rejections {
                    rejection.reason = words(&rejection.reason);
                }
            }
            Verdict::Retry { reason, .. }
            | Verdict::TooLarge { reason }
            | Verdict::Unusable { reason }
            | Verdict::Refused { reason }
            | Verdict::Unacknowledged { reason, .. } => *reason = words(reason),
            Verdict::Partial { rejected, reason, .. } => {
                for rejection in rejected {
                    rejection.reason = words(&rejection.reason);
                }
                *reason = words(reason);
            }
        }
        self
    }
}

/// An event that the receiver will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The event's place in the batch, from 0.
    pub index: usize,
    /// The reason, in one line.
    pub reason: String,
}

/// The limits of what a sink takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events, at most; never 0.
    pub events: usize,
    /// Bytes of their strings, at most, as [`Event::bytes`](event::Event::bytes) counts them. An event that is
    /// larger comes alone.
    pub bytes: usize,
    /// Wait for a full batch, or the end of the run: for receivers where each delivery costs a round trip or an object.
    pub gather: bool,
}

impl Default for BatchLimits {
    /// Batches go on as they come from the parser.
    fn default() -> Self {
        BatchLimits {
            events: 10_000,
            bytes: 8 << 20,
            gather: false,
        }
    }
}

/// The promise for the case that the same batch is delivered twice, as after a lost answer or a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// The receiver knows events by their id: an event is there once, however batches are cut.
    IdempotentById,
    /// The receiver knows batches by their key, or what is there appeared in one step and can be told: the same batch is
    /// there once.
    IdempotentByBatch,
    /// Events may be there twice, then with the same id.
    AtLeastOnce,
}

impl std::fmt::Display for Guarantee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Guarantee::IdempotentById => "idempotent-by-id",
            Guarantee::IdempotentByBatch => "idempotent-by-batch",
            Guarantee::AtLeastOnce => "at-least-once",
        })
    }
}
