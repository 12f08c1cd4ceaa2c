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
    /// A user of whom only the login name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Principal {
            name: name.into(),
            id: None,
            display_name: None,
            kind: PrincipalKind::User,
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
            Activity::ApiCreate => "api-create",
            Activity::ApiRead => "api-read",
            Activity::ApiUpdate => "api-update",
            Activity::ApiDelete => "api-delete",
            Activity::ApiOther => "api-other",
        }
    }

    /// All of them.
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

impl PrincipalKind {
    /// All of them.
    pub const ALL: [PrincipalKind; 3] = [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::Service];

    /// The name that WIT gives it.
    pub fn name(self) -> &'static str {
        match self {
            PrincipalKind::User => "user",
            PrincipalKind::Group => "group",
            PrincipalKind::Service => "service",
        }
    }
}

impl Product {
    /// A vendor's product.
    pub fn new(vendor: impl Into<String>, name: impl Into<String>) -> Self {
        Product {
            vendor: vendor.into(),
            name: name.into(),
        }
    }

    /// Oracle EPM Cloud.
    pub fn oracle_epm_cloud() -> Self {
        Product::new("Oracle", "Oracle EPM Cloud")
    }

    /// An OCI identity domain.
    pub fn oracle_identity_domain() -> Self {
        Product::new("Oracle", "Oracle Identity Domain")
    }
}

impl Call {
    /// A request whose answer is the document.
    pub fn new(request: HttpRequest) -> Self {
        Call {
            request,
            service: None,
            records: None,
        }
    }

    /// Sets the place in the answer where the records lie.
    pub fn records<S: Into<String>>(mut self, path: impl IntoIterator<Item = S>) -> Self {
        self.records = Some(path.into_iter().map(Into::into).collect());
        self
    }
}

impl Pages {
    /// A query whose pages are the lists of records themselves.
    pub fn new(request: HttpRequest, paging: Paging) -> Self {
        Pages {
            request,
            service: None,
            paging,
            records: None,
            key: None,
        }
    }

    /// Sets the place in a page where the records lie.
    pub fn records<S: Into<String>>(mut self, path: impl IntoIterator<Item = S>) -> Self {
        self.records = Some(path.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the place in a record where its key lies.
    pub fn key<S: Into<String>>(mut self, path: impl IntoIterator<Item = S>) -> Self {
        self.key = Some(path.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the service of the cloud that is asked.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }
}
