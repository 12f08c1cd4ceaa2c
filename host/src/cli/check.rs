//! `host check`.

use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;

use super::args::{CheckArgs, Talk};
use super::error::exit_of;
use super::stop::Stop;
use super::{Failure, check_state, connection, print, report, sinks};
use crate::config::{Config, ConnectionKind, nearest};
use crate::plugin;
use crate::remote::{Remote, TOLERATED_SKEW, skew_in_words};
use crate::run::facts::Fact;
use crate::run::probe;

/// A line for each connection and sink, and below it, indented, what could be seen of a connection; fails with the code of the first that cannot be used.
pub async fn check(args: &CheckArgs, talk: &Talk) -> Result<(), Failure> {
    let _stop = Stop::listen(talk)?;
    let config = Config::load(args.config.config.as_deref())?;
    let all = || config.connections.keys().chain(config.sinks.keys());
    let names: Vec<&String> = if args.names.is_empty() {
        all().collect()
    } else {
        args.names.iter().collect()
    };
    if names.is_empty() {
        return Err(Failure::usage("nothing is configured").hint("add a connection to host.toml"));
    }
    let clock = args.now.as_deref().map(report::clock).transpose()?;
    let mut first = None;
    for name in names {
        let outcome = match (config.connections.get(name), config.sinks.get(name)) {
            (Some(found), _) => match found.kind {
                Some(kind) => check_connection(&config, name, kind, clock).await,
                None => Err(Failure::usage("it has no kind")),
            },
            (None, Some(_)) => sinks::probe(&config, name)
                .await
                .map(|(found, guarantee)| (format!("{found}; guarantee: {guarantee}"), Vec::new())),
            (None, None) => {
                let failure = Failure::usage(format!("there is no connection or sink {name:?}"));
                return Err(match nearest(name, all().map(String::as_str)) {
                    Some(known) => failure.hint(format!("did you mean `{known}`?")),
                    None => failure.hint(match all().map(String::as_str).collect::<Vec<_>>().as_slice() {
                        [] => "none is configured: add it to host.toml".to_owned(),
                        names => format!("there are: {}", names.join(", ")),
                    }),
                });
            }
        };
        say(name, &outcome)?;
        if let (Err(failure), None) = (outcome, &first) {
            first = Some(failure.exit);
        }
    }
    if args.names.is_empty() {
        for (name, outcome) in check_state::check(&config) {
            let outcome = outcome.map(|found| (found, Vec::new()));
            say(name, &outcome)?;
            if let (Err(failure), None) = (outcome, &first) {
                first = Some(failure.exit);
            }
        }
    }
    first.map_or(Ok(()), |exit| Err(Failure::silent(exit)))
}

/// Prints the line of one of them.
fn say(name: &str, outcome: &Result<(String, Vec<Fact>), Failure>) -> Result<(), Failure> {
    let mut line = String::new();
    let _ = match outcome {
        Ok((said, facts)) => {
            let _ = writeln!(line, "ok      {name}: {said}");
            facts.iter().try_for_each(|fact| writeln!(line, "        {fact}"))
        }
        Err(failure) => {
            let hint = failure
                .hint
                .as_ref()
                .map(|hint| format!("; {hint}"))
                .unwrap_or_default();
            writeln!(
                line,
                "failed  {name}: {}{hint}",
                failure.message.as_deref().unwrap_or_default()
            )
        }
    };
    print(line.as_bytes())
}

/// What was found, and how far apart the clocks are.
fn with_clock(found: String, remote: &Remote) -> String {
    match remote.clock_offset() {
        None => format!("{found}; clock: the server tells no time"),
        Some(offset) if offset.abs() < TOLERATED_SKEW => format!("{found}; clock: within 30 s of the server's"),
        Some(offset) => format!(
            "{found}; clock: the server is {} this machine; set this machine's clock right (NTP), \
             or tell whoever runs the server",
            skew_in_words(offset)
        ),
    }
}

async fn check_connection(
    config: &Config,
    name: &str,
    kind: ConnectionKind,
    clock: Option<Timestamp>,
) -> Result<(String, Vec<Fact>), Failure> {
    let mut settings = connection::of_name(config, name)?;
    settings.now = clock;
    let remote = Arc::new(Remote::new(settings)?);
    let kind = match kind {
        ConnectionKind::Epm => plugin::ConnectionKind::Epm,
        ConnectionKind::IdentityDomain => plugin::ConnectionKind::IdentityDomain,
    };
    match probe::probe(&remote, kind, clock.unwrap_or_else(Timestamp::now)).await {
        Ok(found) => Ok((with_clock(found.steps.join(", "), &remote), found.facts)),
        Err(lack) => {
            let failure = Failure::new(exit_of(lack.class), format!("{}: {}", lack.step, lack.message));
            Err(Failure {
                hint: lack.hint,
                ..failure
            })
        }
    }
}
