//! Changes of users, groups and applications, as the identity domain tells of them.

use serde_json::{Map, Value, json};

use super::chance::{hex32, pick, word};
use super::history::PastEvent;
use super::people::{self, Person};

/// The thing that a change is made to.
#[derive(Clone, Copy)]
pub(super) enum ChangeTarget {
    /// A user.
    User,
    /// The actor's own account.
    Own,
    /// A group.
    Group,
    /// A user in a group.
    Member,
    /// A user in an application's role.
    Role,
    /// An application.
    App,
    /// No target in particular.
    Nothing,
}

/// Every kind of change, in turn, so that a day of a few dozen holds them all.
pub(super) const CHANGES: [(&str, &str, ChangeTarget); 26] = [
    ("admin.user.create.success", "User create success", ChangeTarget::User),
    (
        "admin.user.activated.success",
        "User activation success",
        ChangeTarget::User,
    ),
    (
        "admin.group.add.member.success",
        "Group member add success",
        ChangeTarget::Member,
    ),
    (
        "admin.approle.add.member.success",
        "Application role member add success",
        ChangeTarget::Role,
    ),
    (
        "admin.user.password.reset.success",
        "User password reset success",
        ChangeTarget::User,
    ),
    (
        "admin.me.password.change.success",
        "Password change success",
        ChangeTarget::Own,
    ),
    (
        "admin.me.password.change.failure",
        "Password change failure",
        ChangeTarget::Own,
    ),
    (
        "admin.me.password.reset.success",
        "Password reset success",
        ChangeTarget::Own,
    ),
    ("admin.user.update.success", "User update success", ChangeTarget::User),
    (
        "admin.approle.remove.member.success",
        "Application role member remove success",
        ChangeTarget::Role,
    ),
    (
        "admin.group.remove.member.success",
        "Group member remove success",
        ChangeTarget::Member,
    ),
    ("admin.grant.create.success", "Grant create success", ChangeTarget::Role),
    ("admin.grant.delete.success", "Grant delete success", ChangeTarget::Role),
    (
        "admin.group.create.success",
        "Group create success",
        ChangeTarget::Group,
    ),
    (
        "admin.group.update.success",
        "Group update success",
        ChangeTarget::Group,
    ),
    (
        "admin.group.delete.success",
        "Group delete success",
        ChangeTarget::Group,
    ),
    (
        "admin.user.deactivated.success",
        "User deactivation success",
        ChangeTarget::User,
    ),
    ("admin.user.delete.success", "User delete success", ChangeTarget::User),
    (
        "admin.app.update.success",
        "Application update success",
        ChangeTarget::App,
    ),
    (
        "admin.app.activated.success",
        "Application activation success",
        ChangeTarget::App,
    ),
    (
        "admin.account.create.success",
        "User provisioning success",
        ChangeTarget::User,
    ),
    (
        "admin.account.delete.success",
        "Unsuccessful User Provisioning",
        ChangeTarget::User,
    ),
    (
        "admin.passwordpolicy.update.success",
        "Password policy update success",
        ChangeTarget::Nothing,
    ),
    (
        "notification.delivery.success",
        "Notification delivery success",
        ChangeTarget::Nothing,
    ),
    (
        "notification.delivery.failure",
        "Notification delivery failure",
        ChangeTarget::Nothing,
    ),
    (
        "idbridge.sync.success",
        "Directory synchronisation success",
        ChangeTarget::Nothing,
    ),
];

const GROUPS: [&str; 5] = [
    "EPM Planners",
    "EPM Consolidation",
    "EPM Viewers",
    "Month-end \"close\", EMEA",
    "=Finance",
];
const ROLES: [&str; 5] = [
    "Service Administrator",
    "Power User",
    "User",
    "Viewer",
    "Identity Domain Administrator",
];
/// Applications that people use and have roles in.
pub(super) const APPS: [&str; 4] = [
    "EPM Planning",
    "EPM Consolidation and Close",
    "EPM Reconciliation",
    "EPM Narrative Reporting",
];

/// The event, its message and what it is about.
pub(super) fn change(occurrence: &PastEvent) -> (&'static str, &'static str, ChangeTarget) {
    pick(&CHANGES, occurrence.position.div_euclid(4).unsigned_abs(), CHANGES[0])
}

/// The person and the things that a change may be about; which of them it is, its target says.
pub(super) struct ChangeSubject {
    pub(super) beneficiary: Person,
    own: Person,
    pub(super) role: &'static str,
    pub(super) group: &'static str,
    app: &'static str,
}

/// The people and things that a change may be about.
pub(super) fn subject(occurrence: &PastEvent) -> ChangeSubject {
    let chance = occurrence.chance;
    ChangeSubject {
        beneficiary: people::person(chance >> 32),
        own: people::person(chance >> 8),
        role: pick(&ROLES, chance >> 12, ROLES[0]),
        group: pick(&GROUPS, chance >> 12, GROUPS[0]),
        app: pick(&APPS, chance >> 20, APPS[0]),
    }
}

/// Puts what is said of a change into its resource.
pub(super) fn administration(occurrence: &PastEvent, members: &mut Map<String, Value>) {
    let (event, message, about) = change(occurrence);
    let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    put("serviceName", json!("Admin"));
    put("message", json!(message));
    if event.ends_with(".failure") {
        put("reasonValue", json!("ADMIN-2004"));
    }
    let ChangeSubject {
        beneficiary,
        own,
        role,
        group,
        app,
    } = subject(occurrence);
    let resource = match about {
        ChangeTarget::User => Some(("User", beneficiary.login, beneficiary.id())),
        ChangeTarget::Own => Some(("User", own.login, own.id())),
        ChangeTarget::Group | ChangeTarget::Member => Some(("Group", group, hex32(&[word(group)]))),
        ChangeTarget::Role => Some(("AppRole", role, hex32(&[word(role)]))),
        ChangeTarget::App => Some(("App", app, hex32(&[word(app)]))),
        ChangeTarget::Nothing => None,
    };
    if let Some((kind, name, id)) = resource {
        put("adminResourceType", json!(kind));
        put("adminResourceName", json!(name));
        put("adminResourceId", json!(id));
    }
    if matches!(about, ChangeTarget::Member | ChangeTarget::Role) {
        put("adminRefResourceType", json!("User"));
        put("adminRefResourceName", json!(beneficiary.login));
    }
    if matches!(about, ChangeTarget::Role) {
        put("adminAppRoleAppName", json!(app));
    }
    if event.starts_with("admin.user.update") {
        put("adminValuesAdded", json!("{\"title\":\"Analyst\"}"));
        put("adminValuesRemoved", json!("{\"title\":null}"));
    }
}
