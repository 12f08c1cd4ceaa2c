//! Events that are stored after their time, the same ones whoever asks for them.

use super::chance::mix;

/// Milliseconds.
const MINUTE: i64 = 60_000;
/// Five hours, in ms: nothing is stored later.
pub(super) const LATEST: i64 = 5 * 3_600_000;

/// The time between an event and its storage, in ms, where every Nth is stored late; none for an event that is not.
pub(super) fn lateness(time: i64, every: u64) -> Option<i64> {
    let drawn = mix(&[time.unsigned_abs()]);
    let span = (LATEST - MINUTE).unsigned_abs();
    drawn
        .is_multiple_of(every)
        .then(|| MINUTE + i64::try_from(drawn / every % span).unwrap_or(0))
}
