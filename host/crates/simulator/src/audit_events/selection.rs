use std::cell::OnceCell;
use std::ops::Range;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::query::{AuditQuery, QueryRefusal, bad};
use crate::filter::{ScimFilter, ScimOperator, values};
use crate::history::{DAY, PastEvent};
use crate::lateness::lateness;
use crate::resource::{Resources, SEARCHABLE, written};
use crate::site::AppState;

/// The matches of a filter among the positions of a range.
pub(super) struct Selection {
    pub(super) range: Range<i64>,
    /// The rest of the filter, which the range does not say already.
    rest: Option<ScimFilter>,
    /// Events that are not stored yet.
    unstored: Option<Unstored>,
}

/// Events that are stored after their time.
struct Unstored {
    /// Up to here events are stored, in ms.
    stored: i64,
    /// Every Nth is stored late.
    every: u64,
}

impl Unstored {
    /// True where an event of this time is still to be stored, or never will be.
    fn hides(&self, time: i64) -> bool {
        lateness(time, self.every).is_some_and(|late| time + late > self.stored)
    }
}

impl Selection {
    pub(super) fn new(query: &AuditQuery, site: &AppState) -> Result<Self, QueryRefusal> {
        let history = &site.history;
        let oldest = site.today() - i64::from(site.scenario.retention_days) * DAY;
        let paging = &site.scenario.paging;
        let limit = |time: Option<Timestamp>| time.map_or(i64::MAX, Timestamp::as_millisecond);
        let stored = limit(paging.stores_until).min(site.now());
        let newest = limit(paging.silent_since).min(stored);
        let unstored = site.scenario.stored_late.map(|every| Unstored { stored, every });
        let mut range = history.position_at(oldest)..history.position_at(newest.max(oldest));
        let Some(text) = &query.filter else {
            return Ok(Self {
                range,
                rest: None,
                unstored,
            });
        };
        let filter = ScimFilter::parse(text).map_err(|error| bad(format!("The filter is invalid: {error}.")))?;
        for attribute in filter.attributes() {
            let known = SEARCHABLE.contains(&attribute.as_str())
                || ["meta.", "idcscreatedby.", "idcslastmodifiedby."]
                    .iter()
                    .any(|parent| attribute.starts_with(parent));
            if !known {
                return Err(bad(format!("The attribute {attribute} is not searchable.")));
            }
        }
        if site.scenario.paging.refuse_event_id && filter.attributes().iter().any(|name| name == "eventid") {
            return Err(bad("The attribute eventId is not searchable.".to_owned()));
        }
        let parts = match filter {
            ScimFilter::And(parts) => parts,
            other => vec![other],
        };
        let mut rest = Vec::new();
        for part in parts {
            match bounds(&part) {
                Some((from, to)) => {
                    range.start = range.start.max(history.position_at(from));
                    range.end = range.end.min(history.position_at(to));
                }
                None => rest.push(part),
            }
        }
        range.end = range.end.max(range.start);
        Ok(Self {
            range,
            rest: (!rest.is_empty()).then_some(ScimFilter::And(rest)),
            unstored,
        })
    }

    /// True where every position of the range matches.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none() && self.unstored.is_none()
    }

    pub(super) fn matches(&self, resources: Resources, occurrence: &PastEvent, base: &str) -> bool {
        if self
            .unstored
            .as_ref()
            .is_some_and(|unstored| unstored.hides(occurrence.time))
        {
            return false;
        }
        let Some(filter) = &self.rest else { return true };
        let whole = OnceCell::new();
        filter.matches(&|attribute| match attribute {
            "eventid" => vec![json!(Resources::event_id(occurrence))],
            "timestamp" => vec![json!(written(occurrence.time))],
            other => values(whole.get_or_init(|| resources.resource(occurrence, base)), other),
        })
    }
}

/// The times in ms, first and past the last, that a part of a filter allows, where it is about the time alone.
fn bounds(part: &ScimFilter) -> Option<(i64, i64)> {
    let ScimFilter::Compare(path, operator, Value::String(literal)) = part else {
        return None;
    };
    let time: Timestamp = (path == "timestamp").then(|| literal.parse().ok()).flatten()?;
    let floor = time.as_nanosecond().div_euclid(1_000_000);
    let floor = i64::try_from(floor).ok()?;
    let ceiling = floor + i64::from(time.as_nanosecond().rem_euclid(1_000_000) > 0);
    match operator {
        ScimOperator::GreaterOrEqual => Some((ceiling, i64::MAX / 4)),
        ScimOperator::Greater => Some((floor + 1, i64::MAX / 4)),
        ScimOperator::Less => Some((i64::MIN / 4, ceiling)),
        ScimOperator::LessOrEqual => Some((i64::MIN / 4, floor + 1)),
        _ => None,
    }
}
