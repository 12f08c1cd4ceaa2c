//! The things that the configuration of today is not for: a command leaves it as it is, and says so.

use super::store::SetAsideStore;
use crate::error::{CliError, Exit};
use base::counted::counted;

/// The part of a selection that belongs to another receiver or server than the configuration's.
pub struct Elsewhere {
    count: u64,
    /// A line for each place.
    lines: Vec<String>,
    /// The words for one thing that stays, and for several.
    stays: [&'static str; 2],
    /// The advice about them.
    advice: &'static str,
}

impl Elsewhere {
    /// An empty list; `stays` tells at the end of a command of one that stays, and of several.
    pub fn none(stays: [&'static str; 2], advice: &'static str) -> Elsewhere {
        Elsewhere {
            count: 0,
            lines: Vec::new(),
            stays,
            advice,
        }
    }

    /// Adds those of one place, with what is to be said of them.
    pub fn add(&mut self, count: u64, line: String) {
        self.count += count;
        self.lines.push(line);
    }

    /// Prints what is left out of a selection that excepts it already; where nothing else is selected, that is an error.
    pub fn say<S: SetAsideStore>(&self, store: &S, selection: &S::Selection) -> Result<(), CliError> {
        if self.count == 0 {
            return Ok(());
        }
        if store.count(selection)? == 0 {
            return Err(CliError::usage(self.lines.join("; ")).hint(self.advice));
        }
        for line in &self.lines {
            tracing::warn!("{line}");
        }
        Ok(())
    }

    /// The end of a command that did the rest.
    pub fn end(&self) -> Result<(), CliError> {
        let [one, more] = self.stays;
        match self.count {
            0 => Ok(()),
            count => Err(CliError::new(Exit::Partial, counted(count, one, more)).hint(self.advice)),
        }
    }
}
