//! The key `max-rejected`: how many rejected rows are believed of a server's documents.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// One per cent, in millionths.
const PERCENT: f64 = 10_000.0;
/// All rows, in millionths.
const ALL: u32 = 1_000_000;
/// The largest share of a document's rows that may be rejected; by default fewer than all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxRejected {
    /// In millionths. A document none of whose rows became an event fails with any of them.
    Share(u32),
    /// Whatever is rejected, the document counts.
    Any,
}

impl Default for MaxRejected {
    fn default() -> Self {
        MaxRejected::Share(ALL)
    }
}

impl MaxRejected {
    /// True if a document with so many events and rejected rows fails.
    pub fn refuses(self, events: u64, rejected: u64) -> bool {
        match self {
            MaxRejected::Any => false,
            _ if rejected == 0 => false,
            _ if events == 0 => true,
            MaxRejected::Share(most) => {
                let rows = u128::from(events) + u128::from(rejected);
                u128::from(rejected) * u128::from(ALL) > rows * u128::from(most)
            }
        }
    }

    /// True if a document may fail some of whose rows are events: then it is read to its end before anything is sent.
    pub fn is_of_some(self) -> bool {
        matches!(self, MaxRejected::Share(most) if most < ALL)
    }
}

impl fmt::Display for MaxRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxRejected::Share(millionths) => write!(f, "{}%", f64::from(*millionths) / PERCENT),
            MaxRejected::Any => f.write_str("any"),
        }
    }
}

impl FromStr for MaxRejected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "any" {
            return Ok(MaxRejected::Any);
        }
        let share: Option<f64> = text.strip_suffix('%').and_then(|number| number.parse().ok());
        match share {
            Some(share) if (0.0..=100.0).contains(&share) => Ok(MaxRejected::Share((share * PERCENT).round() as u32)),
            _ => Err("this is not a share of rows such as 5%, 0.1% or 100%, and not `any`".into()),
        }
    }
}

impl<'de> Deserialize<'de> for MaxRejected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_fails_by_default_only_where_no_row_became_an_event() {
        let most = MaxRejected::default();
        assert!(most.refuses(0, 1) && most.refuses(0, u64::MAX));
        assert!(!most.refuses(0, 0), "an empty report is fine");
        assert!(!most.refuses(1, 1_000_000));
        assert!(!most.is_of_some());
    }

    #[test]
    fn a_share_is_the_most_that_may_be_rejected() {
        let most: MaxRejected = "10%".parse().unwrap();
        assert!(!most.refuses(90, 10));
        assert!(most.refuses(89, 11));
        assert!(most.refuses(0, 1));
        let none: MaxRejected = "0%".parse().unwrap();
        assert!(none.refuses(u64::MAX / 2, 1) && !none.refuses(5, 0));
        assert!(!MaxRejected::Any.refuses(0, 7));
    }

    #[test]
    fn a_share_is_written_as_it_was_read_and_nothing_else_is_taken_for_one() {
        for text in ["0%", "0.1%", "5%", "99.9999%", "100%", "any"] {
            assert_eq!(text.parse::<MaxRejected>().unwrap().to_string(), text);
        }
        for wrong in ["", "5", "0.1", "-1%", "101%", "NaN%", "inf%", "ten%", "%", "all"] {
            assert!(wrong.parse::<MaxRejected>().is_err(), "{wrong}");
        }
    }
}
