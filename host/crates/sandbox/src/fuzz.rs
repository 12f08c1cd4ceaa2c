//! The properties of a plugin's packed answer that must hold whatever its numbers are, for the fuzz target in `tests/fuzz`.

use super::bindings::packed;
use super::call_context::CallContext;
use super::{PluginLimits, unpack};

/// Unpacks an answer made of the bytes, twice, the second time into the events of the first: both say the same, and what
/// comes out keeps the limits.
pub fn packed(bytes: &[u8]) {
    let limits = PluginLimits {
        records: 64,
        returned: 64 << 10,
        event: 4 << 10,
        ..PluginLimits::default()
    };
    let site = CallContext {
        label: "fuzzed",
        call: "push",
    };
    let first = unpack::batch(answer(bytes), Vec::new(), &limits, site);
    let Ok(first) = first else { return };
    assert!(first.events.len() <= limits.records, "more events than allowed");
    let texts: usize = first.events.iter().map(|event| event.subject.name.len()).sum();
    assert!(texts <= limits.returned, "more text than allowed");
    let again = unpack::batch(answer(bytes), first.events.clone(), &limits, site);
    assert!(
        again.is_ok_and(|again| again.events == first.events),
        "events filled anew differ"
    );
}

/// The first two bytes say how many events there are and how many bytes of text; numbers, times and heads follow.
fn answer(bytes: &[u8]) -> packed::Batch {
    let mut rest = bytes;
    let mut byte = || match rest.split_first() {
        Some((byte, after)) => {
            rest = after;
            *byte
        }
        None => 0,
    };
    let (events, text_bytes) = (usize::from(byte() % 80), usize::from(byte()));
    // Small numbers mostly, so that lengths can add up.
    let heads = (0..events).map(|_| u32::from_le_bytes([byte() % 30, byte() % 4, byte(), byte() & 0x3f]));
    let heads: Vec<u32> = heads.collect();
    let times = heads.iter().map(|head| i64::from(*head)).collect();
    let text: Vec<u8> = (0..text_bytes).map(|_| byte()).collect();
    let numbers = rest.iter().map(|byte| match byte {
        255 => u32::MAX,
        byte => u32::from(*byte),
    });
    packed::Batch {
        text: String::from_utf8_lossy(&text).into_owned(),
        numbers: numbers.collect(),
        times,
        heads,
        rejects: Vec::new(),
    }
}
