//! What became of the rejected rows of a run.

use crate::RunError;
use base::counted::counted;

/// Counts of rejected rows that were kept and lost.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    /// Rows that are kept.
    pub(crate) kept: u64,
    /// Rows that are neither delivered nor kept.
    pub(crate) lost: u64,
    /// Why.
    reason: String,
}

impl Fate {
    /// An error where rows were lost.
    pub(crate) fn result(&self) -> Result<(), RunError> {
        match self.lost {
            0 => Ok(()),
            rows => Err(RunError::RowsLost {
                rows,
                reason: self.reason.clone(),
            }),
        }
    }

    pub(super) fn lose(&mut self, rows: u64, reason: &str) {
        if rows > 0 {
            tracing::warn!(
                "{} not kept: {reason}",
                counted(rows, "rejected row is", "rejected rows are")
            );
            self.lost += rows;
            self.reason = reason.to_owned();
        }
    }
}
