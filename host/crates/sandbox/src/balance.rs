//! The balance of what the parsers of a run gave against what they were given.
//!
//! One answer is bounded by itself. Of many small ones only this bounds the sum: a document whose heading stands again in
//! each event, or a plugin that makes events of nothing, would fill every disk behind the sinks.

use std::sync::atomic::{AtomicU64, Ordering};

use super::bindings::events::{self, Reject};
use super::bindings::packed;
use super::call_context::CallContext;
use super::{PluginError, PluginLimits, convert};

/// Bytes that an event counts for beside its strings: about as many as it takes in a sink's form.
const EVENT_BYTES: usize = 512;
/// Bytes that a rejected row counts for beside its strings.
const REJECT_BYTES: usize = 64;

/// Shared by all parsers of a run.
#[derive(Debug, Default)]
pub(super) struct Balance {
    taken: AtomicU64,
    given: AtomicU64,
}

impl Balance {
    /// Notes bytes of a document that a parser takes.
    pub(super) fn take(&self, bytes: usize) {
        self.taken.fetch_add(wide(bytes), Ordering::Relaxed);
    }

    /// Notes what a parser gives; fails where all that was given is too much for all that was taken.
    pub(super) fn give(&self, bytes: usize, limits: &PluginLimits, site: CallContext<'_>) -> Result<(), PluginError> {
        let given = (self.given.fetch_add(wide(bytes), Ordering::Relaxed)).saturating_add(wide(bytes));
        let taken = self.taken.load(Ordering::Relaxed);
        // So much one answer alone may have.
        let allowed = (taken.saturating_mul(wide(limits.output))).saturating_add(wide(limits.returned));
        match given > allowed {
            true => Err(site.limit(
                "output",
                limits.output,
                "bytes of events for each byte of the documents",
            )),
            false => Ok(()),
        }
    }
}

/// Bytes that an answer counts for.
pub(super) fn typed(batch: &events::Batch) -> usize {
    let strings: usize = batch.events.iter().map(convert::string_bytes).sum();
    strings.saturating_add(counted(batch.events.len(), &batch.rejects))
}

/// Bytes that an answer in the packed form counts for.
pub(super) fn packed(batch: &packed::Batch) -> usize {
    (batch.text.len()).saturating_add(counted(batch.heads.len(), &batch.rejects))
}

fn counted(events: usize, rejects: &[Reject]) -> usize {
    let rejects: usize = rejects
        .iter()
        .map(|reject| REJECT_BYTES + reject.reason.len() + reject.raw.len())
        .sum();
    events.saturating_mul(EVENT_BYTES).saturating_add(rejects)
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_may_give_so_much_for_what_it_took_and_one_answer_more() {
        let limits = PluginLimits {
            output: 10,
            returned: 1000,
            ..PluginLimits::default()
        };
        let site = CallContext {
            label: "test",
            call: "push",
        };
        let balance = Balance::default();
        assert!(balance.give(1000, &limits, site).is_ok());
        balance.take(100);
        assert!(balance.give(1000, &limits, site).is_ok());
        let error = balance.give(1, &limits, site).unwrap_err();
        assert!(matches!(error, PluginError::Limit { limit: "output", .. }), "{error}");
        // Another document of the run makes up for it.
        balance.take(1);
        assert!(balance.give(9, &limits, site).is_ok());
    }
}
