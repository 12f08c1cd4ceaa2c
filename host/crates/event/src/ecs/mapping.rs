//! The mapping of an event to ECS.

use std::net::IpAddr;

use super::object::{
    Changes, Cloud, CloudAccount, Dataset, Distinct, Ecs, EventSet, HttpRequestSet, HttpResponseSet, HttpSet, Observer,
    Own, Related, Service, Source, Target, UrlSet, UserAgent, UserSet, Version,
};
use crate::{
    Activity, Attributes, Correlation, Event, Named, PrincipalKind, Provenance, Rfc3339,
    http_call::{self, HttpCall, PlacedCall},
};

/// The version of the schema, in `ecs.version`.
pub const VERSION: &str = "9.4.0";

/// The category of calls of an API.
const API: [&str; 1] = ["api"];

/// `event.category` and `event.type`.
fn category_of(activity: Activity) -> ([&'static str; 1], &'static [&'static str]) {
    const AUTHENTICATION: [&str; 1] = ["authentication"];
    const IAM: [&str; 1] = ["iam"];
    match activity {
        Activity::Logon => (AUTHENTICATION, &["start"]),
        Activity::Logoff => (AUTHENTICATION, &["end"]),
        Activity::ApplicationAccess | Activity::AuthenticationOther => (AUTHENTICATION, &["info"]),
        Activity::AccountCreate => (IAM, &["user", "creation"]),
        Activity::AccountDelete => (IAM, &["user", "deletion"]),
        Activity::AccountUpdate
        | Activity::AccountEnable
        | Activity::AccountDisable
        | Activity::AccountLock
        | Activity::AccountUnlock
        | Activity::PasswordChange
        | Activity::PasswordReset => (IAM, &["user", "change"]),
        Activity::RoleAssign | Activity::RoleRevoke => (IAM, &["user", "admin", "change"]),
        Activity::GroupCreate => (IAM, &["group", "creation"]),
        Activity::GroupDelete => (IAM, &["group", "deletion"]),
        Activity::GroupUpdate | Activity::GroupAddMember | Activity::GroupRemoveMember => (IAM, &["group", "change"]),
        Activity::Other => (IAM, &["info"]),
        Activity::ApiCreate => (API, &["creation"]),
        Activity::ApiRead => (API, &["access"]),
        Activity::ApiUpdate => (API, &["change"]),
        Activity::ApiDelete => (API, &["deletion"]),
        Activity::ApiOther => (API, &["info"]),
    }
}

impl<'a> Ecs<'a> {
    #[inline(always)]
    pub fn of(event: &'a Event, provenance: &'a Provenance) -> Self {
        let is_about_group = event.is_about_group();
        let (category, kind) = match category_of(event.activity) {
            (category, _) if is_about_group && event.is_about_role() => {
                (category, ["group", "admin", "change"].as_slice())
            }
            category => category,
        };
        let actor = event.actor.as_ref().filter(|actor| actor.kind != PrincipalKind::Group);
        let account = Some(&event.subject).filter(|_| !is_about_group);
        let user = actor.or(account);
        let name = user.map_or("Unknown", |user| user.name.as_str());
        let ip = event.source_ip.as_deref().filter(|text| text.parse::<IpAddr>().is_ok());
        let mut places = Places::default();
        *places.of(event.activity) = event.target.as_deref();
        if is_about_group && event.is_about_role() {
            places.none = places.role.take();
            places.group = Some(&event.subject.name);
        }
        let module = provenance.product.module();
        let call = HttpCall::of(event);
        let http = http_of(event, &call, category == API);
        let (subject, misplaced_actor) = (event.misplaced_subject(false), event.misplaced_actor());
        let own = Own {
            connection: &provenance.connection,
            correlation_uid: event.correlation.as_ref().map(Correlation::as_str),
            session: event.session.as_deref(),
            target: places.none,
            attributes: Attributes {
                listed: &event.attributes,
                misplaced: [
                    ("", None),
                    ("", None),
                    subject[0],
                    subject[1],
                    subject[2],
                    misplaced_actor[0],
                    misplaced_actor[1],
                    misplaced_actor[2],
                ],
                placed: PlacedCall {
                    id: (http.as_ref())
                        .and_then(|http| http.request.as_ref())
                        .is_some_and(|request| request.id.is_some()),
                    method: call.method.is_some(),
                    path: call.path.is_some(),
                },
            },
        };
        let (oracle, audit) = match provenance.product.is_oracle_s() {
            true => (Some(own), None),
            false => (None, Some(own)),
        };
        Ecs {
            timestamp: Rfc3339(event.time),
            ecs: Version { version: VERSION },
            event: EventSet {
                kind: "event",
                category,
                r#type: kind,
                outcome: event.outcome.name(),
                action: event.action.as_deref().unwrap_or(event.activity.name()),
                code: event.code.as_deref(),
                reason: event.message.as_deref(),
                id: event.id.as_deref(),
                provider: event.service.as_deref(),
                dataset: Dataset {
                    module: module.clone(),
                    report: &provenance.report,
                },
                module,
                created: event.collected.map(|at| Rfc3339(at.ms())),
                ingested: event.collected.map(|at| Rfc3339(at.ms())),
            },
            message: event.message.as_deref(),
            user: UserSet {
                name,
                id: user.and_then(|user| user.id.as_deref()),
                full_name: user.and_then(|user| user.display_name.as_deref()),
                target: actor.and(account).map(|account| Target {
                    name: &account.name,
                    id: account.id.as_deref(),
                    full_name: account.display_name.as_deref(),
                }),
                changes: places.role.map(|role| Changes { roles: [role] }),
            },
            group: places.group.map(|name| Named { name }),
            source: event.source_ip.as_deref().map(|address| Source { address, ip }),
            user_agent: event.user_agent.as_deref().map(|original| UserAgent { original }),
            http,
            url: call.path.map(|original| UrlSet {
                original,
                path: call.plain_path(),
            }),
            service: Service {
                name: event.service(provenance),
                target: places.application.map(|name| Named { name }),
            },
            observer: Observer {
                vendor: &provenance.product.vendor,
                product: &provenance.product.name,
            },
            cloud: provenance.tenant.as_deref().map(|id| Cloud {
                account: CloudAccount { id },
            }),
            related: Related {
                user: Distinct(
                    account.map_or(name, |account| &account.name),
                    actor.map(|actor| actor.name.as_str()),
                ),
                ip: ip.map(|ip| [ip]),
            },
            tags: &event.labels,
            oracle,
            audit,
        }
    }
}

/// The request by which it was done, and its answer, where it was one of HTTP or a call of an API.
fn http_of<'a>(event: &'a Event, call: &HttpCall<'a>, is_api: bool) -> Option<HttpSet<'a>> {
    if !is_api && !call.is_http() {
        return None;
    }
    let request = HttpRequestSet {
        id: call.id,
        method: call.method,
    };
    let response = http_call::status(event.code.as_deref()).map(|status_code| HttpResponseSet { status_code });
    let request = (request.id.is_some() || request.method.is_some()).then_some(request);
    (request.is_some() || response.is_some()).then_some(HttpSet { request, response })
}

/// The members in which a target goes: the activity says what kind of thing it is.
#[derive(Default)]
struct Places<'a> {
    role: Option<&'a str>,
    group: Option<&'a str>,
    application: Option<&'a str>,
    none: Option<&'a str>,
}

impl<'a> Places<'a> {
    fn of(&mut self, activity: Activity) -> &mut Option<&'a str> {
        match activity {
            Activity::RoleAssign | Activity::RoleRevoke => &mut self.role,
            Activity::GroupCreate
            | Activity::GroupUpdate
            | Activity::GroupDelete
            | Activity::GroupAddMember
            | Activity::GroupRemoveMember => &mut self.group,
            Activity::Logon | Activity::Logoff | Activity::ApplicationAccess | Activity::AuthenticationOther => {
                &mut self.application
            }
            _ => &mut self.none,
        }
    }
}
