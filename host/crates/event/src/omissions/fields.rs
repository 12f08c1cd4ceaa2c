//! The fields of an event that may be missing, and the kinds of event that place them differently.

use crate::{Event, PrincipalKind};

/// A function that sets a field of an event.
pub(super) type Field = fn(&mut Event, Option<&str>);

/// The fields that an event can be without: not in the order of the list, and an account's one by one, but all that are
/// there. A test holds them against the list.
pub(super) const FIELDS: [Field; 14] = [
    |event, value| event.source_ip = value.map(str::to_owned),
    |event, value| event.subject.id = value.map(str::to_owned),
    |event, value| event.subject.display_name = value.map(str::to_owned),
    |event, value| match (&mut event.actor, value) {
        (Some(actor), Some(value)) => actor.name = value.to_owned(),
        _ => event.actor = None,
    },
    |event, value| {
        if let Some(actor) = &mut event.actor {
            actor.id = value.map(str::to_owned);
        }
    },
    |event, value| {
        if let Some(actor) = &mut event.actor {
            actor.display_name = value.map(str::to_owned);
        }
    },
    |event, value| event.target = value.map(str::to_owned),
    |event, value| event.user_agent = value.map(str::to_owned),
    |event, value| event.session = value.map(str::to_owned),
    |event, value| event.service = value.map(str::to_owned),
    |event, value| event.action = value.map(str::to_owned),
    |event, value| event.code = value.map(str::to_owned),
    |event, value| event.labels = value.map(str::to_owned).into_iter().collect(),
    |event, value| event.message = value.map(str::to_owned),
];

/// The place of the address among [`FIELDS`].
pub(super) const ADDRESS: usize = 0;

/// The properties of an event that decide, beside its activity, where its fields stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variant {
    about_group: bool,
    /// The text of the address is one.
    address: bool,
}

pub(super) const VARIANTS: [Variant; 4] = [
    Variant {
        about_group: false,
        address: false,
    },
    Variant {
        about_group: false,
        address: true,
    },
    Variant {
        about_group: true,
        address: false,
    },
    Variant {
        about_group: true,
        address: true,
    },
];

impl Variant {
    pub(super) fn of(event: &Event) -> Self {
        let address = |text: &String| text.parse::<std::net::IpAddr>().is_ok();
        Variant {
            about_group: event.is_about_group(),
            address: event.source_ip.as_ref().is_some_and(address),
        }
    }

    pub(super) fn make(self, event: &mut Event) {
        if self.about_group {
            event.subject.kind = PrincipalKind::Group;
        }
        if self.address {
            event.source_ip = Some("192.0.2.1".into());
        }
    }
}
