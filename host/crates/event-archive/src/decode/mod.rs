//! From a record back to its event: [`EventDecoder`].
//!
//! Each encoding has a mapping of its own, the reverse of the one that `event` writes by. What an encoding does not tell is tried:
//! whether the service was named by the event or is its connection's host, and which of several activities of one class it was. An
//! id that this program derived is a digest of the whole event, and so proves which of the tries is the event that it was made of.

mod ecs;
mod flat;
mod ocsf;

use std::collections::BTreeMap;
use std::sync::Arc;

use event::id::Ids;
use event::{Activity, Collected, Correlation, Encoding, Event, Outcome, PrincipalKind, Product, Provenance};
use jiff::Timestamp;

use crate::error::Unreadable;
use crate::json::Json;
use crate::record::{ArchivedRecord, RecordContent, encoding_of};
use crate::tabular;

/// Identical rows of one report before an event, as many as are tried to recognise a derived id.
const IDENTICAL_ROWS: u64 = 64;

/// Reports whose source gives every event its id.
const WITH_IDS: [&str; 2] = ["audit-events", "oci-audit"];
/// Reports whose events have ids that this program derives.
const WITHOUT_IDS: [&str; 5] = [
    "invalid-login",
    "user-login",
    "user-audit",
    "role-assignment-audit",
    "group-assignment-audit",
];

/// Whence the ids of events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdOrigin {
    /// The source gives them.
    Source,
    /// Ids that this program derives.
    Derived,
}

/// Makes events of records.
#[derive(Debug, Clone, Default)]
pub struct EventDecoder {
    hosts: BTreeMap<String, String>,
    ids: Option<IdOrigin>,
    report: Option<String>,
}

/// An event as it was before it was written, as far as the file tells.
#[derive(Debug, Clone)]
pub struct DecodedEvent {
    /// The event.
    pub event: Event,
    /// The origin that its record tells of.
    pub provenance: Arc<Provenance>,
    /// Other events that would have been written just so.
    alternatives: Vec<Event>,
}

/// The readings of a mapping, before anything is tried.
struct EventDraft {
    event: Event,
    report: String,
    connection: String,
    tenant: Option<String>,
    product: Product,
    /// The name of the service.
    service: String,
    /// True where the event itself named its service; none where the encoding does not tell.
    names_service: Option<bool>,
    /// The activities that it may have been; the first is as good as any other.
    activities: Vec<Activity>,
}

impl DecodedEvent {
    /// True where a receiver of that encoding gets what it would have got when the event was collected: false where the file's
    /// encoding left out what tells this event from others, and the receiver's has it.
    pub fn is_certain_in(&self, encoding: Encoding) -> bool {
        if self.alternatives.is_empty() {
            return true;
        }
        let written = |event: &Event| {
            let mut out = Vec::new();
            encoding.write(event, &self.provenance, &mut out);
            out
        };
        let own = written(&self.event);
        self.alternatives.iter().all(|other| written(other) == own)
    }
}

impl EventDecoder {
    /// A decoder that knows a connection's host: the service of events that named none.
    #[must_use]
    pub fn with_host(mut self, connection: &str, host: &str) -> EventDecoder {
        self.hosts.insert(connection.to_owned(), host.to_owned());
        self
    }

    /// A decoder that is told whence ids come, where no event proves it.
    #[must_use]
    pub fn with_ids(self, ids: Option<IdOrigin>) -> EventDecoder {
        EventDecoder { ids, ..self }
    }

    /// A decoder that is told the report's name, for records that tell it only with underscores.
    #[must_use]
    pub fn with_report(self, report: Option<String>) -> EventDecoder {
        EventDecoder { report, ..self }
    }

    /// The event of a record.
    ///
    /// # Errors
    ///
    /// Where the record is none of this program's, or the event, written again, is not what stands there.
    pub fn decode(&self, record: &ArchivedRecord) -> Result<DecodedEvent, Unreadable> {
        let nested;
        let (encoding, object) = match &record.content {
            RecordContent::Foreign(problem) => return Err(Unreadable::Foreign(problem.clone())),
            RecordContent::Object(object) => {
                let encoding = encoding_of(object);
                let foreign = || Unreadable::Foreign("it has the members of no encoding".into());
                (encoding.ok_or_else(foreign)?, object)
            }
            RecordContent::Cells {
                encoding,
                columns,
                cells,
                ..
            } => {
                nested = tabular::nested(columns, cells);
                (*encoding, &nested)
            }
        };
        let draft = match encoding {
            Encoding::Ocsf => ocsf::draft(object)?,
            Encoding::Ecs => ecs::draft(object, self.report.as_deref())?,
            Encoding::Event => flat::draft(object)?,
        };
        self.settle(draft, encoding, record)
    }

    /// Tries what the encoding does not tell.
    fn settle(
        &self,
        draft: EventDraft,
        encoding: Encoding,
        record: &ArchivedRecord,
    ) -> Result<DecodedEvent, Unreadable> {
        let host = self.hosts.get(&draft.connection);
        let named = match draft.names_service {
            Some(named) => vec![named],
            None if host == Some(&draft.service) => vec![false, true],
            // Where the host is not known it may be the service.
            None => vec![true, false],
        };
        let mut tries = Vec::new();
        for named in named {
            for activity in &draft.activities {
                let service = named.then(|| draft.service.clone());
                tries.push(Event {
                    activity: *activity,
                    service,
                    ..draft.event.clone()
                });
            }
        }
        let proven = proven(&draft, &mut tries);
        let derived = match (proven, self.ids) {
            (Some(_), _) => true,
            (None, _) if !is_digest(draft.event.id.as_deref()) => false,
            (None, Some(origin)) => origin == IdOrigin::Derived,
            (None, None) if WITH_IDS.contains(&draft.report.as_str()) => false,
            (None, None) if WITHOUT_IDS.contains(&draft.report.as_str()) => true,
            (None, None) => return Err(Unreadable::Id { report: draft.report }),
        };
        let mut first = None;
        let mut alternatives = Vec::new();
        let mut problem = None;
        let tries: Vec<Event> = match proven {
            Some(place) => tries.into_iter().skip(place).take(1).collect(),
            None => tries,
        };
        for mut event in tries {
            event.id_is_derived = derived;
            let service = match (&event.service, host) {
                (None, _) | (Some(_), None) => draft.service.clone(),
                (Some(_), Some(host)) => host.clone(),
            };
            let provenance = Provenance::new(&*draft.report, &*draft.connection, service, draft.product.clone())
                .of_tenant(draft.tenant.clone());
            match held(encoding, record, &event, &provenance) {
                Err(different) => problem = problem.or(Some(different)),
                Ok(()) => match first {
                    None => first = Some((event, provenance)),
                    // Another host is no other event; only what it was is.
                    Some((ref chosen, _)) if event.activity != chosen.activity && event.service == chosen.service => {
                        alternatives.push(event);
                    }
                    Some(_) => {}
                },
            }
        }
        match (first, problem) {
            (Some((event, provenance)), _) => Ok(DecodedEvent {
                event,
                provenance: Arc::new(provenance),
                alternatives,
            }),
            (None, Some(problem)) => Err(problem),
            (None, None) => Err(Unreadable::Foreign("its class and activity are of no event".into())),
        }
    }
}

/// The place of the try that its id is a digest of.
fn proven(draft: &EventDraft, tries: &mut [Event]) -> Option<usize> {
    let id = draft.event.id.as_deref().filter(|id| is_digest(Some(id)))?;
    let mut ids = Ids::new(&draft.report, &draft.connection);
    let mut proves = |event: &mut Event, before| {
        event.id = None;
        let made = ids.assign_nth(event, before).is_ok() && event.id.as_deref() == Some(id);
        event.id = Some(id.to_owned());
        made
    };
    (0..IDENTICAL_ROWS).find_map(|before| tries.iter_mut().position(|event| proves(event, before)))
}

/// True where an id looks like a derived one.
fn is_digest(id: Option<&str>) -> bool {
    id.is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// Writes the event again, and holds it against the record.
fn held(encoding: Encoding, record: &ArchivedRecord, event: &Event, provenance: &Provenance) -> Result<(), Unreadable> {
    match &record.content {
        RecordContent::Cells {
            columns, cells, form, ..
        } => tabular::compare(encoding, columns, cells, *form, event, provenance),
        RecordContent::Object(there) => {
            let mut written = Vec::new();
            encoding.write(event, provenance, &mut written);
            if written == record.raw {
                return Ok(());
            }
            let now: Json = match serde_json::from_slice(&written) {
                Ok(now) => now,
                Err(_) => return Err(Unreadable::member("", "cannot be compared")),
            };
            let now = match encoding {
                Encoding::Event => flat::as_before(now, there),
                Encoding::Ocsf | Encoding::Ecs => now,
            };
            match there.difference(&now, "") {
                Some(member) => Err(Unreadable::Different { member }),
                None => Ok(()),
            }
        }
        RecordContent::Foreign(problem) => Err(Unreadable::Foreign(problem.clone())),
    }
}

/// The text at a path, which every event has; an empty one where a format cannot tell it from none.
fn needed(object: &Json, path: &str) -> String {
    object.owned(path).unwrap_or_default()
}

/// The time at a path, in RFC 3339 or in milliseconds.
fn time(object: &Json, path: &str) -> Result<Option<i64>, Unreadable> {
    match object.at(path) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(ms)) => Ok(Some(*ms)),
        Some(Json::Text(text)) => match text.parse::<Timestamp>() {
            Ok(time) => Ok(Some(time.as_millisecond())),
            Err(_) => Err(Unreadable::member(path, "is not a time")),
        },
        Some(_) => Err(Unreadable::member(path, "is not a time")),
    }
}

/// The time of an event.
fn time_of(object: &Json, path: &str) -> Result<i64, Unreadable> {
    time(object, path)?.ok_or_else(|| Unreadable::member(path, "is missing"))
}

/// The time at which an event was collected.
fn collected(object: &Json, path: &str) -> Result<Option<Collected>, Unreadable> {
    Ok(time(object, path)?.map(Collected::at))
}

/// The name of a sign-in.
fn correlation(object: &Json, path: &str) -> Result<Option<Correlation>, Unreadable> {
    match object.text(path) {
        None => Ok(None),
        Some(text) => match serde_json::from_value(serde_json::Value::from(text)) {
            Ok(correlation) => Ok(Some(correlation)),
            Err(_) => Err(Unreadable::member(path, "is not 32 hexadecimal digits")),
        },
    }
}

/// The outcome of that name.
fn outcome_of(name: &str) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)
}

/// The kind of principal of that name.
fn kind_of(name: Option<&str>) -> PrincipalKind {
    let found = PrincipalKind::ALL.into_iter().find(|kind| Some(kind.name()) == name);
    found.unwrap_or_default()
}

/// Takes the last value of that name from attributes: a field without a place of its own stands behind all attributes.
fn take(attributes: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let place = attributes.iter().rposition(|(known, _)| known == name)?;
    Some(attributes.remove(place).1)
}

/// Puts the attributes of a request back that have a place elsewhere.
fn put_back(attributes: &mut Vec<(String, String)>, name: &str, value: Option<String>) {
    if let Some(value) = value {
        attributes.push((name.to_owned(), value));
    }
}
