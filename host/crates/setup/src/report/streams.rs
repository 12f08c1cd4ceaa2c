//! Reports as configured streams ask for them.

use std::time::Duration;

use jiff::Timestamp;

use super::{ReportChoice, check_required, of_connection, parameters};
use crate::SetupError;
use crate::config::{Config, StreamEntry};
use crate::connections::{self, ParameterSource};
use crate::plugins;
use run::Period;
use sandbox::{Description, PluginKind};

/// The choice as a configured stream makes it, and the stream's name, where that was asked for; else the choice as it is.
///
/// # Errors
///
/// Where something was said beside the name that the configuration says otherwise.
pub(super) fn of_stream(config: &Config, choice: &ReportChoice) -> Result<(ReportChoice, Option<String>), SetupError> {
    let Some(stream) = config.stream(&choice.plugin) else {
        return Ok((choice.clone(), None));
    };
    let StreamEntry { name, connection, .. } = stream;
    let contradicts = |said: &str, is: &str| {
        SetupError::usage(format!("the stream {name} {is}, and {said} says otherwise"))
            .hint(format!(
                "leave {said} out; or collect the report itself: `host run {}`",
                stream.report
            ))
            .read_from(config.file.path.as_deref())
    };
    let by = format!("comes by the connection {connection}");
    match &choice.defaults {
        ParameterSource::Named(other) if other != connection => {
            return Err(contradicts(&format!("--connection {other}"), &by));
        }
        // A recording has no server.
        ParameterSource::Nothing if choice.recorded.is_none() => return Err(contradicts("--url", &by)),
        _ => {}
    }
    let given = stream.given();
    for text in &choice.parameters {
        let is_same = text
            .split_once('=')
            .is_none_or(|(name, value)| given.iter().any(|(known, is)| known == name && is == value));
        if !is_same {
            return Err(contradicts(
                &format!("--param {text}"),
                "has its parameters under [[streams]]",
            ));
        }
    }
    let parameters = given.iter().map(|(name, value)| format!("{name}={value}"));
    let chosen = ReportChoice {
        plugin: stream.report.clone(),
        parameters: parameters.collect(),
        defaults: match choice.defaults {
            ParameterSource::Nothing => ParameterSource::Nothing,
            _ => ParameterSource::Named(connection.clone()),
        },
        ..choice.clone()
    };
    Ok((chosen, Some(name.clone())))
}

/// Checks a configured stream as far as that needs no server: its report takes its parameters, and its connection is of the kind that the
/// report needs. Answers with what is hardly meant. Blocks: a plugin is compiled and called.
///
/// # Errors
///
/// Where a run of it would be refused.
pub fn check_stream(config: &Config, stream: &StreamEntry, now: Timestamp) -> Result<Vec<String>, SetupError> {
    let number = config.streams.iter().position(|other| other.name == stream.name);
    let number = number.unwrap_or_default().to_string();
    let place = |key: &str| config.place(&["streams", &number, key]);
    let plugin = plugins::load(config, &stream.report)?;
    if plugin.kind() != PluginKind::Report {
        let message = format!("{} is a sink plugin, not a report", stream.report);
        return Err(SetupError::usage(message).at(&place("report")));
    }
    let description = plugin.report()?.describe()?;
    let kind = connections::kind_of(description.connection);
    let connection = config.connections.get(&stream.connection);
    if let Some(other) = connection
        .and_then(|connection| connection.kind)
        .filter(|other| *other != kind)
    {
        let message = format!(
            "connection {} is of kind {other}, the report needs {kind}",
            stream.connection
        );
        return Err(SetupError::usage(message)
            .at(&place("connection"))
            .hint(format!("choose a connection of kind {kind}")));
    }
    let given: Vec<_> = (stream.given().iter())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let checked = parameters(&given, &description).map_err(|error| error.at(&place("parameters")))?;
    let choice = ReportChoice {
        plugin: stream.report.clone(),
        period: Period::Today,
        parameters: given,
        defaults: ParameterSource::Named(stream.connection.clone()),
        clock: None,
        recorded: None,
        run_id: None,
    };
    let mut all = checked;
    all.extend(of_connection(config, &choice, &description, &all));
    check_required(config, &choice, &description, &all).map_err(|error| error.at(&place("parameters")))?;
    Ok(beyond_retention(
        stream,
        &description,
        connection.and_then(|connection| connection.retention),
        now,
    )
    .map(|remark| format!("{}: {remark}", place("start")))
    .into_iter()
    .collect())
}

/// The remark that a stream starts before the first instant that its server still has.
fn beyond_retention(
    stream: &StreamEntry,
    description: &Description,
    configured: Option<Duration>,
    now: Timestamp,
) -> Option<String> {
    let start = stream.start?;
    let kept = run::kept(
        &description.name,
        description.connection,
        stream.retention.or(configured),
    );
    let kept = kept.and_then(|kept| now.checked_sub(kept).ok());
    let asked = run::oldest(now, description.granularity, description.retention_days)
        .ok()
        .flatten();
    let oldest = asked.max(kept)?;
    (start < oldest).then(|| {
        format!(
            "the stream starts at {start}, and its server keeps nothing from before {}: where nothing was collected yet, the first run \
             finds the time between to be lost",
            oldest.strftime("%Y-%m-%dT%H:%M:%SZ")
        )
    })
}
