//! What one `AuditEvent` resource tells.

use crate::activity::{self, About};
use plugin_sdk::access::is_address;
use plugin_sdk::json_lines::Record;
use plugin_sdk::table::Reason;
use plugin_sdk::*;
use std::borrow::Cow;

/// The event of a resource. Members without a place of their own stay attributes; so does a masked address.
pub fn event<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
    let time = time::parse(&record.take("timestamp").ok_or("the record has no timestamp")?)?;
    let action = record.take("eventId");
    let (activity, outcome, about) = activity::read(action.as_deref().unwrap_or_default());
    let actor = actor(record);
    let (subject, target) = match about {
        About::Actor if activity == Activity::ApplicationAccess => (None, record.take("ssoApplicationName")),
        About::Actor => (None, None),
        About::Account => (account(record, "adminResourceName", "adminResourceId"), None),
        About::Member => member(record),
        About::Group => (None, record.take("adminResourceName")),
    };
    let mut event = Event::new(time, activity, outcome, subject.unwrap_or_else(|| actor.clone()));
    // An administrative change names who made it even where that is its subject: a password changed by its owner.
    event.actor = (about != About::Actor).then_some(actor);
    event.target = target;
    event.id = record.take("id");
    event.source_ip = record.take_if("clientIp", is_address);
    event.user_agent = record.take("ssoUserAgent");
    event.session = record.take("ssoSessionId");
    event.service = record.take("serviceName");
    event.code = record.take("reasonValue");
    event.message = record.take("message");
    event.action = action;
    let ended = match outcome {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Unknown => "unknown",
    };
    event.labels = vec![activity::label(activity).into(), ended.into()];
    event.attributes = record.rest();
    Ok(event)
}

/// Who acted: a person by login name, an application by its id. Events of the domain itself may name nobody.
fn actor<'r>(record: &mut Record<'r>) -> Principal<'r> {
    let (name, id) = (record.take("actorName"), record.take("actorId"));
    let display_name = record.take("actorDisplayName");
    let name = name
        .or_else(|| display_name.clone())
        .or_else(|| id.clone())
        .or_else(|| record.get("clientId"));
    Principal {
        name: name.unwrap_or_else(|| "unknown".into()),
        id,
        display_name,
    }
}

/// The account that members of these names tell of.
fn account<'r>(record: &mut Record<'r>, name: &str, id: &str) -> Option<Principal<'r>> {
    let (name, id) = (record.take(name), record.take(id));
    Some(Principal {
        name: name.or_else(|| id.clone())?,
        id,
        display_name: None,
    })
}

/// The member and the role or group. The resource is the role and the reference its member, unless their types say that
/// it is the other way round.
fn member<'r>(record: &mut Record<'r>) -> (Option<Principal<'r>>, Option<Cow<'r, str>>) {
    let is_user = |name| record.get(name).is_some_and(|kind| kind.eq_ignore_ascii_case("User"));
    if is_user("adminResourceType") && !is_user("adminRefResourceType") {
        let account = account(record, "adminResourceName", "adminResourceId");
        (account, record.take("adminRefResourceName"))
    } else {
        let account = account(record, "adminRefResourceName", "adminRefResourceId");
        (account, record.take("adminResourceName"))
    }
}
