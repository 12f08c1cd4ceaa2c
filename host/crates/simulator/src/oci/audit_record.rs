//! The parts that entries of every kind are written with: [`PlayedAuditRecord`], ids and times.

use serde_json::Value;

use crate::chance::hex32;
use crate::resource::written;

/// The members of an entry that either envelope has.
pub(super) struct PlayedAuditRecord {
    pub(super) event_type: String,
    pub(super) source: String,
    pub(super) compartment: String,
    /// The outcome in words, which the envelopes have in different places.
    pub(super) message: Option<String>,
    pub(super) data: Value,
}

/// A session of the identity domain lasts eight hours.
pub(super) fn session_expiry(time: i64) -> i64 {
    time + 8 * 3_600_000
}

/// A time in ms as an event writes it: with three digits after the second or, `whole`, without.
pub(super) fn second(time: i64, whole: bool) -> String {
    if !whole {
        return written(time);
    }
    jiff::Timestamp::from_millisecond(time.div_euclid(1000) * 1000)
        .map(|time| time.to_string())
        .unwrap_or_default()
}

/// A GUID that depends on nothing but the words.
pub(super) fn guid(words: &[u64]) -> String {
    let digits = hex32(words);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
