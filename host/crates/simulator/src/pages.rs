//! The events of `AuditEvents`, page by page in the two other ways that are common: a `Link` header with
//! `rel="next"` (RFC 8288), and a token in a header that comes back as a query parameter.
//!
//! No vendor's API: something to hold a client against.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{self, Caller};
use super::history::DAY;
use super::site::AppState;

/// The way the next page is found.
#[derive(Clone, Copy)]
enum NextPage {
    Link,
    Token,
}

/// `GET /pages/link`
pub(super) async fn link(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Response {
    page(&site, &caller, query.as_deref().unwrap_or_default(), NextPage::Link)
}

/// `GET /pages/token`
pub(super) async fn token(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Response {
    page(&site, &caller, query.as_deref().unwrap_or_default(), NextPage::Token)
}

fn page(site: &AppState, caller: &Caller, query: &str, next: NextPage) -> Response {
    let form: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let given = |name: &str| form.get(name).map(String::as_str);
    let time = |name: &str, default: i64| {
        given(name).map_or(Some(default), |text| text.parse().ok().map(Timestamp::as_millisecond))
    };
    let limit = given("limit").map_or(Some(50), |limit| limit.parse::<usize>().ok().filter(|limit| *limit > 0));
    let oldest = site.today() - i64::from(site.scenario.retention_days) * DAY;
    let (Some(limit), Some(from), Some(to)) = (limit, time("startTime", oldest), time("endTime", site.now())) else {
        return answer::refusal(StatusCode::BAD_REQUEST, "");
    };
    let first = site.history.position_at(from.max(oldest));
    let last = site.history.position_at(to.min(site.now())).max(first);
    let start = match given("page") {
        None => first,
        Some(page) => match i64::from_str_radix(page, 16) {
            Ok(position) if (first..=last).contains(&position) => position,
            _ => return answer::refusal(StatusCode::BAD_REQUEST, ""),
        },
    };
    let end = last.min(start.saturating_add_unsigned(u64::try_from(limit.min(1000)).unwrap_or(1000)));
    let resources = site.resources();
    let items: Vec<Value> = (start..end)
        .map(|position| resources.resource(&site.history.at(position), &caller.base))
        .collect();
    let body = match given("member") {
        Some(member) => json!({ member: items }),
        None => Value::Array(items),
    };
    let mut response = answer::json(StatusCode::OK, &body);
    if end < last {
        let page = format!("{end:x}");
        let (name, value) = match next {
            NextPage::Token => (HeaderName::from_static("opc-next-page"), Some(page)),
            NextPage::Link => (header::LINK, link_header(site, caller, &form, &page)),
        };
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn link_header(site: &AppState, caller: &Caller, form: &HashMap<String, String>, page: &str) -> Option<String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let mut kept: Vec<_> = form.iter().filter(|(name, _)| *name != "page").collect();
    kept.sort();
    query.extend_pairs(kept).append_pair("page", page);
    let href = caller.link(
        site.scenario.next_link,
        &format!("/pages/link?{}", query.finish()),
        &site.scenario,
    )?;
    Some(format!("<{}>; rel=\"next\"", href.trim()))
}
