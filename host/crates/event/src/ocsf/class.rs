//! The class that an event belongs to, by its activity.

use crate::{Activity, Event};

/// A class, with its number: the thousands are those of its category.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    AccountChange = 3001,
    Authentication = 3002,
    EntityManagement = 3004,
    UserAccess = 3005,
    GroupManagement = 3006,
    ApiActivity = 6003,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Class::AccountChange => "Account Change",
            Class::Authentication => "Authentication",
            Class::EntityManagement => "Entity Management",
            Class::UserAccess => "User Access Management",
            Class::GroupManagement => "Group Management",
            Class::ApiActivity => "API Activity",
        }
    }

    /// Identity & Access Management, or Application Activity.
    pub(super) fn category(self) -> u32 {
        self as u32 / 1000
    }
}

/// The number of an activity that its class has no case for.
pub(super) const UNLISTED: u32 = 99;

/// The class, the activity's number in it and its caption. Number 99 is for what the class has no case for; the source's
/// own name for the event is then the better caption.
fn class_of(activity: Activity) -> (Class, u32, &'static str) {
    use Class::{AccountChange, ApiActivity, Authentication, EntityManagement, GroupManagement, UserAccess};
    match activity {
        Activity::Logon => (Authentication, 1, "Logon"),
        Activity::Logoff => (Authentication, 2, "Logoff"),
        Activity::ApplicationAccess => (Authentication, 99, "Application Access"),
        Activity::AuthenticationOther => (Authentication, 99, "Other"),
        Activity::AccountCreate => (AccountChange, 1, "Create"),
        Activity::AccountEnable => (AccountChange, 2, "Enable"),
        Activity::PasswordChange => (AccountChange, 3, "Password Change"),
        Activity::PasswordReset => (AccountChange, 4, "Password Reset"),
        Activity::AccountDisable => (AccountChange, 5, "Disable"),
        Activity::AccountDelete => (AccountChange, 6, "Delete"),
        Activity::AccountLock => (AccountChange, 9, "Lock"),
        Activity::AccountUnlock => (AccountChange, 12, "Unlock"),
        Activity::AccountUpdate => (AccountChange, 99, "Update"),
        Activity::RoleAssign => (UserAccess, 1, "Assign Privileges"),
        Activity::RoleRevoke => (UserAccess, 2, "Revoke Privileges"),
        Activity::GroupAddMember => (GroupManagement, 3, "Add User"),
        Activity::GroupRemoveMember => (GroupManagement, 4, "Remove User"),
        Activity::GroupDelete => (GroupManagement, 5, "Delete"),
        Activity::GroupCreate => (GroupManagement, 6, "Create"),
        Activity::GroupUpdate => (GroupManagement, 99, "Update"),
        Activity::Other => (EntityManagement, 99, "Other"),
        Activity::ApiCreate => (ApiActivity, 1, "Create"),
        Activity::ApiRead => (ApiActivity, 2, "Read"),
        Activity::ApiUpdate => (ApiActivity, 3, "Update"),
        Activity::ApiDelete => (ApiActivity, 4, "Delete"),
        Activity::ApiOther => (ApiActivity, 99, "Other"),
    }
}

/// The class of an event, the activity's number in it and its caption: a role that a group got or lost is the group's matter.
pub(super) fn class_of_event(event: &Event) -> (Class, u32, &'static str) {
    let (class, number, caption) = class_of(event.activity);
    let class = if event.is_about_role() && event.is_about_group() {
        Class::GroupManagement
    } else {
        class
    };
    (class, number, caption)
}
