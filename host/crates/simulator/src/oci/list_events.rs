//! ListEvents of OCI Audit: every event of a compartment that was processed in a window, page by page, in no order.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use serde_json::json;

use super::log::LogEntry;
use super::page_token::PageToken;
use super::pages::{LogPage, LogSelection};
use super::records;
use super::refusal::OciRefusal;
use crate::answer::{self, Caller};
use crate::chance::{mix, word};
use crate::history::DAY;
use crate::site::AppState;

/// Events between two pieces of an answer. Fewer events than that are sent with their length.
const PIECE: usize = 200;

/// `GET /20190901/auditEvents`
pub(crate) async fn list(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Response {
    let looked = tokio::task::spawn_blocking(move || {
        let page = page(&site, &parameters(query.as_deref()));
        page.map(|(page, next)| answer(site, page, next, caller.base))
    });
    match looked.await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => super::refusal::refusal(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// `GET /20190901/configuration`
pub(crate) async fn configuration(State(site): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let oci = &site.scenario.oci;
    match parameters(query.as_deref()).get("compartmentId") {
        None => missing("compartmentId").into_response(),
        Some(compartment) if *compartment == oci.tenancy && oci.policy => {
            answer::json(StatusCode::OK, &json!({ "retentionPeriodDays": oci.retention_days }))
        }
        Some(_) => OciRefusal::not_found().into_response(),
    }
}

/// The parameters of a query string.
pub(super) fn parameters(query: Option<&str>) -> HashMap<String, String> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

/// A parameter that has to be there and is not.
pub(super) fn missing(name: &str) -> OciRefusal {
    let message = format!("The required parameter {name} is missing.");
    OciRefusal::new(StatusCode::BAD_REQUEST, "MissingParameter", message)
}

/// A time, in ms; rounded up, so that what is not before it stays so.
pub(super) fn time(name: &str, text: &str) -> Result<i64, OciRefusal> {
    let time: Timestamp = text
        .parse()
        .map_err(|_| OciRefusal::parameter(format!("{name} must be an RFC 3339 timestamp.")))?;
    let up = -((-time.as_nanosecond()).div_euclid(1_000_000));
    i64::try_from(up).map_err(|_| OciRefusal::parameter(format!("{name} is out of range.")))
}

/// The first moment that the audit log still tells of, in ms.
pub(super) fn oldest(site: &AppState) -> i64 {
    site.today() - i64::from(site.scenario.oci.retention_days) * DAY
}

/// True where a compartment of that OCID exists, and a policy lets its log be read.
pub(super) fn exists(site: &AppState, compartment: &str) -> bool {
    let oci = &site.scenario.oci;
    let known = [
        &oci.tenancy,
        oci.domain_compartment(),
        super::demo_user::APPS_COMPARTMENT,
    ];
    oci.policy && known.contains(&compartment)
}

/// Entries of a compartment that were processed from `from` up to but without `to`, in ms, and are there by now.
pub(super) fn processed<'s>(
    site: &'s AppState,
    compartment: &'s str,
    from: i64,
    to: i64,
) -> impl Fn(&LogEntry) -> bool + 's {
    let (now, oldest) = (site.now(), oldest(site));
    move |entry| {
        entry.processed >= from
            && entry.processed < to
            && entry.processed <= now
            && entry.time >= oldest
            && records::compartment(site, entry) == compartment
    }
}

/// The ids of a compartment's events that were processed in a window, in ms.
pub(crate) fn ids(site: &AppState, compartment: &str, from: i64, to: i64) -> Vec<String> {
    let log = site.tenancy_log();
    let range = log.processed(from.max(oldest(site)), to.min(site.now() + 1));
    let wanted = processed(site, compartment, from, to);
    let entries = range.map(|index| log.entry(index)).filter(|entry| wanted(entry));
    entries.map(|entry| records::event_id(site, &entry)).collect()
}

fn page(site: &AppState, given: &HashMap<String, String>) -> Result<(LogPage, Option<String>), OciRefusal> {
    let oci = &site.scenario.oci;
    let required = |name: &str| {
        given
            .get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| missing(name))
    };
    let compartment = required("compartmentId")?;
    let (from, to) = (required("startTime")?, required("endTime")?);
    if !exists(site, compartment) {
        return Err(OciRefusal::not_found());
    }
    let (from, to) = (time("startTime", from)?, time("endTime", to)?);
    if from >= to {
        return Err(OciRefusal::parameter("startTime must be before endTime."));
    }
    if oci.strict_minutes && [from, to].iter().any(|time| time % 60_000 != 0) {
        let message = "Seconds and milliseconds of startTime and endTime must be 0.";
        return Err(OciRefusal::parameter(message));
    }
    if let Some(days) = oci.window_days.filter(|days| to - from > i64::from(*days) * DAY) {
        let message = format!("The time between startTime and endTime must not exceed {days} days.");
        return Err(OciRefusal::parameter(message));
    }
    let query = mix(&[
        site.scenario.seed,
        word(compartment),
        from.cast_unsigned(),
        to.cast_unsigned(),
    ]);
    let token = match given.get("page") {
        None => None,
        Some(text) => Some(PageToken::read(text, query).ok_or_else(bad_page)?),
    };
    let selection = LogSelection {
        range: site
            .tenancy_log()
            .processed(from.max(oldest(site)), to.min(site.now() + 1)),
        descending: false,
        size: oci.page_size,
        matches: &processed(site, compartment, from, to),
    };
    let mut page = selection.page(site, token).ok_or_else(bad_page)?;
    // Nothing is said of an order, so there is none.
    page.entries
        .sort_by_cached_key(|entry| mix(&[site.scenario.seed, 38, entry.chance]));
    let next = page.next.map(|token| token.text(query));
    Ok((page, next))
}

/// A token that this query did not give out.
pub(super) fn bad_page() -> OciRefusal {
    OciRefusal::parameter("The value of page is invalid.")
}

/// A JSON array, written while it is sent where it is long.
fn answer(site: Arc<AppState>, page: LogPage, next: Option<String>, base: String) -> Response {
    let short = page.entries.len() <= PIECE;
    let mut entries = page.entries.into_iter().peekable();
    let mut first = true;
    let mut pieces = std::iter::from_fn(move || {
        entries.peek()?;
        let mut piece = Vec::new();
        for entry in entries.by_ref().take(PIECE) {
            piece.push(if std::mem::take(&mut first) { b'[' } else { b',' });
            piece.extend(records::listed(&site, &entry, &base).to_string().into_bytes());
        }
        Some(piece)
    });
    let body = if short {
        let mut whole = pieces.next().unwrap_or_else(|| b"[".to_vec());
        whole.push(b']');
        Body::from(whole)
    } else {
        let pieces = pieces.chain(std::iter::once(b"]".to_vec()));
        Body::from_stream(stream::iter(
            pieces.map(|piece| Ok::<_, Infallible>(Bytes::from(piece))),
        ))
    };
    let mut response = answer::with_type(StatusCode::OK, "application/json", body);
    put_token(&mut response, next);
    response
}

/// Puts the token of the next page into a response.
pub(super) fn put_token(response: &mut Response, next: Option<String>) {
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("opc-next-page"), next);
    }
}
