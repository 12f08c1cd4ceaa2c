//! A page of audit events: which matches are on it, in which order.

use std::ops::Range;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::event::event;
use super::index::MatchIndex;
use super::query::{AuditQuery, QueryRefusal, bad};
use super::selection::Selection;
use crate::answer::Caller;
use crate::filter::values;
use crate::history::PastEvent;
use crate::scenario::{Scenario, Totals};
use crate::site::AppState;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Matches between two marks of an index.
const MARK: u64 = 256;
/// More matches than this are sorted by time only.
const SORTABLE: u64 = 10_000;

/// The answer to a query, as a SCIM list.
pub(super) fn look(
    site: &AppState,
    caller: &Caller,
    query: Result<AuditQuery, QueryRefusal>,
) -> Result<Value, QueryRefusal> {
    let query = query?;
    let paging = &site.scenario.paging;
    if query.filter.is_none() && paging.filter_required {
        let detail = "The method requires a filter, which was not provided.".to_owned();
        return Err((StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    if query.sort_by.is_some() && paging.refuse_sort {
        return Err(bad("sortBy is not supported.".to_owned()));
    }
    let selection = Selection::new(&query, site)?;
    let mut page = page(site, &query, &selection, &caller.base)?;
    if paging.silent {
        page = MatchPage {
            total: 0,
            occurrences: Vec::new(),
        };
    }
    if paging.gaps && page.occurrences.len() > 2 {
        page.occurrences.remove(page.occurrences.len() / 2);
    }
    let number = (query.start - 1) / query.count.max(1);
    let total = match paging.totals {
        Totals::Steady => page.total,
        Totals::Growing => page.total.saturating_add(number),
        Totals::Shrinking => page.total.saturating_sub(number),
        Totals::Page => page.occurrences.len() as u64,
        Totals::Zero => 0,
        Totals::Larger if page.total > 0 => page.total.saturating_add(7),
        Totals::Larger => 0,
    };
    let resources: Vec<Value> = page
        .occurrences
        .iter()
        .map(|occurrence| only(&query.attributes, event(site, occurrence, &caller.base)))
        .collect();
    Ok(json!({
        "schemas": [LIST], "totalResults": total, "Resources": resources, "startIndex": query.start,
        "itemsPerPage": if paging.lies { 7 } else { query.count },
    }))
}

/// The attributes that were asked for, and the id; all of them where nothing was.
fn only(attributes: &[String], resource: Value) -> Value {
    match resource {
        Value::Object(members) if !attributes.is_empty() => members
            .into_iter()
            .filter(|(name, _)| {
                let name = name.to_lowercase();
                name == "id"
                    || attributes
                        .iter()
                        .any(|wanted| wanted.split('.').next() == Some(name.as_str()))
            })
            .collect(),
        other => other,
    }
}

/// One page of matches.
struct MatchPage {
    total: u64,
    occurrences: Vec<PastEvent>,
}

fn page(site: &AppState, query: &AuditQuery, selection: &Selection, base: &str) -> Result<MatchPage, QueryRefusal> {
    let (start, count) = misplaced(query, &site.scenario);
    let by_time = matches!(
        query.sort_by.as_deref(),
        None | Some("timestamp" | "meta.created" | "meta.lastmodified")
    );
    let index = (!selection.is_whole()).then(|| index(site, query, selection, base));
    let total = match &index {
        Some(index) => index.total,
        None => u64::try_from(selection.range.end - selection.range.start).unwrap_or(0),
    };
    let first = (start - 1).min(total);
    let last = first.saturating_add(count).min(total);
    if let (false, Some(attribute)) = (by_time, &query.sort_by) {
        let all = ascending(site, selection, index.as_deref(), 0..total.min(SORTABLE + 1), base);
        let occurrences = sorted(site, all, attribute, query.descending, base)?;
        let skip = usize::try_from(first).unwrap_or(usize::MAX);
        let take = usize::try_from(last - first).unwrap_or(0);
        return Ok(MatchPage {
            total,
            occurrences: occurrences.into_iter().skip(skip).take(take).collect(),
        });
    }
    let wanted = if query.descending {
        total - last..total - first
    } else {
        first..last
    };
    let mut occurrences = ascending(site, selection, index.as_deref(), wanted, base);
    if query.descending {
        occurrences.reverse();
    }
    Ok(MatchPage { total, occurrences })
}

/// The page that a server with a fault gives instead of the one that was asked for: first match, from 1, and count.
fn misplaced(query: &AuditQuery, scenario: &Scenario) -> (u64, u64) {
    let paging = &scenario.paging;
    let count = if paging.short_pages {
        query.count.div_ceil(2)
    } else {
        query.count
    };
    let start = if paging.repeats && query.start > 1 {
        query.start - 1
    } else {
        query.start
    };
    (start, count)
}

fn index(site: &AppState, query: &AuditQuery, selection: &Selection, base: &str) -> Arc<MatchIndex> {
    let text = query.filter.as_deref().unwrap_or_default();
    if let Some(index) = site.indexes().get(text, &selection.range) {
        return index;
    }
    let mut index = MatchIndex {
        total: 0,
        marks: Vec::new(),
    };
    for position in selection.range.clone() {
        if selection.matches(site.resources(), &site.history.at(position), base) {
            if index.total.is_multiple_of(MARK) {
                index.marks.push(position);
            }
            index.total += 1;
        }
    }
    let index = Arc::new(index);
    site.indexes().put(text, &selection.range, Arc::clone(&index));
    index
}

/// The matches numbered so, in order of time.
fn ascending(
    site: &AppState,
    selection: &Selection,
    index: Option<&MatchIndex>,
    wanted: Range<u64>,
    base: &str,
) -> Vec<PastEvent> {
    let count = usize::try_from(wanted.end.saturating_sub(wanted.start)).unwrap_or(0);
    let Some(index) = index else {
        let first = selection.range.start.saturating_add_unsigned(wanted.start);
        return (first..selection.range.end)
            .take(count)
            .map(|position| site.history.at(position))
            .collect();
    };
    let mark = usize::try_from(wanted.start / MARK).unwrap_or(usize::MAX);
    let Some(from) = index.marks.get(mark) else {
        return Vec::new();
    };
    (*from..selection.range.end)
        .map(|position| site.history.at(position))
        .filter(|occurrence| selection.matches(site.resources(), occurrence, base))
        .skip(usize::try_from(wanted.start % MARK).unwrap_or(0))
        .take(count)
        .collect()
}

fn sorted(
    site: &AppState,
    occurrences: Vec<PastEvent>,
    attribute: &str,
    descending: bool,
    base: &str,
) -> Result<Vec<PastEvent>, QueryRefusal> {
    if u64::try_from(occurrences.len()).unwrap_or(u64::MAX) > SORTABLE {
        return Err(bad(format!(
            "More than {SORTABLE} resources can be sorted by timestamp only."
        )));
    }
    let key = |occurrence: &PastEvent| {
        let resource = site.resources().resource(occurrence, base);
        values(&resource, attribute)
            .first()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_lowercase))
    };
    let mut keyed: Vec<_> = occurrences
        .into_iter()
        .map(|occurrence| (key(&occurrence), occurrence))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| if descending { b.cmp(a) } else { a.cmp(b) });
    Ok(keyed.into_iter().map(|(_, occurrence)| occurrence).collect())
}
