//! Ids for events whose source gives none.
//!
//! [`Ids`] derives them: 32 hexadecimal digits, the first half of a SHA-256 over the report, the connection, every field
//! of the event that the source gave, and how many identical rows the report held before this one. The same row of the same stream has the
//! same id on every run and every machine, two identical rows of one report have two, and how the report was cut into
//! chunks plays no part.
//!
//! # Cost
//!
//! Two rows can be identical only if their times are. A report sorted by time, in either direction or in several sorted
//! stretches that do not overlap, therefore needs no more than the rows of one millisecond in memory; 8 bytes a row go
//! to an anonymous temporary file in case the order breaks. The first row that falls back into a stretch already passed
//! loads that file, and from there on each row costs about 20 bytes of memory.

mod error;
mod seen;

use sha2::{Digest, Sha256};

pub use self::error::IdError;
use self::seen::Seen;
use super::{
    Event,
    digest::{digits, put, put_hex},
};

/// Changes when the canonical form does, since then all ids do.
const FORM: &str = "event/1";

/// A row longer than this does not keep its buffer.
const SCRATCH: usize = 1 << 20;

/// The ids of the events of one run of one report. Feed it every event, in the report's order.
#[derive(Debug)]
pub struct Ids {
    /// The bytes to hash: those that all rows of the stream share, then the row's.
    hashed: Vec<u8>,
    /// The position at which the row begins.
    row: usize,
    seen: Seen,
}

impl Ids {
    /// For a stream: the report plugin's name and the connection's.
    pub fn new(report: &str, connection: &str) -> Self {
        let mut hashed = Vec::new();
        for text in [FORM, report, connection] {
            put(&mut hashed, text);
        }
        Ids {
            row: hashed.len(),
            hashed,
            seen: Seen::default(),
        }
    }

    /// Fills `event.id` unless the source gave one; an empty one counts as none.
    pub fn assign(&mut self, event: &mut Event) -> Result<(), IdError> {
        event.id_is_derived = event.id.as_ref().is_none_or(String::is_empty);
        if !event.id_is_derived {
            return Ok(());
        }
        self.hashed.truncate(self.row);
        put_event(&mut self.hashed, event);
        let first = self.digest(0);
        // Sixty-four of the bits tell rows apart. Were two rows of one report ever to share them, the later would count
        // as a repetition and still have an id of its own.
        let [a, b, c, d, e, f, g, h, ..] = first;
        let id = match self
            .seen
            .count(event.time, u64::from_le_bytes([a, b, c, d, e, f, g, h]))?
        {
            0 => first,
            before => self.digest(before),
        };
        let text = event.id.get_or_insert_with(|| String::with_capacity(32));
        // In its memory where there is room; digits are UTF-8.
        text.clear();
        text.push_str(str::from_utf8(&digits(&id)).unwrap_or_default());
        if self.hashed.capacity() > SCRATCH {
            self.hashed.truncate(self.row);
            self.hashed.shrink_to_fit();
        }
        Ok(())
    }

    /// Fills `event.id` as [`Ids::assign`] would where so many identical rows had come before; what comes by here is not
    /// counted.
    pub fn assign_nth(&mut self, event: &mut Event, before: u64) -> Result<(), IdError> {
        if event.id.as_ref().is_some_and(|id| !id.is_empty()) {
            return Ok(());
        }
        self.hashed.truncate(self.row);
        put_event(&mut self.hashed, event);
        let id = self.digest(before);
        put_hex(event.id.get_or_insert_with(|| String::with_capacity(32)), &id);
        event.id_is_derived = true;
        Ok(())
    }

    /// All at once: the hash function takes whole blocks from where they lie, and keeps nothing in between.
    fn digest(&mut self, before: u64) -> [u8; 16] {
        let end = self.hashed.len();
        self.hashed.extend_from_slice(&before.to_le_bytes());
        let digest: [u8; 32] = Sha256::digest(&self.hashed).into();
        self.hashed.truncate(end);
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        half
    }
}

/// The canonical form: every field of the source's but the id, in the order of the WIT, each text after its length.
fn put_event(row: &mut Vec<u8>, event: &Event) {
    macro_rules! put {
        (id: text $id_bit:tt, $($name:ident: $kind:ident $bits:tt,)*) => { $(canonical::$kind(row, &event.$name);)* };
    }
    event_codec::for_each_field!(put);
}

/// Each kind of field in the canonical form.
mod canonical {
    use crate::{Activity, Outcome, Principal, digest::put};

    pub fn text(row: &mut Vec<u8>, text: &Option<String>) {
        match text {
            None => row.push(0),
            Some(text) => {
                row.push(1);
                put(row, text);
            }
        }
    }

    pub fn time(row: &mut Vec<u8>, time: &i64) {
        row.extend_from_slice(&time.to_le_bytes());
    }

    pub fn activity(row: &mut Vec<u8>, activity: &Activity) {
        put(row, activity.name());
    }

    pub fn outcome(row: &mut Vec<u8>, outcome: &Outcome) {
        put(row, outcome.name());
    }

    pub fn principal(row: &mut Vec<u8>, principal: &Principal) {
        put(row, &principal.name);
        text(row, &principal.id);
        text(row, &principal.display_name);
    }

    pub fn optional_principal(row: &mut Vec<u8>, principal: &Option<Principal>) {
        match principal {
            None => row.push(0),
            Some(principal) => {
                row.push(1);
                self::principal(row, principal);
            }
        }
    }

    pub fn texts(row: &mut Vec<u8>, texts: &[String]) {
        row.extend_from_slice(&(texts.len() as u64).to_le_bytes());
        for text in texts {
            put(row, text);
        }
    }

    pub fn pairs(row: &mut Vec<u8>, pairs: &[(String, String)]) {
        row.extend_from_slice(&(pairs.len() as u64).to_le_bytes());
        for (name, value) in pairs {
            put(row, name);
            put(row, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{Activity, Outcome, Principal, samples};

    fn assigned(events: &[Event]) -> Vec<String> {
        let mut ids = Ids::new("report", "connection");
        let assign = |event: &Event| {
            let mut event = Event {
                id: None,
                ..event.clone()
            };
            ids.assign(&mut event).unwrap();
            event.id.unwrap()
        };
        events.iter().map(assign).collect()
    }

    /// The definition, with a table of all rows.
    fn naive(events: &[Event]) -> Vec<String> {
        let mut rows: HashMap<Vec<u8>, u64> = HashMap::new();
        let stream = Sha256::new_with_prefix(Ids::new("report", "connection").hashed);
        let mut ids = Vec::new();
        for event in events {
            let mut row = Vec::new();
            put_event(&mut row, event);
            let before = rows.entry(row.clone()).or_default();
            let digest = stream
                .clone()
                .chain_update(row)
                .chain_update(before.to_le_bytes())
                .finalize();
            *before += 1;
            ids.push(digest[..16].iter().map(|byte| format!("{byte:02x}")).collect());
        }
        ids
    }

    fn row(time: i64, user: u8) -> Event {
        Event::new(
            time,
            Activity::Logon,
            Outcome::Failure,
            Principal::named(user.to_string()),
        )
    }

    #[test]
    fn the_id_of_a_row_never_changes() {
        let full = samples::full(Activity::RoleAssign, Outcome::Success);
        insta::assert_snapshot!(assigned(&[full.clone(), full]).join(" "), @"addfbdbc3999dffb7c56998578d8414d 419e4835bca1ceb7fef2d00e48b8f7fb");
        insta::assert_snapshot!(assigned(&[row(0, 0)]).join(" "), @"9c69cc904117e884166a5347ee7ad275");
    }

    #[test]
    fn a_row_that_is_read_later_has_the_id_that_it_would_have_had() {
        let rows = [row(0, 0), row(0, 0), row(1, 0), row(0, 0)];
        let mut ids = Ids::new("report", "connection");
        let late = [(3, 2), (1, 1), (2, 0)].map(|(at, before): (usize, u64)| {
            let mut event = rows[at].clone();
            ids.assign_nth(&mut event, before).unwrap();
            (at, event.id.unwrap())
        });
        let whole = assigned(&rows);
        for (at, id) in late {
            assert_eq!(id, whole[at]);
        }
    }

    #[test]
    fn the_sources_own_id_stays() {
        let mut ids = Ids::new("report", "connection");
        let mut event = Event {
            id: Some("own".into()),
            ..row(0, 0)
        };
        ids.assign(&mut event).unwrap();
        assert_eq!(event.id.as_deref(), Some("own"));
        event.id = Some(String::new());
        ids.assign(&mut event).unwrap();
        assert_eq!(event.id.map(|id| id.len()), Some(32));
    }

    #[test]
    fn a_long_row_gives_its_buffer_back_and_keeps_the_stream() {
        let mut ids = Ids::new("report", "connection");
        let mut long = row(0, 0);
        long.message = Some("x".repeat(2 * SCRATCH));
        ids.assign(&mut long).unwrap();
        assert!(ids.hashed.capacity() <= SCRATCH);
        let mut next = row(1, 0);
        ids.assign(&mut next).unwrap();
        assert_eq!(next.id.unwrap(), assigned(&[row(1, 0)])[0]);
    }

    #[test]
    fn another_stream_gives_other_ids() {
        let id = |report, connection| {
            let mut event = row(0, 0);
            Ids::new(report, connection).assign(&mut event).unwrap();
            event.id
        };
        let ids = HashSet::from([
            id("a", "b"),
            id("b", "a"),
            id("ab", ""),
            id("", "ab"),
            id("a", "bc"),
            id("ab", "c"),
        ]);
        assert_eq!(ids.len(), 6);
    }

    #[test]
    fn a_report_of_many_rows_keeps_its_ids_when_the_order_breaks_late() {
        let mut events: Vec<Event> = (0..40_000).map(|n| row(n / 3, (n % 2) as u8)).collect();
        events.extend((0..100).map(|n| row(n * 7, (n % 2) as u8)));
        let ids = assigned(&events);
        assert_eq!(ids, naive(&events));
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }

    /// Few times and few users, so that rows repeat.
    fn rows() -> impl Strategy<Value = Vec<Event>> {
        vec((-4_i64..12, 0_u8..3), 0..60)
            .prop_map(|rows| rows.into_iter().map(|(time, user)| row(time, user)).collect())
    }

    /// Rows in one or several sorted stretches, with some out of place.
    fn nearly_sorted() -> impl Strategy<Value = Vec<Event>> {
        (
            rows(),
            1_usize..5,
            any::<bool>(),
            any::<bool>(),
            vec((0_usize..60, 0_usize..60), 0..3),
        )
            .prop_map(|(mut events, stretches, up, together, swaps)| {
                if together {
                    events.sort_by_key(|event| event.time);
                }
                let length = events.len() / stretches + 1;
                for (index, stretch) in events.chunks_mut(length).enumerate() {
                    stretch.sort_by_key(|event| if up ^ (index % 2 == 0) { event.time } else { -event.time });
                }
                for (a, b) in swaps {
                    if a < events.len() && b < events.len() {
                        events.swap(a, b);
                    }
                }
                events
            })
    }

    proptest! {
        #[test]
        fn ids_equal_the_definition_whatever_the_order(events in nearly_sorted()) {
            let ids = assigned(&events);
            prop_assert_eq!(&ids, &naive(&events));
            prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
            prop_assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| b"0123456789abcdef".contains(&byte))));
        }

        #[test]
        fn different_events_have_different_ids(a in samples::event(), b in samples::event()) {
            // When it was collected is no part of what happened.
            let row = |event: &Event| Event { id: None, collected: None, correlation: None, ..event.clone() };
            let same = row(&a) == row(&b);
            prop_assert_eq!(assigned(&[a]) == assigned(&[b]), same);
        }

        #[test]
        fn moving_text_between_neighbouring_fields_changes_the_id(text in "[a-z]{2,6}", at in 0_usize..7) {
            let at = at.min(text.len());
            let split = |at: usize| {
                let mut event = row(0, 0);
                event.code = Some(text[..at].into());
                event.message = Some(text[at..].into());
                event
            };
            let ids = assigned(&[split(at), split(text.len() - at)]);
            prop_assert_ne!(&ids[0], &ids[1]);
        }
    }
}
