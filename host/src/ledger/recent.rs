//! The ids of events delivered lately, by UTC day: a source that knows only days is asked for the open one again, and
//! what it answered before must not be delivered again.

use std::collections::{BTreeMap, HashSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use jiff::civil::Date;
use serde::{Deserialize, Serialize, de::Error as _};
use sha2::{Digest, Sha256};

/// Bytes kept of an id's SHA-256. With ten million ids in a day, two share all 96 bits once in 10^15 days.
const KEPT: usize = 12;

/// Ids of one day. As JSON: one text, 16 characters an id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentIds(HashSet<[u8; KEPT]>);

impl RecentIds {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for RecentIds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // In order, so that the same ids are the same document.
        let mut ids: Vec<_> = self.0.iter().copied().collect();
        ids.sort_unstable();
        serializer.serialize_str(&BASE64_STANDARD_NO_PAD.encode(ids.concat()))
    }
}

impl<'de> Deserialize<'de> for RecentIds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD_NO_PAD
            .decode(text.as_bytes())
            .map_err(|_| D::Error::custom("the ids are no base64"))?;
        let (ids, rest) = bytes.as_chunks::<KEPT>();
        if !rest.is_empty() {
            return Err(D::Error::custom("the ids break off"));
        }
        Ok(RecentIds(ids.iter().copied().collect()))
    }
}

/// Ids by day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recent(BTreeMap<Date, RecentIds>);

impl Recent {
    /// Notes an event's id; says whether it is new.
    pub fn note(&mut self, day: Date, id: &str) -> bool {
        self.0.entry(day).or_default().0.insert(short(id))
    }

    /// Whether the event's id was noted for that day.
    pub fn knows(&self, day: Date, id: &str) -> bool {
        self.0.get(&day).is_some_and(|ids| ids.0.contains(&short(id)))
    }

    /// Adds what another one knows.
    pub fn extend(&mut self, other: Recent) {
        for (day, ids) in other.0 {
            self.0.entry(day).or_default().0.extend(ids.0);
        }
    }

    /// Forgets every day before this one.
    pub fn forget_before(&mut self, day: Date) {
        self.0 = self.0.split_off(&day);
    }

    /// The days, and how many ids each has.
    pub fn days(&self) -> impl Iterator<Item = (Date, usize)> + '_ {
        self.0.iter().map(|(day, ids)| (*day, ids.len()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn short(id: &str) -> [u8; KEPT] {
    let mut kept = [0; KEPT];
    kept.iter_mut()
        .zip(Sha256::digest(id))
        .for_each(|(to, from)| *to = from);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_the_journey_through_json() {
        let day: Date = "2025-03-31".parse().unwrap();
        let mut recent = Recent::default();
        for number in 0..1000 {
            assert!(recent.note(day, &number.to_string()));
            assert!(!recent.note(day, &number.to_string()));
        }
        recent.note(day.tomorrow().unwrap(), "x");
        let json = serde_json::to_string(&recent).unwrap();
        assert!(json.len() < 1000 * 16 + 100, "{}", json.len());
        let back: Recent = serde_json::from_str(&json).unwrap();
        assert_eq!(back, recent);
        assert!(back.knows(day, "999") && !back.knows(day, "1000") && !back.knows(day.yesterday().unwrap(), "1"));
    }

    #[test]
    fn what_is_no_list_of_ids_is_refused() {
        for bad in [
            r#"{"2025-03-31":"****"}"#,
            r#"{"2025-03-31":"AAAA"}"#,
            r#"{"no day":""}"#,
        ] {
            assert!(serde_json::from_str::<Recent>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn forgetting_leaves_the_later_days() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let mut recent = Recent::default();
        for text in ["2025-03-30", "2025-03-31", "2025-04-01"] {
            recent.note(day(text), "x");
        }
        recent.forget_before(day("2025-03-31"));
        assert_eq!(recent.days().count(), 2);
        assert!(!recent.knows(day("2025-03-30"), "x"));
    }
}
