//! The two stores as one kind of thing.

use serde::Serialize;

use crate::error::CliError;
use ::rejected::{RejectedEntry, RejectedRows, RejectedSelection};
use sink::dead_letters::{DeadLetterEntry, DeadLetterSelection, DeadLetters};

/// A store of what waits until somebody decides about it. All methods wait for the disk.
pub trait SetAsideStore {
    /// One thing in the store, without its content.
    type Entry: Serialize;
    /// The choice of things that are meant.
    type Selection;

    /// The name of one of them.
    const ONE: &'static str;
    /// The command that shows what there is.
    const LIST: &'static str;

    /// The selected entries, oldest first, so many at most.
    fn list(&self, selection: &Self::Selection, most: usize) -> Result<Vec<Self::Entry>, CliError>;

    /// The number of things that are selected.
    fn count(&self, selection: &Self::Selection) -> Result<u64, CliError>;

    /// Forgets those that are selected; says how many there were.
    fn remove(&self, selection: &Self::Selection) -> Result<u64, CliError>;

    /// The number of an entry.
    fn number(entry: &Self::Entry) -> i64;

    /// The numbers that a selection names.
    fn numbers(selection: &Self::Selection) -> &[i64];
}

impl SetAsideStore for DeadLetters {
    type Entry = DeadLetterEntry;
    type Selection = DeadLetterSelection;

    const ONE: &'static str = "dead letter";
    const LIST: &'static str = "host dead-letter list";

    fn list(&self, selection: &DeadLetterSelection, most: usize) -> Result<Vec<DeadLetterEntry>, CliError> {
        Ok(DeadLetters::list(self, selection, most)?)
    }

    fn count(&self, selection: &DeadLetterSelection) -> Result<u64, CliError> {
        Ok(DeadLetters::count(self, selection)?)
    }

    fn remove(&self, selection: &DeadLetterSelection) -> Result<u64, CliError> {
        Ok(DeadLetters::remove(self, selection)?)
    }

    fn number(entry: &DeadLetterEntry) -> i64 {
        entry.number
    }

    fn numbers(selection: &DeadLetterSelection) -> &[i64] {
        &selection.numbers
    }
}

impl SetAsideStore for RejectedRows {
    type Entry = RejectedEntry;
    type Selection = RejectedSelection;

    const ONE: &'static str = "rejected row";
    const LIST: &'static str = "host rejected list";

    fn list(&self, selection: &RejectedSelection, most: usize) -> Result<Vec<RejectedEntry>, CliError> {
        Ok(RejectedRows::list(self, selection, most)?)
    }

    fn count(&self, selection: &RejectedSelection) -> Result<u64, CliError> {
        Ok(RejectedRows::count(self, selection)?)
    }

    fn remove(&self, selection: &RejectedSelection) -> Result<u64, CliError> {
        Ok(RejectedRows::remove(self, selection)?)
    }

    fn number(entry: &RejectedEntry) -> i64 {
        entry.number
    }

    fn numbers(selection: &RejectedSelection) -> &[i64] {
        &selection.numbers
    }
}

/// Refuses numbers of which there is nothing in the store.
pub fn check_numbers<S: SetAsideStore>(store: &S, selection: &S::Selection) -> Result<(), CliError> {
    let numbers = S::numbers(selection);
    if numbers.is_empty() {
        return Ok(());
    }
    let there = store.list(selection, numbers.len())?;
    let missing = (numbers.iter()).find(|number| !there.iter().any(|entry| S::number(entry) == **number));
    missing.map_or(Ok(()), |number| Err(unknown::<S>(*number)))
}

/// The error for a number of which there is nothing in the store.
pub fn unknown<S: SetAsideStore>(number: i64) -> CliError {
    CliError::usage(format!("there is no {} {number}", S::ONE)).hint(format!("`{}` shows them", S::LIST))
}
