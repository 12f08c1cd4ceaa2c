use crate::Timestamp;

/// Orders of three numbers: month first, day first, and the year first as two digits.
pub(super) const ORDERS: usize = 3;

/// The time that a text says, or the times that it may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeReading {
    /// One time, whatever else the document holds.
    Certain(Timestamp),
    /// For each order, the time if the text can be read so.
    Numbers([Option<Timestamp>; ORDERS]),
}
