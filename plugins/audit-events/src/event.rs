//! What one `AuditEvent` resource tells.

use crate::activity::{self, AffectedParty};
use plugin_sdk::json_lines::Record;
use plugin_sdk::table::Reason;
use plugin_sdk::*;

/// The event of a resource. Members without a place of their own stay attributes; so does a masked address.
pub fn event<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
    let timestamp = record.take("timestamp").ok_or("the record has no timestamp")?;
    let time = record.time(&timestamp)?;
    let action = record.take("eventId");
    let (activity, outcome, about) = activity::read(action.as_deref().unwrap_or_default());
    let label = activity::label(activity);
    let member = (about == AffectedParty::Member).then(|| MemberResource::of(record));
    let (activity, about) = match member {
        Some(member) => member.told_of(activity, about),
        None => (activity, about),
    };
    let actor = actor(record);
    let mut is_group = false;
    let (subject, target) = match about {
        AffectedParty::Actor if activity == Activity::ApplicationAccess => (None, record.take("ssoApplicationName")),
        AffectedParty::Actor => (None, None),
        AffectedParty::Account => (account(record, "adminResourceName", "adminResourceId"), None),
        AffectedParty::Member => {
            is_group = member.is_some_and(|member| member.kind == ResourceKind::Group);
            match member.is_some_and(|member| member.is_resource) {
                true => (
                    account(record, "adminResourceName", "adminResourceId"),
                    record.take("adminRefResourceName"),
                ),
                false => (
                    account(record, "adminRefResourceName", "adminRefResourceId"),
                    record.take("adminResourceName"),
                ),
            }
        }
        AffectedParty::Group if member.is_some_and(|member| member.is_resource) => {
            (None, record.take("adminRefResourceName"))
        }
        AffectedParty::Group | AffectedParty::Resource => (None, record.take("adminResourceName")),
    };
    let mut event = Event::new(time, activity, outcome, subject.unwrap_or_else(|| actor.clone()));
    // An administrative change names who made it even where that is its subject: a password changed by its owner.
    event.actor = (!matches!(about, AffectedParty::Actor | AffectedParty::Resource)).then_some(actor);
    event.target = target;
    event.id = record.take("id");
    let client = record.take_client(&["clientIp"]);
    event.user_agent = record.take("ssoUserAgent");
    event.session = record.take("ssoSessionId");
    event.service = record.take("serviceName");
    event.code = record.take("reasonValue");
    event.message = record.take("message");
    event.action = action;
    let ended = match outcome {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Unknown => "unknown",
    };
    event.labels = vec![label.into(), ended.into()];
    if is_group {
        event.subject.kind = PrincipalKind::Group;
        event.labels.push("group".into());
    }
    event.attributes = record.rest();
    if let Some(client) = client {
        event.came_from(client);
    }
    Ok(event)
}

/// The `actorId` of whoever is not signed in, in each domain the same: it is no key for an account.
const NOBODY: &str = "IDCS";

/// Who acted: a person by login name, an application by its id. Events of the domain itself may name nobody.
fn actor<'r>(record: &mut Record<'r>) -> Principal<'r> {
    let name = record.take("actorName");
    let id = record.take_if("actorId", |id| !id.eq_ignore_ascii_case(NOBODY));
    let display_name = record.take("actorDisplayName");
    let name = name
        .or_else(|| display_name.clone())
        .or_else(|| id.clone())
        .or_else(|| record.get("clientId"))
        .or_else(|| record.get("actorId"));
    Principal {
        id,
        display_name,
        ..Principal::named(name.unwrap_or_else(|| "unknown".into()))
    }
}

/// The account that members of these names tell of.
fn account<'r>(record: &mut Record<'r>, name: &str, id: &str) -> Option<Principal<'r>> {
    let (name, id) = (record.take(name), record.take(id));
    Some(Principal {
        id: id.clone(),
        ..Principal::named(name.or(id)?)
    })
}

/// The type of the resource or of the reference of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResourceKind {
    User,
    Group,
    App,
    Role,
    Other,
}

impl ResourceKind {
    fn of(record: &Record<'_>, name: &str) -> ResourceKind {
        match record.get(name) {
            Some(kind) if kind.eq_ignore_ascii_case("User") => ResourceKind::User,
            Some(kind) if kind.eq_ignore_ascii_case("Group") => ResourceKind::Group,
            Some(kind) if kind.eq_ignore_ascii_case("App") => ResourceKind::App,
            Some(kind) if kind.eq_ignore_ascii_case("AppRole") => ResourceKind::Role,
            _ => ResourceKind::Other,
        }
    }
}

/// The resource that was put into a role or group, or taken out.
#[derive(Debug, Clone, Copy)]
struct MemberResource {
    kind: ResourceKind,
    /// True where it is the resource of the record. Commonly the resource is the role and the reference its member, unless their
    /// types say that it is the other way round.
    is_resource: bool,
}

impl MemberResource {
    fn of(record: &Record<'_>) -> MemberResource {
        let resource = ResourceKind::of(record, "adminResourceType");
        let reference = ResourceKind::of(record, "adminRefResourceType");
        let is_resource = match (resource, reference) {
            (ResourceKind::User, reference) => reference != ResourceKind::User,
            // What is named beside no user is the member of a role, where the other is one; and an application that of a group.
            (ResourceKind::Group | ResourceKind::App, ResourceKind::Role)
            | (ResourceKind::App, ResourceKind::Group) => true,
            _ => false,
        };
        let kind = if is_resource { resource } else { reference };
        MemberResource { kind, is_resource }
    }

    /// The activity, and whom it is about. An application is no user, and a group in a group is none: both stay attributes.
    fn told_of(self, activity: Activity, about: AffectedParty) -> (Activity, AffectedParty) {
        let is_role = matches!(activity, Activity::RoleAssign | Activity::RoleRevoke);
        match (self.kind, is_role) {
            (ResourceKind::App, true) => (Activity::Other, AffectedParty::Resource),
            (ResourceKind::App | ResourceKind::Group, false) => (Activity::GroupUpdate, AffectedParty::Group),
            _ => (activity, about),
        }
    }
}
