//! The ids of events delivered lately, by UTC day: a source that knows only days is asked for the open one again, and
//! what it answered before must not be delivered again.
//!
//! While a window is delivered its ids are [`NewIds`]. What was committed is [`KnownIds`]: the [`DayIds`] of a day are one
//! sorted buffer, in memory as in the ledger, and [`IdSetRef`] is what the record says of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bytes::Bytes;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes kept of an id's SHA-256. With ten million ids in a day, two share all 96 bits once in 10^15 days.
const KEPT: usize = 12;

/// The short form in which an event's id is kept: the beginning of its SHA-256.
pub type ShortId = [u8; KEPT];

/// The reference in the record to the ids of one day, which are a document of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdSetRef {
    /// The number of ids.
    pub ids: u64,
    /// SHA-256 of the document, hexadecimal.
    pub sha256: String,
}

/// Ids of one day, each once and in order. Copies share what they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayIds(Bytes);

impl DayIds {
    /// The number of ids.
    pub fn len(&self) -> usize {
        self.sorted().len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The document.
    pub fn encode(&self) -> Bytes {
        self.0.clone()
    }

    /// The reference to it for the record.
    pub fn noted(&self) -> IdSetRef {
        IdSetRef {
            ids: self.len() as u64,
            sha256: sha256(&self.0),
        }
    }

    /// Reads a document; none where it is not the one that was noted.
    pub fn decode(body: Bytes, noted: &IdSetRef) -> Option<DayIds> {
        let ids = DayIds(body);
        (ids.0.len().is_multiple_of(KEPT) && ids.noted() == *noted).then_some(ids)
    }

    fn sorted(&self) -> &[ShortId] {
        self.0.as_chunks().0
    }

    fn of(mut ids: Vec<ShortId>) -> DayIds {
        ids.sort_unstable();
        ids.dedup();
        ids.shrink_to_fit();
        DayIds(ids.into_flattened().into())
    }

    fn knows(&self, id: &ShortId) -> bool {
        self.sorted().binary_search(id).is_ok()
    }

    /// Adds the ids of another.
    fn with(&self, other: &DayIds) -> DayIds {
        if other.is_empty() {
            return self.clone();
        }
        if self.is_empty() {
            return other.clone();
        }
        let mut both = Vec::with_capacity(self.len() + other.len());
        let (mut left, mut right) = (self.sorted().iter().peekable(), other.sorted().iter().peekable());
        while let Some(next) = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a < b => left.next(),
            (Some(a), Some(b)) if a == b => {
                right.next();
                left.next()
            }
            (Some(_), None) => left.next(),
            _ => right.next(),
        } {
            both.push(*next);
        }
        both.shrink_to_fit();
        DayIds(both.into_flattened().into())
    }
}

/// Ids by day. Copies share what they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownIds(BTreeMap<Date, DayIds>);

impl KnownIds {
    /// The short form of an event's id.
    pub fn short(id: &str) -> ShortId {
        short(id)
    }

    /// Tells whether the id was noted, for whatever day: a server that cuts days in another zone answers with the same row for
    /// one day or for the next.
    pub fn knows(&self, id: &ShortId) -> bool {
        self.0.values().any(|ids| ids.knows(id))
    }

    /// Adds ids of a day.
    pub fn add(&mut self, day: Date, ids: &DayIds) {
        let known = self.0.entry(day).or_default();
        *known = known.with(ids);
    }

    /// Adds what another one knows.
    pub fn extend(&mut self, other: &KnownIds) {
        other.days().for_each(|(day, ids)| self.add(day, ids));
    }

    /// Forgets all other days.
    pub fn retain(&mut self, wanted: impl Fn(&Date) -> bool) {
        self.0.retain(|day, _| wanted(day));
    }

    /// The ids of a day.
    pub fn of(&self, day: Date) -> Option<&DayIds> {
        self.0.get(&day)
    }

    /// Day by day.
    pub fn days(&self) -> impl Iterator<Item = (Date, &DayIds)> + '_ {
        self.0.iter().map(|(day, ids)| (*day, ids))
    }

    /// True if there is no day.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads what the first form of a record had within it: for each day a text, 16 characters an id.
    ///
    /// # Errors
    ///
    /// The fault of a document of ids.
    pub(super) fn of_texts(days: BTreeMap<Date, String>) -> Result<KnownIds, &'static str> {
        let read = |text: String| {
            let bytes = BASE64_STANDARD_NO_PAD
                .decode(text)
                .map_err(|_| "the ids are not base64")?;
            match bytes.as_chunks() {
                (ids, []) => Ok(DayIds::of(ids.to_vec())),
                _ => Err("the ids break off"),
            }
        };
        let days = days.into_iter().map(|(day, text)| read(text).map(|ids| (day, ids)));
        days.collect::<Result<_, _>>().map(KnownIds)
    }
}

/// Ids as they come, by day.
#[derive(Debug, Default)]
pub struct NewIds(BTreeMap<Date, Vec<ShortId>>);

impl NewIds {
    /// Notes an event's id.
    pub fn note(&mut self, day: Date, id: ShortId) {
        self.0.entry(day).or_default().push(id);
    }

    /// All that came.
    pub fn collect(self) -> KnownIds {
        KnownIds(self.0.into_iter().map(|(day, ids)| (day, DayIds::of(ids))).collect())
    }
}

fn short(id: &str) -> ShortId {
    let mut kept = [0; KEPT];
    kept.iter_mut()
        .zip(Sha256::digest(id))
        .for_each(|(to, from)| *to = from);
    kept
}

fn sha256(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    const DAY: Date = jiff::civil::date(2025, 3, 31);

    fn recent(day: Date, ids: impl IntoIterator<Item = u32>) -> KnownIds {
        let mut fresh = NewIds::default();
        ids.into_iter().for_each(|id| fresh.note(day, short(&id.to_string())));
        fresh.collect()
    }

    #[test]
    fn a_document_of_ids_is_read_only_as_what_was_noted() {
        let ids = recent(DAY, 0..1000).of(DAY).unwrap().clone();
        let (body, noted) = (ids.encode(), ids.noted());
        assert_eq!((body.len(), noted.ids), (12_000, 1000));
        assert_eq!(DayIds::decode(body.clone(), &noted), Some(ids));
        for bad in [body.slice(..11_999), body.slice(..11_988), Bytes::new()] {
            assert_eq!(DayIds::decode(bad, &noted), None);
        }
        let mut other = body.to_vec();
        other[500] ^= 1;
        assert_eq!(DayIds::decode(other.into(), &noted), None);
    }

    #[test]
    fn the_same_ids_are_the_same_document_whatever_their_order() {
        assert_eq!(recent(DAY, (0..100).rev().chain(20..30)), recent(DAY, 0..100));
    }

    #[test]
    fn ids_are_those_of_their_day() {
        let next = DAY.tomorrow().unwrap();
        let mut all = recent(DAY, 0..10);
        all.extend(&recent(next, 5..20));
        assert!(["4", "9", "10"].iter().all(|id| all.knows(&short(id))) && !all.knows(&short("20")));
        all.retain(|day| *day > DAY);
        assert!(!all.knows(&short("4")) && all.knows(&short("10")));
        assert_eq!(all.days().count(), 1);
    }

    #[test]
    fn what_is_no_text_of_ids_is_refused() {
        let read = |text: &str| KnownIds::of_texts(BTreeMap::from([(DAY, text.to_owned())]));
        assert!(read("****").is_err() && read("AAAA").is_err());
        let ids = recent(DAY, 0..10);
        let text = BASE64_STANDARD_NO_PAD.encode(ids.of(DAY).unwrap().encode());
        assert_eq!(read(&text).unwrap(), ids);
    }

    proptest! {
        #[test]
        fn ids_of_both_are_those_of_either(a in vec(0_u32..60, 0..40), b in vec(0_u32..60, 0..40)) {
            let mut both = recent(DAY, a.clone());
            both.extend(&recent(DAY, b.clone()));
            let expected: BTreeSet<u32> = a.into_iter().chain(b).collect();
            prop_assert_eq!(both.of(DAY).map_or(0, DayIds::len), expected.len());
            for id in 0..60 {
                prop_assert_eq!(both.knows(&short(&id.to_string())), expected.contains(&id));
            }
        }
    }
}
