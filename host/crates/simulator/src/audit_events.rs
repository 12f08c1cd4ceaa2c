//! `AuditEvents` of an identity domain: filtered, sorted, page by page, with flat memory however many there are.
//!
//! A [`Query`] is narrowed to a range of positions by what its filter says about `timestamp`; where nothing else is
//! left of the filter, counting and jumping to a page are arithmetic. Otherwise the matches are counted once, and an
//! [`Index`] of every so manieth one is kept for the pages to come.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{self, Caller};
use super::chance::mix;
use super::filter::{Filter, Operator, values};
use super::history::{DAY, Occurrence};
use super::resource::{Resources, SCHEMA, SEARCHABLE, written};
use super::scenario::{Scenario, Totals};
use super::site::AppState;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const PATH: &str = "/admin/v1/AuditEvents";

/// Resources on a page where the query does not say.
const DEFAULT_COUNT: u64 = 50;
/// Matches between two marks of an index.
const MARK: u64 = 256;
/// More matches than this are sorted by time only.
const SORTABLE: u64 = 10_000;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Query {
    filter: Option<String>,
    sort_by: Option<String>,
    descending: bool,
    /// From 1.
    start: u64,
    count: u64,
    attributes: Vec<String>,
}

/// What a query is refused with: the HTTP status and why.
type Refused = (StatusCode, String);

impl Query {
    /// From a query string.
    fn from_url(query: Option<&str>, scenario: &Scenario) -> Result<Self, Refused> {
        let mut members = serde_json::Map::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            members.insert(name.into_owned(), Value::String(value.into_owned()));
        }
        Self::read(&Value::Object(members), scenario)
    }

    /// From the body of a `.search` or, all texts, from a query string.
    fn read(members: &Value, scenario: &Scenario) -> Result<Self, Refused> {
        let text = |name: &str| {
            members
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let number = |name: &str, default: i64| match members.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::String(text)) => text.parse().map_err(|_| bad(format!("{name} is not a number."))),
            Some(value) => value.as_i64().ok_or_else(|| bad(format!("{name} is not a number."))),
        };
        let default = i64::try_from(DEFAULT_COUNT).unwrap_or(50);
        let count = Some(number("count", default)?)
            .filter(|count| *count >= 0)
            .unwrap_or(default);
        let attributes = match members.get("attributes") {
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_lowercase))
                .collect(),
            Some(Value::String(names)) => names.split(',').map(|name| name.trim().to_lowercase()).collect(),
            _ => Vec::new(),
        };
        let descending = match text("sortOrder") {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(bad("sortOrder is ascending or descending.".to_owned())),
        };
        Ok(Self {
            filter: text("filter").map(str::to_owned),
            sort_by: text("sortBy").map(str::to_lowercase),
            descending,
            start: u64::try_from(number("startIndex", 1)?).unwrap_or(1).max(1),
            count: u64::try_from(count)
                .unwrap_or(DEFAULT_COUNT)
                .min(scenario.paging.max_count),
            attributes,
        })
    }
}

fn bad(detail: String) -> Refused {
    (StatusCode::BAD_REQUEST, detail)
}

/// The matches of a filter among the positions of a range.
struct Selection {
    range: Range<i64>,
    /// What the range does not say already.
    rest: Option<Filter>,
    /// What is not stored yet.
    unstored: Option<Unstored>,
}

/// Events that are stored after their time.
struct Unstored {
    now: i64,
    /// Every so manieth.
    every: u64,
}

impl Unstored {
    /// Whether an event of this time is still to be stored.
    fn hides(&self, time: i64) -> bool {
        let drawn = mix(&[time.unsigned_abs()]);
        let delay = MINUTE + i64::try_from(drawn / self.every % LATEST).unwrap_or(0);
        drawn.is_multiple_of(self.every) && time + delay > self.now
    }
}

/// Milliseconds.
const MINUTE: i64 = 60_000;
/// An event that is stored late comes within five hours, in ms after the first minute.
const LATEST: u64 = 5 * 3_600_000 - 60_000;

impl Selection {
    fn new(query: &Query, site: &AppState) -> Result<Self, Refused> {
        let history = &site.history;
        let oldest = site.today() - i64::from(site.scenario.retention_days) * DAY;
        let newest = site
            .scenario
            .paging
            .silent_since
            .map_or(i64::MAX, Timestamp::as_millisecond)
            .min(site.now());
        let unstored = site
            .scenario
            .stored_late
            .map(|every| Unstored { now: site.now(), every });
        let mut range = history.position_at(oldest)..history.position_at(newest.max(oldest));
        let Some(text) = &query.filter else {
            return Ok(Self {
                range,
                rest: None,
                unstored,
            });
        };
        let filter = Filter::parse(text).map_err(|error| bad(format!("The filter is invalid: {error}.")))?;
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
            Filter::And(parts) => parts,
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
            rest: (!rest.is_empty()).then_some(Filter::And(rest)),
            unstored,
        })
    }

    /// Whether every position of the range matches.
    fn is_whole(&self) -> bool {
        self.rest.is_none() && self.unstored.is_none()
    }

    fn matches(&self, resources: Resources, occurrence: &Occurrence, base: &str) -> bool {
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
fn bounds(part: &Filter) -> Option<(i64, i64)> {
    let Filter::Compare(path, operator, Value::String(literal)) = part else {
        return None;
    };
    let time: Timestamp = (path == "timestamp").then(|| literal.parse().ok()).flatten()?;
    let floor = time.as_nanosecond().div_euclid(1_000_000);
    let floor = i64::try_from(floor).ok()?;
    let ceiling = floor + i64::from(time.as_nanosecond().rem_euclid(1_000_000) > 0);
    match operator {
        Operator::GreaterOrEqual => Some((ceiling, i64::MAX / 4)),
        Operator::Greater => Some((floor + 1, i64::MAX / 4)),
        Operator::Less => Some((i64::MIN / 4, ceiling)),
        Operator::LessOrEqual => Some((i64::MIN / 4, floor + 1)),
        _ => None,
    }
}

/// How many matches there are, and where every 256th is.
#[derive(Debug)]
struct Index {
    total: u64,
    marks: Vec<i64>,
}

/// Indexes of the last queries.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    known: std::collections::VecDeque<(String, Range<i64>, Arc<Index>)>,
}

impl Indexes {
    fn get(&self, filter: &str, range: &Range<i64>) -> Option<Arc<Index>> {
        self.known
            .iter()
            .find(|(text, known, _)| text == filter && known == range)
            .map(|(.., index)| Arc::clone(index))
    }

    fn put(&mut self, filter: &str, range: &Range<i64>, index: Arc<Index>) {
        if self.known.len() == 64 {
            self.known.pop_front();
        }
        self.known.push_back((filter.to_owned(), range.clone(), index));
    }
}

/// Answers as they went out, by who asked for what, so that a server can be played whose work is done elsewhere.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pages: std::collections::HashMap<String, Bytes>,
}

impl Kept {
    fn get(&self, asked: &str) -> Option<Bytes> {
        self.pages.get(asked).cloned()
    }

    fn put(&mut self, asked: String, page: &Bytes, most: u64) {
        if u64::try_from(self.pages.len()).is_ok_and(|pages| pages < most) {
            self.pages.insert(asked, page.clone());
        }
    }
}

/// One page of matches.
struct Page {
    total: u64,
    occurrences: Vec<Occurrence>,
}

fn page(site: &AppState, query: &Query, selection: &Selection, base: &str) -> Result<Page, Refused> {
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
        return Ok(Page {
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
    Ok(Page { total, occurrences })
}

/// The page that a server with a fault gives instead of the one that was asked for: first match, from 1, and count.
fn misplaced(query: &Query, scenario: &Scenario) -> (u64, u64) {
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

fn index(site: &AppState, query: &Query, selection: &Selection, base: &str) -> Arc<Index> {
    let text = query.filter.as_deref().unwrap_or_default();
    if let Some(index) = site.indexes().get(text, &selection.range) {
        return index;
    }
    let mut index = Index {
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
    index: Option<&Index>,
    wanted: Range<u64>,
    base: &str,
) -> Vec<Occurrence> {
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
    occurrences: Vec<Occurrence>,
    attribute: &str,
    descending: bool,
    base: &str,
) -> Result<Vec<Occurrence>, Refused> {
    if u64::try_from(occurrences.len()).unwrap_or(u64::MAX) > SORTABLE {
        return Err(bad(format!(
            "More than {SORTABLE} resources can be sorted by timestamp only."
        )));
    }
    let key = |occurrence: &Occurrence| {
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

/// `GET /admin/v1/AuditEvents`
pub(super) async fn list(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = format!("{} {}", caller.base, query.as_deref().unwrap_or_default());
    let query = Query::from_url(query.as_deref(), &site.scenario);
    let most = site.scenario.paging.keep;
    if most == 0 {
        return answer(page_text(site, caller, query).await, &headers);
    }
    let kept = site.kept().get(&asked);
    if let Some(page) = kept {
        return answer(Ok(page), &headers);
    }
    let page = page_text(Arc::clone(&site), caller, query).await;
    if let Ok(page) = &page {
        site.kept().put(asked, page, most);
    }
    answer(page, &headers)
}

/// `POST /admin/v1/AuditEvents/.search`
pub(super) async fn search(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = match serde_json::from_slice::<Value>(&body) {
        Ok(body) if body.is_object() => Query::read(&body, &site.scenario),
        _ => Err(bad("The body is not a SearchRequest.".to_owned())),
    };
    answer(page_text(site, caller, query).await, &headers)
}

/// `GET /admin/v1/AuditEvents/{id}`
pub(super) async fn one(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    let oldest = site.today() - i64::from(site.scenario.retention_days) * DAY;
    let found = site.resources().position(&id).map(|position| site.history.at(position));
    match found.filter(|occurrence| occurrence.time >= oldest && occurrence.time <= site.now()) {
        Some(occurrence) => scim(
            StatusCode::OK,
            site.resources().resource(&occurrence, &caller.base).to_string(),
        ),
        None => error(StatusCode::NOT_FOUND, &format!("AuditEvent {id} was not found.")),
    }
}

/// `GET /admin/v1/Schemas/{urn}`
pub(super) async fn schema(Extension(caller): Extension<Caller>, Path(urn): Path<String>) -> Response {
    if urn != SCHEMA {
        return error(StatusCode::NOT_FOUND, &format!("Schema {urn} was not found."));
    }
    let attributes: Vec<Value> = SEARCHABLE
        .iter()
        .map(
            |name| json!({ "name": name, "type": "string", "multiValued": *name == "schemas", "idcsSearchable": true }),
        )
        .collect();
    let schema = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": SCHEMA, "name": "AuditEvent",
        "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{}/admin/v1/Schemas/{SCHEMA}", caller.base) },
    });
    scim(StatusCode::OK, schema.to_string())
}

async fn page_text(site: Arc<AppState>, caller: Caller, query: Result<Query, Refused>) -> Result<Bytes, Refused> {
    // A filter may have to be held against a million resources.
    let looked = tokio::task::spawn_blocking(move || Ok(look(&site, &caller, query)?.to_string().into()));
    let failed = || (StatusCode::INTERNAL_SERVER_ERROR, "The query failed.".to_owned());
    looked.await.unwrap_or_else(|_| Err(failed()))
}

fn answer(page: Result<Bytes, Refused>, headers: &HeaderMap) -> Response {
    let mut response = match page {
        Ok(page) => scim(StatusCode::OK, page),
        Err((status, detail)) => error(status, &detail),
    };
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    if response.status() == StatusCode::OK && !accepts.contains("scim+json") {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

fn look(site: &AppState, caller: &Caller, query: Result<Query, Refused>) -> Result<Value, Refused> {
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
        page = Page {
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
        .map(|occurrence| only(&query.attributes, site.resources().resource(occurrence, &caller.base)))
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

/// A SCIM answer.
fn scim(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = answer::with_type(status, "application/scim+json", body.into());
    for name in ["x-oracle-dms-ecid", "opc-request-id"] {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static("iigF90d0000000000"),
        );
    }
    response
}

/// A SCIM error; its `status` is a string.
pub(super) fn error(status: StatusCode, detail: &str) -> Response {
    let extension = "urn:ietf:params:scim:api:oracle:idcs:extension:messages:Error";
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error", extension], "detail": detail,
        "status": status.as_u16().to_string(), extension: { "messageId": format!("error.common.{}", status.as_u16()) },
    });
    scim(status, body.to_string())
}

/// Any other method.
pub(super) async fn not_allowed() -> Response {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("The method is not allowed on {PATH}."),
    )
}
