//! Short ways to build the records of the bindings.

use crate::sink::{Event, Principal};
use crate::*;

impl HttpRequest {
    /// A request for a path of unencoded segments below the base URL.
    pub fn new<S: Into<String>>(method: Method, path: impl IntoIterator<Item = S>) -> Self {
        let path = path.into_iter().map(Into::into).collect();
        HttpRequest {
            method,
            path,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// `GET`.
    pub fn get<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::Get, path)
    }

    /// `POST`.
    pub fn post<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::Post, path)
    }

    /// Adds a query parameter, unencoded.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }
}

impl Principal {
    /// An account of which only the login name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Principal {
            name: name.into(),
            id: None,
            display_name: None,
        }
    }
}

impl Event {
    /// An event of which nothing else is known yet.
    pub fn new(time: Timestamp, activity: Activity, outcome: Outcome, subject: Principal) -> Self {
        let nobody = crate::Principal::named("");
        Event {
            subject,
            ..crate::Event::new(time, activity, outcome, nobody).into()
        }
    }
}

impl Fault {
    fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Fault {
            kind,
            message: message.into(),
            hint: None,
            code: None,
        }
    }

    /// The user asked for something that cannot be had.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(FaultKind::InvalidRequest, message)
    }

    /// The document cannot be read.
    pub fn malformed_document(message: impl Into<String>) -> Self {
        Self::new(FaultKind::MalformedDocument, message)
    }

    /// The plugin met a case that its author did not know.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Internal, message)
    }

    /// Adds what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Activity {
    /// The name that WIT gives it, such as `account-create`.
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
        }
    }

    /// All of them.
    pub const ALL: [Activity; 21] = [
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
    ];
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 3] = [Outcome::Success, Outcome::Failure, Outcome::Unknown];

    /// The name that WIT gives it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Unknown => "unknown",
        }
    }
}
