//! Events that a source stored late.

use jiff::SignedDuration;

/// Events that were stored after the period of their time had been asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late {
    pub(crate) events: u64,
    /// The longest that one of them may have taken until it could be seen.
    pub(crate) largest: SignedDuration,
}

impl Late {
    pub(crate) fn add(&mut self, other: Late) {
        self.events += other.events;
        self.largest = self.largest.max(other.largest);
    }
}
