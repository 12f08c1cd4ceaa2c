//! Between the bindings' records and those of [`event`], moving every string.

use event::{Activity, Batch, Event, Outcome, Principal, PrincipalKind, Product, Reject};

use super::PluginError;
use super::PluginLimits;
use super::bindings::events as wit;
use super::bindings::sink::Item;
use super::call_context::CallContext;

/// The WIT package has rejected records cut here; the host makes sure.
const RAW_BYTES: usize = 4096;
/// A reason is a sentence: what is longer is cut.
const REASON_BYTES: usize = 1024;

/// Takes a parser's answer over, if it keeps the limits.
pub(super) fn batch(batch: wit::Batch, limits: &PluginLimits, site: CallContext<'_>) -> Result<Batch, PluginError> {
    if batch.events.len().saturating_add(batch.rejects.len()) > limits.records {
        return Err(site.limit("records", limits.records, "events and rejects"));
    }
    if batch.events.iter().any(|event| string_bytes(event) > limits.event) {
        return Err(site.limit("event", limits.event, "bytes"));
    }
    for event in &batch.events {
        let names = event.attributes.iter().map(|(name, _)| name);
        names_fit(names.chain(&event.labels).map(String::len), limits, site)?;
        number_fits(event.labels.len().max(event.attributes.len()), limits, site)?;
    }
    Ok(Batch {
        events: batch.events.into_iter().map(event).collect(),
        rejects: batch.rejects.into_iter().map(reject).collect(),
    })
}

/// Refuses long texts in what is repeated from event to event.
fn names_fit(
    mut lengths: impl Iterator<Item = usize>,
    limits: &PluginLimits,
    site: CallContext<'_>,
) -> Result<(), PluginError> {
    match lengths.any(|length| length > limits.attribute_name) {
        true => Err(site.limit("attribute-name", limits.attribute_name, "bytes")),
        false => Ok(()),
    }
}

fn number_fits(number: usize, limits: &PluginLimits, site: CallContext<'_>) -> Result<(), PluginError> {
    match number > limits.attributes {
        true => Err(site.limit("attributes", limits.attributes, "attributes or labels of an event")),
        false => Ok(()),
    }
}

/// Bytes of all strings of an event.
pub(super) fn string_bytes(event: &wit::Event) -> usize {
    macro_rules! sum {
        ($($name:ident: $kind:ident $bits:tt,)*) => { 0 $(+ length::$kind(&event.$name))* };
    }
    event_codec::for_each_field!(sum)
}

/// Bytes of the strings in each kind of field.
mod length {
    use super::wit;

    pub fn text(text: &Option<String>) -> usize {
        text.as_ref().map_or(0, String::len)
    }

    pub fn time(_: &i64) -> usize {
        0
    }

    pub fn activity(_: &wit::Activity) -> usize {
        0
    }

    pub fn outcome(_: &wit::Outcome) -> usize {
        0
    }

    pub fn principal(principal: &wit::Principal) -> usize {
        principal.name.len() + text(&principal.id) + text(&principal.display_name)
    }

    pub fn optional_principal(principal: &Option<wit::Principal>) -> usize {
        principal.as_ref().map_or(0, self::principal)
    }

    pub fn texts(texts: &[String]) -> usize {
        texts.iter().map(String::len).sum()
    }

    pub fn pairs(pairs: &[(String, String)]) -> usize {
        pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

pub(super) fn reject(reject: wit::Reject) -> Reject {
    let wit::Reject {
        line,
        mut reason,
        mut raw,
    } = reject;
    raw.truncate(raw.floor_char_boundary(RAW_BYTES));
    if reason.len() > REASON_BYTES {
        reason.truncate(reason.floor_char_boundary(REASON_BYTES));
        reason.push('…');
    }
    Reject { line, reason, raw }
}

fn event(event: wit::Event) -> Event {
    macro_rules! convert {
        ($($name:ident: $kind:ident $bits:tt,)*) => {
            Event {
                $($name: from_wit::$kind(event.$name),)*
                id_is_derived: false,
                collected: None,
                correlation: None,
            }
        };
    }
    event_codec::for_each_field!(convert)
}

impl Item {
    /// The item that a sink plugin is given for an event that has its id, and for the product that it tells of.
    pub fn of(event: &Event, product: &Product) -> Item {
        Item {
            id: event.id.clone().unwrap_or_default(),
            event: wit_event(event.clone()),
            vendor: product.vendor.clone(),
            product: product.name.clone(),
        }
    }
}

fn wit_event(event: Event) -> wit::Event {
    macro_rules! convert {
        ($($name:ident: $kind:ident $bits:tt,)*) => { wit::Event { $($name: to_wit::$kind(event.$name),)* } };
    }
    event_codec::for_each_field!(convert)
}

/// The kinds of field that both sides have the same types for.
pub(crate) mod same {
    pub fn text(text: Option<String>) -> Option<String> {
        text
    }

    pub fn time(time: i64) -> i64 {
        time
    }

    pub fn texts(texts: Vec<String>) -> Vec<String> {
        texts
    }

    pub fn pairs(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
        pairs
    }
}

/// Each kind of field as the host has it.
mod from_wit {
    pub(super) use super::same::*;
    use super::{Principal, wit};
    pub(super) use super::{activity, outcome, principal};

    pub fn optional_principal(principal: Option<wit::Principal>) -> Option<Principal> {
        principal.map(self::principal)
    }
}

/// Each kind of field as the bindings have it.
mod to_wit {
    pub(super) use super::same::*;
    use super::{Principal, wit};
    pub(super) use super::{wit_activity as activity, wit_outcome as outcome, wit_principal as principal};

    pub fn optional_principal(principal: Option<Principal>) -> Option<wit::Principal> {
        principal.map(self::principal)
    }
}

fn principal(principal: wit::Principal) -> Principal {
    Principal {
        name: principal.name,
        id: principal.id,
        display_name: principal.display_name,
        kind: match principal.kind {
            wit::PrincipalKind::User => PrincipalKind::User,
            wit::PrincipalKind::Group => PrincipalKind::Group,
            wit::PrincipalKind::Service => PrincipalKind::Service,
        },
    }
}

fn outcome(outcome: wit::Outcome) -> Outcome {
    match outcome {
        wit::Outcome::Success => Outcome::Success,
        wit::Outcome::Failure => Outcome::Failure,
        wit::Outcome::Unknown => Outcome::Unknown,
    }
}

fn activity(activity: wit::Activity) -> Activity {
    use wit::Activity as Wit;
    match activity {
        Wit::Logon => Activity::Logon,
        Wit::Logoff => Activity::Logoff,
        Wit::AccountCreate => Activity::AccountCreate,
        Wit::AccountUpdate => Activity::AccountUpdate,
        Wit::AccountEnable => Activity::AccountEnable,
        Wit::AccountDisable => Activity::AccountDisable,
        Wit::AccountDelete => Activity::AccountDelete,
        Wit::AccountLock => Activity::AccountLock,
        Wit::AccountUnlock => Activity::AccountUnlock,
        Wit::PasswordChange => Activity::PasswordChange,
        Wit::PasswordReset => Activity::PasswordReset,
        Wit::RoleAssign => Activity::RoleAssign,
        Wit::RoleRevoke => Activity::RoleRevoke,
        Wit::GroupCreate => Activity::GroupCreate,
        Wit::GroupUpdate => Activity::GroupUpdate,
        Wit::GroupDelete => Activity::GroupDelete,
        Wit::GroupAddMember => Activity::GroupAddMember,
        Wit::GroupRemoveMember => Activity::GroupRemoveMember,
        Wit::ApplicationAccess => Activity::ApplicationAccess,
        Wit::AuthenticationOther => Activity::AuthenticationOther,
        Wit::Other => Activity::Other,
        Wit::ApiCreate => Activity::ApiCreate,
        Wit::ApiRead => Activity::ApiRead,
        Wit::ApiUpdate => Activity::ApiUpdate,
        Wit::ApiDelete => Activity::ApiDelete,
        Wit::ApiOther => Activity::ApiOther,
    }
}

fn wit_outcome(outcome: Outcome) -> wit::Outcome {
    match outcome {
        Outcome::Success => wit::Outcome::Success,
        Outcome::Failure => wit::Outcome::Failure,
        Outcome::Unknown => wit::Outcome::Unknown,
    }
}

fn wit_principal(principal: Principal) -> wit::Principal {
    wit::Principal {
        name: principal.name,
        id: principal.id,
        display_name: principal.display_name,
        kind: match principal.kind {
            PrincipalKind::User => wit::PrincipalKind::User,
            PrincipalKind::Group => wit::PrincipalKind::Group,
            PrincipalKind::Service => wit::PrincipalKind::Service,
        },
    }
}

fn wit_activity(activity: Activity) -> wit::Activity {
    use wit::Activity as Wit;
    match activity {
        Activity::Logon => Wit::Logon,
        Activity::Logoff => Wit::Logoff,
        Activity::AccountCreate => Wit::AccountCreate,
        Activity::AccountUpdate => Wit::AccountUpdate,
        Activity::AccountEnable => Wit::AccountEnable,
        Activity::AccountDisable => Wit::AccountDisable,
        Activity::AccountDelete => Wit::AccountDelete,
        Activity::AccountLock => Wit::AccountLock,
        Activity::AccountUnlock => Wit::AccountUnlock,
        Activity::PasswordChange => Wit::PasswordChange,
        Activity::PasswordReset => Wit::PasswordReset,
        Activity::RoleAssign => Wit::RoleAssign,
        Activity::RoleRevoke => Wit::RoleRevoke,
        Activity::GroupCreate => Wit::GroupCreate,
        Activity::GroupUpdate => Wit::GroupUpdate,
        Activity::GroupDelete => Wit::GroupDelete,
        Activity::GroupAddMember => Wit::GroupAddMember,
        Activity::GroupRemoveMember => Wit::GroupRemoveMember,
        Activity::ApplicationAccess => Wit::ApplicationAccess,
        Activity::AuthenticationOther => Wit::AuthenticationOther,
        Activity::Other => Wit::Other,
        Activity::ApiCreate => Wit::ApiCreate,
        Activity::ApiRead => Wit::ApiRead,
        Activity::ApiUpdate => Wit::ApiUpdate,
        Activity::ApiDelete => Wit::ApiDelete,
        Activity::ApiOther => Wit::ApiOther,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_from_a_sinks_item_as_it_went_in() {
        let text = |text: &str| Some(text.to_owned());
        let account = |name: &str| Principal {
            name: name.into(),
            id: text("7"),
            display_name: text("Anna"),
            kind: PrincipalKind::Service,
        };
        let whole = Event {
            id: text("e1"),
            id_is_derived: false,
            time: -1,
            activity: Activity::GroupUpdate,
            outcome: Outcome::Unknown,
            subject: account("anna"),
            actor: Some(account("root")),
            target: text("target"),
            source_ip: text("192.0.2.1"),
            user_agent: text("agent"),
            session: text("session"),
            service: text("service"),
            action: text("action"),
            code: text("code"),
            message: text("message"),
            labels: vec!["label".into()],
            attributes: vec![("name".into(), "value".into())],
            collected: None,
            correlation: None,
        };
        let item = Item::of(&whole, &Product::new("Acme", "Door"));
        assert_eq!(
            (item.id, item.vendor, item.product),
            ("e1".into(), "Acme".into(), "Door".into())
        );
        assert_eq!(event(item.event), whole);
    }

    #[test]
    fn the_strings_of_an_event_are_counted_all_together() {
        let whole = Event {
            id: Some("1234".into()),
            id_is_derived: false,
            time: 0,
            activity: Activity::Other,
            outcome: Outcome::Success,
            subject: Principal {
                name: "12".into(),
                id: Some("3".into()),
                display_name: None,
                kind: PrincipalKind::User,
            },
            actor: Some(Principal {
                name: "1".into(),
                id: None,
                display_name: Some("2".into()),
                kind: PrincipalKind::User,
            }),
            target: None,
            source_ip: None,
            user_agent: None,
            session: None,
            service: None,
            action: None,
            code: None,
            message: Some("12345".into()),
            labels: vec!["1".into(), "2".into()],
            attributes: vec![("1".into(), "23".into())],
            collected: None,
            correlation: None,
        };
        assert_eq!(string_bytes(&wit_event(whole)), 4 + 3 + 2 + 5 + 2 + 3);
    }
}
