//! The name of a sign-in, the same in every report that tells of it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of one sign-in: 32 hexadecimal digits, in ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Correlation(pub(super) [u8; 32]);

impl Correlation {
    /// The digits, which need no escaping.
    #[inline]
    pub(super) fn digits(&self) -> &[u8] {
        &self.0
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // Digits are UTF-8.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Correlation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Correlation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_bytes().as_array::<32>() {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(Correlation(*digits)),
            _ => Err(de::Error::custom("not 32 hexadecimal digits")),
        }
    }
}
