//! What the ids of audit events mean.

use plugin_sdk::{Activity, Outcome};

/// Whom an event is about, and so which members of the record name the subject and the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Whoever acted.
    Actor,
    /// The account that was changed.
    Account,
    /// The account that was put into a role or group, or taken out.
    Member,
    /// A group as such.
    Group,
}

/// What was done, how it ended and whom it is about. The end of an id is the outcome; ids that are not listed are told
/// apart by their beginning only.
pub fn read(id: &str) -> (Activity, Outcome, About) {
    let id = id.to_ascii_lowercase();
    let (act, outcome) = match id.rsplit_once('.') {
        Some((act, "success")) => (act, Outcome::Success),
        Some((act, "failure")) => (act, Outcome::Failure),
        _ => (id.as_str(), Outcome::Unknown),
    };
    let (activity, about) = match act {
        "sso.session.create" | "sso.authentication" => (Activity::Logon, About::Actor),
        "sso.session.delete" => (Activity::Logoff, About::Actor),
        "sso.app.access" => (Activity::ApplicationAccess, About::Actor),
        "admin.user.create" | "admin.me.register" => (Activity::AccountCreate, About::Account),
        "admin.user.update" => (Activity::AccountUpdate, About::Account),
        "admin.user.activated" => (Activity::AccountEnable, About::Account),
        "admin.user.deactivated" => (Activity::AccountDisable, About::Account),
        "admin.user.delete" => (Activity::AccountDelete, About::Account),
        "admin.me.password.change" | "admin.user.password.change" => (Activity::PasswordChange, About::Account),
        "admin.me.password.reset" | "admin.user.password.reset" => (Activity::PasswordReset, About::Account),
        "admin.approle.add.member" | "admin.grant.create" => (Activity::RoleAssign, About::Member),
        "admin.approle.remove.member" | "admin.grant.delete" => (Activity::RoleRevoke, About::Member),
        "admin.group.create" => (Activity::GroupCreate, About::Group),
        "admin.group.update" => (Activity::GroupUpdate, About::Group),
        "admin.group.delete" => (Activity::GroupDelete, About::Group),
        "admin.group.add.member" => (Activity::GroupAddMember, About::Member),
        "admin.group.remove.member" => (Activity::GroupRemoveMember, About::Member),
        act if act.starts_with("sso.") => (Activity::AuthenticationOther, About::Actor),
        _ => (Activity::Other, About::Actor),
    };
    (activity, outcome, about)
}

/// The first word for routing; the second is the outcome.
pub fn label(activity: Activity) -> &'static str {
    match activity {
        Activity::Logon | Activity::Logoff | Activity::AuthenticationOther => "authentication",
        Activity::ApplicationAccess => "application",
        Activity::AccountCreate
        | Activity::AccountUpdate
        | Activity::AccountEnable
        | Activity::AccountDisable
        | Activity::AccountDelete
        | Activity::AccountLock
        | Activity::AccountUnlock
        | Activity::PasswordChange
        | Activity::PasswordReset => "account",
        Activity::RoleAssign | Activity::RoleRevoke => "role",
        Activity::GroupCreate
        | Activity::GroupUpdate
        | Activity::GroupDelete
        | Activity::GroupAddMember
        | Activity::GroupRemoveMember => "group",
        Activity::Other => "other",
    }
}
