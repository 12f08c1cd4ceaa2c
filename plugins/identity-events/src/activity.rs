//! The meaning of the ids of audit events.
//!
//! Sources: the pages on the audit event APIs of Oracle Identity Cloud Service and of OCI's identity domains, the ids that
//! notification settings of a domain list, and those that Oracle's own reports and dashboards search for.

use plugin_sdk::{Activity, Outcome};

/// The party that an event is about, and so which members of the record name the subject and the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AffectedParty {
    /// The account that acted.
    Actor,
    /// The account that was changed.
    Account,
    /// The account that was put into a role or group, or taken out.
    Member,
    /// A group as such.
    Group,
    /// Something else that was changed: an application, a policy.
    Resource,
}

/// The activity and outcome of an event id, and whom it is about. The end of an id is the outcome; ids that are not listed are told
/// apart by their beginning only.
pub fn read(id: &str) -> (Activity, Outcome, AffectedParty) {
    let id = id.to_ascii_lowercase();
    let (act, outcome) = match id.rsplit_once('.') {
        Some((act, "success")) => (act, Outcome::Success),
        Some((act, "failure")) => (act, Outcome::Failure),
        _ => (id.as_str(), Outcome::Unknown),
    };
    let (activity, about) = match act {
        "sso.session.create" | "sso.authentication" | "admin.authentication" | "idcs.login" => {
            (Activity::Logon, AffectedParty::Actor)
        }
        "sso.session.delete" | "idcs.logout" => (Activity::Logoff, AffectedParty::Actor),
        "sso.app.access" => (Activity::ApplicationAccess, AffectedParty::Actor),
        "admin.user.create"
        | "admin.user.federated.create"
        | "admin.user.authentication.delegated.create"
        | "admin.me.register" => (Activity::AccountCreate, AffectedParty::Account),
        "admin.user.activated" => (Activity::AccountEnable, AffectedParty::Account),
        "admin.user.deactivated" => (Activity::AccountDisable, AffectedParty::Account),
        "admin.user.delete" => (Activity::AccountDelete, AffectedParty::Account),
        "admin.me.locked"
        | "admin.me.mfa.locked"
        | "admin.me.mfa.federated.locked"
        | "admin.me.passwordrecoverylocked"
        | "admin.user.locked" => (Activity::AccountLock, AffectedParty::Account),
        "admin.me.unlocked" | "admin.user.unlocked" => (Activity::AccountUnlock, AffectedParty::Account),
        "admin.me.password.change" | "admin.user.password.change" => (Activity::PasswordChange, AffectedParty::Account),
        "admin.me.password.reset" | "admin.user.password.reset" => (Activity::PasswordReset, AffectedParty::Account),
        "admin.approle.add.member" | "admin.grant.create" => (Activity::RoleAssign, AffectedParty::Member),
        "admin.approle.remove.member" | "admin.grant.delete" => (Activity::RoleRevoke, AffectedParty::Member),
        "admin.group.create" => (Activity::GroupCreate, AffectedParty::Group),
        "admin.group.delete" => (Activity::GroupDelete, AffectedParty::Group),
        "admin.group.add.member" => (Activity::GroupAddMember, AffectedParty::Member),
        "admin.group.remove.member" => (Activity::GroupRemoveMember, AffectedParty::Member),
        act => family(act),
    };
    (activity, outcome, about)
}

/// The meaning of an id without a case of its own, by its beginning. A request that nobody has granted yet, such as
/// `admin.me.password.reset.request`, has changed no more than what it says of itself.
fn family(act: &str) -> (Activity, AffectedParty) {
    const AUTHENTICATION: [&str; 5] = [
        "sso.",
        "authentication.",
        "admin.authentication.",
        "admin.login.",
        "idcs.login.",
    ];
    let begins = |families: &[&str]| families.iter().any(|family| act.starts_with(family));
    if begins(&AUTHENTICATION) {
        (Activity::AuthenticationOther, AffectedParty::Actor)
    } else if begins(&["admin.me.request."]) {
        (Activity::Other, AffectedParty::Resource)
    } else if begins(&["admin.user.", "admin.me.", "admin.account."]) {
        (Activity::AccountUpdate, AffectedParty::Account)
    } else if begins(&["admin.group."]) {
        (Activity::GroupUpdate, AffectedParty::Group)
    } else {
        (Activity::Other, AffectedParty::Resource)
    }
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
        Activity::ApiCreate | Activity::ApiRead | Activity::ApiUpdate | Activity::ApiDelete | Activity::ApiOther => {
            "api"
        }
        Activity::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids that Oracle's own reports and dashboards on OCI Audit search for.
    #[test]
    fn the_ids_of_oracles_reports_have_their_meaning() {
        use Activity::*;
        for (id, activity, outcome) in [
            ("sso.session.create.success", Logon, Outcome::Success),
            ("sso.authentication.failure", Logon, Outcome::Failure),
            ("sso.session.delete.success", Logoff, Outcome::Success),
            ("sso.session.modify.success", AuthenticationOther, Outcome::Success),
            ("sso.app.access.success", ApplicationAccess, Outcome::Success),
            ("sso.app.access.failure", ApplicationAccess, Outcome::Failure),
            ("sso.auth.factor.initiated", AuthenticationOther, Outcome::Unknown),
            ("sso.bypasscode.create.success", AuthenticationOther, Outcome::Success),
            ("admin.user.create.success", AccountCreate, Outcome::Success),
            ("admin.user.activated.success", AccountEnable, Outcome::Success),
            ("admin.user.deactivated.success", AccountDisable, Outcome::Success),
            ("admin.user.update.success", AccountUpdate, Outcome::Success),
            ("admin.user.delete.success", AccountDelete, Outcome::Success),
            ("admin.user.password.reset.success", PasswordReset, Outcome::Success),
            ("admin.user.password.reset.failure", PasswordReset, Outcome::Failure),
            ("admin.user.password.change.success", PasswordChange, Outcome::Success),
            ("admin.me.password.reset.success", PasswordReset, Outcome::Success),
            ("admin.me.password.change.success", PasswordChange, Outcome::Success),
            (
                "admin.me.password.reset.request.success",
                AccountUpdate,
                Outcome::Success,
            ),
            (
                "admin.me.password.reset.request.failure",
                AccountUpdate,
                Outcome::Failure,
            ),
            ("admin.me.locked.success", AccountLock, Outcome::Success),
            ("admin.policy.create.success", Other, Outcome::Success),
            ("admin.rule.update.success", Other, Outcome::Success),
            ("admin.passwordpolicy.update.success", Other, Outcome::Success),
            ("admin.grant.create.success", RoleAssign, Outcome::Success),
            ("admin.grant.delete.success", RoleRevoke, Outcome::Success),
            ("admin.group.create.success", GroupCreate, Outcome::Success),
            ("admin.group.delete.success", GroupDelete, Outcome::Success),
            ("admin.group.add.member.success", GroupAddMember, Outcome::Success),
            ("admin.group.remove.member.success", GroupRemoveMember, Outcome::Success),
            ("admin.app.activated.success", Other, Outcome::Success),
            ("notification.delivery.failure", Other, Outcome::Failure),
            ("admin.approle.add.member.success", RoleAssign, Outcome::Success),
            ("admin.approle.remove.member.success", RoleRevoke, Outcome::Success),
        ] {
            let (found, ended, _) = read(id);
            assert_eq!((found, ended), (activity, outcome), "{id}");
        }
    }
}
