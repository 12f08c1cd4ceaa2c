//! In the place of conditions where the feature `conditions` is not built in: there are none, and none can be made.

use super::condition_error::ConditionError;
use super::{Comparison, Possible};
use event::{Event, Provenance};

/// A condition, of which there is none.
#[derive(Debug)]
pub enum NoCondition {}

impl NoCondition {
    /// Refuses the condition, and names the feature.
    pub fn compile(_: &str) -> Result<Self, ConditionError> {
        Err(ConditionError {
            place: None,
            problem: "this build of host lacks conditions: build it with the feature `conditions`".into(),
            unknown: None,
        })
    }

    /// Never called: no condition can be made.
    pub fn holds(&mut self, _: &Event, _: &Provenance) -> bool {
        match *self {}
    }

    /// Never called: no condition can be made.
    pub fn reachable(&self, _: &Possible<'_>) -> bool {
        match *self {}
    }

    /// Never called: no condition can be made.
    pub fn comparisons(&self) -> Vec<Comparison> {
        match *self {}
    }
}
