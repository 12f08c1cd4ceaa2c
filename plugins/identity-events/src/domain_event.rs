//! The parties of an identity domain's event, out of the members that it has: who did what to whom.

use crate::activity::{self, AffectedParty};
use plugin_sdk::json_lines::Record;
use plugin_sdk::{Activity, Outcome, Principal, PrincipalKind};
use std::borrow::Cow;

/// The members of a record by their names, as `AuditEvents` calls them. A source that writes one of them elsewhere gives it under
/// this name.
pub trait NamedMembers<'r> {
    /// A member's text, which stays.
    fn get(&self, name: &str) -> Option<Cow<'r, str>>;

    /// Takes a member out if its text passes a test.
    fn take_if(&mut self, name: &str, test: impl Fn(&str) -> bool) -> Option<Cow<'r, str>>;

    /// Takes a member out.
    fn take(&mut self, name: &str) -> Option<Cow<'r, str>> {
        self.take_if(name, |_| true)
    }
}

impl<'r> NamedMembers<'r> for Record<'r> {
    #[inline]
    fn get(&self, name: &str) -> Option<Cow<'r, str>> {
        Record::get(self, name)
    }

    #[inline]
    fn take_if(&mut self, name: &str, test: impl Fn(&str) -> bool) -> Option<Cow<'r, str>> {
        Record::take_if(self, name, test)
    }

    #[inline]
    fn take(&mut self, name: &str) -> Option<Cow<'r, str>> {
        Record::take(self, name)
    }
}

/// An event of an identity domain, by its id and the members that name its parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainEvent<'r> {
    /// The activity.
    pub activity: Activity,
    /// The outcome that the end of the id says.
    pub outcome: Outcome,
    /// The first word for routing. That of the id: an application that got a role is the label `role` although no user did.
    pub label: &'static str,
    /// The principal that the event is about.
    pub subject: Principal<'r>,
    /// The principal who made an administrative change.
    pub actor: Option<Principal<'r>>,
    /// The role, group, application or other resource concerned.
    pub target: Option<Cow<'r, str>>,
    /// True where the subject is a group that got or lost a role.
    pub is_about_group: bool,
}

impl<'r> DomainEvent<'r> {
    /// Reads an event, and takes out the members that it places.
    #[inline]
    pub fn read(id: &str, members: &mut impl NamedMembers<'r>) -> DomainEvent<'r> {
        let (activity, outcome, about) = activity::read(id);
        let label = activity::label(activity);
        let member = (about == AffectedParty::Member).then(|| MemberResource::of(members));
        let (activity, about) = match member {
            Some(member) => member.told_of(activity, about),
            None => (activity, about),
        };
        let actor = actor(members);
        let mut is_about_group = false;
        let (subject, target) = match about {
            AffectedParty::Actor if activity == Activity::ApplicationAccess => {
                (None, members.take("ssoApplicationName"))
            }
            AffectedParty::Actor => (None, None),
            AffectedParty::Account => (account(members, "adminResourceName", "adminResourceId"), None),
            AffectedParty::Member => {
                is_about_group = member.is_some_and(|member| member.kind == ResourceKind::Group);
                match member.is_some_and(|member| member.is_resource) {
                    true => (
                        account(members, "adminResourceName", "adminResourceId"),
                        members.take("adminRefResourceName"),
                    ),
                    false => (
                        account(members, "adminRefResourceName", "adminRefResourceId"),
                        members.take("adminResourceName"),
                    ),
                }
            }
            AffectedParty::Group if member.is_some_and(|member| member.is_resource) => {
                (None, members.take("adminRefResourceName"))
            }
            AffectedParty::Group | AffectedParty::Resource => (None, members.take("adminResourceName")),
        };
        let mut subject = subject.unwrap_or_else(|| actor.clone());
        if is_about_group {
            subject.kind = PrincipalKind::Group;
        }
        // An administrative change names who made it even where that is its subject: a password changed by its owner.
        let actor = (!matches!(about, AffectedParty::Actor | AffectedParty::Resource)).then_some(actor);
        DomainEvent {
            activity,
            outcome,
            label,
            subject,
            actor,
            target,
            is_about_group,
        }
    }
}

/// The `actorId` of whoever is not signed in, in each domain the same: it is no key for an account.
const NOBODY: &str = "IDCS";

/// The principal who acted: a person by login name, an application by its id. Events of the domain itself may name nobody.
fn actor<'r>(members: &mut impl NamedMembers<'r>) -> Principal<'r> {
    let name = members.take("actorName");
    let id = members.take_if("actorId", |id| !id.eq_ignore_ascii_case(NOBODY));
    let display_name = members.take("actorDisplayName");
    let name = name
        .or_else(|| display_name.clone())
        .or_else(|| id.clone())
        .or_else(|| members.get("clientId"))
        .or_else(|| members.get("actorId"));
    Principal {
        id,
        display_name,
        ..Principal::named(name.unwrap_or_else(|| "unknown".into()))
    }
}

/// The account that members of these names tell of.
fn account<'r>(members: &mut impl NamedMembers<'r>, name: &str, id: &str) -> Option<Principal<'r>> {
    let (name, id) = (members.take(name), members.take(id));
    let name = name.or_else(|| id.clone())?;
    Some(Principal {
        id,
        ..Principal::named(name)
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
    fn of<'r>(members: &impl NamedMembers<'r>, name: &str) -> ResourceKind {
        match members.get(name) {
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
    fn of<'r>(members: &impl NamedMembers<'r>) -> MemberResource {
        let resource = ResourceKind::of(members, "adminResourceType");
        let reference = ResourceKind::of(members, "adminRefResourceType");
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
