//! The time at which an event was collected.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::json;

/// A time in milliseconds since 1970-01-01T00:00:00Z, and the same in decimal digits: all events of a window have it, and so
/// the digits are made once and not with each line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Collected {
    ms: i64,
    digits: [u8; 20],
    length: u8,
}

impl Collected {
    /// At that many milliseconds since 1970-01-01T00:00:00Z.
    pub fn at(ms: i64) -> Collected {
        let mut written = Vec::with_capacity(20);
        json::number(&mut written, ms);
        let mut digits = [0; 20];
        digits.iter_mut().zip(&written).for_each(|(to, from)| *to = *from);
        Collected {
            ms,
            digits,
            // At most 20: a sign and 19 digits.
            length: u8::try_from(written.len()).unwrap_or(20),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn ms(self) -> i64 {
        self.ms
    }

    /// In decimal digits, as JSON has it.
    #[inline]
    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl From<i64> for Collected {
    fn from(ms: i64) -> Self {
        Collected::at(ms)
    }
}

impl From<Collected> for i64 {
    fn from(collected: Collected) -> i64 {
        collected.ms
    }
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ms.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_those_of_the_number() {
        for ms in [0, 7, -1, 1_741_611_600_000, i64::MAX, i64::MIN] {
            let collected = Collected::at(ms);
            assert_eq!(collected.digits(), ms.to_string().as_bytes());
            let kept = serde_json::to_string(&collected).unwrap();
            assert_eq!(kept, ms.to_string());
            assert_eq!(serde_json::from_str::<Collected>(&kept).unwrap(), collected);
        }
    }
}
