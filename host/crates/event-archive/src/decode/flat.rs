//! The flat event.

use event::{Activity, Event, Outcome, Principal, PrincipalKind, Product};

use super::{EventDraft, collected, correlation, kind_of, needed, outcome_of, time_of};
use crate::error::Unreadable;
use crate::json::Json;
use crate::record::LATER;

/// Reads a flat event.
pub(super) fn draft(object: &Json) -> Result<EventDraft, Unreadable> {
    let name = needed(object, "activity");
    let activity = Activity::ALL.into_iter().find(|activity| activity.name() == name);
    let activity = activity.ok_or_else(|| Unreadable::member("activity", "is not an activity"))?;
    let outcome: Option<Outcome> = outcome_of(&needed(object, "outcome"));
    let outcome = outcome.ok_or_else(|| Unreadable::member("outcome", "is not an outcome"))?;
    let subject = principal(
        object,
        ["subject", "subject_id", "subject_display_name", "subject_kind"],
    );
    let mut event = Event::new(time_of(object, "time")?, activity, outcome, subject);
    let members = ["actor", "actor_id", "actor_display_name", "actor_kind"];
    // A format that cannot tell an empty name from none has the kind all the same.
    let acted = members.iter().any(|member| object.text(member).is_some());
    event.actor = acted.then(|| principal(object, members));
    event.id = object.owned("id");
    event.target = object.owned("target");
    event.source_ip = object.owned("source_ip");
    event.user_agent = object.owned("user_agent");
    event.session = object.owned("session");
    event.action = object.owned("action");
    event.code = object.owned("code");
    event.message = object.owned("message");
    event.labels = object.texts("labels");
    event.attributes = object.pairs("attributes");
    event.collected = collected(object, "collected")?;
    event.correlation = correlation(object, "correlation_uid")?;
    let report = needed(object, "report");
    let product = match (object.owned("vendor"), object.owned("product")) {
        (None, None) if of_a_domain(&report) => Product::identity_domain(),
        (None, None) => Product::epm_cloud(),
        (vendor, name) => Product::new(vendor.unwrap_or_default(), name.unwrap_or_default()),
    };
    Ok(EventDraft {
        connection: needed(object, "connection"),
        tenant: object.owned("tenant"),
        product,
        service: needed(object, "service"),
        names_service: None,
        activities: vec![event.activity],
        report,
        event,
    })
}

/// Versions that named no product had no other report of a domain.
fn of_a_domain(report: &str) -> bool {
    report == "audit-events"
}

fn principal(object: &Json, [name, id, display_name, kind]: [&str; 4]) -> Principal {
    let kind: PrincipalKind = kind_of(object.text(kind));
    Principal {
        name: needed(object, name),
        id: object.owned(id),
        display_name: object.owned(display_name),
        kind,
    }
}

/// The event as an earlier version wrote it: without the members that were added since and that the record does not have.
pub(super) fn as_before(now: Json, there: &Json) -> Json {
    match now {
        Json::Object(mut members) => {
            members.retain(|(name, _)| !LATER.contains(&name.as_str()) || there.at(name).is_some());
            Json::Object(members)
        }
        now => now,
    }
}
