//! An entry of the audit log, written out in one of its two envelopes: CloudEvents 0.1 as ListEvents has it, 1.0 as the search of
//! logs has it. The id is the same in both.

use serde_json::{Value, json};

use super::audit_record::{PlayedAuditRecord, guid, second};
use super::log::{EntryKind, LogEntry};
use super::{api_calls, identity};
use crate::resource::{Resources, written};
use crate::site::AppState;

/// The id of an entry's event.
pub(super) fn event_id(site: &AppState, entry: &LogEntry) -> String {
    // By what happened, so that other API calls in between leave the ids of the domain's events alone.
    let (place, kind) = match entry.kind {
        EntryKind::Domain(event) => (event.position, 0),
        EntryKind::ApiCall(_) => (entry.index, 1),
    };
    guid(&[site.scenario.seed, 30, place.cast_unsigned(), kind])
}

/// The `additionalDetails.eventId` of an entry, cheaper than the event; none for what is not the identity domain's.
pub(super) fn domain_event_id(entry: &LogEntry) -> Option<&'static str> {
    match &entry.kind {
        EntryKind::Domain(event) => Some(Resources::event_id(event)),
        EntryKind::ApiCall(_) => None,
    }
}

/// The OCID of the compartment that an entry is in.
pub(super) fn compartment<'s>(site: &'s AppState, entry: &LogEntry) -> &'s str {
    let oci = &site.scenario.oci;
    match entry.kind {
        EntryKind::Domain(_) => oci.domain_compartment(),
        EntryKind::ApiCall(number) => api_calls::compartment(number, oci),
    }
}

fn record(site: &AppState, entry: &LogEntry, base: &str) -> PlayedAuditRecord {
    let oci = &site.scenario.oci;
    let mut record = match &entry.kind {
        EntryKind::Domain(event) => {
            let places = (oci.tenancy.as_str(), oci.domain_compartment());
            identity::record(site.resources(), entry, event, places, base)
        }
        EntryKind::ApiCall(number) => api_calls::record(entry, *number, site.scenario.seed, oci),
    };
    let details = record.data.get_mut("additionalDetails").and_then(Value::as_object_mut);
    if let Some(details) = details.filter(|_| oci.padding > 0) {
        details.insert("padding".to_owned(), "x".repeat(oci.padding).into());
    }
    record
}

/// An entry in the envelope of ListEvents.
pub(super) fn listed(site: &AppState, entry: &LogEntry, base: &str) -> Value {
    let mut record = record(site, entry, base);
    if let Some(response) = record.data.get_mut("response").and_then(Value::as_object_mut) {
        response.insert("message".to_owned(), json!(record.message));
    }
    json!({
        "eventType": record.event_type, "cloudEventsVersion": "0.1", "eventTypeVersion": "2.0", "source": record.source,
        "eventId": event_id(site, entry), "eventTime": second(entry.time, entry.whole_second),
        "contentType": "application/json", "data": record.data,
    })
}

/// An entry in the envelope of the search of logs.
pub(super) fn logged(site: &AppState, entry: &LogEntry, base: &str) -> Value {
    let mut record = record(site, entry, base);
    if let Some(data) = record.data.as_object_mut() {
        data.insert("message".to_owned(), json!(record.message));
    }
    json!({
        "type": record.event_type, "specversion": "1.0", "dataschema": "2.0", "source": record.source,
        "id": event_id(site, entry), "time": second(entry.time, entry.whole_second),
        "oracle": {
            "compartmentid": record.compartment, "ingestedtime": written(entry.processed), "loggroupid": "_Audit",
            "tenantid": site.scenario.oci.tenancy,
        },
        "data": record.data,
    })
}
