//! The parties of an event, who did what to whom: of a domain's own event from the members that name them, of any other one from
//! the caller and the resource.

use crate::operation::{self, ApiOperation};
use crate::part::RecordPart::{Data, Details, Identity, Request, Response};
use crate::record::AuditRecord;
use identity_events::NamedMembers;
use plugin_sdk::{Activity, Outcome, Principal, PrincipalKind};
use std::borrow::Cow;

/// The members of a domain's own event by the names that `AuditEvents` has for them.
pub struct DomainMembers<'m, 'r> {
    /// The event.
    pub record: &'m mut AuditRecord<'r>,
    /// True of events about an account, of which some name the account as their target.
    pub is_about_account: bool,
}

impl<'r> NamedMembers<'r> for DomainMembers<'_, 'r> {
    fn get(&self, name: &str) -> Option<Cow<'r, str>> {
        self.record.get(Details, name)
    }

    fn take_if(&mut self, name: &str, test: impl Fn(&str) -> bool) -> Option<Cow<'r, str>> {
        if self.record.get(Details, name).is_some() {
            return self.record.take_if(Details, name, test);
        }
        // Elsewhere, where the event has no member of that name.
        match name {
            "actorName" => self.record.take_if(Identity, "principalName", test),
            "actorId" if self.record.get(Details, "actorOcid").is_some() => {
                self.record.take_if(Details, "actorOcid", test)
            }
            "actorId" => self.record.take_if(Identity, "principalId", test),
            "adminResourceName" if self.is_about_account => self.record.take_if(Details, "targetName", test),
            "adminResourceId" if self.is_about_account => self.record.take_if(Details, "targetId", test),
            _ => None,
        }
    }
}

/// The parties of an event that is not a domain's own.
#[derive(Debug)]
pub struct OperationParties<'r> {
    pub activity: Activity,
    pub subject: Principal<'r>,
    pub actor: Option<Principal<'r>>,
    pub target: Option<Cow<'r, str>>,
    pub code: Option<Cow<'r, str>>,
}

impl<'r> OperationParties<'r> {
    /// Reads them, and takes out the members that it places.
    pub fn of(
        operation: ApiOperation,
        name: &str,
        outcome: Outcome,
        record: &mut AuditRecord<'r>,
    ) -> OperationParties<'r> {
        let status = record.take(Response, "status");
        let (principal, id) = (
            record.take(Identity, "principalName"),
            record.take(Identity, "principalId"),
        );
        let kind = match is_service(record.get(Identity, "authType").as_deref(), id.as_deref()) {
            true => PrincipalKind::Service,
            false => PrincipalKind::User,
        };
        let caller = |name: Option<Cow<'r, str>>| Principal {
            id: id.clone(),
            kind,
            ..Principal::named(name.or_else(|| id.clone()).unwrap_or_else(|| "unknown".into()))
        };
        let mut parties = OperationParties {
            activity: Activity::ApiOther,
            subject: caller(principal.clone()),
            actor: None,
            target: None,
            code: status,
        };
        match operation {
            ApiOperation::SignOn(activity) => parties.activity = activity,
            // What it led to has an event of its own, unless it led to nothing.
            ApiOperation::SignOnAttempt if outcome == Outcome::Failure => parties.activity = Activity::Logon,
            ApiOperation::SignOnAttempt => parties.activity = Activity::AuthenticationOther,
            ApiOperation::Account(activity) => {
                parties.activity = activity;
                parties.actor = Some(parties.subject.clone());
                if let Some(account) = account(record) {
                    parties.subject = account;
                }
            }
            ApiOperation::Group(activity) => {
                parties.activity = activity;
                parties.actor = Some(parties.subject.clone());
                parties.target = group(record);
            }
            ApiOperation::Membership(activity) => {
                parties.actor = Some(parties.subject.clone());
                parties.target = group(record);
                // Whoever is not named cannot be said to have been added.
                match record.take(Details, "userId") {
                    Some(user) => {
                        parties.activity = activity;
                        parties.subject = Principal {
                            id: Some(user.clone()),
                            ..Principal::named(user)
                        };
                    }
                    None => parties.activity = Activity::GroupUpdate,
                }
            }
            ApiOperation::Policy => {
                parties.activity = Activity::Other;
                parties.target = resource(record);
            }
            ApiOperation::Call => {
                let method = record.get(Request, "action");
                parties.activity = operation::call(name, method.as_deref().unwrap_or_default());
                parties.target = resource(record);
            }
        }
        if matches!(operation, ApiOperation::SignOn(_) | ApiOperation::SignOnAttempt) {
            // A failed sign-in of before identity domains says in the answer's text who tried, and why it failed.
            let payload = record.raw(Response, "payload").and_then(AuditRecord::read);
            if let Some(payload) = payload {
                let said = |name| payload.get(crate::part::RecordPart::Envelope, name);
                if principal.is_none() {
                    parties.subject = caller(said("login_input").and_then(login_name));
                }
                parties.code = said("login_result").or(parties.code);
            }
            parties.target = record.take(Data, "resourceName");
        }
        parties
    }
}

/// True of a caller that is a program, or a part of the cloud: an instance, a function, a service.
fn is_service(auth_type: Option<&str>, id: Option<&str>) -> bool {
    let is_person = |id: &str| {
        ["ocid1.user.", "ocid1.saml2idp."]
            .iter()
            .any(|kind| id.starts_with(kind))
    };
    auth_type.is_some_and(|kind| kind.eq_ignore_ascii_case("resource"))
        || id.is_some_and(|id| id.starts_with("ocid1.") && !is_person(id))
}

/// The login name in `tenant: TENANCY, user: jdoe`.
fn login_name(input: Cow<'_, str>) -> Option<Cow<'_, str>> {
    const USER: &str = "user:";
    let name = |input: &str| {
        let start = input.rfind(USER)? + USER.len();
        let rest = input.get(start..)?;
        let begin = start + rest.len() - rest.trim_start().len();
        let name = rest.trim();
        (!name.is_empty()).then_some(begin..begin + name.len())
    };
    let place = name(&input)?;
    match input {
        Cow::Borrowed(input) => input.get(place).map(Cow::Borrowed),
        Cow::Owned(input) => input.get(place).map(|name| Cow::Owned(name.into())),
    }
}

/// The user that a change of the tenancy's accounts is about: the resource if that is a user, else the one in the request's path.
fn account<'r>(record: &mut AuditRecord<'r>) -> Option<Principal<'r>> {
    let is_user = |id: &str| id.starts_with("ocid1.user.");
    let resource = record.get(Data, "resourceId");
    let other = resource.is_some() && !resource.as_deref().is_some_and(is_user);
    let id = record
        .take_if(Data, "resourceId", is_user)
        .or_else(|| record.take(Details, "userId"))
        .or_else(|| user_of_path(record.get(Request, "path")?));
    let name = match other {
        true => None,
        false => record.take(Data, "resourceName"),
    };
    let name = name.or_else(|| id.clone())?;
    Some(Principal {
        id,
        ..Principal::named(name)
    })
}

/// The user's OCID in `/20160918/users/ocid1.user.oc1..aaaa/apiKeys`.
fn user_of_path(path: Cow<'_, str>) -> Option<Cow<'_, str>> {
    const USERS: &str = "/users/";
    let start = path.find(USERS)? + USERS.len();
    let length = path.get(start..)?.find(['/', '?']).unwrap_or(path.len() - start);
    let place = Some(start..start + length).filter(|_| length > 0)?;
    match path {
        Cow::Borrowed(path) => path.get(place).map(Cow::Borrowed),
        Cow::Owned(path) => path.get(place).map(|user| Cow::Owned(user.into())),
    }
}

/// The group that a change is about.
fn group<'r>(record: &mut AuditRecord<'r>) -> Option<Cow<'r, str>> {
    match record.get(Details, "groupId").is_some() {
        true => record.take(Details, "groupId"),
        false => resource(record),
    }
}

/// The name of the resource, or its OCID where it has none.
fn resource<'r>(record: &mut AuditRecord<'r>) -> Option<Cow<'r, str>> {
    record
        .take(Data, "resourceName")
        .or_else(|| record.get(Data, "resourceId"))
}
