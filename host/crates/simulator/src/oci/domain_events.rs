//! The events of the identity domain, by the ids that its two sources have for it.

use jiff::Timestamp;

use super::log::EntryKind;
use super::records;
use crate::resource::Resources;
use crate::site::AppState;

/// Something that happened in the identity domain, whichever source still tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainEventIds {
    /// The time that both sources give it.
    pub time: Timestamp,
    /// The id of the event's kind, such as `sso.session.create.success`.
    pub event_id: &'static str,
    /// The id of the resource in `AuditEvents`.
    pub audit_events: String,
    /// The id of the event in OCI Audit.
    pub oci_audit: String,
}

/// All that happened in a period, in ms, in order.
pub(crate) fn between(site: &AppState, from: i64, to: i64) -> Vec<DomainEventIds> {
    let (log, resources) = (site.tenancy_log(), site.resources());
    let entries = log.happened(from, to).map(|index| log.entry(index));
    entries
        .filter(|entry| (from..to).contains(&entry.time))
        .filter_map(|entry| {
            let EntryKind::Domain(event) = &entry.kind else {
                return None;
            };
            Some(DomainEventIds {
                time: Timestamp::from_millisecond(entry.time).ok()?,
                event_id: Resources::event_id(event),
                audit_events: resources.id(event.position),
                oci_audit: records::event_id(site, &entry),
            })
        })
        .collect()
}
