//! ECS.

use std::sync::LazyLock;

use event::ecs::Ecs;
use event::{Activity, Event, Outcome, Principal, PrincipalKind, Product, Provenance};

use super::{EventDraft, collected, correlation, needed, outcome_of, put_back, take, time_of};
use crate::error::Unreadable;
use crate::json::Json;

/// The categories and types of each activity.
static CATEGORIES: LazyLock<Vec<(Activity, Vec<&'static str>)>> = LazyLock::new(|| {
    let provenance = Provenance::new("", "", "", Product::epm_cloud());
    let of = |activity| {
        let event = Event::new(0, activity, Outcome::Success, Principal::named(""));
        let set = Ecs::of(&event, &provenance).event;
        let words = set.category.iter().chain(set.r#type).copied();
        (activity, words.collect::<Vec<_>>())
    };
    Activity::ALL.into_iter().map(of).collect()
});

/// Types of a role that a group got or lost.
const OF_A_GROUP: [&str; 4] = ["iam", "group", "admin", "change"];

/// The name of an account of which nothing is known.
const UNKNOWN: &str = "Unknown";

/// Reads an event of ECS; its report's name is given where it is known, since the record has underscores in it.
pub(super) fn draft(object: &Json, report: Option<&str>) -> Result<EventDraft, Unreadable> {
    let product = Product::new(needed(object, "observer.vendor"), needed(object, "observer.product"));
    let own = match product.is_oracle_s() {
        true => "oracle",
        false => "audit",
    };
    let own = |member: &str| format!("{own}.{member}");
    let mut words = object.texts("event.category");
    words.extend(object.texts("event.type"));
    let of_a_group = words == OF_A_GROUP;
    let mut activities: Vec<Activity> = match of_a_group {
        true => vec![Activity::RoleAssign, Activity::RoleRevoke],
        false => {
            let fitting = CATEGORIES.iter().filter(|(_, known)| *known == words);
            fitting.map(|(activity, _)| *activity).collect()
        }
    };
    if activities.is_empty() {
        return Err(Unreadable::member("event.type", "is of no activity"));
    }
    // An event without an action has the activity's name there.
    let action = needed(object, "event.action");
    let named = activities.iter().find(|activity| activity.name() == action).copied();
    let action = match named {
        Some(activity) => {
            activities = vec![activity];
            None
        }
        None => Some(action),
    };
    let outcome: Option<Outcome> = outcome_of(&needed(object, "event.outcome"));
    let outcome = outcome.ok_or_else(|| Unreadable::member("event.outcome", "is not an outcome"))?;
    let mut attributes = object.pairs(&own("attributes"));
    let user = user_of(object, "user");
    let actor_group = take(&mut attributes, "actor_group").map(|name| Principal {
        id: take(&mut attributes, "actor_group_id"),
        display_name: take(&mut attributes, "actor_group_display_name"),
        ..group(name)
    });
    let subject_group = match of_a_group {
        true => Some(needed(object, "group.name")),
        false => take(&mut attributes, "subject_group"),
    };
    let (subject, actor) = match subject_group {
        Some(name) => {
            let subject = Principal {
                id: take(&mut attributes, "group_id"),
                display_name: take(&mut attributes, "group_display_name"),
                ..group(name)
            };
            let acted = user.name != UNKNOWN || user.id.is_some() || user.display_name.is_some();
            (subject, actor_group.or(acted.then_some(user)))
        }
        None if object.at("user.target").is_some() => (user_of(object, "user.target"), Some(user)),
        None => (user, actor_group),
    };
    let first = activities.first().copied().unwrap_or(Activity::Other);
    let mut event = Event::new(time_of(object, "@timestamp")?, first, outcome, subject);
    event.actor = actor;
    event.target = match first {
        Activity::RoleAssign | Activity::RoleRevoke if !of_a_group => {
            object.texts("user.changes.roles").into_iter().next()
        }
        Activity::GroupCreate
        | Activity::GroupUpdate
        | Activity::GroupDelete
        | Activity::GroupAddMember
        | Activity::GroupRemoveMember => object.owned("group.name"),
        Activity::Logon | Activity::Logoff | Activity::ApplicationAccess | Activity::AuthenticationOther => {
            object.owned("service.target.name")
        }
        _ => object.owned(&own("target")),
    };
    put_back(&mut attributes, "request_id", object.owned("http.request.id"));
    put_back(&mut attributes, "request_method", object.owned("http.request.method"));
    put_back(&mut attributes, "request_path", object.owned("url.original"));
    event.attributes = attributes;
    event.id = object.owned("event.id");
    event.source_ip = object.owned("source.address");
    event.user_agent = object.owned("user_agent.original");
    event.session = object.owned(&own("session"));
    event.action = action;
    event.code = object.owned("event.code");
    event.message = object.owned("event.reason");
    event.labels = object.texts("tags");
    event.collected = collected(object, "event.created")?;
    event.correlation = correlation(object, &own("correlation_uid"))?;
    let dataset = needed(object, "event.dataset");
    Ok(EventDraft {
        event,
        report: report_of(&dataset, report),
        connection: needed(object, &own("connection")),
        tenant: object.owned("cloud.account.id"),
        product,
        service: needed(object, "service.name"),
        names_service: Some(object.text("event.provider").is_some()),
        activities,
    })
}

/// The report of a data set: what is given, where that is written so, else the name with hyphens.
fn report_of(dataset: &str, given: Option<&str>) -> String {
    let name = dataset.split_once('.').map_or(dataset, |(_, name)| name);
    match given {
        Some(given) if given.replace('-', "_") == name => given.to_owned(),
        _ => name.replace('_', "-"),
    }
}

fn group(name: String) -> Principal {
    Principal {
        kind: PrincipalKind::Group,
        ..Principal::named(name)
    }
}

fn user_of(object: &Json, at: &str) -> Principal {
    Principal {
        name: needed(object, &format!("{at}.name")),
        id: object.owned(&format!("{at}.id")),
        display_name: object.owned(&format!("{at}.full_name")),
        kind: PrincipalKind::User,
    }
}
