//! The events of an audit log, as far as they are looked at: their times, and whose they are.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::identity_domain::domain_id::DomainId;
use crate::identity_domain::newest_event::NewestEvent;

/// The kinds of sign-ons from before there were domains begin so.
const SIGN_ON: &str = "com.oraclecloud.identitysignon.";

/// The number of events in an answer of Logging Search.
pub(super) fn searched_events(body: &[u8]) -> serde_json::Result<usize> {
    #[derive(Deserialize)]
    struct ResultCount {
        results: Vec<IgnoredAny>,
    }
    serde_json::from_slice::<ResultCount>(body).map(|count| count.results.len())
}

/// The number of events in an answer of ListEvents.
pub(super) fn listed_events(body: &[u8]) -> serde_json::Result<usize> {
    serde_json::from_slice::<Vec<IgnoredAny>>(body).map(|events| events.len())
}

/// The newest of some events that are the domain's.
pub(super) fn newest(events: serde_json::Result<Vec<LoggedEvent>>, domain: &DomainId, since: Timestamp) -> NewestEvent {
    let Ok(events) = events else {
        return NewestEvent::Unknown("the events of the answer cannot be read".to_owned());
    };
    let times = events.iter().filter(|event| event.is_of(domain)).map(LoggedEvent::time);
    match times.max() {
        None => NewestEvent::NoneSince(since),
        Some(None) => NewestEvent::Unknown("the time of the newest event cannot be read".to_owned()),
        Some(Some(time)) => NewestEvent::At(time),
    }
}

/// The answer of Logging Search.
#[derive(Deserialize)]
pub(super) struct SearchAnswer {
    results: Vec<SearchResult>,
}

#[derive(Deserialize)]
struct SearchResult {
    data: SearchData,
}

#[derive(Deserialize)]
struct SearchData {
    #[serde(rename = "logContent")]
    content: LoggedEvent,
}

impl SearchAnswer {
    /// The events of the answer, without their envelopes.
    pub(super) fn events(self) -> Vec<LoggedEvent> {
        self.results.into_iter().map(|result| result.data.content).collect()
    }
}

/// An event in either envelope, as far as it is looked at.
#[derive(Deserialize, Default)]
pub(super) struct LoggedEvent {
    #[serde(alias = "eventType", rename = "type", default)]
    kind: Option<String>,
    #[serde(alias = "eventTime", default)]
    time: Option<String>,
    #[serde(default)]
    data: Option<LoggedData>,
}

#[derive(Deserialize)]
struct LoggedData {
    #[serde(rename = "additionalDetails", default)]
    details: Option<LoggedDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedDetails {
    #[serde(default)]
    event_id: Option<String>,
    #[serde(default)]
    domain_id: Option<String>,
    #[serde(default)]
    domain_name: Option<String>,
}

impl LoggedEvent {
    fn time(&self) -> Option<Timestamp> {
        self.time.as_deref()?.parse().ok()
    }

    /// True of an event of that domain; of any, where nothing is known of the domain.
    fn is_of(&self, domain: &DomainId) -> bool {
        let details = self.data.as_ref().and_then(|data| data.details.as_ref());
        let same = |known: &Option<String>, said: Option<&String>| known.is_some() && known.as_ref() == said;
        if domain.ocid.is_none() && domain.name.is_none() {
            let kind = self.kind.as_deref().unwrap_or_default().to_ascii_lowercase();
            return details.is_some_and(|details| details.event_id.is_some()) || kind.starts_with(SIGN_ON);
        }
        same(&domain.ocid, details.and_then(|details| details.domain_id.as_ref()))
            || same(&domain.name, details.and_then(|details| details.domain_name.as_ref()))
    }
}
