//! Durations as a configuration writes them, such as `90s`: read, written, and described in its schema.
//!
//! ```
//! use std::time::Duration;
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(default)]
//! struct Patience {
//!     /// From the first attempt to the start of the last.
//!     #[serde(with = "base::duration")]
//!     #[schemars(with = "base::duration::DurationText")]
//!     max_elapsed: Duration,
//! }
//!
//! impl Default for Patience {
//!     fn default() -> Self {
//!         Patience { max_elapsed: Duration::from_secs(90) }
//!     }
//! }
//!
//! let patience: Patience = serde_json::from_str(r#"{ "max_elapsed": "2m" }"#)?;
//! assert_eq!(patience.max_elapsed, Duration::from_secs(120));
//! let schema = schemars::schema_for!(Patience);
//! assert_eq!(schema.pointer("/properties/max_elapsed/default").unwrap(), "90s");
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer};

/// The schema of a duration in place of that of [`Duration`]: a text with the unit `duration`.
pub struct DurationText;

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-unit": "duration" })
    }
}

/// Reads `90s`, `5m`, `12h`, `7d`: jiff's friendly durations, with a day of 24 hours.
///
/// # Errors
///
/// In words, without the text: it may be a secret in the wrong place.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let span: jiff::Span = text
        .parse()
        .map_err(|_| "not a duration; write it as 90s, 12h or 7d".to_string())?;
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| "a duration has no months or years; write it in days or less".to_string())?;
    Duration::try_from(duration).map_err(|_| "a duration cannot be negative".to_string())
}

/// The duration as somebody would write it: in the greatest unit of which it is a multiple.
pub fn in_words(duration: Duration) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let whole = duration.as_millis();
    let unit = units
        .into_iter()
        .find(|(_, size)| whole >= *size && whole.is_multiple_of(*size));
    let (name, size) = unit.unwrap_or(("ms", 1));
    format!("{}{name}", whole / size)
}

/// For `#[serde(with = "base::duration")]`: reads a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(serde::de::Error::custom)
}

/// For `#[serde(with = "base::duration")]`: writes a duration [in words](in_words).
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&in_words(*duration))
}

/// For `#[serde(default, deserialize_with = "base::duration::optional")]`: reads a duration that may be left out.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_jiff_spans_of_days_or_less() {
        assert_eq!(parse_duration("7d").unwrap().as_secs(), 7 * 86_400);
        assert_eq!(parse_duration("90m").unwrap().as_secs(), 5_400);
        for bad in ["", "7", "seven days", "-1h", "2mo"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_default_duration_is_one_that_the_reader_takes() {
        for (duration, text) in [
            (Duration::from_millis(500), "500ms"),
            (Duration::from_secs(90), "90s"),
            (Duration::from_secs(3600), "1h"),
            (Duration::ZERO, "0ms"),
        ] {
            assert_eq!(in_words(duration), text);
            assert_eq!(parse_duration(text), Ok(duration));
        }
    }
}
