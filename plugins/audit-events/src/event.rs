//! The content of one `AuditEvent` resource.

use identity_events::{DomainEvent, labels};
use plugin_sdk::json_lines::Record;
use plugin_sdk::table::Reason;
use plugin_sdk::*;

/// The event of a resource. Members without a place of their own stay attributes; so does a masked address.
pub fn event<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
    let timestamp = record.take("timestamp").ok_or("the record has no timestamp")?;
    let time = record.time(&timestamp)?;
    let action = record.take("eventId");
    let told = DomainEvent::read(action.as_deref().unwrap_or_default(), record);
    let mut event = Event::new(time, told.activity, told.outcome, told.subject);
    event.actor = told.actor;
    event.target = told.target;
    event.id = record.take("id");
    let client = record.take_client(&["clientIp"]);
    event.user_agent = record.take("ssoUserAgent");
    event.session = record.take("ssoSessionId");
    event.service = record.take("serviceName");
    event.code = record.take("reasonValue");
    event.message = record.take("message");
    event.action = action;
    event.labels = labels(told.label, told.outcome, told.is_about_group);
    event.attributes = record.rest();
    if let Some(client) = client {
        event.came_from(client);
    }
    Ok(event)
}
