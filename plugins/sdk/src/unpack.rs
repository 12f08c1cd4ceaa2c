//! Reads the events of a [`Batch`] back: for tests, and for hosts that do not take the packed form.

use crate::batch::{ACTOR, ACTOR_DISPLAY_NAME, ACTOR_ID, Batch, ID, SUBJECT_DISPLAY_NAME, SUBJECT_ID, TARGET};
use crate::{Activity, Event, Outcome, Principal, Timestamp};
use std::borrow::Cow;
use std::iter::{Copied, Zip};
use std::slice::Iter;

/// The events of a batch, in their order.
#[derive(Debug, Clone)]
pub struct Events<'a> {
    text: &'a str,
    numbers: &'a [u32],
    heads: Zip<Copied<Iter<'a, u32>>, Copied<Iter<'a, Timestamp>>>,
}

impl Batch {
    /// Its events, in their order.
    pub fn events(&self) -> Events<'_> {
        Events {
            text: self.text.as_str(),
            numbers: &self.numbers,
            heads: self.heads.iter().copied().zip(self.times.iter().copied()),
        }
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let (head, time) = self.heads.next()?;
        let has = |flag: u32| head & flag != 0;
        let [activity, outcome, ..] = head.to_le_bytes();
        Some(Event {
            id: self.optional(has(ID)),
            time,
            activity: (Activity::ALL.get(usize::from(activity)).copied()).unwrap_or(Activity::Other),
            outcome: (Outcome::ALL.get(usize::from(outcome)).copied()).unwrap_or(Outcome::Unknown),
            subject: self.principal(has(SUBJECT_ID), has(SUBJECT_DISPLAY_NAME)),
            actor: has(ACTOR).then(|| self.principal(has(ACTOR_ID), has(ACTOR_DISPLAY_NAME))),
            target: self.optional(has(TARGET)),
            source_ip: self.optional(has(TARGET << 1)),
            user_agent: self.optional(has(TARGET << 2)),
            session: self.optional(has(TARGET << 3)),
            service: self.optional(has(TARGET << 4)),
            action: self.optional(has(TARGET << 5)),
            code: self.optional(has(TARGET << 6)),
            message: self.optional(has(TARGET << 7)),
            labels: (0..self.number()).map(|_| self.string()).collect(),
            attributes: (0..self.number()).map(|_| (self.string(), self.string())).collect(),
        })
    }
}

impl<'a> Events<'a> {
    fn principal(&mut self, id: bool, display_name: bool) -> Principal<'a> {
        Principal {
            name: self.string(),
            id: self.optional(id),
            display_name: self.optional(display_name),
        }
    }

    fn optional(&mut self, there: bool) -> Option<Cow<'a, str>> {
        there.then(|| self.string())
    }

    fn string(&mut self) -> Cow<'a, str> {
        let (string, rest) = self.text.split_at_checked(self.number()).unwrap_or_default();
        self.text = rest;
        string.into()
    }

    fn number(&mut self) -> usize {
        let number;
        (number, self.numbers) =
            (self.numbers.split_first()).map_or((0, self.numbers), |(number, rest)| (*number, rest));
        usize::try_from(number).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Words = Vec<String>;

    /// An event with the fields that `there` has bits for.
    fn event(there: u16, activity: usize, time: i64, words: &[String], labels: &[String]) -> Event<'static> {
        let mut left = words.iter().cloned().cycle().map(Cow::Owned);
        let mut word = || left.next().unwrap_or_default();
        let mut field = |bit: u16| (there & 1 << bit != 0).then(&mut word);
        let (id, display_name) = (field(0), field(1));
        let subject = Principal {
            name: "subject".into(),
            id,
            display_name,
        };
        let outcome = Outcome::ALL[activity % 3];
        let mut event = Event::new(time, Activity::ALL[activity], outcome, subject);
        event.actor = field(2).map(|name| Principal {
            name,
            id: field(3),
            display_name: field(4),
        });
        event.id = field(5);
        event.target = field(6);
        event.source_ip = field(7);
        event.user_agent = field(8);
        event.session = field(9);
        event.service = field(10);
        event.action = field(11);
        event.code = field(12);
        event.message = field(13);
        event.labels = labels.iter().cloned().map(Cow::Owned).collect();
        event.attributes = labels.iter().map(|name| (name.clone().into(), word())).collect();
        event
    }

    proptest! {
        #[test]
        fn what_was_pushed_is_read_back(
            rows in prop::collection::vec((any::<u16>(), 0..21usize, any::<i64>(), any::<Words>(), any::<Words>()), 0..6),
        ) {
            let rows = rows.iter();
            let events: Vec<_> = rows.map(|(there, activity, time, words, labels)| event(*there, *activity, *time, words, labels)).collect();
            let mut batch = Batch::default();
            events.iter().for_each(|event| batch.push(event.clone()));
            prop_assert_eq!(batch.len(), events.len());
            prop_assert_eq!(batch.events().collect::<Vec<_>>(), events);
        }
    }
}
