//! The activity that an event records, and how it ended.

use serde::{Deserialize, Serialize};

/// The activity that an event records. The cases are those of `activity` in `wit/events.wit`, which documents each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Activity {
    Logon,
    Logoff,
    AccountCreate,
    AccountUpdate,
    AccountEnable,
    AccountDisable,
    AccountDelete,
    AccountLock,
    AccountUnlock,
    PasswordChange,
    PasswordReset,
    RoleAssign,
    RoleRevoke,
    GroupCreate,
    GroupUpdate,
    GroupDelete,
    GroupAddMember,
    GroupRemoveMember,
    ApplicationAccess,
    AuthenticationOther,
    Other,
    ApiCreate,
    ApiRead,
    ApiUpdate,
    ApiDelete,
    ApiOther,
}

impl Activity {
    /// Every case, in the order of the WIT.
    pub const ALL: [Activity; 26] = [
        Activity::Logon,
        Activity::Logoff,
        Activity::AccountCreate,
        Activity::AccountUpdate,
        Activity::AccountEnable,
        Activity::AccountDisable,
        Activity::AccountDelete,
        Activity::AccountLock,
        Activity::AccountUnlock,
        Activity::PasswordChange,
        Activity::PasswordReset,
        Activity::RoleAssign,
        Activity::RoleRevoke,
        Activity::GroupCreate,
        Activity::GroupUpdate,
        Activity::GroupDelete,
        Activity::GroupAddMember,
        Activity::GroupRemoveMember,
        Activity::ApplicationAccess,
        Activity::AuthenticationOther,
        Activity::Other,
        Activity::ApiCreate,
        Activity::ApiRead,
        Activity::ApiUpdate,
        Activity::ApiDelete,
        Activity::ApiOther,
    ];

    /// The name in the WIT, the flat event and the derived id: lower case words joined by hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Activity::Logon => "logon",
            Activity::Logoff => "logoff",
            Activity::AccountCreate => "account-create",
            Activity::AccountUpdate => "account-update",
            Activity::AccountEnable => "account-enable",
            Activity::AccountDisable => "account-disable",
            Activity::AccountDelete => "account-delete",
            Activity::AccountLock => "account-lock",
            Activity::AccountUnlock => "account-unlock",
            Activity::PasswordChange => "password-change",
            Activity::PasswordReset => "password-reset",
            Activity::RoleAssign => "role-assign",
            Activity::RoleRevoke => "role-revoke",
            Activity::GroupCreate => "group-create",
            Activity::GroupUpdate => "group-update",
            Activity::GroupDelete => "group-delete",
            Activity::GroupAddMember => "group-add-member",
            Activity::GroupRemoveMember => "group-remove-member",
            Activity::ApplicationAccess => "application-access",
            Activity::AuthenticationOther => "authentication-other",
            Activity::Other => "other",
            Activity::ApiCreate => "api-create",
            Activity::ApiRead => "api-read",
            Activity::ApiUpdate => "api-update",
            Activity::ApiDelete => "api-delete",
            Activity::ApiOther => "api-other",
        }
    }
}

/// The end of what an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Outcome {
    Success,
    Failure,
    Unknown,
}

impl Outcome {
    /// Every case, in the order of the WIT.
    pub const ALL: [Outcome; 3] = [Outcome::Success, Outcome::Failure, Outcome::Unknown];

    /// The name in the WIT, the flat event and the derived id.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Unknown => "unknown",
        }
    }
}
