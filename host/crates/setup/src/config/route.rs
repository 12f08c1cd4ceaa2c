//! `[[routes]]`: which events go to which sinks.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use event::Outcome;
use run::route::{Condition, ConditionError, Route};

/// A route of events to sinks. What is left out does not restrict; an event goes wherever a route sends it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Route")]
pub struct RouteEntry {
    /// Only events of these reports.
    #[schemars(extend("x-default" = "all"))]
    pub reports: Option<Vec<String>>,
    /// Only events of these streams, by their names under `[[streams]]`.
    #[schemars(extend("x-default" = "all"))]
    pub streams: Option<Vec<String>>,
    /// Only events with one of these labels.
    #[schemars(extend("x-default" = "all"))]
    pub labels: Option<Vec<String>>,
    /// Only events with this outcome.
    #[schemars(extend("x-default" = "all"))]
    pub outcome: Option<Outcome>,
    /// A condition in CEL over the flat event, such as `outcome == "failure" && !source_ip.startsWith("10.")`.
    #[schemars(with = "Option<String>", extend("x-default" = "all"))]
    pub when: Option<toml::Spanned<String>>,
    /// Names of sinks, or `stdout`.
    pub to: Vec<String>,
    /// The day or instant where a sink begins that is new to a stream; one that the stream is collected for already goes on where
    /// it is.
    #[serde(default, deserialize_with = "beginning")]
    #[schemars(with = "Option<String>", extend("x-default" = "now"))]
    pub from: Option<Timestamp>,
}

/// A day as `2026-09-01`, whose first instant in UTC it is, or an instant as RFC 3339 writes it.
fn beginning<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(deserializer)?;
    let day = || -> Option<Timestamp> {
        let day = text.parse::<jiff::civil::Date>().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let instant = text.parse::<Timestamp>().ok().or_else(day);
    let wrong = || {
        D::Error::custom(format!(
            "{text:?} is neither a day (YYYY-MM-DD) nor an instant (RFC 3339)"
        ))
    };
    instant.map(Some).ok_or_else(wrong)
}

impl RouteEntry {
    /// The route as a run takes it, without its sinks.
    pub fn compile(&self) -> Result<Route, ConditionError> {
        Ok(Route {
            reports: self.reports.clone(),
            streams: self.streams.clone(),
            labels: self.labels.clone(),
            outcome: self.outcome,
            when: match &self.when {
                Some(when) => Some(Condition::compile(when.get_ref())?),
                None => None,
            },
            to: Vec::new(),
        })
    }

    /// True where events of a report, collected by the stream of that name, can take the route at all.
    pub fn serves(&self, report: &str, stream: Option<&str>) -> bool {
        let route = Route {
            reports: self.reports.clone(),
            streams: self.streams.clone(),
            ..Route::default()
        };
        route.serves(report, stream)
    }

    /// Line and column in the file of a place in the condition.
    pub(super) fn place(&self, text: &str, (line, column): (usize, usize)) -> (usize, usize) {
        let span = self.when.as_ref().map(toml::Spanned::span).unwrap_or_default();
        let (before, value) = text.split_at_checked(span.start).unwrap_or((text, ""));
        let first = before.matches('\n').count();
        let is_first = line == 1;
        let line = first + line;
        let quotes = match value {
            value if value.starts_with("\"\"\"\n") || value.starts_with("'''\n") => return (line + 1, column),
            value if value.starts_with("\"\"\"") || value.starts_with("'''") => 3,
            _ => 1,
        };
        if !is_first {
            return (line, column);
        }
        let start = before.rsplit('\n').next().unwrap_or_default().chars().count();
        (line, start + quotes + column)
    }
}
