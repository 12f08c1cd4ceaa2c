//! The event that a record tells of, in whichever envelope and by whichever way it came.

use crate::operation::{self, ApiOperation};
use crate::part::RecordPart;
use crate::part::RecordPart::{Data, Details, Envelope, Identity, Response};
use crate::parties::{DomainMembers, OperationParties};
use crate::record::AuditRecord;
use crate::selection::{EventSelection, is_domains};
use identity_events::activity::{self, AffectedParty};
use identity_events::{DomainEvent, labels};
use plugin_sdk::address::Client;
use plugin_sdk::table::Reason;
use plugin_sdk::*;
use secret_mask::makes_a_secret;
use std::borrow::Cow;

/// The event of a record; none where it is not wanted. Members without a place of their own stay attributes, in the order of their
/// names, which is the same whatever way the event came.
pub fn event<'r>(mut record: AuditRecord<'r>, selection: &EventSelection) -> Result<Option<Event<'r>>, Reason> {
    let kind = record.take_any(Envelope, &["eventType", "type"]);
    let name = record.get(Data, "eventName");
    let domain_id = record.get(Details, "eventId");
    if kind.is_none() && name.is_none() && domain_id.is_none() {
        return Err("the record is no audit event: it names neither a type nor an operation".into());
    }
    let kind_text = kind.as_deref().unwrap_or_default();
    let operation = operation::read(kind_text, name.as_deref().unwrap_or_default());
    if !selection.wants(operation, domain_id.as_deref()) {
        return Ok(None);
    }
    let time = time(&mut record)?;
    let said = message(&mut record);
    let ended = outcome(record.get(Response, "status").as_deref(), said.text.as_deref());
    let (service, method) = operation::names(kind_text);
    if makes_a_secret(kind_text) || name.as_deref().is_some_and(makes_a_secret) {
        record.hide(Response, "payload");
        // Where it is no object, it is a member of the part above.
        record.hide(Data, "response");
    }
    let is_of_domain = domain_id.as_deref().is_some_and(is_domains);
    let mut event = match is_of_domain {
        true => of_domain(&mut record, time, ended),
        false => of_operation(&mut record, time, ended, operation, method),
    };

    event.id = record.take_any(Envelope, &["eventId", "id"]);
    let is_named = |name: &str, other: &str| !name.is_empty() && name.eq_ignore_ascii_case(other);
    let source = record.take(Envelope, "source").filter(|source| {
        let known = event.service.as_deref().unwrap_or_default();
        !is_named(known, source) && !is_named(service, source)
    });
    event.service = (event.service)
        .or_else(|| (!service.is_empty()).then(|| service.to_owned().into()))
        .or_else(|| source.clone());
    event.session = event.session.or_else(|| record.take(Identity, "consoleSessionId"));
    let agent = match &event.user_agent {
        Some(agent) => record.take_if(Identity, "userAgent", |other| other == agent),
        None => record.take(Identity, "userAgent"),
    };
    event.user_agent = event.user_agent.or(agent);
    let client = match is_of_domain {
        true => client(&mut record, Details, "clientIp").or_else(|| client(&mut record, Identity, "ipAddress")),
        false => client(&mut record, Identity, "ipAddress"),
    };
    if let Some(client) = &client {
        record.take_if(Identity, "ipAddress", |other| other == client.ip);
    }
    let beside = match &event.message {
        Some(_) => said.text,
        None => {
            event.message = said.text;
            None
        }
    };
    // What the two envelopes call, or place, in different ways.
    let renamed = [
        ("message", beside),
        ("response.message", said.other),
        ("eventType", kind),
        (
            "eventTypeVersion",
            record.take_any(Envelope, &["eventTypeVersion", "dataschema"]),
        ),
        ("source", source),
    ];
    event.attributes = record.rest(is_of_domain);
    let renamed = renamed
        .into_iter()
        .filter_map(|(name, text)| Some((name.into(), text?)));
    event.attributes.extend(renamed);
    if let Some(client) = client {
        event.came_from(client);
    }
    event.attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Some(event))
}

/// The event as the identity domain that wrote it tells it.
fn of_domain<'r>(record: &mut AuditRecord<'r>, time: Timestamp, ended: Outcome) -> Event<'r> {
    let action = record.take(Details, "eventId");
    let id = action.as_deref().unwrap_or_default();
    let (_, _, about) = activity::read(id);
    let told = DomainEvent::read(
        id,
        &mut DomainMembers {
            record: &mut *record,
            is_about_account: about == AffectedParty::Account,
        },
    );
    // What the id does not say, the answer may.
    let outcome = match told.outcome {
        Outcome::Unknown => ended,
        outcome => outcome,
    };
    let mut event = Event::new(time, told.activity, outcome, told.subject);
    event.actor = told.actor;
    event.target = told.target;
    event.code = record.take(Details, "reasonValue");
    event.message = record.take(Details, "message");
    event.service = record.take(Details, "serviceName");
    event.session = record.take(Details, "ssoSessionId");
    event.user_agent = record.take(Details, "ssoUserAgent");
    event.labels = labels(told.label, outcome, told.is_about_group);
    event.action = action;
    // Whoever signed the call that led to it, where that is no other.
    let acted = event.actor.as_ref().unwrap_or(&event.subject);
    record.take_if(Identity, "principalName", |name| name == acted.name);
    event
}

/// The event as its type and its call tell it, where no identity domain does.
fn of_operation<'r>(
    record: &mut AuditRecord<'r>,
    time: Timestamp,
    ended: Outcome,
    operation: ApiOperation,
    method: &str,
) -> Event<'r> {
    let action = record
        .take(Data, "eventName")
        .or_else(|| (!method.is_empty()).then(|| method.to_owned().into()));
    let parties = OperationParties::of(operation, action.as_deref().unwrap_or_default(), ended, record);
    let mut event = Event::new(time, parties.activity, ended, parties.subject);
    event.actor = parties.actor;
    event.target = parties.target;
    event.code = parties.code;
    event.labels = labels(activity::label(parties.activity), ended, false);
    event.action = action;
    event
}

/// The time of the event: as the envelope says, or as Logging Search does beside it.
fn time(record: &mut AuditRecord<'_>) -> Result<Timestamp, Reason> {
    let text = record
        .take_any(Envelope, &["eventTime", "time"])
        .or_else(|| record.take(Data, "datetime"))
        .or_else(|| record.take(Envelope, "datetime"))
        .ok_or("the event has no time")?;
    Ok(time::parse(&text)?)
}

/// The sentences that an event says of itself.
struct EventMessage<'r> {
    text: Option<Cow<'r, str>>,
    /// The sentence of the answer, where it is another one.
    other: Option<Cow<'r, str>>,
}

/// The sentence stands in `data.message`, or in the answer; earlier events had it there.
fn message<'r>(record: &mut AuditRecord<'r>) -> EventMessage<'r> {
    let mut take = |part| record.take(part, "message").and_then(trimmed);
    match (take(Data), take(Response)) {
        (Some(text), other) => EventMessage {
            other: other.filter(|other| *other != text),
            text: Some(text),
        },
        (None, text) => EventMessage { text, other: None },
    }
}

/// A text without the blanks around it; none where there is nothing else.
fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let trimmed = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!trimmed.is_empty()).then_some(trimmed)
}

/// The outcome of a call: by the status of its answer, else by the sentence that ends in `succeeded` or tells of what failed.
fn outcome(status: Option<&str>, said: Option<&str>) -> Outcome {
    match status.unwrap_or_default().as_bytes() {
        [b'2' | b'3', b'0'..=b'9', b'0'..=b'9'] => return Outcome::Success,
        [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] => return Outcome::Failure,
        _ => {}
    }
    let said = said.unwrap_or_default().to_ascii_lowercase();
    if said.ends_with("succeeded") {
        Outcome::Success
    } else if said.ends_with("failed") || said.contains(" failed ") {
        Outcome::Failure
    } else {
        Outcome::Unknown
    }
}

/// The client that a member tells of. What says more than the address, or says it in another way, stays.
fn client<'r>(record: &mut AuditRecord<'r>, part: RecordPart, name: &str) -> Option<Client<'r>> {
    let text = record.get(part, name)?;
    let Client { ip, port, is_all } = Client::of(&text)?;
    if is_all {
        return Some(Client {
            ip: record.take(part, name)?,
            port: None,
            is_all,
        });
    }
    Some(Client {
        ip: ip.into_owned().into(),
        port: port.map(|port| port.into_owned().into()),
        is_all,
    })
}
