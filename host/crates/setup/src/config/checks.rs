//! Checks of what can be read of a configuration and still cannot be meant.

use super::error::ConfigError;
use super::host_toml::Config;
use super::route_checks::check_routes;
use super::stream_checks::check_streams;
use connection::{ConnectionKind, line_of};

/// Checks a configuration that was read, before anything is made of it.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    for (what, name) in (config.connections.keys().map(|name| ("connection", name)))
        .chain(config.sinks.keys().map(|name| ("sink", name)))
        .chain(config.plugins.keys().map(|name| ("plugin", name)))
    {
        check_name(what, name)?;
    }
    check_kinds(config)?;
    check_values(config)?;
    check_evidence(config)?;
    check_streams(config)?;
    check_routes(config)
}

/// A connection has a kind, an endpoint has none.
fn check_kinds(config: &Config) -> Result<(), ConfigError> {
    let wrong = |message: String| ConfigError::Syntax {
        file: None,
        line: None,
        message,
        nearest: None,
    };
    if let Some((name, _)) = config
        .connections
        .iter()
        .find(|(_, connection)| connection.kind.is_none())
    {
        let kinds = ConnectionKind::ALL.map(|kind| kind.to_string()).join(", ");
        return Err(wrong(format!("connection {name} has no kind, which is one of {kinds}")));
    }
    let endpoints = config
        .sinks
        .iter()
        .filter_map(|(name, sink)| Some((name, sink.endpoint()?)));
    for (name, endpoint) in endpoints {
        if endpoint.kind.is_some() {
            return Err(wrong(format!(
                "the endpoint of sink {name} has a kind, which only connections have"
            )));
        }
        if endpoint.tenant.is_some() {
            return Err(wrong(format!(
                "the endpoint of sink {name} has a tenant, which only connections have"
            )));
        }
    }
    Ok(())
}

/// A source that is later than this loses its events' place in any report.
const LONGEST_LAG: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

/// Bytes: an OCID has at most 255.
const LONGEST_TENANT: usize = 255;

/// Refuses values that can be read and still cannot be meant.
fn check_values(config: &Config) -> Result<(), ConfigError> {
    let wrong = |path: &[&str], message: &str| ConfigError::Syntax {
        file: None,
        line: line_of(&config.file.text, path),
        message: format!("{}: {message}", path.join(".")),
        nearest: None,
    };
    if config.ledger.lag.is_some_and(|lag| lag > LONGEST_LAG) {
        return Err(wrong(&["ledger", "lag"], "a lag is at most 30 days"));
    }
    let steps = config.ledger.look_back.iter().flatten();
    if steps.into_iter().any(|step| step.age > LONGEST_LAG) {
        return Err(wrong(&["ledger", "look-back"], "runs look back 30 days at most"));
    }
    for (name, connection) in &config.connections {
        let meant = |tenant: &str| {
            !tenant.trim().is_empty() && tenant.len() <= LONGEST_TENANT && !tenant.contains(char::is_control)
        };
        if connection.tenant.as_deref().is_some_and(|tenant| !meant(tenant)) {
            let message = "a tenant is a text of 1 to 255 bytes without control characters";
            return Err(wrong(&["connections", name, "tenant"], message));
        }
    }
    if config.sinks.contains_key("stdout") {
        return Err(wrong(
            &["sinks", "stdout"],
            "`stdout` is a sink already; give this one another name",
        ));
    }
    Ok(())
}

/// Refuses evidence without a place or with two, and of connections that are not there.
fn check_evidence(config: &Config) -> Result<(), ConfigError> {
    let is_connection = |name: &str| config.connections.contains_key(name);
    let problem = config
        .evidence
        .as_ref()
        .and_then(|evidence| evidence.problem(is_connection));
    let Some((key, message)) = problem else {
        return Ok(());
    };
    let path: Vec<&str> = ["evidence"].into_iter().chain(key).collect();
    Err(ConfigError::Syntax {
        file: None,
        line: line_of(&config.file.text, &path),
        message: format!("{}: {message}", path.join(".")),
        nearest: None,
    })
}

/// Names stand in paths, ids and log lines, so they are plain words.
fn check_name(what: &'static str, name: &str) -> Result<(), ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        return Ok(());
    }
    Err(ConfigError::Name {
        file: None,
        what,
        name: name.escape_default().to_string(),
    })
}
