//! Whether a document with rejected rows may count as delivered.
//!
//! Rows that are rejected one by one are kept, and the rest goes on. A document of which little or nothing was understood
//! is another matter: it is most likely in a form that the plugin does not know, so its window stays open, and a later
//! run reads the same document again with whatever the plugin is then.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use base::counted::counted;
use event::Reject;

/// One per cent, in millionths.
const PERCENT: f64 = 10_000.0;
/// All rows, in millionths.
const ALL: u32 = 1_000_000;
/// Characters of a row that an error shows.
const SHOWN: usize = 200;

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
    /// Says whether a document with so many events and rejected rows fails.
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

    /// Says whether a document may fail some of whose rows are events: then it is read to its end before anything is sent.
    pub(crate) fn is_of_some(self) -> bool {
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

/// A document too many of whose rows were rejected.
#[derive(Debug)]
pub struct TooManyRejected {
    /// The name of its file, where it came as one.
    pub file: Option<String>,
    /// Rows that became events.
    pub events: u64,
    /// Rows that did not.
    pub rejected: u64,
    /// The share that is allowed.
    pub most: MaxRejected,
    /// The document's header, where it has one.
    pub header: Option<String>,
    /// The first row that was rejected.
    pub first: Option<Reject>,
    /// True where a later run reads the same document again.
    pub waits: bool,
}

impl std::error::Error for TooManyRejected {}

impl fmt::Display for TooManyRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = self.file.as_deref().unwrap_or("the answer");
        let rows = counted(self.events + self.rejected, "row", "rows");
        match self.events {
            0 => write!(f, "no event in {document}: its {rows} cannot be read by the plugin")?,
            _ => write!(
                f,
                "{} of the {rows} of {document} cannot be read by the plugin, which is more than {}",
                self.rejected, self.most
            )?,
        }
        if let Some(first) = &self.first {
            let raw = shortened(&first.raw);
            write!(f, "; the first is line {}: {}: {raw:?}", first.line, first.reason)?;
        }
        match &self.header {
            Some(header) => write!(f, "; its header: {:?}", shortened(header)),
            None => Ok(()),
        }
    }
}

impl TooManyRejected {
    /// The advice for the user.
    pub fn hint(&self) -> String {
        let accept = "`--max-rejected any` accepts it as it is, and keeps the rows for `host rejected replay`";
        match self.waits {
            true => format!(
                "the period stays open and the document is kept: once the plugin is updated, run again and it is read again; {accept}"
            ),
            false => {
                format!("no file was removed from the server; update the plugin and run again; {accept}")
            }
        }
    }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
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
