//! Reads the events of a [`Batch`] back: for tests, and for hosts that do not take the packed form.

use crate::{Activity, Batch, Event, Outcome, Principal, PrincipalKind, Timestamp};
use event_codec::{Account, EventReader, Reader, for_each_field};
use std::borrow::Cow;

/// The events of a batch, in their order.
#[derive(Debug, Clone)]
pub struct Events<'a>(Reader<'a>);

impl Batch {
    /// The batch's events, in their order.
    pub fn events(&self) -> Events<'_> {
        Events(self.events.reader())
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let mut packed = Fields(self.0.next_event()?.ok()?);
        macro_rules! unpack {
            ($($name:ident: $kind:ident $bits:tt,)*) => { Event { $($name: packed.$kind($bits),)* } };
        }
        Some(for_each_field!(unpack))
    }
}

/// The fields of an event that a [`Batch`] holds, by their kinds. What a batch holds adds up, or it would be no batch.
struct Fields<'r, 'a>(EventReader<'r, 'a>);

impl<'a> Fields<'_, 'a> {
    fn text(&mut self, bit: u32) -> Option<Cow<'a, str>> {
        self.0.text(bit).unwrap_or_default().map(Cow::Borrowed)
    }

    fn time(&self, (): ()) -> Timestamp {
        self.0.time(())
    }

    fn activity(&self, first_bit: u32) -> Activity {
        (Activity::ALL.get(self.0.activity(first_bit)).copied()).unwrap_or(Activity::Other)
    }

    fn outcome(&self, first_bit: u32) -> Outcome {
        (Outcome::ALL.get(self.0.outcome(first_bit)).copied()).unwrap_or(Outcome::Unknown)
    }

    fn principal(&mut self, bits: (u32, u32, u32)) -> Principal<'a> {
        self.0.principal(bits).unwrap_or_default().into()
    }

    fn optional_principal(&mut self, bits: (u32, u32, u32, u32)) -> Option<Principal<'a>> {
        self.0.optional_principal(bits).unwrap_or_default().map(Principal::from)
    }

    fn texts(&mut self, (): ()) -> Vec<Cow<'a, str>> {
        (0..self.0.texts(()).unwrap_or_default())
            .map(|_| self.string())
            .collect()
    }

    fn pairs(&mut self, (): ()) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let pairs = 0..self.0.pairs(()).unwrap_or_default();
        pairs.map(|_| (self.string(), self.string())).collect()
    }

    fn string(&mut self) -> Cow<'a, str> {
        self.0.string().unwrap_or_default().into()
    }
}

impl<'a> From<Account<'a>> for Principal<'a> {
    fn from(account: Account<'a>) -> Self {
        let Account {
            name,
            id,
            display_name,
            kind,
        } = account;
        let known = PrincipalKind::ALL.get(usize::from(kind)).copied();
        Principal {
            name: name.into(),
            id: id.map(Cow::Borrowed),
            display_name: display_name.map(Cow::Borrowed),
            kind: known.unwrap_or(PrincipalKind::User),
        }
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
            kind: PrincipalKind::ALL[activity % 3],
        };
        let outcome = Outcome::ALL[activity % 3];
        let mut event = Event::new(time, Activity::ALL[activity], outcome, subject);
        event.actor = field(2).map(|name| Principal {
            name,
            id: field(3),
            display_name: field(4),
            kind: PrincipalKind::ALL[activity % 2],
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
            rows in prop::collection::vec((any::<u16>(), 0..26usize, any::<i64>(), any::<Words>(), any::<Words>()), 0..6),
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
