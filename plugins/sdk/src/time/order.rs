//! The order of day, month and year where all three are numbers: what `07/03/2025` means, the whole document says.

use super::civil::NO_SUCH_TIME;
use super::common::common;
use super::forms;
use super::reading::{ORDERS, TimeReading};
use crate::Timestamp;
use std::cell::Cell;

const AMBIGUOUS: &str =
    "day and month of the time cannot be told apart, and the other rows of the document do not settle them";

/// Reads a text by itself.
pub(super) fn alone(text: &str) -> Result<Timestamp, &'static str> {
    match forms::read(text)? {
        TimeReading::Certain(time) => Ok(time),
        TimeReading::Numbers(readings) => one(readings, possible(readings)).ok_or(AMBIGUOUS),
    }
}

/// The order in which one document writes dates of numbers, as far as it is known. A report writes all its rows alike, so one row
/// whose day is above 12 settles what all others mean; rows that contradict each other settle nothing.
#[derive(Debug)]
pub(crate) struct Orders {
    /// A bit for each order that all texts so far can have.
    possible: Cell<u8>,
    /// A text was asked for that waits for the order.
    waiting: Cell<bool>,
    /// No more is waited for.
    decided: Cell<bool>,
}

impl Default for Orders {
    fn default() -> Self {
        Orders {
            possible: Cell::new((1 << ORDERS) - 1),
            waiting: Cell::new(false),
            decided: Cell::new(false),
        }
    }
}

impl Orders {
    /// Reads one text of the document.
    #[inline]
    pub(crate) fn time(&self, text: &str) -> Result<Timestamp, &'static str> {
        match common(text) {
            Some(time) => Ok(time),
            None => self.uncommon(text),
        }
    }

    /// True where a text since the last call could not be read before more of the document is.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.take()
    }

    /// From now on nothing waits: what is known must do.
    pub(crate) fn decide(&self) {
        self.decided.set(true);
    }

    #[cold]
    fn uncommon(&self, text: &str) -> Result<Timestamp, &'static str> {
        let readings = match forms::read(text)? {
            TimeReading::Certain(time) => return Ok(time),
            TimeReading::Numbers(readings) => readings,
        };
        let own = possible(readings);
        if own == 0 {
            return Err(NO_SUCH_TIME);
        }
        self.possible.set(self.possible.get() & own);
        if let Some(time) = one(readings, own) {
            return Ok(time);
        }
        let decided = self.decided.get();
        self.waiting.set(!decided);
        let settled = one(readings, self.possible.get()).filter(|_| decided);
        settled.ok_or(AMBIGUOUS)
    }
}

fn possible(readings: [Option<Timestamp>; ORDERS]) -> u8 {
    (0..)
        .zip(readings)
        .fold(0, |orders, (at, reading)| orders | u8::from(reading.is_some()) << at)
}

/// The time, if all of these orders agree on it.
fn one(readings: [Option<Timestamp>; ORDERS], orders: u8) -> Option<Timestamp> {
    let mut times = (0..)
        .zip(readings)
        .filter(|(at, _)| orders & 1 << at != 0)
        .map(|(_, reading)| reading);
    let first = times.next()?;
    if times.all(|time| time == first) { first } else { None }
}
