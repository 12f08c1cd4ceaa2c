//! `AuditEvents` of an identity domain: filtered, sorted, page by page, with flat memory however many there are.
//!
//! An [`AuditQuery`] is narrowed to a range of positions by what its filter says about `timestamp`; where nothing else is
//! left of the filter, counting and jumping to a page are arithmetic. Otherwise the matches are counted once, and a
//! [`MatchIndex`](index::MatchIndex) of every 256th is kept for the pages to come.

mod event;
pub(super) mod index;
mod page;
mod query;
mod selection;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{self, Caller};
use super::history::DAY;
use super::resource::{SCHEMA, SEARCHABLE};
use super::site::AppState;
use page::look;
use query::{AuditQuery, QueryRefusal, bad};

const PATH: &str = "/admin/v1/AuditEvents";

/// `GET /admin/v1/AuditEvents`
pub(super) async fn list(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = format!("{} {}", caller.base, query.as_deref().unwrap_or_default());
    let query = AuditQuery::from_url(query.as_deref(), &site.scenario);
    let most = site.scenario.paging.keep;
    if most == 0 {
        return answer(page_text(site, caller, query).await, &headers);
    }
    let kept = site.kept_pages().get(&asked);
    if let Some(page) = kept {
        return answer(Ok(page), &headers);
    }
    let page = page_text(Arc::clone(&site), caller, query).await;
    if let Ok(page) = &page {
        site.kept_pages().put(asked, page, most);
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
        Ok(body) if body.is_object() => AuditQuery::read(&body, &site.scenario),
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
            event::event(&site, &occurrence, &caller.base).to_string(),
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

async fn page_text(
    site: Arc<AppState>,
    caller: Caller,
    query: Result<AuditQuery, QueryRefusal>,
) -> Result<Bytes, QueryRefusal> {
    // A filter may have to be held against a million resources.
    let looked = tokio::task::spawn_blocking(move || Ok(look(&site, &caller, query)?.to_string().into()));
    let failed = || (StatusCode::INTERNAL_SERVER_ERROR, "The query failed.".to_owned());
    looked.await.unwrap_or_else(|_| Err(failed()))
}

fn answer(page: Result<Bytes, QueryRefusal>, headers: &HeaderMap) -> Response {
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
