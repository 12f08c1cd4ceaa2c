//! The mapping of an event to OCSF.

use super::{
    class::{Class, UNLISTED, class_of_event},
    metadata::{Metadata, MetadataProduct, VERSION, begun},
    object::{Actor, Api, ApiRequest, ApiResponse, Endpoint, Entity, HttpRequest, Ip, Ocsf, RequestUrl, Session, User},
};
use crate::{
    Activity, Attributes, Event, Named, Outcome, Principal, PrincipalKind, Provenance,
    http_call::{HttpCall, PlacedCall},
};

/// The text of a required attribute of which the source says nothing.
const UNKNOWN: &str = "Unknown";

impl<'a> Ocsf<'a> {
    #[inline(always)]
    pub fn of(event: &'a Event, provenance: &'a Provenance) -> Self {
        let (class, activity_id, caption) = class_of_event(event);
        let is_about_group = event.is_about_group();
        let is_about_role = event.is_about_role();
        let (severity_id, severity) = match event.outcome {
            Outcome::Failure => (2, "Low"),
            Outcome::Success | Outcome::Unknown => (1, "Informational"),
        };
        let (status_id, status) = match event.outcome {
            Outcome::Success => (1, "Success"),
            Outcome::Failure => (2, "Failure"),
            Outcome::Unknown => (0, UNKNOWN),
        };
        let service = event.service(provenance);
        let subject = event.misplaced_subject(class == Class::ApiActivity && event.actor.is_some());
        let actor = event.misplaced_actor();
        let target = event.target.as_deref();
        let session = event.session.as_deref().map(|uid| Session { uid });
        let ip = event.source_ip.as_deref().and_then(Ip::parse);
        let authentication = class == Class::Authentication;
        let api = class == Class::ApiActivity;
        let masked = if ip.is_none() { event.source_ip.as_deref() } else { None };
        let unplaced = if class == Class::AccountChange { target } else { None };
        let call = HttpCall::of(event);
        let (http_request, placed) = http_request_of(event, &call, class);
        Ocsf {
            time: event.time,
            class_uid: class as u32,
            class_name: class.name(),
            category_uid: class.category(),
            activity_id,
            activity_name: event
                .action
                .as_deref()
                .filter(|_| activity_id == UNLISTED)
                .unwrap_or(caption),
            type_uid: class as u32 * 100 + activity_id,
            severity_id,
            severity,
            status_id,
            status,
            status_code: event.code.as_deref(),
            status_detail: event.message.as_deref(),
            message: event.message.as_deref(),
            user: user_of(event, class),
            actor: actor_of(event, class, session.filter(|_| !authentication)),
            api: api.then(|| Api {
                operation: event.action.as_deref().unwrap_or(event.activity.name()),
                service: Named { name: service },
                request: call.id.map(|uid| ApiRequest { uid }),
                response: (event.code.as_deref())
                    .and_then(|code| code.parse().ok())
                    .map(|code| ApiResponse { code }),
            }),
            src_endpoint: match ip {
                Some(ip) => Some(Endpoint {
                    ip: Some(ip),
                    svc_name: None,
                }),
                // The class demands one.
                None => api.then_some(Endpoint {
                    ip: None,
                    svc_name: Some(UNKNOWN),
                }),
            },
            dst_endpoint: target.filter(|_| authentication).map(|name| Endpoint {
                ip: None,
                svc_name: Some(name),
            }),
            service: authentication.then_some(Named { name: service }),
            session: session.filter(|_| authentication),
            http_request,
            privileges: is_about_role.then_some([target.unwrap_or(UNKNOWN)]),
            group: (class == Class::GroupManagement).then_some(Named {
                name: if is_about_group && is_about_role {
                    &event.subject.name
                } else {
                    target.unwrap_or(UNKNOWN)
                },
            }),
            entity: (class == Class::EntityManagement).then(|| entity_of(event)),
            resources: target.filter(|_| api).map(|name| [Named { name }]),
            metadata: Metadata {
                version: VERSION,
                product: MetadataProduct {
                    name: &provenance.product.name,
                    vendor_name: &provenance.product.vendor,
                },
                log_name: &provenance.report,
                log_source: &provenance.connection,
                tenant_uid: provenance.tenant.as_deref(),
                ready: provenance.ready.or(|| begun(provenance)),
                log_provider: (!authentication).then_some(service),
                uid: event.id.as_deref(),
                event_code: event.action.as_deref(),
                labels: &event.labels,
                logged_time: event.collected.as_ref(),
                correlation_uid: event.correlation.as_ref(),
            },
            unmapped: Attributes {
                listed: &event.attributes,
                misplaced: [
                    ("source_ip", masked),
                    ("target", unplaced),
                    subject[0],
                    subject[1],
                    subject[2],
                    actor[0],
                    actor[1],
                    actor[2],
                ],
                placed,
            },
        }
    }
}

/// The subject, where it is no group. A class that demands a user gets one of whom nothing is known.
fn user_of(event: &Event, class: Class) -> Option<User<'_>> {
    match class {
        Class::EntityManagement | Class::ApiActivity => None,
        Class::GroupManagement if event.is_about_group() => None,
        _ if event.is_about_group() => Some(User::unknown()),
        _ => Some(User::from(&event.subject)),
    }
}

fn actor_of<'a>(event: &'a Event, class: Class, session: Option<Session<'a>>) -> Option<Actor<'a>> {
    let by_subject = matches!(class, Class::EntityManagement | Class::ApiActivity)
        || matches!(
            event.activity,
            Activity::GroupCreate | Activity::GroupUpdate | Activity::GroupDelete
        );
    let user = event
        .actor
        .as_ref()
        .or(by_subject.then_some(&event.subject))
        .filter(|principal| is_no_group(principal))
        .map(User::from);
    // The class demands one.
    let user = user.or((class == Class::ApiActivity).then(User::unknown));
    (user.is_some() || session.is_some()).then_some(Actor { user, session })
}

/// The request by which it was done, and which of its attributes have a place there or in `api`.
fn http_request_of<'a>(event: &'a Event, call: &HttpCall<'a>, class: Class) -> (Option<HttpRequest<'a>>, PlacedCall) {
    let is_api = class == Class::ApiActivity;
    let request = HttpRequest {
        user_agent: event.user_agent.as_deref(),
        http_method: call.listed_method(),
        url: call.plain_path().map(|path| RequestUrl { path }),
        uid: call.id.filter(|_| !is_api && call.is_http()),
    };
    let placed = PlacedCall {
        id: request.uid.is_some() || (is_api && call.id.is_some()),
        method: request.http_method.is_some(),
        path: request.url.is_some(),
    };
    let says_something = request.user_agent.is_some() || request.uid.is_some() || placed.method || placed.path;
    (says_something.then_some(request), placed)
}

fn is_no_group(principal: &Principal) -> bool {
    principal.kind != PrincipalKind::Group
}

/// The target; without one, the subject. A subject that did not act is told of beside the target.
fn entity_of(event: &Event) -> Entity<'_> {
    let user = Some(&event.subject)
        .filter(|subject| is_no_group(subject))
        .map(User::from);
    match &event.target {
        Some(target) => Entity {
            name: target,
            type_id: 0,
            r#type: UNKNOWN,
            user: user.filter(|_| event.actor.is_some()),
        },
        None => Entity {
            name: &event.subject.name,
            type_id: if user.is_some() { 2 } else { 0 },
            r#type: if user.is_some() { "User" } else { UNKNOWN },
            user,
        },
    }
}
