//! From the newest types to those of 0.1.0. What these have no words for is told as what comes nearest.

use super::bindings::{events, report, sink};
use crate::bindings::{self as newest, events as newest_events};

pub(super) fn request(request: &newest::Request) -> report::Request {
    report::Request {
        window: report::Window {
            from: request.window.from,
            to: request.window.to,
        },
        now: request.now,
        parameters: request.parameters.clone(),
        unique_name: request.unique_name.clone(),
    }
}

pub(super) fn document(document: &newest::Document) -> report::Document {
    report::Document {
        fetch: document.fetch,
        request: request(&document.request),
        file_name: document.file_name.clone(),
        length: document.length,
    }
}

pub(super) fn payload(payload: &newest::sink::Payload) -> sink::Payload {
    match payload {
        newest::sink::Payload::Events(items) => sink::Payload::Events(
            (items.iter())
                .map(|item| sink::Item {
                    id: item.id.clone(),
                    event: event(item.event.clone()),
                })
                .collect(),
        ),
        newest::sink::Payload::Documents(items) => sink::Payload::Documents(
            (items.iter())
                .map(|item| sink::JsonItem {
                    id: item.id.clone(),
                    json: item.json.clone(),
                })
                .collect(),
        ),
    }
}

fn event(event: newest_events::Event) -> events::Event {
    macro_rules! lower {
        ($($name:ident: $kind:ident $bits:tt,)*) => { events::Event { $($name: field::$kind(event.$name),)* } };
    }
    event_codec::for_each_field!(lower)
}

/// Each kind of field.
mod field {
    use super::{events, newest_events};

    pub(super) use crate::convert::same::{pairs, text, texts, time};

    pub fn outcome(outcome: newest_events::Outcome) -> events::Outcome {
        match outcome {
            newest_events::Outcome::Success => events::Outcome::Success,
            newest_events::Outcome::Failure => events::Outcome::Failure,
            newest_events::Outcome::Unknown => events::Outcome::Unknown,
        }
    }

    pub fn principal(principal: newest_events::Principal) -> events::Principal {
        events::Principal {
            name: principal.name,
            id: principal.id,
            display_name: principal.display_name,
        }
    }

    pub fn optional_principal(principal: Option<newest_events::Principal>) -> Option<events::Principal> {
        principal.map(self::principal)
    }

    pub fn activity(activity: newest_events::Activity) -> events::Activity {
        use events::Activity as Old;
        use newest_events::Activity as New;
        match activity {
            New::Logon => Old::Logon,
            New::Logoff => Old::Logoff,
            New::AccountCreate => Old::AccountCreate,
            New::AccountUpdate => Old::AccountUpdate,
            New::AccountEnable => Old::AccountEnable,
            New::AccountDisable => Old::AccountDisable,
            New::AccountDelete => Old::AccountDelete,
            New::AccountLock => Old::AccountLock,
            New::AccountUnlock => Old::AccountUnlock,
            New::PasswordChange => Old::PasswordChange,
            New::PasswordReset => Old::PasswordReset,
            New::RoleAssign => Old::RoleAssign,
            New::RoleRevoke => Old::RoleRevoke,
            New::GroupCreate => Old::GroupCreate,
            New::GroupUpdate => Old::GroupUpdate,
            New::GroupDelete => Old::GroupDelete,
            New::GroupAddMember => Old::GroupAddMember,
            New::GroupRemoveMember => Old::GroupRemoveMember,
            New::ApplicationAccess => Old::ApplicationAccess,
            New::AuthenticationOther => Old::AuthenticationOther,
            New::Other | New::ApiCreate | New::ApiRead | New::ApiUpdate | New::ApiDelete | New::ApiOther => Old::Other,
        }
    }
}
