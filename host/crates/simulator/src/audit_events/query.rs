use axum::http::StatusCode;
use serde_json::Value;

use crate::scenario::Scenario;

/// Resources on a page where the query does not say.
const DEFAULT_COUNT: u64 = 50;

/// A query for audit events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AuditQuery {
    pub(super) filter: Option<String>,
    pub(super) sort_by: Option<String>,
    pub(super) descending: bool,
    /// From 1.
    pub(super) start: u64,
    pub(super) count: u64,
    pub(super) attributes: Vec<String>,
}

/// The HTTP status that a query is refused with, and why.
pub(super) type QueryRefusal = (StatusCode, String);

impl AuditQuery {
    /// From a query string.
    pub(super) fn from_url(query: Option<&str>, scenario: &Scenario) -> Result<Self, QueryRefusal> {
        let mut members = serde_json::Map::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            members.insert(name.into_owned(), Value::String(value.into_owned()));
        }
        Self::read(&Value::Object(members), scenario)
    }

    /// From the body of a `.search` or, all texts, from a query string.
    pub(super) fn read(members: &Value, scenario: &Scenario) -> Result<Self, QueryRefusal> {
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

/// A query that makes no sense.
pub(super) fn bad(detail: String) -> QueryRefusal {
    (StatusCode::BAD_REQUEST, detail)
}
