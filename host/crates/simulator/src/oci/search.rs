//! The search of OCI Logging, in the logs of OCI Audit: conditions, an order, 1000 results a page, CloudEvents 1.0.

use std::cell::OnceCell;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::list_events::{bad_page, exists, missing, oldest, parameters, put_token, time};
use super::log::LogEntry;
use super::page_token::PageToken;
use super::pages::LogSelection;
use super::query::LogQuery;
use super::query_reader;
use super::records;
use super::refusal::OciRefusal;
use crate::answer::{self, Caller};
use crate::chance::{mix, word};
use crate::history::DAY;
use crate::site::AppState;

/// The longest time that one search may cover, in days.
const LONGEST: i64 = 14;
/// The most results on a page, and how many there are unless said.
const RESULTS: usize = 1000;
const DEFAULT_RESULTS: usize = 500;

/// `POST /20190909/search`
pub(crate) async fn search(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if headers.get("opc-request-id").is_some_and(|id| id.is_empty()) {
        return OciRefusal::parameter("opc-request-id must not be empty.").into_response();
    }
    // A condition may have to be held against a million events.
    let looked = tokio::task::spawn_blocking(move || results(&site, &caller.base, query.as_deref(), &body));
    match looked.await {
        Ok(Ok((results, next))) => {
            let body = Body::from(results.to_string());
            let mut response = answer::with_type(StatusCode::OK, "application/json", body);
            put_token(&mut response, next);
            response
        }
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => super::refusal::refusal(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A search as it was asked for.
struct LogSearch {
    text: String,
    query: LogQuery,
    /// From this time, in ms, up to but without `to`.
    from: i64,
    to: i64,
    fields: bool,
}

impl LogSearch {
    fn read(body: &[u8]) -> Result<Self, OciRefusal> {
        let parsed = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
        let unreadable = || {
            let message = "The body is not a SearchLogsDetails.";
            OciRefusal::new(StatusCode::BAD_REQUEST, "CannotParseRequest", message)
        };
        let body = parsed.ok_or_else(unreadable)?;
        let given = |name: &str| body.get(name).and_then(Value::as_str).ok_or_else(|| missing(name));
        let text = given("searchQuery")?.to_owned();
        let (from, to) = (
            time("timeStart", given("timeStart")?)?,
            time("timeEnd", given("timeEnd")?)?,
        );
        if from >= to {
            return Err(OciRefusal::parameter("timeStart must be before timeEnd."));
        }
        if to - from > LONGEST * DAY {
            let message = format!("The time between timeStart and timeEnd must not exceed {LONGEST} days.");
            return Err(OciRefusal::parameter(message));
        }
        let query = query_reader::read(&text)
            .map_err(|error| OciRefusal::parameter(format!("searchQuery cannot be read: {error}.")))?;
        let fields = body.get("isReturnFieldInfo").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self {
            text,
            query,
            from,
            to,
            fields,
        })
    }

    /// The OCIDs of the compartments whose events are searched.
    fn compartments(&self, site: &AppState) -> Result<Vec<String>, OciRefusal> {
        let oci = &site.scenario.oci;
        let mut all = Vec::new();
        for source in &self.query.sources {
            let (compartment, group) = source.split_once('/').unwrap_or((source, "_Audit"));
            if !oci.log_content
                || !exists(site, compartment)
                || !["_Audit", "_Audit_Include_Subcompartment"].contains(&group)
            {
                return Err(OciRefusal::not_found());
            }
            all.push(compartment.to_owned());
            if group == "_Audit_Include_Subcompartment" && compartment == oci.tenancy {
                all.push(oci.domain_compartment().to_owned());
                all.push(super::demo_user::APPS_COMPARTMENT.to_owned());
            }
        }
        Ok(all)
    }

    /// True where an entry fits the conditions.
    fn fits(&self, site: &AppState, entry: &LogEntry, base: &str) -> bool {
        let event = OnceCell::new();
        let lookup = |path: &[String]| {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            match names.as_slice() {
                ["datetime"] => return Some(json!(entry.time)),
                ["data", "additionalDetails", "eventId"] => return records::domain_event_id(entry).map(Value::from),
                _ => {}
            }
            let mut value = event.get_or_init(|| records::logged(site, entry, base));
            for name in names {
                value = value.get(name)?;
            }
            Some(value.clone())
        };
        self.query.conditions.iter().all(|condition| condition.matches(&lookup))
    }
}

fn results(
    site: &AppState,
    base: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<(Value, Option<String>), OciRefusal> {
    let search = LogSearch::read(body)?;
    let given = parameters(query);
    let limit = match given.get("limit") {
        None => DEFAULT_RESULTS,
        Some(limit) => (limit.parse().ok())
            .filter(|limit| (1..=RESULTS).contains(limit))
            .ok_or_else(|| OciRefusal::parameter(format!("limit must be a number from 1 to {RESULTS}.")))?,
    };
    let compartments = search.compartments(site)?;
    let (from, to, now) = (search.from.max(oldest(site)), search.to, site.now());
    let number = mix(&[
        site.scenario.seed,
        word(&search.text),
        search.from.cast_unsigned(),
        to.cast_unsigned(),
    ]);
    let token = match given.get("page") {
        None => None,
        Some(text) => Some(PageToken::read(text, number).ok_or_else(bad_page)?),
    };
    let matches = |entry: &LogEntry| {
        entry.time >= from
            && entry.time < to
            && entry.processed <= now
            && compartments
                .iter()
                .any(|known| known == records::compartment(site, entry))
            && search.fits(site, entry, base)
    };
    let selection = LogSelection {
        range: site.tenancy_log().happened(from, to.min(now + 1)),
        descending: search.query.descending,
        size: limit,
        matches: &matches,
    };
    let page = selection.page(site, token).ok_or_else(bad_page)?;
    let results: Vec<Value> = (page.entries.iter())
        .map(|entry| json!({ "data": { "datetime": entry.time, "logContent": records::logged(site, entry, base) } }))
        .collect();
    let fields = if search.fields {
        json!([
            { "fieldName": "datetime", "fieldType": "NUMBER" }, { "fieldName": "logContent.id", "fieldType": "STRING" },
            { "fieldName": "logContent.type", "fieldType": "STRING" },
        ])
    } else {
        json!([])
    };
    let summary = json!({ "resultCount": results.len(), "fieldCount": fields.as_array().map_or(0, Vec::len) });
    let next = page.next.map(|token| token.text(number));
    Ok((
        json!({ "summary": summary, "results": results, "fields": fields }),
        next,
    ))
}
