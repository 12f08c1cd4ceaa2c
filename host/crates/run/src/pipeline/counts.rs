//! What a run has counted so far, for its summary.

use jiff::Timestamp;

use super::fate::Fate;
use crate::late::Late;
use crate::window::Window;
use ledger::Interval;

/// The counts of a run so far.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) rejected: u64,
    pub(crate) fate: Fate,
    pub(crate) mended: u64,
    pub(crate) duplicates: u64,
    pub(crate) ledger: LedgerCounts,
    pub(crate) polls: u64,
    pub(crate) bytes: u64,
    pub(crate) job: Option<String>,
    /// The time of the latest event, in ms since 1970.
    pub(crate) last_event: Option<i64>,
    pub(crate) usage: sandbox::Usage,
}

/// The counts of a run's work with the ledger.
#[derive(Debug, Default)]
pub(crate) struct LedgerCounts {
    pub(crate) windows: u64,
    pub(crate) resumed: u64,
    pub(crate) unsure: u64,
    pub(crate) lost: Vec<Interval>,
    pub(crate) late: Late,
    /// The time of the earliest event that the server still had.
    pub(crate) earliest: Option<Timestamp>,
    /// From the first to the last window.
    pub(crate) covered_span: Option<Window>,
}
