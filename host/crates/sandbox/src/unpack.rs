//! Makes events of the WIT's `packed` form. Every length in it is a guest's word: each is checked against what is left, and
//! what the events take in the host counts against the limits as strings and lists of their own would.

use event::{Activity, Batch, Event, Outcome, Principal, PrincipalKind};
use event_codec::{Account, EventReader, ReadError, Reader};

use super::bindings::packed;
use super::call_context::CallContext;
use super::{PluginError, PluginLimits, convert};

/// Bytes of the id that an event without one is given.
const DERIVED_ID: usize = 32;

/// Takes a parser's packed answer over, if it adds up and keeps the limits. The events are those that somebody has used, as
/// far as they go, filled anew: so their strings and lists need no allocation.
pub(super) fn batch(
    batch: packed::Batch,
    used: Vec<Event>,
    limits: &PluginLimits,
    site: CallContext<'_>,
) -> Result<Batch, PluginError> {
    let packed::Batch {
        text,
        numbers,
        times,
        heads,
        rejects,
    } = batch;
    if heads.len().saturating_add(rejects.len()) > limits.records {
        return Err(site.limit("records", limits.records, "events and rejects"));
    }
    let mut reader = Reader::new(&text, &numbers, &heads, &times).map_err(|error| site.invalid(error.reason()))?;
    let mut filler = Filler {
        allowed: limits.returned,
        limits,
    };
    let failed = |flaw| match flaw {
        UnpackError::TooMuch => site.limit("returned", limits.returned, "bytes"),
        UnpackError::Name => site.limit("attribute-name", limits.attribute_name, "bytes"),
        UnpackError::Attributes => site.limit("attributes", limits.attributes, "attributes or labels of an event"),
        UnpackError::Invalid(reason) => site.invalid(reason),
    };
    filler.spend(heads.len(), size_of::<Event>()).map_err(failed)?;
    // All strings together.
    filler.spend(text.len(), 1).map_err(failed)?;
    let mut events = used;
    resize(&mut events, heads.len(), || {
        Event::new(0, Activity::Other, Outcome::Unknown, Principal::named(""))
    });
    for event in &mut events {
        let before = reader.text_left();
        // There are as many events as heads.
        let Some(packed) = reader.next_event() else { break };
        filler
            .event(event, packed.map_err(UnpackError::from).map_err(failed)?)
            .map_err(failed)?;
        if before - reader.text_left() > limits.event {
            return Err(site.limit("event", limits.event, "bytes"));
        }
    }
    reader.finish().map_err(|error| site.invalid(error.reason()))?;
    Ok(Batch {
        events,
        rejects: rejects.into_iter().map(convert::reject).collect(),
    })
}

/// True where a buffer with room for so much may hold so much less: what a guest gave before must not add up to more than it may
/// give at once. Twice the room is what a string makes for itself as it grows.
fn fits(room: usize, length: usize) -> bool {
    room <= length.saturating_mul(2).saturating_add(32)
}

/// Makes no more room than it needs.
fn resize<T>(list: &mut Vec<T>, length: usize, new: impl FnMut() -> T) {
    list.reserve_exact(length.saturating_sub(list.len()));
    list.resize_with(length, new);
}

enum UnpackError {
    /// The events would take more than the host allocates for one answer.
    TooMuch,
    /// A name of an attribute is too long, or a label.
    Name,
    /// An event has too many attributes or labels.
    Attributes,
    Invalid(&'static str),
}

impl From<ReadError> for UnpackError {
    fn from(error: ReadError) -> Self {
        UnpackError::Invalid(error.reason())
    }
}

/// Fills events from what is read, whatever they were before; a method for each kind of field.
struct Filler<'a> {
    /// Bytes that may still be allocated.
    allowed: usize,
    limits: &'a PluginLimits,
}

impl Filler<'_> {
    fn event(&mut self, event: &mut Event, mut packed: EventReader<'_, '_>) -> Result<(), UnpackError> {
        (event.collected, event.correlation) = (None, None);
        macro_rules! fill {
            (id: text $id_bit:tt, $($name:ident: $kind:ident $bits:tt,)*) => {
                self.id(&mut event.id, &mut packed, $id_bit)?;
                $(self.$kind(&mut event.$name, &mut packed, $bits)?;)*
            };
        }
        event_codec::for_each_field!(fill);
        Ok(())
    }

    fn id(&mut self, id: &mut Option<String>, packed: &mut EventReader<'_, '_>, bit: u32) -> Result<(), UnpackError> {
        match (id, packed.text(bit)?) {
            // An empty one counts as none, and has room for the one that is derived.
            (Some(id), None) if fits(id.capacity(), DERIVED_ID) => id.clear(),
            (id, text) => fill_optional(id, text),
        }
        Ok(())
    }

    fn text(
        &mut self,
        field: &mut Option<String>,
        packed: &mut EventReader<'_, '_>,
        bit: u32,
    ) -> Result<(), UnpackError> {
        fill_optional(field, packed.text(bit)?);
        Ok(())
    }

    fn time(&mut self, time: &mut i64, packed: &mut EventReader<'_, '_>, (): ()) -> Result<(), UnpackError> {
        *time = packed.time(());
        Ok(())
    }

    fn activity(
        &mut self,
        activity: &mut Activity,
        packed: &mut EventReader<'_, '_>,
        first_bit: u32,
    ) -> Result<(), UnpackError> {
        let known = Activity::ALL.get(packed.activity(first_bit));
        *activity = *known.ok_or(UnpackError::Invalid("a head has no known activity"))?;
        Ok(())
    }

    fn outcome(
        &mut self,
        outcome: &mut Outcome,
        packed: &mut EventReader<'_, '_>,
        first_bit: u32,
    ) -> Result<(), UnpackError> {
        let known = Outcome::ALL.get(packed.outcome(first_bit));
        *outcome = *known.ok_or(UnpackError::Invalid("a head has no known outcome"))?;
        Ok(())
    }

    fn principal(
        &mut self,
        principal: &mut Principal,
        packed: &mut EventReader<'_, '_>,
        bits: (u32, u32, u32),
    ) -> Result<(), UnpackError> {
        fill_account(principal, packed.principal(bits)?)
    }

    fn optional_principal(
        &mut self,
        principal: &mut Option<Principal>,
        packed: &mut EventReader<'_, '_>,
        bits: (u32, u32, u32, u32),
    ) -> Result<(), UnpackError> {
        match packed.optional_principal(bits)? {
            Some(account) => fill_account(principal.get_or_insert_with(|| Principal::named("")), account),
            None => {
                *principal = None;
                Ok(())
            }
        }
    }

    fn texts(&mut self, texts: &mut Vec<String>, packed: &mut EventReader<'_, '_>, (): ()) -> Result<(), UnpackError> {
        let count = packed.texts(())?;
        self.list(count, texts, |limits, text| fill_name(text, packed.string()?, limits))
    }

    fn pairs(
        &mut self,
        pairs: &mut Vec<(String, String)>,
        packed: &mut EventReader<'_, '_>,
        (): (),
    ) -> Result<(), UnpackError> {
        let count = packed.pairs(())?;
        self.list(count, pairs, |limits, (name, value)| {
            fill_name(name, packed.string()?, limits)?;
            fill(value, packed.string()?);
            Ok(())
        })
    }

    /// A list of so many items, each filled in turn.
    fn list<T: Default>(
        &mut self,
        count: usize,
        list: &mut Vec<T>,
        mut item: impl FnMut(&PluginLimits, &mut T) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        if count > self.limits.attributes {
            return Err(UnpackError::Attributes);
        }
        self.spend(count, size_of::<T>())?;
        if !fits(
            list.capacity().saturating_mul(size_of::<T>()),
            count.saturating_mul(size_of::<T>()),
        ) {
            *list = Vec::new();
        }
        resize(list, count, T::default);
        list.iter_mut().try_for_each(|each| item(self.limits, each))
    }

    fn spend(&mut self, count: usize, size: usize) -> Result<(), UnpackError> {
        let bytes = count.checked_mul(size).ok_or(UnpackError::TooMuch)?;
        self.allowed = self.allowed.checked_sub(bytes).ok_or(UnpackError::TooMuch)?;
        Ok(())
    }
}

fn fill(string: &mut String, text: &str) {
    if !fits(string.capacity(), text.len()) {
        *string = String::new();
    }
    string.clear();
    string.push_str(text);
}

fn fill_optional(field: &mut Option<String>, text: Option<&str>) {
    match text {
        Some(text) => fill(field.get_or_insert_default(), text),
        None => *field = None,
    }
}

fn fill_account(principal: &mut Principal, account: Account<'_>) -> Result<(), UnpackError> {
    let known = PrincipalKind::ALL.get(usize::from(account.kind)).copied();
    principal.kind = known.ok_or(UnpackError::Invalid("a head has no known kind of principal"))?;
    fill(&mut principal.name, account.name);
    fill_optional(&mut principal.id, account.id);
    fill_optional(&mut principal.display_name, account.display_name);
    Ok(())
}

/// A name of an attribute, or a label: what is repeated from event to event is short.
fn fill_name(name: &mut String, text: &str, limits: &PluginLimits) -> Result<(), UnpackError> {
    fill(name, text);
    match name.len() > limits.attribute_name {
        true => Err(UnpackError::Name),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use event::samples;
    use plugin_sdk::bindings::exports::audit::plugin::packed as sdk;
    use proptest::prelude::*;

    use super::*;

    /// Each kind of field as a plugin has it.
    mod for_plugin {
        use std::borrow::Cow;

        use event::{Activity, Outcome, Principal};

        pub fn text(text: &Option<String>) -> Option<Cow<'_, str>> {
            text.as_deref().map(Cow::Borrowed)
        }

        pub fn time(time: &i64) -> i64 {
            *time
        }

        pub fn activity(activity: &Activity) -> plugin_sdk::Activity {
            let mut known = plugin_sdk::Activity::ALL.into_iter();
            known.find(|known| known.name() == activity.name()).unwrap()
        }

        pub fn outcome(outcome: &Outcome) -> plugin_sdk::Outcome {
            let mut known = plugin_sdk::Outcome::ALL.into_iter();
            known.find(|known| known.name() == outcome.name()).unwrap()
        }

        pub fn principal(principal: &Principal) -> plugin_sdk::Principal<'_> {
            plugin_sdk::Principal {
                name: principal.name.as_str().into(),
                id: text(&principal.id),
                display_name: text(&principal.display_name),
                kind: plugin_sdk::PrincipalKind::ALL[principal.kind as usize],
            }
        }

        pub fn optional_principal(principal: &Option<Principal>) -> Option<plugin_sdk::Principal<'_>> {
            principal.as_ref().map(self::principal)
        }

        pub fn texts(texts: &[String]) -> Vec<Cow<'_, str>> {
            texts.iter().map(Cow::from).collect()
        }

        pub fn pairs(pairs: &[(String, String)]) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
            pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
        }
    }

    /// The events as a plugin packs them.
    fn packed(events: &[Event]) -> packed::Batch {
        let mut batch = plugin_sdk::Batch::default();
        for event in events {
            macro_rules! convert {
                ($($name:ident: $kind:ident $bits:tt,)*) => {
                    plugin_sdk::Event { $($name: for_plugin::$kind(&event.$name),)* }
                };
            }
            batch.push(event_codec::for_each_field!(convert));
        }
        let sdk::Batch {
            text,
            numbers,
            times,
            heads,
            rejects: _,
        } = batch.into();
        packed::Batch {
            text,
            numbers,
            times,
            heads,
            rejects: Vec::new(),
        }
    }

    fn unpacked(packed: packed::Batch, used: Vec<Event>) -> Vec<Event> {
        let site = CallContext {
            label: "test",
            call: "push",
        };
        batch(packed, used, &PluginLimits::default(), site).unwrap().events
    }

    /// The event as the plugin gave it: what is the host's is not there yet.
    fn given(event: &Event) -> Event {
        Event {
            id_is_derived: false,
            collected: None,
            correlation: None,
            ..event.clone()
        }
    }

    /// Every field set, each to a text of its own length.
    fn full() -> Event {
        let mut event = given(&samples::full(Activity::RoleAssign, Outcome::Unknown));
        event.actor.as_mut().unwrap().id = Some("u-1".into());
        event
    }

    #[test]
    fn an_event_with_every_field_set_comes_as_the_plugin_gave_it() {
        let event = full();
        let said = serde_json::to_string(&event).unwrap();
        assert!(!said.contains("null") && !said.contains("[]"), "{said}");
        assert_eq!(unpacked(packed(std::slice::from_ref(&event)), Vec::new()), [event]);
    }

    #[test]
    fn the_layout_of_an_event_never_changes() {
        let batch = packed(&[full()]);
        assert_eq!(
            batch.text,
            "ecaae86c21fc4df69cfaa80448fc9478jdoe@example.comu-17Jane Doeadmin@example.comu-1Al AdminService Administrator\
             203.0.113.7Mozilla/5.0s-42SSOsso.authentication.failureSSO-1001\
             You entered an incorrect user name or password.identityvipssoRpgaterId0:1rId0:2"
        );
        assert_eq!(
            batch.numbers,
            [
                32, 16, 4, 8, 17, 3, 8, 21, 11, 11, 4, 3, 26, 8, 47, 2, 8, 3, 3, 5, 4, 3, 3, 3, 3
            ]
        );
        assert_eq!((batch.times, batch.heads), (vec![1_525_902_954_890], vec![0x3fff_020b]));
    }

    proptest! {
        #[test]
        fn events_come_as_the_plugin_gave_them(
            events in prop::collection::vec(samples::event(), 0..5),
            used in prop::collection::vec(samples::event(), 0..5),
        ) {
            let mut expected: Vec<Event> = events.iter().map(given).collect();
            let found = unpacked(packed(&events), used);
            for (found, expected) in found.iter().zip(&mut expected) {
                // A used one leaves its empty memory, which counts as none; whether its id was derived is said with the new one.
                expected.id = expected.id.take().or(found.id.clone().filter(String::is_empty));
                expected.id_is_derived = found.id_is_derived;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
