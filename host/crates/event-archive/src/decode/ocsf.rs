//! OCSF.

use std::sync::LazyLock;

use event::ocsf::Ocsf;
use event::{Activity, Event, Outcome, Principal, PrincipalKind, Product, Provenance};

use super::{EventDraft, collected, correlation, needed, put_back, take, time_of};
use crate::error::Unreadable;
use crate::json::Json;

const ACCOUNT_CHANGE: i64 = 3001;
const AUTHENTICATION: i64 = 3002;
const ENTITY_MANAGEMENT: i64 = 3004;
const USER_ACCESS: i64 = 3005;
const GROUP_MANAGEMENT: i64 = 3006;
const API_ACTIVITY: i64 = 6003;

/// The text of an attribute of which the source says nothing.
const UNKNOWN: &str = "Unknown";
/// The number of accounts of services.
const SERVICE: i64 = 4;
/// The number of entities that are users.
const USER_ENTITY: i64 = 2;

/// Class, number and caption of each activity.
static ACTIVITIES: LazyLock<Vec<(Activity, i64, i64, String)>> = LazyLock::new(|| {
    let provenance = Provenance::new("", "", "", Product::epm_cloud());
    let of = |activity| {
        let event = Event::new(0, activity, Outcome::Success, Principal::named(""));
        let ocsf = Ocsf::of(&event, &provenance);
        let caption = ocsf.activity_name.to_owned();
        (
            activity,
            i64::from(ocsf.class_uid),
            i64::from(ocsf.activity_id),
            caption,
        )
    };
    Activity::ALL.into_iter().map(of).collect()
});

/// Reads an event of OCSF.
pub(super) fn draft(object: &Json) -> Result<EventDraft, Unreadable> {
    let number = |path: &str| {
        object
            .number(path)
            .ok_or_else(|| Unreadable::member(path, "is not a number"))
    };
    let (class, id) = (number("class_uid")?, number("activity_id")?);
    let action = object.owned("metadata.event_code");
    let of_a_group = class == GROUP_MANAGEMENT && (id == 1 || id == 2);
    let activities: Vec<Activity> = match (of_a_group, id) {
        (true, 1) => vec![Activity::RoleAssign],
        (true, _) => vec![Activity::RoleRevoke],
        (false, _) => {
            let caption = object.text("activity_name");
            let fitting = ACTIVITIES.iter().filter(|(_, of, number, known)| {
                // Without an action of the source's the caption tells.
                (*of, *number) == (class, id) && (action.is_some() || Some(known.as_str()) == caption)
            });
            fitting.map(|(activity, ..)| *activity).collect()
        }
    };
    let first = activities.first().copied();
    let first = first.ok_or_else(|| Unreadable::member("activity_id", "is of no activity"))?;
    let outcome = match number("status_id")? {
        0 => Outcome::Unknown,
        1 => Outcome::Success,
        2 => Outcome::Failure,
        _ => return Err(Unreadable::member("status_id", "is not an outcome")),
    };
    let mut attributes = object.pairs("unmapped");
    let people = People::of(object, &mut attributes, class, of_a_group, first);
    let address = object.owned("src_endpoint.ip");
    let masked = match &address {
        None => take(&mut attributes, "source_ip"),
        Some(_) => None,
    };
    let known = |text: String| (text != UNKNOWN).then_some(text);
    let target = match class {
        AUTHENTICATION => object.owned("dst_endpoint.svc_name"),
        ACCOUNT_CHANGE => take(&mut attributes, "target"),
        USER_ACCESS => object.texts("privileges").into_iter().next().and_then(known),
        GROUP_MANAGEMENT if of_a_group => object.texts("privileges").into_iter().next().and_then(known),
        GROUP_MANAGEMENT => object.owned("group.name").and_then(known),
        ENTITY_MANAGEMENT => people.target,
        API_ACTIVITY => object.texts("resources").into_iter().next(),
        _ => return Err(Unreadable::member("class_uid", "is of no event")),
    };
    let mut event = Event::new(time_of(object, "time")?, first, outcome, people.subject);
    event.actor = people.actor;
    event.target = target;
    event.source_ip = address.or(masked);
    event.id = object.owned("metadata.uid");
    event.user_agent = object.owned("http_request.user_agent");
    event.session = match class {
        AUTHENTICATION => object.owned("session.uid"),
        _ => object.owned("actor.session.uid"),
    };
    event.action = action;
    event.code = object.owned("status_code");
    event.message = object.owned("status_detail");
    event.labels = object.texts("metadata.labels");
    let request = match class {
        API_ACTIVITY => "api.request.uid",
        _ => "http_request.uid",
    };
    put_back(&mut attributes, "request_id", object.owned(request));
    put_back(
        &mut attributes,
        "request_method",
        object.owned("http_request.http_method"),
    );
    put_back(&mut attributes, "request_path", object.owned("http_request.url.path"));
    event.attributes = attributes;
    event.collected = collected(object, "metadata.logged_time")?;
    event.correlation = correlation(object, "metadata.correlation_uid")?;
    let service = match class {
        AUTHENTICATION => "service.name",
        _ => "metadata.log_provider",
    };
    Ok(EventDraft {
        event,
        report: needed(object, "metadata.log_name"),
        connection: needed(object, "metadata.log_source"),
        tenant: object.owned("metadata.tenant_uid"),
        product: Product::new(
            needed(object, "metadata.product.vendor_name"),
            needed(object, "metadata.product.name"),
        ),
        service: needed(object, service),
        names_service: None,
        activities,
    })
}

/// Whom an event is about, who acted, and the target of an entity.
struct People {
    subject: Principal,
    actor: Option<Principal>,
    target: Option<String>,
}

impl People {
    fn of(
        object: &Json,
        attributes: &mut Vec<(String, String)>,
        class: i64,
        of_a_group: bool,
        activity: Activity,
    ) -> People {
        let acting = user_of(object, "actor.user");
        let actor_group = take(attributes, "actor_group").map(|name| Principal {
            id: take(attributes, "actor_group_id"),
            display_name: take(attributes, "actor_group_display_name"),
            ..group(name)
        });
        let subject_group = match of_a_group {
            true => object.owned("group.name").or(Some(String::new())),
            false => take(attributes, "subject_group"),
        };
        let subject_group = subject_group.map(|name| Principal {
            id: take(attributes, "group_id"),
            display_name: take(attributes, "group_display_name"),
            ..group(name)
        });
        let acts_itself = matches!(
            activity,
            Activity::GroupCreate | Activity::GroupUpdate | Activity::GroupDelete
        );
        let user = user_of(object, "user").unwrap_or_else(|| Principal::named(""));
        match class {
            ENTITY_MANAGEMENT => People::of_entity(object, acting, actor_group, subject_group),
            API_ACTIVITY => {
                let acting =
                    acting.filter(|user| !is_unknown(user) || (actor_group.is_none() && subject_group.is_none()));
                let named = match &subject_group {
                    Some(_) => None,
                    None => take(attributes, "subject"),
                };
                let (subject, actor) = match (subject_group, named) {
                    (Some(subject), _) => (subject, actor_group.or(acting)),
                    (None, Some(name)) => {
                        let subject = Principal {
                            id: take(attributes, "subject_id"),
                            display_name: take(attributes, "subject_display_name"),
                            ..Principal::named(name)
                        };
                        (subject, actor_group.or(acting))
                    }
                    (None, None) => (acting.unwrap_or_else(|| Principal::named("")), actor_group),
                };
                People {
                    subject,
                    actor,
                    target: None,
                }
            }
            _ => {
                let subject = subject_group.unwrap_or(user);
                let actor = match actor_group {
                    Some(actor) => Some(actor),
                    // Who did it is the subject itself, where nobody else is named.
                    None => acting.filter(|acting| !acts_itself || *acting != subject),
                };
                People {
                    subject,
                    actor,
                    target: None,
                }
            }
        }
    }

    fn of_entity(
        object: &Json,
        acting: Option<Principal>,
        actor_group: Option<Principal>,
        subject_group: Option<Principal>,
    ) -> People {
        let name = needed(object, "entity.name");
        let of_entity = user_of(object, "entity.user");
        if let Some(subject) = subject_group {
            let target = (name != subject.name).then_some(name);
            return People {
                subject,
                actor: actor_group.or(acting),
                target,
            };
        }
        if object.number("entity.type_id") == Some(USER_ENTITY) {
            let subject = of_entity.unwrap_or_else(|| Principal::named(name));
            let actor = actor_group.or(acting.filter(|acting| *acting != subject));
            return People {
                subject,
                actor,
                target: None,
            };
        }
        match of_entity {
            Some(subject) => People {
                subject,
                actor: actor_group.or(acting),
                target: Some(name),
            },
            None => People {
                subject: acting.unwrap_or_else(|| Principal::named("")),
                actor: actor_group,
                target: Some(name),
            },
        }
    }
}

fn is_unknown(user: &Principal) -> bool {
    user.name == UNKNOWN && user.id.is_none() && user.display_name.is_none()
}

fn group(name: String) -> Principal {
    Principal {
        kind: PrincipalKind::Group,
        ..Principal::named(name)
    }
}

/// The user at a path; none where there is no user at all.
fn user_of(object: &Json, at: &str) -> Option<Principal> {
    object.at(at)?;
    Some(Principal {
        name: needed(object, &format!("{at}.name")),
        id: object.owned(&format!("{at}.uid")),
        display_name: object.owned(&format!("{at}.display_name")),
        kind: match object.number(&format!("{at}.type_id")) {
            Some(SERVICE) => PrincipalKind::Service,
            _ => PrincipalKind::User,
        },
    })
}
