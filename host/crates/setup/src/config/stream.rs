//! `[[streams]]`: what is collected, under a name of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use base::duration::DurationText;
use connection::{Connection, ConnectionKind};

/// The parameter that a connection to OCI stands in for.
const COMPARTMENT: &str = "compartment";

/// A stream: a report of a connection, with its parameters, under a name that stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Stream")]
pub struct StreamEntry {
    /// The stream's name, by which the ledger keeps its progress: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The report: a built-in one, or a name under `[plugins]`.
    pub report: String,
    /// The connection that it comes by.
    pub connection: String,
    /// The parameters of the report, as `--param` gives them.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The day (`2026-08-15`, UTC) or instant from which the first run collects.
    #[serde(default, deserialize_with = "start")]
    #[schemars(with = "Option<String>", extend("x-default" = "the day of the first run"))]
    pub start: Option<Timestamp>,
    /// The time for which the server keeps these events, where it is another than its connection's.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "that of the connection"))]
    pub retention: Option<Duration>,
    /// The longest time by which the stream may be behind; `host streams` calls one that is further behind late.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "no limit"))]
    pub max_lag: Option<Duration>,
    /// The longest time between two events; a stream that has none for longer is silent, which each run warns of.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>", extend("x-default" = "no limit"))]
    pub expect_events_every: Option<Duration>,
}

/// The value of a parameter, as TOML has it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a parameter is a text, a number, true, false, or a list of texts"
)]
pub enum ParameterValue {
    /// A text.
    Text(String),
    /// True or false.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Another number.
    Decimal(f64),
    /// Several texts, of a parameter that may be repeated.
    Several(Vec<String>),
}

impl ParameterValue {
    /// The texts that the plugin gets.
    pub fn texts(&self) -> Vec<Cow<'_, str>> {
        match self {
            ParameterValue::Flag(value) => vec![value.to_string().into()],
            ParameterValue::Whole(value) => vec![value.to_string().into()],
            ParameterValue::Decimal(value) => vec![value.to_string().into()],
            ParameterValue::Text(value) => vec![value.into()],
            ParameterValue::Several(values) => values.iter().map(Cow::from).collect(),
        }
    }
}

impl StreamEntry {
    /// The parameters by name, in the order of their names.
    pub fn given(&self) -> Vec<(String, String)> {
        let given = self.parameters.iter().flat_map(|(name, value)| {
            let texts = value.texts().into_iter();
            texts.map(|text| (name.clone(), text.into_owned()))
        });
        given.collect()
    }

    /// The parameters with what the connection stands in for.
    pub(super) fn with_connection(&self, connection: Option<&Connection>) -> Vec<(String, String)> {
        let mut given = self.given();
        let of_oci = connection.filter(|connection| connection.kind == Some(ConnectionKind::Oci));
        if let Some(compartment) = of_oci.and_then(|connection| connection.compartment.as_ref())
            && !given.iter().any(|(name, _)| name == COMPARTMENT)
        {
            given.push((COMPARTMENT.to_owned(), compartment.as_str().to_owned()));
            given.sort_by(|a, b| a.0.cmp(&b.0));
        }
        given
    }
}

/// A day, which begins at midnight UTC, or an instant.
fn start<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(Some(instant));
    }
    // jiff's Date also reads the date of a longer text; only a bare day is meant here.
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    let instant = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    match instant {
        Some(instant) => Ok(Some(instant.timestamp())),
        None => Err(de::Error::custom(
            "a start is a day as \"2026-08-15\", or an instant as \"2026-08-15T06:00:00Z\"",
        )),
    }
}
